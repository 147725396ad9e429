"""What becomes of a marketing e-mail once its time has come: events, figures on the contact, opt-outs, orders."""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Callable
from typing import Any

from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import EPOCH, MILLISECOND, iso

Row = dict[str, Any]
PropertyValues = dict[str, str | None]

ORDER = "ORDER"

# what is filed -> (type of the event, what else the event says)
FILED: dict[str, tuple[str, Row]] = {
    "SENT": ("SENT", {}),
    "DELIVERED": ("DELIVERED", {}),
    "OPEN": ("OPEN", {"filteredEvent": False}),
    "MACHINE_OPEN": ("OPEN", {"filteredEvent": True}),
    "CLICK": ("CLICK", {"filteredEvent": False}),
    "HARD_BOUNCE": ("BOUNCE", {"category": "UNKNOWN_USER", "status": "5.1.1"}),
    "SOFT_BOUNCE": ("BOUNCE", {"category": "MAILBOX_FULL", "status": "4.2.2"}),
    "STATUSCHANGE": ("STATUSCHANGE", {"source": "SOURCE_RECIPIENT", "portalSubscriptionStatus": "UNSUBSCRIBED"}),
    "SPAMREPORT": ("SPAMREPORT", {}),
}


def settle(state: HubSpotState) -> None:
    """Let everything happen whose time has come."""
    now = state.now_ms()
    while state.due and state.due[0][0] <= now:
        _, key = heapq.heappop(state.due)
        row = state.upcoming.pop(key)
        if row["kind"] == ORDER:
            _order(state, row)
        else:
            _file(state, row)


def opt_out_of_all(state: HubSpotState, address: str, *, at_ms: int, own: bool) -> None:
    """Unsubscribe *address* from everything; *own* where the person did it and nobody else may undo it."""
    kept = state.consent.get(address, {"statuses": {}, "all": None, "own": False})
    state.consent[address] = {**kept, "all": kept["all"] or iso(at_ms), "own": kept["own"] or own}
    contact = _contact(state, address)
    if contact is not None and contact["properties"].get("hs_email_optout") != "true":
        state.touch_contact(contact, {"hs_email_optout": "true"}, at_ms=at_ms)


def _file(state: HubSpotState, row: Row) -> None:
    type_, more = FILED[row["kind"]]
    event: Row = {"at": row["at"], "type": type_, "recipient": row["recipient"], "campaign": row["campaign"]}
    event |= {"email": row["email"], **more}
    if "url" in row:
        event["url"] = row["url"]
    number = state.world.store.next_id("hubspot.events")
    key = f"{number:012d}"
    state.events[key] = event
    insort(state.timelines.setdefault(row["campaign"], []), (row["at"], key))
    contact = _contact(state, row["recipient"])
    if contact is not None and row["kind"] in _FIGURES:
        values = _FIGURES[row["kind"]](contact["properties"], iso(row["at"]))
        if row["kind"] == "SENT":
            values["hs_email_last_email_name"] = state.emails[row["email"]]["name"]
        state.touch_contact(contact, values, at_ms=row["at"])
    if row["kind"] in {"STATUSCHANGE", "SPAMREPORT"}:
        opt_out_of_all(state, row["recipient"].lower(), at_ms=row["at"], own=True)


def _order(state: HubSpotState, row: Row) -> None:
    contact = _contact(state, row["recipient"])
    email = state.emails[row["email"]]
    at = EPOCH + row["at"] * MILLISECOND
    properties = {
        "amount": f"{row['amount']:.2f}",
        "deal_currency_code": "USD",
        "description": f"After {email['name']}",
    }
    state.add_deal(properties, contact_id=None if contact is None else contact["id"], at=at)


def _contact(state: HubSpotState, address: str) -> Row | None:
    record_id = state.by_email.get(address.lower())
    return None if record_id is None else state.contact(record_id)


def _one_more(properties: Row, name: str) -> str:
    return str(int(properties.get(name) or 0) + 1)


def _bounced(properties: Row, _at: str) -> PropertyValues:
    return {"hs_email_bounce": _one_more(properties, "hs_email_bounce")}


_FIGURES: dict[str, Callable[[Row, str], PropertyValues]] = {
    "SENT": lambda _properties, at: {"hs_email_last_send_date": at},
    "DELIVERED": lambda properties, _at: {"hs_email_delivered": _one_more(properties, "hs_email_delivered")},
    "OPEN": lambda properties, at: {
        "hs_email_open": _one_more(properties, "hs_email_open"),
        "hs_email_last_open_date": at,
    },
    "CLICK": lambda properties, at: {
        "hs_email_click": _one_more(properties, "hs_email_click"),
        "hs_email_last_click_date": at,
    },
    "HARD_BOUNCE": lambda properties, at: {
        **_bounced(properties, at),
        "hs_email_hard_bounce_reason_enum": "UNKNOWN_USER",
        "hs_email_bad_address": "true",
    },
    "SOFT_BOUNCE": _bounced,
}
