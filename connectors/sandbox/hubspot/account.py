"""The account itself, its owners, and how much of the daily limit is used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.sandbox.hubspot.calls import Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.definitions import DAY_ONE
from connectors.sandbox.hubspot.errors import no_such_resource
from connectors.sandbox.hubspot.shapes import page_of_ids
from connectors.sandbox.hubspot.times import iso, to_ms
from connectors.sandbox.hubspot.webhooks import PORTAL_ID

Row = dict[str, Any]

PEOPLE = ((1, "Mara", "Lind"), (2, "Tomas", "Okoye"), (3, "Ines", "Farrell"))


def details(_call: HubSpotCall) -> Answer:
    """Answer ``GET /account-info/v3/details``."""
    return ok(
        {
            "portalId": PORTAL_ID,
            "accountType": "DEVELOPER_TEST",
            "timeZone": "UTC",
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": "+00:00",
            "utcOffsetMilliseconds": 0,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }
    )


def daily_usage(call: HubSpotCall) -> Answer:
    """Answer ``GET /account-info/v3/api-usage/daily/private-apps``."""
    now = call.state.world.clock.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    usage = call.state.usage.get("today", {"used": 0})["used"]
    row = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": call.state.world.settings.daily_requests,
        "currentUsage": usage,
        "collectedAt": iso(to_ms(now)),
        "resetsAt": iso(to_ms(midnight)),
        "fetchStatus": "SUCCESS",
    }
    return ok({"results": [row]})


def owners(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/owners``."""
    rows = {number: _owner(number, first, last) for number, first, last in PEOPLE}
    wanted = call.one("email").lower()
    ids = [] if call.flag("archived") else [key for key, row in rows.items() if wanted in {"", row["email"]}]
    page, paging = page_of_ids(call, ids, call.limit(100, 500))
    return ok({"results": [rows[key] for key in page], **paging})


def owner(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/owners/{id}``."""
    for number, first, last in PEOPLE:
        if call.path["ownerId"] == str(number):
            return ok(_owner(number, first, last))
    raise no_such_resource()


def _owner(number: int, first: str, last: str) -> Row:
    return {
        "id": str(number),
        "email": f"{first.lower()}@sandbox.test",
        "firstName": first,
        "lastName": last,
        "userId": 1000 + number,
        "type": "PERSON",
        "teams": [],
        "createdAt": DAY_ONE,
        "updatedAt": DAY_ONE,
        "archived": False,
    }
