"""Members of a segment, or everybody: who they are, with the reason, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import ibis
from ibis import Table

from connectors.records import CONTACTS
from segmenter.personalize.fields import probability_one
from segmenter.value.focus import with_subsegments
from sync.active_people import assigned_people
from sync.assign.exclusions import excluded_persons
from sync.assign.pins import check_segment
from sync.session import Session


@dataclass(frozen=True, slots=True)
class Member:
    """One person in a segment.

    Attributes:
        email: The first of their addresses in the alphabet; None: they have none.
        segment: The segment itself, or one within it; None: unclassified.
        confidence: How likely the segment is right; None: nothing measured that, as by rules.
        source: What decided.
        excluded: Why nothing is written to them; None: it is.
    """

    email: str | None
    person_id: str
    segment: str | None
    persona: str | None
    confidence: float | None
    source: str
    reasons: str
    since: datetime
    excluded: str | None


@dataclass(frozen=True, slots=True)
class MembersPage:
    """A page of a segment's members, by address.

    Attributes:
        segment: Its name; "" for everybody.
        people: How many there are in all.
        page: Counts from 1.
    """

    segment: str
    people: int
    page: int
    pages: int
    members: Sequence[Member]


def members(session: Session, segment: str | None, *, find: str = "", page: int = 1, size: int = 50) -> MembersPage:
    """Return a page of the people who are in a segment, those of segments within it included.

    Args:
        session: The open workspace.
        segment: Its name; None: everybody who is assigned, the unclassified too.
        find: Only people with an address that holds this text, in any case; "": all.
        page: Counts from 1.
        size: People a page.

    Returns:
        Ordered by address; people without one come last.

    Raises:
        FixSettingsError: There is no such segment.
    """
    inside, address = _inside(session, segment), _addresses_once(session)
    people = inside.left_join(address, "person_id").drop("person_id_right")
    if find.strip():
        people = people.filter(people.every_email.contains(find.strip().lower()))
    count = int(people.count().to_pyarrow().as_py())
    people = people.order_by(ibis.asc(people.email, nulls_first=False), "person_id").limit(
        size, offset=(page - 1) * size
    )
    newest = session.control.runs.latest("assign", state="done")
    as_of = datetime.fromisoformat(newest.counts["as_of"]) if newest else None
    excluded = excluded_persons(session, as_of)
    columns = ("email", "person_id", "segment", "persona", "confidence", "source", "reasons", "since")
    entries = [
        Member(**{**row, "confidence": probability_one(row)}, excluded=excluded.get(row["person_id"]))
        for row in people.select(*columns).to_pyarrow().to_pylist()
    ]
    return MembersPage(segment or "", count, page, max(-(-count // size), 1), entries)


def _inside(session: Session, segment: str | None) -> Table:
    assigned = assigned_people(session)
    if segment is None:
        return assigned
    check_segment(session.workspace, segment)
    return assigned.filter(assigned.segment.isin(sorted(with_subsegments([segment], session.workspace.steps))))


def open_members(session: Session) -> None:
    """Read what every page of `members` asks, for who goes on to ask pages while the session only reads."""
    assigned_people(session)
    _addresses_once(session)


def _addresses_once(session: Session) -> Table:
    key = ("first addresses", session.control.links.newest())
    return session.warehouse.read_once.get(key, lambda: _addresses(session))


def _addresses(session: Session) -> Table:
    """By person: the first address in the alphabet, and all of them in one text, in lower case."""
    contacts, links = session.warehouse.current(CONTACTS.name), session.links()
    key = contacts.connection.concat(":", contacts.platform_id)
    active = contacts.filter(contacts.state == "active", contacts.email.notnull()).mutate(contact_key=key)
    known = active.inner_join(links, "contact_key")
    lower = known.email.lower()
    return known.group_by("person_id").aggregate(email=lower.min(), every_email=lower.group_concat("\n"))
