"""Who counts: persons with an active contact.

Whoever was archived, erased or merged away keeps the last assignment in the warehouse, so that history stays true and
who comes back is known. They are in no count: whatever counts people, or writes to them, begins here.
"""

from __future__ import annotations

from datetime import datetime

from ibis import Table

from connectors.records import ASSIGNMENTS, CONTACTS
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
        One row per person; those who were never assigned are left out.
    """
    return session.warehouse.read_once.get(
        ("assigned people", session.control.links.newest()),
        lambda: session.warehouse.current(ASSIGNMENTS.name).semi_join(active_people(session), "person_id"),
    )
