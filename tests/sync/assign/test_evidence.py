"""Past decisions are made again from what was known then, equal to the recorded ones; also on a copy of a workspace."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import FixSettingsError
from connectors.sandbox.deeds import DEEDS, UnknownError
from sync.assign.evidence import assign_run_before, past_decision, what_decides
from sync.assign.explain_past import assignment_at, end_of_day, explain_on
from sync.assign.job import assign
from sync.assign.pins import pin, unpin
from sync.clock import now
from sync.pull.job import pull
from sync.session import Session, open_session
from tests.sync.conftest import Platforms, edit

DAY = timedelta(days=1)
NEW_DEFINITIONS = {
    2: ("days_since_order < 180", "days_since_order < 150"),
    3: ("average_order >= 40", "average_order >= 25"),
}
Decided = dict[tuple[int, str], dict[str, Any]]


@dataclass
class Lived:
    """Days of a workspace.

    Attributes:
        decided: The assignment in force at the end of a day, by day and person, as it was read then.
        ends: The end of each day, UTC.
    """

    folder: Path
    environment: dict[str, str]
    decided: Decided = field(default_factory=dict)
    ends: list[datetime] = field(default_factory=list)


def opened(lived: Lived, clock: Callable[[], datetime], folder: Path | None = None) -> Any:
    return open_session(folder or lived.folder, now=clock, environment=lived.environment)


def live(platforms: Platforms, days: int, dice: random.Random) -> Lived:
    """Let people work, definitions change, pins come and go; assign every day, and note what is in force then."""
    lived = Lived(platforms.folder, platforms.environment)
    people = [row["email_address"] for row in platforms.members()]
    for day in range(days):
        begins = now() + day * DAY
        work(platforms, people, dice)
        if day in NEW_DEFINITIONS:
            edit(platforms, *NEW_DEFINITIONS[day], "segments.toml")
        with opened(lived, partial(_the, begins)) as session:
            pull(session, override=frozenset({"clock"}))  # the platforms stay on their day
            by_hand(session, day, people)
            assign(session, as_of=begins)
            rows = session.warehouse.current("assignments").to_pyarrow().to_pylist()
        lived.ends.append(begins + timedelta(hours=1))
        lived.decided |= {(day, row["person_id"]): row for row in rows}
    return lived


def _the(moment: datetime) -> datetime:
    return moment


def work(platforms: Platforms, people: list[str], dice: random.Random) -> None:
    world = platforms.sandbox.world
    for _ in range(12):
        who, other = dice.sample(people, 2)
        deeds: list[tuple[str, dict[str, Any]]] = [
            ("unsubscribe", {}),
            ("edit contact", {"properties": {"country": dice.choice(["DE", "US"]), "lifecyclestage": "customer"}}),
            ("merge contacts", {"with": other}),
            ("archive contact", {}),
            ("change address", {"to": f"moved{dice.randrange(10**6)}@people.test"}),
        ]
        deed, body = dice.choice(deeds)
        try:
            DEEDS[deed](world, who, body)
        except UnknownError:
            continue


def by_hand(session: Session, day: int, people: list[str]) -> None:
    if day == 1:
        for who in people[:3]:
            pin(session, who, "gift_buyers", until=session.now() + 30 * DAY, reason="asked for it", by="Ada")
    if day == 3:
        unpin(session, people[0], by="Ada")


def replayed(lived: Lived, pairs: list[tuple[int, str]], folder: Path | None = None) -> list[str]:
    """Decide again about pairs of day and person; return those that come out differently."""
    wrong = []
    with opened(lived, lambda: lived.ends[-1] + 9 * DAY, folder) as session:
        for day in sorted({day for day, _ in pairs}):
            past = past_decision(session, assign_run_before(session, lived.ends[day]))
            persons = {person for of, person in pairs if of == day}
            again = past.decide(persons)
            for person in sorted(persons & again.keys()):
                recorded = assignment_at(session, person, lived.ends[day])
                if not again[person] == recorded == lived.decided[day, person]:
                    wrong.append(f"day {day}: {again[person]} is not {recorded}")
            gone = persons - again.keys()  # no active contact any more: their last assignment stays as it was
            wrong += [f"{p}: changed" for p in gone if lived.decided[day, p] != lived.decided.get((day - 1, p))]
    return wrong


def some_pairs(lived: Lived, count: int, dice: random.Random) -> list[tuple[int, str]]:
    return dice.sample(sorted(lived.decided), min(count, len(lived.decided)))


@pytest.mark.long
def test_decisions_of_past_days_are_rebuilt_exactly_also_on_a_copy(platforms: Platforms, tmp_path: Path) -> None:
    dice = random.Random(7)  # noqa: S311 - people, not secrets
    lived = live(platforms, 4, dice)
    pairs = some_pairs(lived, 150, dice)
    copy = tmp_path / "copy"
    shutil.copytree(platforms.folder, copy)

    assert replayed(lived, pairs) == []
    assert replayed(lived, pairs[:40], copy) == []
    segments = {row["segment"] for row in lived.decided.values()}
    assert len(segments) >= 4
    moved = {p for (day, p), row in lived.decided.items() if day and row != lived.decided.get((day - 1, p), row)}
    assert len(moved) > 10


@pytest.mark.long
def test_an_explanation_of_a_past_day_tells_the_decision_of_then(platforms: Platforms) -> None:
    lived = live(platforms, 3, random.Random(3))  # noqa: S311 - people, not secrets
    with opened(lived, lambda: lived.ends[-1]) as session:
        address = platforms.members()[1]["email_address"]
        explained = [explain_on(session, address, end) for end in lived.ends]
        with pytest.raises(FixSettingsError, match="Nobody was assigned until"):
            explain_on(session, address, lived.ends[0] - 5 * DAY)
        with pytest.raises(FixSettingsError, match="No contact had the email address"):
            explain_on(session, "nobody@people.test", lived.ends[0])

    assert [each.document["evidence"]["same"] for each in explained] == [True, True, True]
    assert explained[0].document["source"] == "rules"
    assert explained[2].document["source"] == "pinned"
    assert "the same decision" in explained[0].sentences[-1]
    assert json.dumps(explained[0].document["evidence"], default=str)


@pytest.mark.long
def test_a_decision_that_was_changed_afterwards_is_told(platforms: Platforms) -> None:
    lived = live(platforms, 1, random.Random(5))  # noqa: S311 - people, not secrets
    with opened(lived, lambda: lived.ends[-1]) as session:
        address = platforms.members()[1]["email_address"]
        session.warehouse.engine.raw_sql("UPDATE assignments SET segment = 'regulars', confidence = 0.123")
        explained = explain_on(session, address, lived.ends[0])

    assert explained.document["evidence"]["same"] is False
    assert "another one than the recorded one" in explained.sentences[-1]


def test_evidence_keeps_no_address_of_a_store_and_no_excluded_person() -> None:
    text = '[workspace]\nname = "A"\nstate = "postgresql://u:pw@db/x"\n[exclude]\naddresses = [\n"a@people.test",\n]\n'
    text += (
        '[serve]\npublic_url = "https://a.test/s3cret"\n[serve.more]\nx = 1\n[[classify.tools]]\norder = ["rules"]\n'
    )

    assert what_decides(text) == '[workspace]\nname = "A"\n[[classify.tools]]\norder = ["rules"]\n'


def test_a_day_without_a_time_is_its_end() -> None:
    assert f"{end_of_day('2026-11-24'):%Y-%m-%d %H:%M}" == "2026-11-24 23:59"
    assert f"{end_of_day('2026-11-24T09:00:00+01:00'):%H:%M}" == "08:00"
    with pytest.raises(FixSettingsError, match="is not a date"):
        end_of_day("yesterday")


@pytest.mark.proof
def test_a_thousand_decisions_of_two_weeks_are_rebuilt_exactly(platforms: Platforms, tmp_path: Path) -> None:
    dice = random.Random(11)  # noqa: S311 - people, not secrets
    lived = live(platforms, 14, dice)
    pairs = some_pairs(lived, 1000, dice)
    copy = tmp_path / "copy"
    shutil.copytree(platforms.folder, copy)

    assert len(pairs) == 1000
    assert replayed(lived, pairs) == []
    assert replayed(lived, pairs, copy) == []
