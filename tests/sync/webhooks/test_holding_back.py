"""What keeps the service from writing: guardrails, definitions not in force, contacts that break; and how it stops."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from connectors.records import Change
from sync.clock import now
from sync.control.inbox import Event
from sync.ops.run import run_loop
from sync.plan import job as planning
from sync.webhooks import guardrails as guarding
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import serving, session_on, wait_for

PERSONA, NEW, BARGAIN = "personasync_persona", "nora_new", "bo_bargain"


def test_changes_of_a_day_beyond_a_guardrail_are_set_aside_with_the_reason(
    looped: Platforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarding, "FEW", 1)
    file = looped.folder / "personasync.toml"
    file.write_text(file.read_text("utf-8").replace("max_changed = 0.2", "max_changed = 0.001"), "utf-8")
    with serving(looped) as served:
        ada, bea = served.newcomer("ada@new.test"), served.newcomer("bea@new.test")
        served.hubspot([served.created(ada), served.created(bea)])
        served.idle()
        served.turn(ada)
        served.idle()
        served.turn(bea)
        wait_for(lambda: served.service.control.inbox.backlog().dead_letters == 1)
        (letter,) = served.service.control.inbox.dead_letters()
        shown = [served.property(contact, PERSONA) for contact in (ada, bea)]
        change = Change("crm", bea, "p", None, "field", PERSONA, NEW, BARGAIN)
        today = guarding.held_back(served.service, [change], now())
        tomorrow = guarding.held_back(served.service, [change], now() + timedelta(hours=25))
        served.service.control.probed.note("crm", {"A10": "broken", "A3": "broken"}, "run")
        broken = guarding.held_back(served.service, [change], now() + timedelta(hours=25))

    assert shown == [BARGAIN, NEW]
    assert letter.contact == f"crm:{bea}"
    assert letter.reason.startswith(
        "guardrail max_changed: 2 contacts of crm would be changed within a day, the limit is 1"
    )
    assert set(today) == {"p"}
    assert tomorrow == {}
    assert broken["p"].startswith("assumption A10 is broken on crm: ")


@pytest.mark.long
def test_contacts_wait_while_definitions_are_not_in_force(looped: Platforms) -> None:
    with serving(looped) as served:
        file = looped.folder / "personas.toml"
        file.write_text(file.read_text("utf-8").replace("Welcome to the shop", "Come in"), "utf-8")
        served.service.reload()
        ada = served.newcomer("ada@new.test")
        served.hubspot([served.created(ada)])
        wait_for(lambda: served.session.get(served.address + "/ready", timeout=5).status_code == 503)
        reasons = served.session.get(served.address + "/ready", timeout=5).json()["reasons"]
        waiting, shown = served.service.control.inbox.backlog().waiting, served.property(ada, PERSONA)
        with session_on(looped) as session:
            run_loop(session, override=frozenset({"max_changed"}))
        served.idle()

        assert reasons == ["segments or personas changed since the last `personasync assign`"]
        assert (waiting, shown) == (1, "")
        assert served.property(ada, "personasync_headline") == "Come in"


@pytest.mark.long
def test_a_contact_that_breaks_holds_up_no_other_and_is_set_aside_after_its_tries(looped: Platforms) -> None:
    file = looped.folder / "personasync.toml"
    file.write_text(file.read_text("utf-8") + "tries = 2\n", "utf-8")
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test")
        at = datetime.now(UTC)
        broken = Event("broken", "crm:7", "contact.creation", at, {"ids": 7})
        served.service.control.inbox.take([broken, Event("good", f"crm:{ada}", "contact.creation", at, {"ids": [ada]})])
        served.idle()
        letters = served.service.control.inbox.dead_letters()

        assert served.property(ada, PERSONA) == NEW
        assert [(letter.contact, letter.tries) for letter in letters] == [("crm:7", 2)]
        assert letters[0].reason.startswith("TypeError")


def test_a_service_that_is_told_to_stop_finishes_what_is_under_way(looped: Platforms) -> None:
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test")
        looped.sandbox.world.settings.latency = 0.2
        served.hubspot([served.created(ada)])
        wait_for(lambda: bool(served.service.control.inbox.owners()))
        inbox = served.service.control.inbox
        under_way = served.property(ada, PERSONA) == ""

    assert under_way
    assert served.property(ada, PERSONA) == NEW
    with session_on(looped) as session:
        assert session.control.inbox.backlog().waiting == 0
        assert session.control.leases.holders() == set()
    assert inbox is not session.control.inbox


def test_the_lease_on_a_person_is_renewed_while_a_push_waits(
    looped: Platforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.webhooks.handler.PERSON_SECONDS", 0.4)
    monkeypatch.setattr("sync.webhooks.worker.PULSE_SECONDS", 0.05)
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test")
        served.hubspot([served.created(ada)])
        looped.sandbox.world.settings.latency = 0.6
        wait_for(lambda: bool(served.service.control.leases.holders()))
        threading.Event().wait(0.5)
        mine = served.service.control.links.of_keys([f"crm:{ada}"])
        names = {f"person {person}" for person in mine.values()}

        assert served.service.control.leases.take(names, "somebody-else", seconds=1) == set()
        looped.sandbox.world.settings.latency = 0.0
        served.idle()


@pytest.mark.long
def test_who_is_in_a_segment_out_of_focus_is_shown_no_persona_by_the_service_either(looped: Platforms) -> None:
    file = looped.folder / "personasync.toml"
    file.write_text(file.read_text("utf-8") + "\n[value]\nfocus = 1\n", "utf-8")
    with session_on(looped) as session:
        run_loop(session, override=frozenset({"max_changed", "max_removed"}))
        plan = session.control.runs.latest("plan", state="done")
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test")
        served.hubspot([served.created(ada)])
        served.idle()
        shown = served.property(ada, PERSONA)
        (decided,) = [
            person for person in served.service.control.people.waiting() if person.assignment["persona"] == NEW
        ]

    assert plan is not None
    assert decided.assignment["segment"] not in plan.counts["focus"]
    assert shown == "unclassified"


@pytest.mark.long
def test_who_comes_into_a_segment_of_too_few_is_shown_no_persona_by_the_service_either(looped: Platforms) -> None:
    file = looped.folder / "personasync.toml"
    file.write_text(file.read_text("utf-8").replace("min_audience = 1 ", "min_audience = 9999 "), "utf-8")
    with session_on(looped) as session:
        run_loop(session, override=frozenset({"max_changed", "max_removed"}))
        skipped = planning.plan(session).skipped_segments
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test")
        served.hubspot([served.created(ada)])
        served.idle()
        shown = served.property(ada, PERSONA)
        (decided,) = [
            person for person in served.service.control.people.waiting() if person.assignment["persona"] == NEW
        ]

    assert decided.assignment["segment"] in skipped
    assert shown == "unclassified"
