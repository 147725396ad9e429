"""Contacts as a platform shows them now, and the row of one that is gone for good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.records import CONTACTS

if TYPE_CHECKING:
    import pyarrow as pa


def erased_contact(connection: str, platform_id: str, at: datetime | None) -> dict[str, Any]:
    """Return the row of a contact that its platform deleted for good: its id, and that it is gone since *at* (UTC).

    Args:
        connection: Its name.
        platform_id: Of the contact.
        at: UTC; None: the platform does not tell.

    Returns:
        Every column of `CONTACTS`: lists are empty, consent is "unknown", what else is not known is None.
    """
    nothing = dict.fromkeys(CONTACTS.names)
    known = {"connection": connection, "platform_id": platform_id, "state": "deleted", "updated_at": at}
    return {**nothing, **known, "additional_emails": [], "merged_ids": [], "consent": "unknown", "properties": "{}"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """Contacts as a platform shows them now.

    Attributes:
        contacts: In the schema of `CONTACTS`; one that was asked for by id and is not there any more has the row of
            `erased_contact`.
        groups: Platform id and group of each membership of one of our groups.
    """

    contacts: pa.Table
    groups: frozenset[tuple[str, str]] = frozenset()


def fetched(
    connection: str, contacts: pa.Table, gone: Iterable[str], groups: frozenset[tuple[str, str]] = frozenset()
) -> Fetched:
    """Return *contacts* together with the rows of those ids that are *gone*.

    Args:
        connection: Its name.
        contacts: In the schema of `CONTACTS`.
        gone: Platform ids that were asked for and are not there any more.
        groups: See `Fetched`.

    Returns:
        The contacts first, then those that are gone, without the moment of their end.
    """
    import pyarrow as pa  # noqa: PLC0415 - many commands look at names of columns only

    rows = [erased_contact(connection, key, None) for key in gone]
    return Fetched(pa.concat_tables([contacts, pa.Table.from_pylist(rows, schema=CONTACTS.columns)]), groups)
