"""Contacts from a file: one row per contact, unmapped columns as properties."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, Formats, as_consent, as_email, as_property, as_text
from connectors.files.columns import FileColumns
from connectors.files.rows import FileRow, Rejects, property_key, rows_of
from connectors.files.table import FileTable
from connectors.records import CONTACTS

FileContact = dict[str, Any]


def read_contacts(
    table: FileTable, columns: FileColumns, formats: Mapping[str, Formats], connection: str, rejects: Rejects
) -> pa.Table:
    """Return the file's contacts in the schema of `CONTACTS`.

    Of several rows with one id, or with one address in whatever case, the last one counts; the ids of the others
    stay known as merged into it, since orders may name them.
    """
    found: dict[str, FileContact] = {}
    by_email: dict[str, str] = {}
    for number, row in rows_of(table, columns, formats, rejects):
        try:
            contact = _contact(row, connection)
        except CellError as error:
            rejects.skip(number, error, row.cells)
            continue
        for earlier in _replaced(contact, found, by_email):
            rejects.replace(number, *_duplicate(contact, earlier), row.cells)
            _take_over(contact, earlier)
            del found[earlier["platform_id"]]
        found[contact["platform_id"]] = contact
        if contact["email"] is not None:
            by_email[contact["email"]] = contact["platform_id"]
    return pa.Table.from_pylist(list(found.values()), CONTACTS.columns)


def _contact(row: FileRow, connection: str) -> FileContact:
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
        "created_at": row.time("created_at"),
        "updated_at": row.time("updated_at"),
        "properties": _properties(row),
    }


def _properties(row: FileRow) -> str:
    texts = {header: _property(row, header) for header in row.columns.others}
    texts |= {name: as_text(row.cells[header]) for name, header in row.columns.properties.items() if name not in texts}
    shown = {header: text for header, text in texts.items() if text is not None}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True)


def _property(row: FileRow, header: str) -> str | None:
    typed = row.formats.get(property_key(header))
    return as_text(row.cells[header]) if typed is None else as_property(row.cells[header], typed)


def _replaced(contact: FileContact, found: Mapping[str, FileContact], by_email: Mapping[str, str]) -> list[FileContact]:
    """The earlier rows that *contact* stands for as well."""
    ids = {contact["platform_id"], by_email.get(contact["email"] or "")}
    return [
        found[known]
        for known in sorted(known for known in ids if known is not None and known in found)
        if known == contact["platform_id"] or found[known]["email"] == contact["email"]
    ]


def _take_over(contact: FileContact, earlier: FileContact) -> None:
    ids = {*contact["merged_ids"], *earlier["merged_ids"], earlier["platform_id"]}
    contact["merged_ids"] = sorted(ids - {contact["platform_id"]})


def _duplicate(contact: FileContact, earlier: FileContact) -> tuple[str, str]:
    if contact["platform_id"] == earlier["platform_id"] and contact["email"] != earlier["email"]:
        return "the id", contact["platform_id"]
    return "the address (case is ignored)", contact["email"] or contact["platform_id"]
