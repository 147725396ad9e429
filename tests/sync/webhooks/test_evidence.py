"""What the running service decided is made again from the evidence that it kept, exactly; also on a restored backup."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import FixSettingsError
from sync.assign.explain_past import explain_on
from sync.assign.job import assign
from sync.assign.pins import pin
from sync.assign.service_evidence import replaying
from sync.clock import now
from sync.erasure.job import forget
from sync.export.person import personal_data
from sync.online.handoff import as_assignment, import_service_results
from sync.ops.backup import backup, restore_backup
from sync.pull.job import pull
from sync.session import Session, open_session
from sync.workspace.settings import load_workspace
from tests.sync.conftest import Platforms, edit
from tests.sync.webhooks.conftest import Served, service_environment, serving, session_on
from tests.sync.webhooks.test_objection import OBJECTS, objectable

DAY = timedelta(days=1)
STAGES = ("lead", "customer", "evangelist", "opportunity")
NEW_DEFINITIONS = {
    1: ("days_since_order < 180", "days_since_order < 150"),
    2: ("average_order >= 40", "average_order >= 25"),
}
Pair = tuple[int, str]


@dataclass
class Decided:
    """What the service decided on some days.

    Attributes:
        last: The last decision of a day about a person, as the service handed it over.
        ends: The end of each day, UTC.
        emails: An address of each person.
    """

    platforms: Platforms
    last: dict[Pair, Mapping[str, Any]] = field(default_factory=dict)
    ends: list[datetime] = field(default_factory=list)
    emails: dict[str, str] = field(default_factory=dict)


def served_days(platforms: Platforms, days: int, dice: random.Random, *, a_day: int) -> Decided:
    """Let the service decide about people who change, come and are pinned, by definitions that change."""
    decided, numbers = Decided(platforms), iter(range(100, 10**6))
    for day in range(days):
        begins = now() + day * DAY
        if day in NEW_DEFINITIONS:
            edit(platforms, *NEW_DEFINITIONS[day], "segments.toml")
        with opened(platforms.folder, platforms, begins) as session:
            pull(session, override=frozenset({"clock"}))  # the platforms stay on their day
            assign(session, as_of=begins, override=frozenset({"trait_quality"}))  # newcomers have no orders
            who = dice.choice(platforms.members())["email_address"]
            pin(session, who, "gift_buyers", until=begins + 30 * DAY, reason="asked for it", by="Ada")
        with serving(platforms, clock=partial(later, day)) as served:
            events = change_some(served, dice, [next(numbers) for _ in range(a_day)], day)
            assert served.hubspot(events).ok
            served.idle()
            note(decided, served, day)
        decided.ends.append(later(day))
    return decided


def later(days: int) -> datetime:
    return now() + days * DAY


def change_some(served: Served, dice: random.Random, numbers: list[int], day: int) -> list[dict[str, Any]]:
    """Change two thirds as many people as there are numbers, let a third come, and return the events."""
    crm, events = served.platforms.crm, []
    coming = numbers[: len(numbers) // 3]
    for contact, number in zip(dice.sample(sorted(crm.contacts), len(numbers)), numbers[len(coming) :], strict=False):
        value = dice.choice(STAGES)
        crm.touch_contact(crm.contacts[contact], {"lifecyclestage": value, "country": dice.choice(["DE", "US"])})
        change = {"propertyName": "lifecyclestage", "propertyValue": value}
        events.append({**served.created(contact, number), "subscriptionType": "contact.propertyChange", **change})
    for number in coming:
        newcomer = served.newcomer(f"new{day}-{number}@people.test", lifecyclestage=dice.choice(STAGES))
        events.append(served.created(newcomer, number))
    return events


def note(decided: Decided, served: Served, day: int) -> None:
    control = served.service.control
    for handed in control.people.waiting():
        decided.last[day, handed.person_id] = handed.assignment
    for key, person in control.links.mapping().items():
        if key.startswith("mailto:"):
            decided.emails[person] = key.removeprefix("mailto:")


def opened(folder: Path, platforms: Platforms, at: datetime) -> Any:
    return open_session(folder, now=lambda: at, environment=service_environment(platforms))


def replayed(decided: Decided, pairs: list[Pair], folder: Path) -> list[str]:
    """Decide again about pairs of day and person; return those that come out differently."""
    wrong = []
    with opened(folder, decided.platforms, decided.ends[-1] + DAY) as session, replaying(session) as replay:
        for day, person in pairs:
            mine = session.control.decisions.of_persons([person])
            then = [each for each in mine if each.recorded_at <= decided.ends[day]]
            again = replay.rebuilt(then[-1]).assignment if then else None
            if again != as_assignment(decided.last[day, person]):
                wrong.append(f"day {day}: {again} is not {decided.last[day, person]}")
    return wrong


def restored(decided: Decided, folder: Path) -> Path:
    saved = folder / "saved.tar.gz"
    backup(load_workspace(decided.platforms.folder), saved, now())
    restore_backup(saved, folder / "again", stamp="1")
    return folder / "again"


@pytest.mark.long
def test_what_the_service_decided_is_rebuilt_exactly_also_on_a_restored_backup(
    looped: Platforms, tmp_path: Path
) -> None:
    decided = served_days(looped, 2, random.Random(5), a_day=24)  # noqa: S311 - people, not secrets
    pairs = sorted(decided.last)
    again = restored(decided, tmp_path)
    told = explained(decided, pairs)

    assert len(pairs) > 20
    assert {row["source"] for row in decided.last.values()} >= {"rules", "pinned"}
    assert replayed(decided, pairs, looped.folder) == []
    assert replayed(decided, pairs, again) == []
    assert told == []


def explained(decided: Decided, pairs: list[Pair]) -> list[str]:
    """Explain decisions of the newest day as a command does; return those that are told wrongly."""
    wrong, newest = [], len(decided.ends) - 1
    with opened(decided.platforms.folder, decided.platforms, decided.ends[-1] + DAY) as session:
        for day, person in [pair for pair in pairs if pair[0] == newest][:5]:
            told = explain_on(session, decided.emails[person], decided.ends[day])
            evidence, row = told.document["evidence"], decided.last[day, person]
            if not evidence["same"] or told.document["segment"] != row["segment"]:
                wrong.append(f"{person}: {told.document}")
            assert "by the webhook service" in told.sentences[0]
            json.dumps(told.document, default=str)
    return wrong


@pytest.mark.long
def test_evidence_is_exported_told_when_it_was_changed_and_erased(looped: Platforms) -> None:
    objectable(looped)
    with serving(looped) as served:
        ada = served.newcomer("ada@new.test", country="DE", secret="not read by any trait")
        bea = served.newcomer("bea@new.test", country="US")
        served.turn(ada, number=11)
        served.turn(bea, number=12)
        served.idle()
        with session_on(looped) as session:
            import_service_results(session)
            persons = {name: person_behind(session, f"{name}@new.test") for name in ("ada", "bea")}
            held = personal_data(session, "ada@new.test").document["decided_at_once"]
            told = explain_on(session, "ada@new.test", now())
        served.turn(bea, OBJECTS, "yes", number=13)
        served.idle()
        objected = served.service.control.decisions.of_persons([persons["bea"]])
        with session_on(looped) as session:
            assign(session, as_of=session.now())
            after_assign = session.control.decisions.of_persons([persons["bea"]])
            with pytest.raises(FixSettingsError, match="was not assigned on"):
                explain_on(session, "bea@new.test", now())
            tampered = change_country(session, persons["ada"])
            forget(session, [persons["ada"]])
            erased = session.control.decisions.of_persons([persons["ada"]])

    [shown] = held[-1]["by"]["contacts"]
    assert shown["properties"]["country"] == "DE"
    assert "secret" not in shown["properties"]
    assert held[-1]["decided"]["segment"] == told.document["segment"]
    assert told.sentences[-1].endswith("the same decision as the recorded one.")
    assert [each.inputs.keys() for each in objected] == [{"as_of", "denied"}]
    assert (after_assign, erased) == ([], [])
    assert "another one than the recorded one" in tampered


def person_behind(session: Session, email: str) -> str:
    return session.control.links.of_keys([f"mailto:{email}"])[f"mailto:{email}"]


def change_country(session: Session, person: str) -> str:
    """Explain a decision whose evidence was changed by hand: its lifecycle stage is another."""
    engine = session.control.decisions.engine
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE service_decision SET inputs = replace(inputs, 'evangelist', 'lead')")
    return explain_on(session, "ada@new.test", now()).sentences[-1]


@pytest.mark.proof
def test_hundreds_of_decisions_of_the_service_are_rebuilt_exactly(looped: Platforms, tmp_path: Path) -> None:
    dice = random.Random(13)  # noqa: S311 - people, not secrets
    decided = served_days(looped, 10, dice, a_day=90)
    pairs = sorted(decided.last)

    assert len(pairs) >= 200
    assert replayed(decided, pairs, looped.folder) == []
    assert replayed(decided, pairs, restored(decided, tmp_path)) == []
