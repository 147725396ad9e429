"""Timeline of one person: emails, orders, visits, segments, and what was changed on the platforms, by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

import ibis
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import (
    ASSIGNMENTS,
    CAMPAIGNS,
    CONTACTS,
    DELIVERIES,
    ENGAGEMENTS,
    ORDERS,
    email_key,
    normalise_email,
)
from segmenter.personalize.personas import UNCLASSIFIED
from sync.session import Session
from sync.warehouse.statements import ANY_PERSON, compiled, runner_of

TimelineKind = Literal["email", "response", "order", "segment", "written", "consent", "by hand"]
OURS = "personasync"
THEIR_OWN = "the person, or your team"
RESPONSES = {"open": "Opened", "click": "Clicked", "bounce": "Bounced", "unsubscribe": "Unsubscribed by"}
ADDRESS = email_key("")
GIVEN = "given_contact_keys"
CONTACT = ("connection", "platform_id", "consent", "state", "created_at", "updated_at", "recorded_at", "sequence")
ASSIGNMENT = ("segment", "source", "reasons", "recorded_at", "sequence")


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened to a person.

    Attributes:
        at: UTC.
        text: What, in words.
        by: Who did it: the person, a connection, "personasync", or who set a pin.
    """

    at: datetime
    kind: TimelineKind
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """A page of a timeline, newest first; *entries* counts all of them, *page* counts from 1."""

    email: str
    entries: int
    page: int
    pages: int
    shown: Sequence[TimelineEntry]


def timeline(session: Session, email: str, *, page: int = 1, size: int = 50) -> TimelinePage:
    """Return a page of what happened to the person behind an address.

    Args:
        session: The open workspace.
        email: Any address of the person.
        page: Counts from 1.
        size: Entries a page.

    Returns:
        Newest first.

    Raises:
        FixSettingsError: Nobody has that address.
    """
    address = normalise_email(email) or ""
    person = session.control.links.of_keys([email_key(address)]).get(email_key(address))
    if person is None:
        raise FixSettingsError(
            f"No contact has the email address {email!r}.",
            fix="Run `personasync pull`, or check the address for a typo.",
        )
    keys = sorted(session.control.links.of_persons([person]))
    mine = _Mine(session, keys, person)
    entries = [*_events(session, mine), *_contacts(session, mine), *_segments(session, mine)]
    entries += _ours(session, keys)
    entries.sort(key=lambda entry: entry.at, reverse=True)
    pages = max(-(-len(entries) // size), 1)
    return TimelinePage(address, len(entries), page, pages, entries[(page - 1) * size : page * size])


def open_timelines(session: Session) -> None:
    """Read what every timeline asks, for who goes on to ask timelines while the session only reads."""
    mine = _Mine(session, [], "")
    for _ in (*_events(session, mine), *_contacts(session, mine), *_segments(session, mine)):
        pass


class _Mine:
    """Rows about one person: by statements that are compiled once while a session only reads, else by Ibis."""

    def __init__(self, session: Session, keys: Sequence[str], person: str) -> None:
        self._session, self._keys, self._person = session, keys, person
        warehouse = session.warehouse
        self._kept = warehouse.embedded and warehouse.read_once.keeps and session.withheld_rows() is None
        if self._kept:
            self._runner = warehouse.read_once.get(("statement runner",), lambda: runner_of(warehouse))
            self._runner.give(GIVEN, {"contact_key": list(keys)}, {"contact_key": "VARCHAR"})

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the rows in force of a table of events; all of it is read once while a session only reads."""
        warehouse = self._session.warehouse

        def about(keys: Table, person: str) -> Table:
            del person
            if not self._kept:
                return warehouse.about(name, keys)
            in_force = warehouse.read_once.get(("rows in force", name), lambda: warehouse.current(name))
            return in_force.semi_join(keys, "contact_key")

        return self.rows(name, about)

    def rows(self, name: str, make: Callable[[Table, str], Table]) -> list[dict[str, Any]]:
        """Return the rows of what *make* gives for a table of contact keys and a person's id."""
        warehouse = self._session.warehouse
        if not self._kept:
            mine = ibis.memtable([{"contact_key": key} for key in self._keys], schema={"contact_key": "string"})
            rows: list[dict[str, Any]] = make(mine, self._person).to_pyarrow().to_pylist()
            return rows
        given = ibis.table({"contact_key": "string"}, name=GIVEN)
        statement = warehouse.read_once.get(("timeline", name), lambda: compiled(warehouse, make(given, ANY_PERSON)))
        return self._runner.rows(statement, person=self._person)


def _events(session: Session, mine: _Mine) -> Iterator[TimelineEntry]:
    """Emails with what the person did, and orders; rows that consent withholds are left out."""
    warehouse = session.warehouse
    named = warehouse.read_once.get(("campaign names",), lambda: _campaigns(session))

    def campaign(row: Mapping[str, Any]) -> str:
        return f"“{named.get((row['connection'], row['campaign_id']), row['campaign_id'])}”"

    for row in mine.events(DELIVERIES.name):
        variant = f", variant {row['variant']}" if row["variant"] else ""
        what = "Got" if row["status"] == "sent" else f"Did not get ({row['status']} bounce)"
        yield TimelineEntry(row["at"], "email", f"{what} {campaign(row)}{variant}", row["connection"])
    for row in mine.events(ENGAGEMENTS.name):
        yield TimelineEntry(row["at"], "response", _response(row, campaign), _who(row))
    for row in mine.events(ORDERS.name):
        amount = f"{row['amount']:,.2f} {row['currency'] or ''}".strip() if row["amount"] is not None else "no amount"
        cancelled = ", cancelled" if row["state"] == "cancelled" else ""
        yield TimelineEntry(row["at"], "order", f"Ordered for {amount}{cancelled}", row["connection"])


def _campaigns(session: Session) -> dict[tuple[str, str], str]:
    table = session.warehouse.current(CAMPAIGNS.name)
    rows = table.select("connection", "campaign_id", "name").to_pyarrow().to_pylist()
    return {(row["connection"], row["campaign_id"]): row["name"] or row["campaign_id"] for row in rows}


def _response(row: Mapping[str, Any], campaign: Any) -> str:
    about = campaign(row) if row["campaign_id"] else row["url"] or row["product"] or ""
    return f"{RESPONSES.get(row['kind'], row['kind'].capitalize())} {about}".strip()


def _who(row: Mapping[str, Any]) -> str:
    return "a mail program" if row["machine"] else "the person"


def _contacts(session: Session, mine: _Mine) -> Iterator[TimelineEntry]:
    """When a contact came, and when its consent changed: who did that, a platform does not say."""

    def versions(given: Table, person: str) -> Table:
        del person
        table = session.warehouse.history(CONTACTS.name)
        keyed = table.mutate(contact_key=table.connection.concat(":", table.platform_id))
        return keyed.semi_join(given, "contact_key").select(*CONTACT).order_by("sequence")

    rows = mine.rows("contact versions", versions)
    by_contact: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_contact.setdefault(f"{row['connection']}:{row['platform_id']}", []).append(row)
    for of_contact in by_contact.values():
        first = of_contact[0]
        yield TimelineEntry(
            first["created_at"] or first["recorded_at"],
            "consent",
            f"Became a contact ({first['consent']})",
            first["connection"],
        )
        for before, after in pairwise(of_contact):
            for name in ("consent", "state"):
                if before[name] != after[name]:
                    at = after["updated_at"] or after["recorded_at"]
                    text = f"{name.capitalize()} on {after['connection']}: {before[name]} → {after[name]}"
                    yield TimelineEntry(at, "consent", text, THEIR_OWN)


def _segments(session: Session, mine: _Mine) -> Iterator[TimelineEntry]:
    def versions(given: Table, person: str) -> Table:
        del given
        table = session.warehouse.history(ASSIGNMENTS.name)
        return table.filter(table.person_id == person).select(*ASSIGNMENT).order_by("sequence")

    before: str | None = "nobody yet"
    for row in mine.rows("assignment versions", versions):
        if row["segment"] != before:
            reasons = f": {row['reasons']}" if row["reasons"] else ""
            text = f"Segment {row['segment'] or UNCLASSIFIED}{reasons}"
            yield TimelineEntry(row["recorded_at"], "segment", text, f"{OURS} ({row['source'] or 'no source'})")
        before = row["segment"]


def _ours(session: Session, keys: Sequence[str]) -> Iterator[TimelineEntry]:
    """What we wrote to the platforms, and who set or ended a pin."""
    pairs = [(name, key) for name, _, key in (text.partition(":") for text in keys) if f"{name}:" != ADDRESS]
    for outcome, at in session.control.ledger.about(pairs):
        change = outcome.change
        values = f"{change.before or 'nothing'} → {change.after or 'nothing'}"
        said: str = outcome.state  # "" while nobody knows
        state = "" if said == "applied" else f" ({said or 'not confirmed yet'})"
        yield TimelineEntry(at, "written", f"{change.connection}, {change.name}: {values}{state}", OURS)
    addresses = {key.removeprefix(ADDRESS) for key in keys if key.startswith(ADDRESS)}
    for pin in session.control.pins.all():
        if pin.email in addresses:
            yield TimelineEntry(pin.set_at, "by hand", f"Pinned to {pin.segment}: {pin.reason}", pin.set_by)
            if pin.ended_at is not None:
                yield TimelineEntry(pin.ended_at, "by hand", f"Pin to {pin.segment} ended", pin.ended_by or OURS)
