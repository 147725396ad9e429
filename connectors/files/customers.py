"""Contacts derived from the orders file, where there is no contacts file."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from connectors.records import CONTACTS, email_key, platform_key


def customers_of(orders: pa.Table, connection: str) -> pa.Table:
    """Return a contact for each human in *orders*, known since the first of them; in the schema of `CONTACTS`."""
    contacts: dict[str, dict[str, Any]] = {}
    for key, at in zip(orders["contact_key"].to_pylist(), orders["at"].to_pylist(), strict=True):
        if key is None:
            continue
        known = contacts.setdefault(key, _contact(key, connection, at))
        known["created_at"] = min(known["created_at"], at)
        known["updated_at"] = max(known["updated_at"], at)
    return pa.Table.from_pylist(list(contacts.values()), schema=CONTACTS.columns)


def _contact(key: str, connection: str, at: Any) -> dict[str, Any]:
    by_address, by_id = email_key(""), platform_key(connection, "")
    address = key.removeprefix(by_address) if key.startswith(by_address) else None
    return {
        "connection": connection,
        "platform_id": address or key.removeprefix(by_id),
        "email": address,
        "additional_emails": [],
        "merged_ids": [],
        "state": "active",
        "consent": None,  # orders say nothing about it: what other sources say counts, and alone it is no consent
        "created_at": at,
        "updated_at": at,
        "properties": "{}",
    }
