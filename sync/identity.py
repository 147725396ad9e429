"""Who is who: contacts of all platforms joined into persons, one for each human. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ContactKeys:
    """What a contact row says about who it is (see `connectors.records.CONTACTS`)."""

    connection: str
    platform_id: str
    email: str | None
    additional_emails: tuple[str, ...] = ()
    merged_ids: tuple[str, ...] = ()
    state: str = "active"


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
    raise NotImplementedError


def resolve(contacts: Iterable[ContactKeys], links: Mapping[str, str], new_id: Callable[[], str]) -> IdentityChanges:
    """Return the links that make persons of *contacts*.

    Args:
        contacts: The contacts in force. All of them is always right; after a pull it is enough to pass the
            changed ones together with every contact of a person, or with an address, that they touch.
        links: contact_key -> person_id as it stands.
        new_id: Makes a person id. Where persons join, the id that sorts first survives.
    """
    raise NotImplementedError
