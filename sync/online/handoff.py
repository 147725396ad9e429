"""Handoff between batch commands and the webhook service, through the control store.

`assign` publishes each person's traits and assignment, changed rows only, where [serve] is configured. The service
hands back the assignments that it made; they become versions of the warehouse, recorded when they were made. A person
to whom the service gave an assignment after the platforms were last read is left alone: it knew more.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table

from connectors.records import ASSIGNMENTS, CONTACTS, TIME, Change, platform_key
from segmenter.privacy.sensitive import usable_traits
from segmenter.traits.next_best_offer import NEXT
from sync.consent.opt_outs import refusals_of_gone
from sync.control.inbox import Event
from sync.control.published import Published
from sync.experiments.arms import copies
from sync.fields.individual import next_of_everybody
from sync.online.snapshot import kept_traits
from sync.session import Session

WITHHELD_BASE = "withheld"  # in what is published: purposes that a subscription denies, which no event tells of
PUBLISHED = ("*", "published")  # in the store of cursors: what was published last
AT_ONCE = 20_000  # persons in memory
KEPT = timedelta(days=3)  # what the warehouse has taken in
EVER = datetime.fromtimestamp(0, UTC)
MOMENTS = tuple(field.name for field in ASSIGNMENTS.columns if field.type == TIME)


def import_service_results(session: Session) -> int:
    """Make the assignments that the service made versions of the warehouse; return how many were new.

    Versions first, the note that they were taken last: after a kill they are looked at again, and not added twice.

    Returns:
        Number of new versions; 0 where the service decided nothing since.
    """
    count = 0
    while waiting := session.control.people.waiting(*((sys.maxsize,) if session.copied else ())):
        into = session.control.links.merged()
        rows = [
            {**as_assignment(decision.assignment), "person_id": into.get(decision.person_id, decision.person_id)}
            for decision in waiting
        ]
        table = pa.Table.from_pylist(rows, schema=ASSIGNMENTS.columns)
        recorded = pa.array([decision.recorded_at for decision in waiting], TIME)
        count += session.warehouse.take_over(ASSIGNMENTS.name, table.append_column("recorded_at", recorded))
        if session.copied:
            return count  # whoever holds the warehouse takes them
        entries = [decision.entry for decision in waiting]
        session.control.people.taken(entries, forget_before=session.now() - KEPT)
    return count


def left_alone(session: Session, rows: pa.Table, *, but: Collection[str] = ()) -> pa.Table:
    """Return *rows* (column ``person_id``) without the people about whom the service knows more.

    Args:
        session: The open workspace.
        rows: Assignments that a run made.
        but: People of whom we know as much: somebody pinned them since, or ended a pin.

    Returns:
        Rows of *rows*, in their order.
    """
    known_better = session.control.people.since(read_at(session)) - set(but)
    if not known_better:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["person_id"], value_set=pa.array(sorted(known_better), pa.string()))))


def overtaken_persons(session: Session, since: datetime) -> set[str]:
    """Return the persons whom the service gave an assignment at *since* (UTC) or later, by the ids that they have now.

    A plan that stands on older assignments would put an older persona back.

    Args:
        session: The open workspace.
        since: When the older assignments were made, UTC.

    Returns:
        Person ids; of merged people both the old and the new one.
    """
    newer = session.control.people.since(since)
    if not newer:
        return newer
    into = session.control.links.merged()
    return newer | {old for old, new in into.items() if new in newer} | {into.get(person, person) for person in newer}


def look_again(session: Session, sent: Sequence[Change], *, since: datetime, run_id: str) -> None:
    """Let the service look again at contacts that were written while it decided for their persons.

    Args:
        session: The open workspace.
        sent: What was written.
        since: When the writing began, UTC.
        run_id: Of the run that wrote.
    """
    newer = overtaken_persons(session, since)
    contacts = {(change.connection, change.platform_id) for change in sent if change.person_id in newer}
    session.control.inbox.take(
        Event(f"apply:{run_id}:{name}:{key}"[:400], platform_key(name, key), "apply", session.now(), {"ids": [key]})
        for name, key in contacts
    )


def read_at(session: Session) -> datetime:
    """Return the moment up to which all platforms were read, UTC."""
    moved = [
        session.control.cursors.read_at(name, "contacts")
        for name, part in session.workspace.connections.items()
        if session.manifest.connectors[part.connector].kind != "files"
    ]
    return min((at for at in moved if at is not None), default=EVER)


def publish_people(session: Session, people: Table, as_of: datetime, *, but: Collection[str] = ()) -> int:
    """Publish what the service has to know of everybody; return how many rows were new or different.

    Args:
        session: The open workspace; nothing happens where it has no [serve].
        people: The trait table of *as_of*.
        as_of: UTC.
        but: As in `left_alone`.

    Returns:
        Number of people, those who were withdrawn not among them.
    """
    if session.workspace.serve is None:
        return 0
    before, present = session.control.people.digests(), set()
    known_better = session.control.people.since(read_at(session))
    untouched = known_better - set(but)
    written = 0
    for batch in _people(session, people, as_of):
        present |= {person["person_id"] for person in batch}
        rows = [_row(session, person, as_of) for person in batch if person["person_id"] not in untouched]
        written += session.control.people.publish(row for row in rows if before.get(row.person_id) != row.digest)
    withheld = _withheld_rows(session, as_of)
    present |= {row.person_id for row in withheld}
    written += session.control.people.publish(row for row in withheld if before.get(row.person_id) != row.digest)
    session.control.people.withdraw(before.keys() - present - known_better)
    counts = {f"contacts {name}": str(count) for name, count in _contacts(session).items()}
    position = {"as_of": as_of.isoformat(), "digest": session.workspace.digest, **counts}
    session.control.cursors.move(*PUBLISHED, position, "assign")
    return written


def _people(session: Session, people: Table, as_of: datetime) -> Iterator[list[dict[str, Any]]]:
    """Yield persons with their traits, their assignment, and the contacts that no platform can be asked for."""
    assignments = session.warehouse.current(ASSIGNMENTS.name)
    decisions = assignments.rename({f"given_{name}": name for name in ASSIGNMENTS.columns.names if name != "person_id"})
    filed = _unasked(session)
    joined = people.left_join(decisions, "person_id").drop("person_id_right")
    copied = copies(session)
    if copied is not None:
        joined = joined.left_join(copied, "person_id").drop("person_id_right")
    suggested = next_of_everybody(session, as_of)
    if suggested is not None:
        joined = joined.left_join(suggested, "person_id").drop("person_id_right")
    for batch in joined.to_pyarrow_batches(chunk_size=AT_ONCE):
        yield [{**row, "contacts": filed.get(row["person_id"], [])} for row in batch.to_pylist()]


def _unasked(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Return by person the contacts of files, and those that are gone and whose opt-out outlives them."""
    files = [
        name
        for name, part in session.workspace.connections.items()
        if session.manifest.connectors[part.connector].kind == "files"
    ]
    rows = refusals_of_gone(session.warehouse)
    if files:
        contacts = session.warehouse.current(CONTACTS.name)
        rows += contacts.filter(contacts.connection.isin(files)).to_pyarrow().to_pylist()
    links = session.control.links.of_keys(platform_key(row["connection"], row["platform_id"]) for row in rows)
    records: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        person = links.get(platform_key(row["connection"], row["platform_id"]))
        if person is not None:
            records.setdefault(person, []).append(_plain(row))
    return records


def _withheld_rows(session: Session, as_of: datetime) -> list[Published]:
    """Of people who may not be profiled, what subscriptions deny; empty where no subscription is asked."""
    return [
        _published(person, {WITHHELD_BASE: denied}, None, as_of)
        for person in sorted(session.withheld().profiling)
        if (denied := _denied(session, person))
    ]


def _denied(session: Session, person: str) -> list[str]:
    """The purposes that are withheld from a person, where a subscription may be what withholds them."""
    rules = session.workspace.purposes.purposes
    asked = [rule.purpose for rule in rules if any(source.kind == "subscription" for source in rule.sources)]
    return [purpose for purpose in asked if person in getattr(session.withheld(), purpose)]


def _row(session: Session, person: Mapping[str, Any], as_of: datetime) -> Published:
    workspace = session.workspace
    base = kept_traits(person, usable_traits(workspace.catalogue, workspace.sensitive), as_of)
    if person["contacts"]:
        base["contacts"] = person["contacts"]
    if person.get("copy_of") is not None:
        base["copy_of"] = person["copy_of"]
    base |= {name: person[name] for name in NEXT if person.get(name) is not None}
    if denied := _denied(session, person["person_id"]):
        base[WITHHELD_BASE] = denied
    given = {name: person[f"given_{name}"] for name in ASSIGNMENTS.columns.names if name != "person_id"}
    assignment = {"person_id": person["person_id"], **_plain(given)} if given["as_of"] is not None else None
    return _published(person["person_id"], base, assignment, as_of)


def _published(person: str, base: dict[str, Any], assignment: dict[str, Any] | None, as_of: datetime) -> Published:
    text = json.dumps([base, assignment], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Published(person, base, assignment, digest, as_of)


def _contacts(session: Session) -> Counter[str]:
    contacts = session.warehouse.current(CONTACTS.name)
    active = contacts.filter(contacts.state == "active").group_by("connection").aggregate(n=lambda t: t.count())
    return Counter({row["connection"]: int(row["n"]) for row in active.to_pyarrow().to_pylist()})


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def plain_assignment(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an assignment as JSON keeps it: its moments are text there.

    Returns:
        Column -> text, number or None; moments in ISO 8601, UTC.
    """
    return _plain(row)


def as_assignment(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return an assignment that was kept as JSON.

    Returns:
        Column -> value; moments are datetimes again.
    """
    return {**plain, **{name: datetime.fromisoformat(plain[name]) for name in MOMENTS if plain[name]}}
