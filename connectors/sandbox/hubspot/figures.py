"""Figures of marketing e-mails, counted from the events that have happened so far."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from connectors.sandbox.hubspot.calls import Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import invalid_request
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import EPOCH, MILLISECOND, iso, parse_ms, to_ms

Row = dict[str, Any]

# type of an event -> counter; each counts people, not events
COUNTED = {
    "SENT": "sent",
    "DELIVERED": "delivered",
    "OPEN": "open",
    "CLICK": "click",
    "BOUNCE": "bounce",
    "STATUSCHANGE": "unsubscribed",
    "SPAMREPORT": "spamreport",
}
RATIOS = {
    "deliveredratio": ("delivered", "sent"),
    "openratio": ("open", "delivered"),
    "clickratio": ("click", "delivered"),
    "clickthroughratio": ("click", "open"),
    "bounceratio": ("bounce", "sent"),
    "unsubscribedratio": ("unsubscribed", "delivered"),
    "spamreportratio": ("spamreport", "delivered"),
}
SPANS = {
    "SECOND": timedelta(seconds=1),
    "MINUTE": timedelta(minutes=1),
    "QUARTER_HOUR": timedelta(minutes=15),
    "HOUR": timedelta(hours=1),
    "DAY": timedelta(days=1),
    "WEEK": timedelta(weeks=1),
}
MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def totals(call: HubSpotCall) -> Answer:
    """Answer ``GET /marketing/v3/emails/statistics/list``: figures of the e-mails that were sent in a span."""
    first, last = _span(call)
    wanted = set(call.many("emailIds"))
    emails = [
        row
        for row in call.state.emails.values()
        if row["isPublished"]
        and first <= (parse_ms(row["publishedAt"]) or 0) <= last
        and (not wanted or row["id"] in wanted)
    ]
    campaigns = {key: figures(call.state, [key]) for row in emails for key in row["allEmailCampaignIds"]}
    return ok(
        {
            "aggregate": figures(call.state, list(campaigns)),
            "campaignAggregations": campaigns,
            "emails": [int(row["id"]) for row in emails],
        }
    )


def histogram(call: HubSpotCall) -> Answer:
    """Answer ``GET /marketing/v3/emails/statistics/histogram``: the same by the time of each event."""
    first, last = _span(call)
    interval = call.one("interval", "DAY")
    if interval not in SPANS and interval not in MONTHS:
        message = f"Unknown interval {interval!r}"
        raise invalid_request(message)
    wanted = set(call.many("emailIds"))
    by_start: dict[datetime, list[Row]] = {}
    for event in call.state.events.values():
        if first <= event["at"] <= last and (not wanted or event["email"] in wanted):
            by_start.setdefault(_start(event["at"], interval), []).append(event)
    results = [
        {
            "interval": {"start": iso(to_ms(start)), "end": iso(to_ms(_end(start, interval)))},
            "aggregations": _aggregate(events),
        }
        for start, events in sorted(by_start.items())
    ]
    return ok({"total": len(results), "results": results})


def figures(state: HubSpotState, campaigns: Iterable[str]) -> Row:
    """Return counters and ratios over e-mail campaign ids."""
    return _aggregate(state.events[key] for campaign in campaigns for _, key in state.timelines.get(campaign, []))


def _aggregate(events: Iterable[Row]) -> Row:
    people: dict[str, set[tuple[str, str]]] = {name: set() for name in COUNTED.values()}
    for event in events:
        if not event.get("filteredEvent"):
            people[COUNTED[event["type"]]].add((event["campaign"], event["recipient"]))
    counters = {name: len(who) for name, who in people.items()}
    ratios = {
        name: round(100 * counters[part] / counters[whole], 4) if counters[whole] else 0.0
        for name, (part, whole) in RATIOS.items()
    }
    return {"counters": counters, "ratios": ratios, "deviceBreakdown": {}, "qualifierStats": {}}


def _span(call: HubSpotCall) -> tuple[int, int]:
    first, last = parse_ms(call.one("startTimestamp")), parse_ms(call.one("endTimestamp"))
    if first is None or last is None:
        message = "`startTimestamp` and `endTimestamp` are required"
        raise invalid_request(message)
    return first, last


def _start(ms: int, interval: str) -> datetime:
    moment = EPOCH + ms * MILLISECOND
    if interval in MONTHS:
        month = (moment.month - 1) // MONTHS[interval] * MONTHS[interval] + 1
        return moment.replace(month=month, day=1, hour=0, minute=0, second=0, microsecond=0)
    # weeks begin on Monday, the epoch was a Thursday
    zero = EPOCH - timedelta(days=3) if interval == "WEEK" else EPOCH
    return zero + (moment - zero) // SPANS[interval] * SPANS[interval]


def _end(start: datetime, interval: str) -> datetime:
    if interval in SPANS:
        return start + SPANS[interval]
    months = start.month - 1 + MONTHS[interval]
    return start.replace(year=start.year + months // 12, month=months % 12 + 1)
