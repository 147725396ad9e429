"""Who is who: contacts of all platforms joined into persons, one for each human. Pure.

A person is a connected component over contact keys: two records that share an address, or of which one was
merged into the other, are one human. Ids survive: what a person id was ever given to keeps it, and where two persons
turn out to be one, the older id stays and the other points to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from connectors.records import email_key, platform_key


@dataclass(frozen=True, slots=True)
class ContactKeys:
    """What a contact row says about who it is (see `connectors.records.CONTACTS`)."""

    connection: str
    platform_id: str
    email: str | None
    additional_emails: tuple[str, ...] = ()
    merged_ids: tuple[str, ...] = ()
    state: str = "active"

    @property
    def own(self) -> str:
        """The key of the record itself."""
        return platform_key(self.connection, self.platform_id)

    @property
    def merged(self) -> tuple[str, ...]:
        """Keys of records that were merged into this one."""
        return tuple(platform_key(self.connection, merged) for merged in self.merged_ids)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Keys of the addresses that the record shows now."""
        shown = (self.email, *self.additional_emails)
        return tuple(email_key(address) for address in shown if address)


@dataclass(frozen=True, slots=True)
class IdentityChanges:
    """What has to be written so that the identity map holds again.

    Attributes:
        links: contact_key -> person_id, new or changed ones only.
        merged: person_id that is no more -> person_id that took its place.
    """

    links: dict[str, str]
    merged: dict[str, str]


def contact_keys(contacts: pa.Table) -> Iterator[ContactKeys]:
    """Yield the identity columns of Arrow rows of the contacts table."""
    columns = ("connection", "platform_id", "email", "additional_emails", "merged_ids", "state")
    for batch in contacts.select(columns).to_batches():
        for values in zip(*(batch.column(name).to_pylist() for name in columns), strict=True):
            connection, platform_id, email, additional, merged, state = values
            yield ContactKeys(connection, platform_id, email, tuple(additional or ()), tuple(merged or ()), state)


class _Components:
    """Union-find over contact keys."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def root(self, key: str) -> str:
        self.parent.setdefault(key, key)
        while self.parent[key] != key:
            self.parent[key] = self.parent[self.parent[key]]
            key = self.parent[key]
        return key

    def join(self, one: str, other: str) -> None:
        self.parent[self.root(one)] = self.root(other)

    def groups(self) -> Iterator[list[str]]:
        found: dict[str, list[str]] = {}
        for key in self.parent:
            found.setdefault(self.root(key), []).append(key)
        yield from found.values()


def resolve(contacts: Iterable[ContactKeys], links: Mapping[str, str], new_id: Callable[[], str]) -> IdentityChanges:
    """Return the links that make persons of *contacts*.

    An address that no record shows any more stays with the person who had it, so that what was mailed to it is
    still theirs; one that another human's record shows now belongs to that human.

    Args:
        contacts: The contacts in force, all of them.
        links: contact_key -> person_id as it stands.
        new_id: Makes a person id. Where persons join, the id that sorts first survives.
    """
    components = _Components()
    records: set[str] = set()
    for contact in sorted(contacts, key=lambda contact: contact.own):
        components.root(contact.own)
        records.update((contact.own, *contact.merged))
        # a record that is no more says nothing about who uses an address today
        shown = contact.addresses if contact.state == "active" else ()
        for key in (*contact.merged, *shown):
            components.join(contact.own, key)
    # persons who have a record: an address that moved to somebody else's record does not move them
    holding = {links[key] for key in records if key in links}
    found: dict[str, str] = {}
    merged: dict[str, str] = {}
    taken: set[str] = set()
    for keys in sorted(components.groups(), key=min):
        known = sorted({links[key] for key in keys if key in records and key in links} - taken)
        known = known or sorted({links[key] for key in keys if key in links} - taken - holding)
        person = known[0] if known else new_id()
        taken.update(known or [person])
        merged.update(dict.fromkeys(known[1:], person))
        found.update((key, person) for key in keys if links.get(key) != person)
    found.update(_left_behind(links, merged, found))
    return IdentityChanges(found, merged)


def _left_behind(links: Mapping[str, str], merged: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Keys that no contact shows any more follow their person into the one that took its place."""
    return {key: merged[person] for key, person in links.items() if person in merged and key not in found}
