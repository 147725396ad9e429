"""Whom an erasure is about: every id and address of a person, and what names them in texts and files."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from connectors.records import CONTACTS, email_key, platform_key
from sync.session import Session
from sync.warehouse.erase import versions_of_keys

ADDRESS = email_key("")
LONG = 16  # a shorter id of a platform, such as 101, may stand for anything in a text


@dataclass(frozen=True, slots=True)
class Trace:
    """One person who is erased.

    Attributes:
        persons: Their person id first, then those that were merged into it.
        keys: Contact keys of all records and addresses.
        shown: The consent that each record in use showed last, by contact key.
        stand_in: Names the anonymous rows that keep totals as they were; chosen by chance.
    """

    persons: tuple[str, ...]
    keys: tuple[str, ...]
    shown: Mapping[str, str]
    stand_in: str


@dataclass(frozen=True, slots=True)
class Traces:
    """Everybody whom one erasure is about.

    Attributes:
        people: Those of whom nothing stays.
        records: Contact keys of records that their platform erased, of people who have others: their content goes.
        reason: Why: "request", or "erased on the platforms".
    """

    people: tuple[Trace, ...]
    records: tuple[str, ...] = ()
    reason: str = "request"

    @property
    def persons(self) -> set[str]:
        """All person ids."""
        return {person for trace in self.people for person in trace.persons}

    @property
    def keys(self) -> set[str]:
        """All contact keys of these people."""
        return {key for trace in self.people for key in trace.keys}

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """Connection and platform id of all their records."""
        return record_pairs(self.keys)

    def names(self) -> frozenset[str]:
        """Return what texts may quote of them, in lower case: addresses, their usual hashes, ids that are no number."""
        addresses = {key.removeprefix(ADDRESS) for key in self.keys if key.startswith(ADDRESS)}
        hashes = {
            digest
            for address in addresses
            for digest in (
                hashlib.sha256(address.encode()).hexdigest(),
                hashlib.sha256(address.encode()).hexdigest()[:40],
                hashlib.md5(address.encode(), usedforsecurity=False).hexdigest(),
            )
        }
        ids = {key for _, key in self.pairs if len(key) >= LONG}
        return frozenset(name.lower() for name in {*addresses, *hashes, *ids, *self.persons})

    def plain(self) -> dict[str, Any]:
        """Return this as JSON keeps it."""
        return asdict(self)


def traces_of_plain(plain: Mapping[str, Any]) -> Traces:
    """Return what `Traces.plain` gave."""
    people = tuple(
        Trace(tuple(each["persons"]), tuple(each["keys"]), dict(each["shown"]), each["stand_in"])
        for each in plain["people"]
    )
    return Traces(people, tuple(plain["records"]), plain["reason"])


def record_pairs(keys: Iterable[str]) -> set[tuple[str, str]]:
    """Return connection and platform id of those contact keys that name a record."""
    pairs = (key.partition(":") for key in keys if not key.startswith(ADDRESS))
    return {(name, platform_id) for name, _, platform_id in pairs}


def traces(
    session: Session,
    persons: Collection[str],
    *,
    reason: str,
    records: Collection[str] = (),
    alone: Collection[str] = (),
) -> Traces:
    """Gather every id and address of some people: also addresses that their records showed once.

    Args:
        session: The open workspace.
        persons: Person ids.
        reason: Why they are erased.
        records: See `Traces`.
        alone: Contact keys of people who are no contact: orders or answers name them only.

    Returns:
        Whom it is about, each with a new stand-in by chance; nothing is written.
    """
    into = session.control.links.merged()
    keys_of: dict[str, set[str]] = {person: set() for person in persons}
    merged = {person: [person, *(old for old, new in into.items() if new == person)] for person in persons}
    for key, person in session.control.links.of_persons(persons).items():
        keys_of[person].add(key)
    owner = {key: person for person, keys in keys_of.items() for key in keys}
    shown: dict[str, dict[str, str]] = {person: {} for person in persons}
    rows = versions_of_keys(session.warehouse, CONTACTS.name, record_pairs(owner), CONTACTS.key)
    once: dict[str, set[str]] = {}
    for row in rows:
        key = platform_key(row["connection"], row["platform_id"])
        person = owner[key]
        shown[person][key] = row["consent"] if row["state"] == "active" and row["consent"] else str(row["state"])
        for address in (row["email"], *(row["additional_emails"] or ())):
            if address:
                once.setdefault(email_key(address), set()).add(person)
    taken = session.control.links.of_keys(once)  # who has an old address now may be somebody else
    for key, people in once.items():
        for person in people:
            if taken.get(key, person) == person:
                keys_of[person].add(key)
    _add_dropped(session, keys_of, merged)
    strangers = tuple(Trace((f"alone-{secrets.token_hex(12)}",), (key,), {}, secrets.token_hex(12)) for key in alone)
    erased = tuple(
        Trace(tuple(merged[person]), tuple(sorted(keys_of[person])), shown[person], secrets.token_hex(12))
        for person in sorted(persons)
    )
    return Traces((*erased, *strangers), tuple(sorted(records)), reason)


def _add_dropped(session: Session, keys_of: Mapping[str, set[str]], merged: Mapping[str, list[str]]) -> None:
    """Add the ids under which people were known whose links the webhook service dropped: nobody has these any more."""
    owners = session.control.links.past_owners(key for keys in keys_of.values() for key in keys)
    alive = set(session.control.links.of_persons(set(owners.values())).values())
    for person, keys in keys_of.items():
        old = {owners[key] for key in keys if key in owners} - alive - set(merged[person])
        merged[person].extend(sorted(old))
