"""Contacts from a file: one row per contact, unmapped columns as properties."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, Formats, as_consent, as_email, as_property, as_refusal, as_text
from connectors.files.columns import FileColumns
from connectors.files.rows import FileRow, Rejects, property_key, rows_of
from connectors.files.table import FileTable
from connectors.records import CONTACTS, Consent

FileContact = dict[str, Any]


def read_contacts(
    table: FileTable,
    columns: FileColumns,
    formats: Mapping[str, Formats],
    connection: str,
    rejects: Rejects,
    *,
    without: Consent = "none",
) -> pa.Table:
    """Return the file's contacts in the schema of `CONTACTS`.

    What the file does not say, or says in a word that we don't know, is no consent.

    Of several rows with one id, or with one address in whatever case, the last one counts; the ids of the others
    stay known as merged into it, since orders may name them.

    Args:
        table: The file.
        columns: Which of its columns holds what.
        formats: How its dates and numbers are written.
        connection: Name of the connection.
        rejects: Takes the rows that are left out, and what is wrong in others.
        without: The consent of everybody, where the file has no column that tells one.
    """
    contacts: dict[str, FileContact] = {}
    by_email: dict[str, str] = {}
    for number, row in rows_of(table, columns, formats, rejects):
        try:
            contact = _contact(row, connection, _consent(row, number, rejects, without))
        except CellError as error:
            rejects.skip(number, error, row.cells)
            continue
        for earlier in _replaced(contact, contacts, by_email):
            rejects.replace(number, *_duplicate(contact, earlier), row.cells)
            _take_over(contact, earlier)
            del contacts[earlier["platform_id"]]
        contacts[contact["platform_id"]] = contact
        if contact["email"] is not None:
            by_email[contact["email"]] = contact["platform_id"]
    return pa.Table.from_pylist(list(contacts.values()), CONTACTS.columns)


def _consent(row: FileRow, number: int, rejects: Rejects, without: Consent) -> Consent:
    if "consent" not in row.columns and "opt_out" not in row.columns:
        return without
    if row.read("opt_out", as_refusal) == "unsubscribed":
        return "unsubscribed"
    try:
        return row.read("consent", as_consent)
    except CellError as error:
        rejects.note(number, error, "this contact has no consent", row.cells)
        return "none"


def _contact(row: FileRow, connection: str, consent: Consent) -> FileContact:
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
        "consent": consent,
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


def _replaced(
    contact: FileContact, contacts: Mapping[str, FileContact], by_email: Mapping[str, str]
) -> list[FileContact]:
    """The earlier rows that *contact* stands for as well."""
    ids = {contact["platform_id"], by_email.get(contact["email"] or "")}
    return [
        contacts[known]
        for known in sorted(known for known in ids if known is not None and known in contacts)
        if known == contact["platform_id"] or contacts[known]["email"] == contact["email"]
    ]


def _take_over(contact: FileContact, earlier: FileContact) -> None:
    ids = {*contact["merged_ids"], *earlier["merged_ids"], earlier["platform_id"]}
    contact["merged_ids"] = sorted(ids - {contact["platform_id"]})


def _duplicate(contact: FileContact, earlier: FileContact) -> tuple[str, str]:
    if contact["platform_id"] == earlier["platform_id"] and contact["email"] != earlier["email"]:
        return "the id", contact["platform_id"]
    return "the address (case is ignored)", contact["email"] or contact["platform_id"]
