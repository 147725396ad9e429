"""E-mail events as they come: consent of one type, types that nobody knows, events without a type."""

from __future__ import annotations

from typing import Any

from connectors.hubspot.emails import activity

KNOWN = {"555": "7001"}


def event(kind: str | None, number: int, **more: Any) -> dict[str, Any]:
    fields = {"id": f"ev-{number}", "created": 1_794_474_000_000 + number, "type": kind}
    shown = {key: value for key, value in fields.items() if value is not None}
    return {**shown, "recipient": f"p{number}@people.test", "emailCampaignId": 555, **more}


def test_leaving_one_type_of_email_is_an_unsubscription() -> None:
    changed = [
        event("STATUSCHANGE", 1, subscriptions=[{"id": 7, "status": "UNSUBSCRIBED"}]),
        event("STATUSCHANGE", 2, subscriptions=[{"id": 7, "status": "SUBSCRIBED"}]),
        event("STATUSCHANGE", 3, portalSubscriptionStatus="UNSUBSCRIBED"),
        event("STATUSCHANGE", 4, portalSubscriptionStatus="SUBSCRIBED", subscriptions=None),
        event("STATUSCHANGE", 5, subscriptions=["text"]),
    ]

    _, engaged, unknown = activity("crm", changed, KNOWN)

    rows = engaged.to_pylist()
    assert [(row["event_id"], row["kind"]) for row in rows] == [("ev-1", "unsubscribe"), ("ev-3", "unsubscribe")]
    assert not unknown


def test_events_that_nobody_knows_are_counted_and_skipped() -> None:
    events = [
        event("OPEN", 1),
        event("TELEPATHY", 2),
        event("TELEPATHY", 3),
        event(None, 4),
        {**event("CLICK", 5), "created": None},
        event("DEFERRED", 6),
    ]

    delivered, engaged, unknown = activity("crm", events, KNOWN)

    assert (delivered.num_rows, [row["kind"] for row in engaged.to_pylist()]) == (0, ["open"])
    assert unknown == {"TELEPATHY": 2, "no type": 1, "CLICK": 1}
