"""Who counts: persons with an active contact.

Whoever was archived, erased or merged away keeps the last assignment in the warehouse, so that history stays true and
who comes back is known. They are in no count: whatever counts people, or writes to them, begins here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
from ibis import Table

from connectors.records import ASSIGNMENTS, CONTACTS
from segmenter.privacy.purposes import NOT_PROFILED
from sync.session import Session


def active_people(session: Session, *, at: datetime | None = None) -> Table:
    """Return the persons with a contact that is not archived, erased or merged away: column ``person_id``.

    Args:
        session: The open workspace.
        at: As it was known at this moment, UTC; None: now.

    Returns:
        One row per person.
    """
    warehouse = session.warehouse
    contacts = warehouse.current(CONTACTS.name) if at is None else warehouse.as_of(CONTACTS.name, at)
    links = session.links()
    active = contacts.filter(contacts.state == "active")
    keys = active.select(contact_key=active.connection.concat(":", active.platform_id))
    return links.semi_join(keys, "contact_key").select("person_id").distinct()


def assigned_people(session: Session) -> Table:
    """Return the assignments in force of everybody who is active (schema `connectors.records.ASSIGNMENTS`).

    Returns:
        One row per person; those who were never assigned, or may not be profiled, are left out.
    """
    return session.warehouse.read_once.get(
        ("assigned people", session.control.links.newest(), id(session.withheld_rows())),
        lambda: session.warehouse.current(ASSIGNMENTS.name).semi_join(active_people(session), "person_id"),
    )


def shown_assignments(session: Session) -> Table:
    """Return `assigned_people`, and for whoever may not be profiled a row without segment and persona.

    Whatever writes to people begins here: it shows them the fallback, and takes them out of our groups.

    Returns:
        One row per person; the added rows stand nowhere.
    """
    assigned, unprofiled = assigned_people(session), session.withheld().profiling
    if not unprofiled:
        return assigned
    rows = [not_profiled(person, session.now()) for person in sorted(unprofiled)]
    empty = session.warehouse.memtable(pa.Table.from_pylist(rows, schema=ASSIGNMENTS.columns))
    return assigned.union(empty.semi_join(active_people(session), "person_id"))


def not_profiled(person_id: str, at: datetime) -> dict[str, Any]:
    """Return the assignment of somebody who may not be profiled: none, and why; it is stored nowhere.

    Args:
        person_id: The person.
        at: The moment, UTC.
    """
    nothing = dict.fromkeys(ASSIGNMENTS.columns.names)
    moments = {"as_of": at, "since": at}
    return {**nothing, "person_id": person_id, "reasons": NOT_PROFILED, **moments}


def withheld_active(session: Session) -> dict[str, int]:
    """Return how many active people are left out, by purpose; purposes that nobody is left out for are not named."""
    withheld = session.withheld()
    if not withheld.counts():
        return {}
    active = set(active_people(session).to_pyarrow()["person_id"].to_pylist())
    counted = {purpose: len(getattr(withheld, purpose) & active) for purpose in withheld.counts()}
    return {purpose: count for purpose, count in counted.items() if count}
