"""Contacts from a file: one row per contact, unmapped columns as properties."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, as_consent, as_email, as_refusal, as_text, as_time
from connectors.files.columns import FileColumns
from connectors.files.rows import FileRow, Rejects, rows_of
from connectors.files.table import FileTable
from connectors.records import CONTACTS, Consent

FileContact = dict[str, Any]


def read_contacts(
    table: FileTable, columns: FileColumns, connection: str, rejects: Rejects, *, without: Consent = "none"
) -> pa.Table:
    """Return the file's contacts in the schema of `CONTACTS`.

    What the file does not say, or says in a word that we don't know, is no consent.

    Of several rows with one id, or with one address in whatever case, the last one counts; the ids of the others
    stay known as merged into it, since orders may name them.

    Args:
        table: The file.
        columns: Which of its columns holds what.
        connection: Name of the connection.
        rejects: Takes the rows that are left out, and what is wrong in others.
        without: The consent of everybody, where the file has no column that tells one.
    """
    found: dict[str, FileContact] = {}
    by_email: dict[str, str] = {}
    for number, row in rows_of(table, columns, rejects):
        try:
            contact = _contact(row, connection, _consent(row, number, rejects, without))
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


def _consent(row: FileRow, number: int, rejects: Rejects, without: Consent) -> Consent:
    if "consent" not in row.columns and "opt_out" not in row.columns:
        return without
    if row.read("opt_out", as_refusal) == "unsubscribed":
        return "unsubscribed"
    try:
        return row.read("consent", as_consent)
    except CellError as error:
        rejects.add(number, f"{error}; this contact has no consent")
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
        "created_at": row.read("created_at", as_time),
        "updated_at": row.read("updated_at", as_time),
        "properties": _properties(row.cells, row.columns.others),
    }


def _properties(cells: Mapping[str, Any], headers: tuple[str, ...]) -> str:
    texts = {header: as_text(cells[header]) for header in headers}
    shown = {header: text for header, text in texts.items() if text is not None}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True)


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


def _told(contact: FileContact, earlier: FileContact) -> str:
    if contact["platform_id"] == earlier["platform_id"] and contact["email"] != earlier["email"]:
        return f"the id {contact['platform_id']!r} is a duplicate; this row is used"
    return f"the address {contact['email']!r} is a duplicate (case is ignored); this row is used"
