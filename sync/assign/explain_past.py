"""A past decision about one person: rebuilt from the versions in force then, and compared with what was recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pyarrow.compute as pc

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS, CONTACTS, email_key, normalise_email, platform_key
from sync.assign.evidence import EVIDENCE, PastDecision, assign_run_before, past_decision
from sync.assign.explain import ExplainedPerson, Explanation, explained
from sync.assign.service_evidence import replaying, service_decision_at
from sync.control.service_decisions import ServiceDecision
from sync.session import Session, Stores

DAY = len("2026-11-24")
SHOWN = ("connection", "platform_id", "email", "state", "consent")
SAME = "Rebuilt from the data and definitions of then: the same decision as the recorded one."
OTHER = "Warning: rebuilt from the data and definitions of then, the decision is another one than the recorded one."
BY_SERVICE = (
    "The webhook service decided about this person after that assign, and what it decided by is not kept: it was "
    "an older version, or [retention] or an erasure deleted it."
)


def end_of_day(text: str) -> datetime:
    """Return the end of the day in *text*, or the time in it (UTC unless it has a time zone).

    Raises:
        FixSettingsError: It is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FixSettingsError(f"{text!r} is not a date.", fix="Write a date like 2026-11-24.") from error
    if len(text) <= DAY and moment.time() == time(0):
        moment += timedelta(days=1) - timedelta(microseconds=1)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def explain_on(session: Session, email: str, moment: datetime) -> Explanation:
    """Explain the assignment of a person that was in force at a moment, from what was known then.

    Args:
        session: The open workspace.
        email: An address that the person had then.
        moment: UTC.

    Raises:
        FixSettingsError: Nobody had that address, was assigned, or the run kept no evidence.
    """
    if (at_once := service_decision_at(session, email, moment)) is not None:
        return _of_service(session, email, moment, at_once)
    past = past_decision(session, assign_run_before(session, moment))
    person = _person(past, email)
    recorded = assignment_at(session, person.person_id, moment)
    rebuilt = past.decide([person.person_id]).get(person.person_id)
    if rebuilt is None or recorded is None:
        raise FixSettingsError(
            f"{person.address} was not assigned on {moment:%Y-%m-%d}.", fix="Choose a later date, or another address."
        )
    people = past.traits()
    traits = people.filter(people.person_id == person.person_id).to_pyarrow().to_pylist()[0]
    contacts = [row for row in _contacts(past, person) if row["state"]]
    then = Stores(past.workspace, session.control)
    explanation = explained(then, person, contacts, recorded, past.as_of, traits, {}, past=True)
    same = rebuilt == recorded
    evidence = {**past.run.counts[EVIDENCE], "run": past.run.run_id, "on": moment, "same": same, "rebuilt": rebuilt}
    by_service = _by_service(session, person.person_id, past)
    verdict = SAME if same else BY_SERVICE if by_service else OTHER
    began, as_of = f"{past.run.started_at:%Y-%m-%d %H:%M} UTC", f"{past.as_of:%Y-%m-%d %H:%M}"
    head = f"On {moment:%Y-%m-%d}, by the assign of {began} (as of {as_of}):"
    return Explanation({**explanation.document, "evidence": evidence}, [head, *explanation.sentences, "", verdict])


def _of_service(session: Session, email: str, moment: datetime, decision: ServiceDecision) -> Explanation:
    """Explain what the webhook service decided, from what it kept with the decision."""
    with replaying(session) as replay:
        rebuilt = replay.rebuilt(decision)
    inputs, recorded = rebuilt.inputs, rebuilt.recorded
    keys = [platform_key(row["connection"], row["platform_id"]) for row in inputs.contacts]
    person = ExplainedPerson(str(normalise_email(email)), decision.person_id, keys, None)
    contacts = [{name: row[name] for name in SHOWN} for row in inputs.contacts if row["state"]]
    then = Stores(rebuilt.workspace, session.control)
    explanation = explained(then, person, contacts, recorded, inputs.as_of, rebuilt.traits, {}, past=True)
    evidence = {
        "definitions": decision.definitions,
        "decided_at": decision.recorded_at.isoformat(),
        "by": "webhook service",
        "on": moment,
        "same": rebuilt.same,
        "rebuilt": rebuilt.assignment,
    }
    head = f"On {moment:%Y-%m-%d}, by the webhook service, at {decision.recorded_at:%Y-%m-%d %H:%M} UTC:"
    verdict = SAME if rebuilt.same else OTHER
    return Explanation({**explanation.document, "evidence": evidence}, [head, *explanation.sentences, "", verdict])


def assignment_at(session: Session, person_id: str, moment: datetime) -> dict[str, Any] | None:
    """Return the assignment that was in force at a moment (UTC); None where there was none."""
    table = session.warehouse.as_of(ASSIGNMENTS.name, moment)
    rows: list[dict[str, Any]] = table.filter(table.person_id == person_id).to_pyarrow().to_pylist()
    return rows[0] if rows else None


def _person(past: PastDecision, email: str) -> ExplainedPerson:
    """Whose the address was then, with all their contact keys."""
    address = normalise_email(email)
    links = past.links.to_pyarrow()
    mine = links.filter(pc.equal(links["contact_key"], email_key(address or "")))
    if not mine.num_rows:
        raise FixSettingsError(
            f"No contact had the email address {email!r} then.", fix="Check the address for a typo, or the date."
        )
    person_id = mine["person_id"][0].as_py()
    keys = links.filter(pc.equal(links["person_id"], person_id))["contact_key"].to_pylist()
    return ExplainedPerson(str(address), person_id, keys, None)


def _contacts(past: PastDecision, person: ExplainedPerson) -> list[dict[str, Any]]:
    table, keys = past.rows.current(CONTACTS.name), set(person.keys)
    ids = sorted({key.partition(":")[2] for key in keys if not key.startswith("mailto:")})
    rows = table.filter(table.platform_id.isin(ids)).select(*SHOWN)
    listed: list[dict[str, Any]] = rows.order_by("connection", "platform_id").to_pyarrow().to_pylist()
    return [row for row in listed if platform_key(row["connection"], row["platform_id"]) in keys]


def _by_service(session: Session, person_id: str, past: PastDecision) -> bool:
    """Whether the version in force came from the service: it was recorded at another time than the run's."""
    versions = session.warehouse.history(ASSIGNMENTS.name)
    mine = versions.filter(versions.person_id == person_id, versions.sequence > past.rows.sequence)
    rows: list[Mapping[str, Any]] = mine.order_by("sequence").to_pyarrow().to_pylist()
    finished = past.run.finished_at
    return any(finished is not None and row["recorded_at"] > finished for row in rows)
