"""HubSpot marketing emails as campaigns, and their events as deliveries and engagements.

Events come from the one interface that tells them by recipient (v1, PLATFORMS: email events), which has no dated
path: it is isolated here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import EMAIL_EVENTS
from connectors.hubspot.times import hubspot_moment, milliseconds
from connectors.records import CAMPAIGNS, DELIVERIES, ENGAGEMENTS, email_key, normalise_email
from connectors.transport import entries, pages

KINDS = {"OPEN": "open", "CLICK": "click", "STATUSCHANGE": "unsubscribe", "SPAMREPORT": "complaint", "BOUNCE": "bounce"}
SENT = ("SENT", "DELIVERED")
NEITHER = ("PROCESSED", "DROPPED", "DEFERRED", "PRINT", "FORWARD", "SUPPRESSED", "SUPPRESSION", "UNBOUNCE")
LEFT = "UNSUBSCRIBED"
HARD = "5"  # SMTP's permanent failures begin with it


def campaign_rows(connection: str, emails: Sequence[Mapping[str, Any]], currency: str) -> pa.Table:
    """Return *emails* in the schema of `CAMPAIGNS`."""
    return pa.Table.from_pylist([_campaign(connection, email, currency) for email in emails], schema=CAMPAIGNS.columns)


def _campaign(connection: str, email: Mapping[str, Any], currency: str) -> dict[str, Any]:
    counters = (email.get("stats") or {}).get("counters") or {}
    testing = email.get("testing") or {}
    return {
        "connection": connection,
        "campaign_id": str(email["id"]),
        "parent_id": None,
        "name": email.get("name"),
        "subject": email.get("subject"),
        "variant": testing.get("abStatus") if email.get("isAb") else None,
        "state": "sent",
        "sent_at": hubspot_moment(email.get("publishedAt")),
        "sent": counters.get("sent"),
        "opened": counters.get("open"),
        "clicked": counters.get("click"),
        "unsubscribed": counters.get("unsubscribed"),
        "bounced": counters.get("bounce"),
        "complained": counters.get("spamreport"),
        "ordered": None,
        "revenue": None,
        "currency": currency,
    }


def email_of_campaign(emails: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the e-mail's id by the campaign ids that its events carry."""
    return {str(key): str(email["id"]) for email in emails for key in email.get("allEmailCampaignIds", ())}


def events(
    api: HubSpotApi, *, since: datetime | None, until: datetime, page: int
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield events of the window, newest first, page by page."""
    query: dict[str, Any] = {"endTimestamp": milliseconds(until), "limit": page}
    if since is not None:
        query["startTimestamp"] = milliseconds(since)
    answers: Iterator[Mapping[str, Any]] = pages(
        lambda offset: api.call(EMAIL_EVENTS, query={**query, **({"offset": offset} if offset else {})}),
        lambda answer, _: str(answer["offset"]) if answer["hasMore"] else None,
        entries=lambda answer: entries(answer, "events"),
        what="HubSpot's email events",
    )
    for answer in answers:
        yield entries(answer, "events")


def activity(
    connection: str, reactions: Sequence[Mapping[str, Any]], email_ids: Mapping[str, str]
) -> tuple[pa.Table, pa.Table, Counter[str]]:
    """Return deliveries and engagements of *found* events, and how many were of a type that nobody knows.

    Events that HubSpot filters as a machine's are marked. A bounce is a delivery that failed, and replaces the row of
    the sent one, since it comes later.
    """
    deliveries: dict[tuple[str, str], dict[str, Any]] = {}
    engagements = []
    unknown: Counter[str] = Counter()
    for event in sorted(_known(reactions, unknown), key=lambda action: (action["created"], action["type"] == "BOUNCE")):
        address = normalise_email(event.get("recipient"))
        campaign = email_ids.get(str(event.get("emailCampaignId")))
        if address is None or campaign is None:
            continue
        common = {"connection": connection, "campaign_id": campaign, "contact_key": email_key(address)}
        at = hubspot_moment(event["created"])
        if event["type"] in {*SENT, "BOUNCE"}:
            status = "sent" if event["type"] in SENT else _bounce(event)
            deliveries[campaign, address] = {**common, "at": at, "status": status, "variant": None}
        if event["type"] in KINDS and _leaves(event):
            key = {"event_id": str(event["id"]), "kind": KINDS[event["type"]]}
            machine = bool(event.get("filteredEvent"))
            engagements.append({**common, **key, "at": at, "url": event.get("url"), "machine": machine})
    return (
        pa.Table.from_pylist(list(deliveries.values()), schema=DELIVERIES.columns),
        pa.Table.from_pylist(engagements, schema=ENGAGEMENTS.columns),
        unknown,
    )


def _known(activities: Sequence[Mapping[str, Any]], unknown: Counter[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the events whose type and time can be read; the others are counted in *unknown*, by their type."""
    for event in activities:
        kind = event.get("type")
        if kind in {*KINDS, *SENT, *NEITHER} and isinstance(event.get("created"), int) and event.get("id"):
            yield event
        else:
            unknown[str(kind or "no type")] += 1


def _bounce(event: Mapping[str, Any]) -> str:
    return "hard" if str(event.get("status", HARD)).startswith(HARD) else "soft"


def _leaves(event: Mapping[str, Any]) -> bool:
    """A change of consent is an unsubscription only where it says so: from everything, or from some type of e-mail."""
    if event["type"] != "STATUSCHANGE":
        return True
    types = (
        subscription.get("status")
        for subscription in event.get("subscriptions") or ()
        if isinstance(subscription, dict)
    )
    return LEFT in {event.get("portalSubscriptionStatus"), *types}


OVERLAP = timedelta(hours=6)
"""Events are filed a while after they happened: so far back the window begins again."""
