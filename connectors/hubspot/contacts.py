"""HubSpot contact records as table rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from connectors.hubspot.times import hubspot_moment
from connectors.records import CONTACTS, Consent, normalise_email
from connectors.values import values_kept

NO_KINDS: Mapping[str, str] = {}

READ = (
    "email",
    "hs_additional_emails",
    "hs_merged_object_ids",
    "hs_email_optout",
    "hs_email_hard_bounce_reason_enum",
    "lifecyclestage",
    "country",
    "state",
    "city",
    "hs_timezone",
    "hs_language",
    "company",
    "industry",
    "jobtitle",
    "numemployees",
)
"""The traits that are built in read those at the end; an account without one of them sends nothing for it."""

BOOKKEEPING = {
    "email",
    "hs_additional_emails",
    "hs_merged_object_ids",
    "lastmodifieddate",
    "createdate",
    "hs_object_id",
}


def contact_rows(
    connection: str,
    records: Sequence[Mapping[str, Any]],
    wanted: Sequence[str],
    kinds: Mapping[str, str] = NO_KINDS,
) -> pa.Table:
    """Return *records* in the schema of `CONTACTS`, and a row for each contact that was merged into one of them.

    Args:
        connection: The connection's name.
        records: As HubSpot sends them.
        wanted: Names of the properties to keep.
        kinds: Types of those that we own.
    """
    rows = [row for record in records for row in _rows(connection, record, wanted, kinds)]
    return pa.Table.from_pylist(rows, schema=CONTACTS.columns)


def merged_ids(record: Mapping[str, Any]) -> list[str]:
    """Return the ids of the records that were merged into *record*, its own left out."""
    listed = _listed(record["properties"].get("hs_merged_object_ids"))
    return [old for old in listed if old != str(record["id"])]


def _rows(
    connection: str, record: Mapping[str, Any], wanted: Sequence[str], kinds: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    properties = record["properties"]
    merged = _listed(properties.get("hs_merged_object_ids"))
    kept = {n: v for n in wanted if n not in BOOKKEEPING and (v := properties.get(n)) is not None}
    common = {
        "connection": connection,
        "created_at": hubspot_moment(record["createdAt"]),
        "updated_at": hubspot_moment(record["updatedAt"]),
    }
    yield {
        **common,
        "platform_id": str(record["id"]),
        "email": normalise_email(properties.get("email")),
        "additional_emails": sorted(
            address for text in _listed(properties.get("hs_additional_emails")) if (address := normalise_email(text))
        ),
        "merged_ids": merged,
        "state": "archived" if record.get("archived") else "active",
        "consent": _consent(properties),
        "properties": json.dumps(values_kept(kept, kinds), sort_keys=True),
    }
    for old in merged:
        gone: dict[str, Any] = {
            "email": None,
            "additional_emails": [],
            "merged_ids": [],
            "consent": "unknown",
            "properties": "{}",
        }
        if old != str(record["id"]):  # where the primary id is preserved, it is its own predecessor
            yield {**common, **gone, "platform_id": old, "state": "merged"}


def _listed(text: str | None) -> list[str]:
    return sorted({part.strip() for part in (text or "").split(";") if part.strip()})


def _consent(properties: Mapping[str, Any]) -> Consent:
    """HubSpot says who opted out of everything; silence is no consent, and no refusal either."""
    if str(properties.get("hs_email_optout")).lower() == "true":
        return "unsubscribed"
    return "cleaned" if properties.get("hs_email_hard_bounce_reason_enum") else "unknown"
