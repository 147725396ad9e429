"""E-mail events v1: what each recipient did, newest first."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import Any

from connectors.sandbox.hubspot.calls import Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import invalid_request
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.webhooks import PORTAL_ID

Row = dict[str, Any]
EventPosition = tuple[int, str]

APP_ID = 113
PAGE = 1_000
USUAL_PAGE = 10


def list_email_events(call: HubSpotCall) -> Answer:
    """Answer ``GET /email/public/v1/events``."""
    limit = call.limit(USUAL_PAGE, PAGE)
    first, last = _time(call, "startTimestamp", 0), _time(call, "endTimestamp", 1 << 62)
    before = _place(call.one("offset"))
    matches = list(islice(_matching(call, first, last, before), limit + 1))
    page = matches[:limit]
    offset = _token(page[-1]) if page else call.one("offset")
    events = [_show(call.state, key) for _, key in page]
    return ok({"hasMore": len(matches) > limit, "offset": offset, "events": events})


def _matching(call: HubSpotCall, first: int, last: int, before: EventPosition | None) -> Iterator[EventPosition]:
    campaign, recipient = call.one("campaignId"), call.one("recipient").lower()
    kind, human = call.one("eventType"), call.flag("excludeFilteredEvents")
    timelines = [call.state.timelines.get(campaign, [])] if campaign else list(call.state.timelines.values())
    for place in merge(*(reversed(timeline) for timeline in timelines), reverse=True):
        event = call.state.events[place[1]]
        if (
            first <= place[0] <= last
            and (before is None or place < before)
            and (not kind or event["type"] == kind)
            and (not recipient or event["recipient"].lower() == recipient)
            and not (human and event.get("filteredEvent"))
        ):
            yield place


def _show(state: HubSpotState, key: str) -> Row:
    event = state.events[key]
    shown = {
        "id": f"ev-{key}",
        "created": event["at"],
        "type": event["type"],
        "recipient": event["recipient"],
        "portalId": PORTAL_ID,
        "appId": APP_ID,
        "emailCampaignId": int(event["campaign"]),
        "emailCampaignGroupId": int(event["email"]),
    }
    more: Row = {
        name: event[name] for name in ("url", "filteredEvent", "category", "status", "source") if name in event
    }
    if event["type"] == "STATUSCHANGE":
        more["portalSubscriptionStatus"] = event["portalSubscriptionStatus"]
        more["requestedBy"] = event["recipient"]
    return shown | more


def _time(call: HubSpotCall, name: str, default: int) -> int:
    text = call.one(name)
    if not text:
        return default
    if not text.isdigit():
        message = f"{name} must be epoch milliseconds"
        raise invalid_request(message)
    return int(text)


def _token(place: EventPosition) -> str:
    return base64.urlsafe_b64encode(f"{place[0]}/{place[1]}".encode()).decode().rstrip("=")


def _place(token: str) -> EventPosition | None:
    if not token:
        return None
    try:
        at, _, key = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition("/")
        return int(at), key
    except ValueError as error:
        message = "Invalid offset"
        raise invalid_request(message) from error
