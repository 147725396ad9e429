"""Identity resolution: contacts of all platforms joined into people. Pure.

Two records that show one address, or of which one was merged into the other, are one human. A record keeps its
person when its address changes. An address that no record shows any more stays with the person who had it, so
that what was mailed to it is still theirs; it leaves them when another human's record shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.records import email_key, normalise_email, platform_key

if TYPE_CHECKING:
    import pyarrow as pa

SAYS_NOTHING = "merged"  # the record that took this one in shows the address now, if anybody does


@dataclass(frozen=True, slots=True)
class ContactKeys:
    """Identifiers of a contact row (see `connectors.records.CONTACTS`)."""

    connection: str
    platform_id: str
    email: str | None
    additional_emails: tuple[str, ...] = ()
    merged_ids: tuple[str, ...] = ()
    state: str = "active"

    @property
    def records(self) -> tuple[str, ...]:
        """Keys of the record itself and of those that were merged into it."""
        return tuple(platform_key(self.connection, record) for record in (self.platform_id, *self.merged_ids))

    @property
    def addresses(self) -> tuple[str, ...]:
        """Keys of the addresses that the record shows, or showed last when it was deleted."""
        if self.state == SAYS_NOTHING:
            return ()
        shown = (normalise_email(address) for address in (self.email, *self.additional_emails))
        return tuple(email_key(address) for address in shown if address)


@dataclass(frozen=True, slots=True)
class IdentityChanges:
    """Changes to write to the identity map.

    Attributes:
        links: contact_key -> person_id, new or changed ones only.
        merged: person_id that is no more -> person_id that took its place.
    """

    links: dict[str, str]
    merged: dict[str, str]


def contact_keys(contacts: pa.Table) -> Iterator[ContactKeys]:
    """Yield the identity columns of Arrow rows of the contacts table.

    Yields:
        One per contact, in the order of the rows.
    """
    columns = ("connection", "platform_id", "email", "additional_emails", "merged_ids", "state")
    for batch in contacts.select(columns).to_batches():
        for values in zip(*(batch.column(name).to_pylist() for name in columns), strict=True):
            connection, platform_id, email, additional, merged, state = values
            yield ContactKeys(connection, platform_id, email, tuple(additional or ()), tuple(merged or ()), state)


def resolve(contacts: Iterable[ContactKeys], links: Mapping[str, str], new_id: Callable[[], str]) -> IdentityChanges:
    """Return the links from *contacts* to people.

    Args:
        contacts: The contacts in force, all of them: whether an address moved is seen from who shows it now.
        links: contact_key -> person_id as it stands.
        new_id: Makes a person id. Where people are merged, the id that sorts first survives.

    Returns:
        New or moved links, and person ids that went into another one. What did not change is not in it.
    """
    known = list(contacts)
    components = _components(known, links)
    persons = sorted({person for key in components.parent if (person := _person_in(key)) is not None})
    survivors: dict[str, str] = {}  # by root of a component
    merged: dict[str, str] = {}
    for person in persons:
        survivor = survivors.setdefault(components.root(_node(person)), person)
        if survivor != person:
            merged[person] = survivor
    owners: dict[str, str] = {}
    for key in sorted(key for key in components.parent if _person_in(key) is None):
        root = components.root(key)
        if root not in survivors:
            survivors[root] = new_id()
        if links.get(key) != survivors[root]:
            owners[key] = survivors[root]
    if merged:  # keys that no contact shows any more follow their person into the one that took its place
        owners.update({k: merged[person] for k, person in links.items() if person in merged and k not in owners})
    return IdentityChanges(owners, merged)


def _components(contacts: Iterable[ContactKeys], links: Mapping[str, str]) -> _Components:
    """Join what belongs to one human: records, the addresses they show, and the people they were linked to."""
    components = _Components()
    alive: set[str] = set()  # persons with a record that is in use
    for contact in contacts:
        own, *others = contact.records
        components.root(own)
        for key in (*others, *contact.addresses):
            components.join(own, key)
        for record in contact.records:
            if record in links:
                components.join(own, _node(links[record]))
                if contact.state == "active":
                    alive.add(links[record])
    # An address stays with the person it was linked to unless that person lives on under other addresses: then
    # whoever shows it now is somebody else. Those who show it and belong to that person are joined already.
    for key in list(components.parent):
        if key.startswith(ADDRESS) and key in links and links[key] not in alive:
            components.join(key, _node(links[key]))
    return components


class _Components:
    """Union-find over contact keys and people."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def root(self, key: str) -> str:
        self.parent.setdefault(key, key)
        while self.parent[key] != key:
            self.parent[key] = self.parent[self.parent[key]]
            key = self.parent[key]
        return key

    def join(self, first: str, other: str) -> None:
        self.parent[self.root(first)] = self.root(other)


ADDRESS = email_key("")
PERSON = "\0person:"  # no contact key starts so


def _node(person: str) -> str:
    return PERSON + person


def _person_in(key: str) -> str | None:
    return key.removeprefix(PERSON) if key.startswith(PERSON) else None
