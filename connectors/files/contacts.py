"""Contacts from a file: one row per contact, unmapped columns as properties."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, as_consent, as_email, as_text, as_time
from connectors.files.columns import Columns
from connectors.files.rows import Rejects, Row, rows_of
from connectors.files.table import FileTable
from connectors.records import CONTACTS

Contact = dict[str, Any]


def read_contacts(table: FileTable, columns: Columns, connection: str, rejects: Rejects) -> pa.Table:
    """Return the file's contacts in the schema of `CONTACTS`.

    Of several rows with one id, or with one address in whatever case, the last one counts; the ids of the others
    stay known as merged into it, since orders may name them.
    """
    found: dict[str, Contact] = {}
    by_email: dict[str, str] = {}
    for number, row in rows_of(table, columns, rejects):
        try:
            contact = _contact(row, connection)
        except CellError as error:
            rejects.add(number, f"{error}; row skipped")
            continue
        for earlier in _replaced(contact, found, by_email):
            rejects.add(number, _told(contact, earlier))
            _take_over(contact, earlier)
            del found[earlier["platform_id"]]
        found[contact["platform_id"]] = contact
        if contact["email"] is not None:
            by_email[contact["email"]] = contact["platform_id"]
    return pa.Table.from_pylist(list(found.values()), CONTACTS.columns)


def _contact(row: Row, connection: str) -> Contact:
    contact_id, address = row.text("id"), row.read("email", as_email)
    if contact_id is None and address is None:
        raise CellError("no id and no email address")
    return {
        "connection": connection,
        "platform_id": contact_id or address,
        "email": address,
        "additional_emails": [],
        "merged_ids": [],
        "state": "active",
        "consent": row.read("consent", as_consent),
        "created_at": row.read("created_at", as_time),
        "updated_at": row.read("updated_at", as_time),
        "properties": _properties(row.cells, row.columns.others),
    }


def _properties(cells: Mapping[str, Any], headers: tuple[str, ...]) -> str:
    texts = {header: as_text(cells[header]) for header in headers}
    shown = {header: text for header, text in texts.items() if text is not None}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True)


def _replaced(contact: Contact, found: Mapping[str, Contact], by_email: Mapping[str, str]) -> list[Contact]:
    """The earlier rows that *contact* stands for as well."""
    ids = {contact["platform_id"], by_email.get(contact["email"] or "")}
    return [
        found[known]
        for known in sorted(known for known in ids if known is not None and known in found)
        if known == contact["platform_id"] or found[known]["email"] == contact["email"]
    ]


def _take_over(contact: Contact, earlier: Contact) -> None:
    ids = {*contact["merged_ids"], *earlier["merged_ids"], earlier["platform_id"]}
    contact["merged_ids"] = sorted(ids - {contact["platform_id"]})


def _told(contact: Contact, earlier: Contact) -> str:
    if contact["platform_id"] == earlier["platform_id"] and contact["email"] != earlier["email"]:
        return f"the id {contact['platform_id']!r} is a duplicate; this row is used"
    return f"the address {contact['email']!r} is a duplicate (case is ignored); this row is used"
