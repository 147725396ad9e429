"""HubSpot deals as orders: closed-won deals only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import DEAL_CONTACTS
from connectors.hubspot.times import hubspot_moment
from connectors.records import ORDERS, platform_key
from connectors.transport import entries

READ = ("amount", "closedate", "createdate", "deal_currency_code", "hs_is_closed_won", "hs_lastmodifieddate")


def order_rows(
    connection: str, deals: Sequence[Mapping[str, Any]], contacts: Mapping[str, str], currency: str
) -> pa.Table:
    """Return *deals* in the schema of `ORDERS`.

    Args:
        connection: The connection's name.
        deals: As HubSpot sends them.
        contacts: Contact id by deal id.
        currency: The account's own, for deals that name none.
    """
    return pa.Table.from_pylist([_row(connection, deal, contacts, currency) for deal in deals], schema=ORDERS.columns)


def _row(connection: str, deal: Mapping[str, Any], contacts: Mapping[str, str], currency: str) -> dict[str, Any]:
    properties = deal["properties"]
    contact = contacts.get(str(deal["id"]))
    return {
        "connection": connection,
        "order_id": str(deal["id"]),
        "contact_key": platform_key(connection, contact) if contact else None,
        "at": hubspot_moment(properties.get("closedate")) or hubspot_moment(deal["createdAt"]),
        "amount": float(properties.get("amount") or 0),
        "currency": str(properties.get("deal_currency_code") or currency).upper(),
        "state": "placed" if properties.get("hs_is_closed_won") == "true" else "cancelled",
        "campaign_id": None,
    }


def associated(deals: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the first contact of each deal that was listed with its associations."""
    links = {}
    for deal in deals:
        linked = deal.get("associations", {}).get("contacts", {}).get("results", ())
        if linked:
            links[str(deal["id"])] = str(linked[0]["id"])
    return links


def look_up(api: HubSpotApi, deals: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the first contact of each deal that a search found: search tells no associations."""
    links: dict[str, str] = {}
    for start in range(0, len(deals), 100):
        inputs = [{"id": str(deal["id"])} for deal in deals[start : start + 100]]
        for result in entries(api.call(DEAL_CONTACTS, body={"inputs": inputs}), "results"):
            if result["to"]:
                links[str(result["from"]["id"])] = str(result["to"][0]["toObjectId"])
    return links
