"""The inbox keeps each event once, and lets each contact be worked off by one worker at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import TryLaterError
from sync.control.inbox import GROUPS, Claimed, Event, Settled
from sync.control.leases import new_holder
from sync.control.store import Control, open_control

START = datetime(2026, 11, 24, 9, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.present = START

    def __call__(self) -> datetime:
        return self.present


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def control(tmp_path: Path, clock: Clock) -> Iterator[Control]:
    opened = open_control(f"sqlite:///{tmp_path / 'control.db'}", now=clock)
    yield opened
    opened.close()


def event(key: str, contact: str = "crm:1") -> Event:
    return Event(key, contact, "contact.creation", START, {"ids": [contact[4:]]})


def claim(control: Control, owner: str, *, group: tuple[int, int, int] = GROUPS[0]) -> list[Claimed]:
    return control.inbox.claim(owner, seconds=60, group=group)


def done(claimed: Claimed) -> Settled:
    return Settled(claimed, {event.key: "done" for event in claimed.events})


def test_an_event_that_is_delivered_again_is_kept_once(control: Control) -> None:
    assert control.inbox.take([event("a"), event("b")]) == 2
    assert control.inbox.take([event("b"), event("c")]) == 1

    (claimed,) = claim(control, "w1")

    assert [event.key for event in claimed.events] == ["a", "b", "c"]


def test_a_settled_event_that_is_delivered_again_causes_no_work(control: Control) -> None:
    control.inbox.take([event("a")])
    control.inbox.settle("w1", [done(*claim(control, "w1"))])

    assert control.inbox.take([event("a")]) == 0
    assert claim(control, "w1") == []


def test_a_contact_is_claimed_by_one_worker_until_its_lease_ends(control: Control, clock: Clock) -> None:
    control.inbox.take([event("a")])
    claim(control, "w1")

    assert claim(control, "w2") == []
    clock.present += timedelta(seconds=61)
    assert [claimed.contact for claimed in claim(control, "w2")] == ["crm:1"]


def test_what_arrives_while_a_worker_is_at_it_is_worked_off_afterwards(control: Control) -> None:
    control.inbox.take([event("a")])
    (first,) = claim(control, "w1")
    control.inbox.take([event("b")])

    assert control.inbox.settle("w1", [done(first)]) == 1
    (second,) = claim(control, "w1")
    assert [event.key for event in second.events] == ["b"]


def test_who_lost_the_lease_settles_nothing(control: Control, clock: Clock) -> None:
    control.inbox.take([event("a")])
    (first,) = claim(control, "w1")
    clock.present += timedelta(seconds=61)
    (second,) = claim(control, "w2")

    assert control.inbox.settle("w1", [done(first)]) == 0
    assert control.inbox.settle("w2", [done(second)]) == 1


def test_a_dead_letter_waits_until_somebody_says_so(control: Control) -> None:
    control.inbox.take([event("a")])
    claim(control, "w1")
    control.inbox.set_aside("w1", ["crm:1"], reason="it breaks")

    assert [(dead_letter.contact, dead_letter.reason) for dead_letter in control.inbox.dead_letters()] == [
        ("crm:1", "it breaks")
    ]
    assert claim(control, "w1") == []
    assert control.inbox.release() == 1
    assert len(claim(control, "w1")) == 1


def test_contacts_that_workers_die_of_are_worked_off_in_ever_smaller_groups(control: Control) -> None:
    control.inbox.take([event(str(number), f"crm:{number}") for number in range(120)])
    counts = []
    for group in (*GROUPS[:1], *GROUPS):
        counts.append(len(claim(control, "w", group=group)))
        control.inbox.abandon("w")

    assert counts == [100, 100, 10, 1]


def test_a_lease_that_is_renewed_holds_and_one_that_ended_stays_ended(control: Control, clock: Clock) -> None:
    control.leases.take(["one"], "a", seconds=10)
    clock.present += timedelta(seconds=8)
    control.leases.renew("a", seconds=10)
    clock.present += timedelta(seconds=8)

    assert control.leases.take(["one"], "b", seconds=10) == set()
    clock.present += timedelta(seconds=8)
    control.leases.renew("a", seconds=10)
    assert control.leases.take(["one"], "b", seconds=10) == {"one"}


def test_a_lease_is_held_by_one_until_it_ends(control: Control, clock: Clock) -> None:
    assert control.leases.take(["one", "two"], "a", seconds=10) == {"one", "two"}
    assert control.leases.take(["two", "three"], "b", seconds=10) == {"three"}

    clock.present += timedelta(seconds=11)
    assert control.leases.take(["two"], "b", seconds=10) == {"two"}


def test_what_a_killed_process_of_this_machine_held_is_taken_over_at_once(control: Control) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    mine = new_holder()
    gone, elsewhere = (mine.replace(f"-{os.getpid()}-", f"-{process.pid}-"), f"far-{process.pid}-ab12cd")
    control.leases.take(["one"], gone, seconds=3600)
    control.leases.take(["two"], elsewhere, seconds=3600)

    with control.leases.lock("one", mine, seconds=3600):
        assert control.leases.holders() == {mine, elsewhere}
    with pytest.raises(TryLaterError, match="two"), control.leases.lock("two", mine, seconds=0.01):
        pass


def test_settled_events_are_forgotten_with_their_details(control: Control, clock: Clock) -> None:
    control.inbox.take([event("a")])
    control.inbox.settle("w1", [done(*claim(control, "w1"))])
    clock.present += timedelta(days=4)

    assert control.inbox.forget(clock.present - timedelta(days=3)) == 1
    assert control.inbox.answer("a") is None
