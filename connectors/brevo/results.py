"""Brevo's campaigns, and what became of each mail: a contact's own statistics tell it, of the last 90 days."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from connectors.base import JsonClient
from connectors.records import CAMPAIGNS, DELIVERIES, ENGAGEMENTS, Page, platform_key
from connectors.table_schema import TableSchema
from connectors.transport import entries, in_order

MEMBERS, STATISTICS = "contacts/lists/{id}/contacts", "contacts/{id}/campaignStats"
BOUNCES = {"hardBounces": "hard", "softBounces": "soft"}
ACTS = {"opened": "open", "complaints": "complaint", **dict.fromkeys(BOUNCES, "bounce")}
AT_ONCE = 200  # contacts whose statistics make a page


class BrevoResults:
    """What happened to the mails of one account."""

    def __init__(self, client: JsonClient, connection: str, limits: Mapping[str, int]) -> None:
        self._client, self._connection, self._limits = client, connection, limits

    def pages(self, stream: str, known: Mapping[str, str]) -> Iterator[Page]:
        """Yield the campaigns, or deliveries and engagements of those whose figures are not as *known*.

        Args:
            stream: "campaigns" or "activity".
            known: Figures by id of the campaign, as the cursor of the last reading has them.

        Returns:
            Pages, of which the last one carries the cursor.
        """
        campaigns = list(self._campaigns())
        if stream == CAMPAIGNS.name:
            yield self._page(CAMPAIGNS, [_campaign(campaign) for campaign in campaigns], {"read": "all"})
            return
        figures = {str(campaign["id"]): _figures(campaign) for campaign in campaigns}
        moved = [campaign for campaign in campaigns if figures[str(campaign["id"])] != known.get(str(campaign["id"]))]
        people = self._people({key for campaign in moved for key in campaign["recipients"]["lists"]})
        for start in range(0, len(people), AT_ONCE):
            some, workers = people[start : start + AT_ONCE], self._limits["connections"]
            statistics = list(zip(some, in_order(self._statistics, some, workers=workers), strict=True))
            yield self._page(DELIVERIES, [row for key, shown in statistics for row in self._deliveries(key, shown)])
            yield self._page(ENGAGEMENTS, [row for key, shown in statistics for row in self._engagements(key, shown)])
        yield self._page(ENGAGEMENTS, [], {**figures, "read": "all"})

    def _campaigns(self) -> Iterator[Mapping[str, Any]]:
        size, start = self._limits["campaigns_page"], 0
        asked = {"status": "sent", "statistics": "globalStats", "excludeHtmlContent": "true", "sort": "asc"}
        while True:
            answer = self._client.get("emailCampaigns", {**asked, "limit": size, "offset": start})
            listed = entries(answer, "campaigns", optional=True)
            yield from listed
            start += size
            if len(listed) < size:
                return

    def _people(self, lists: set[int]) -> list[int]:
        """Ids of the contacts in some lists."""
        people: set[int] = set()
        size = self._limits["list_page"]
        for key in sorted(lists):
            start = 0
            while listed := self._of_list(key, start):
                people.update(contact["id"] for contact in listed)
                start += size
                if len(listed) < size:
                    break
        return sorted(people)

    def _of_list(self, key: int, start: int) -> Sequence[Mapping[str, Any]]:
        asked = {"limit": self._limits["list_page"], "offset": start, "sort": "asc"}
        return entries(self._client.get(MEMBERS, asked, id=str(key)), "contacts")

    def _statistics(self, key: int) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = self._client.get(STATISTICS, id=str(key))
        return shown

    def _deliveries(self, key: int, shown: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        bounced = {act["campaignId"]: status for name, status in BOUNCES.items() for act in shown.get(name) or ()}
        for sent in shown.get("messagesSent") or ():
            campaign = sent["campaignId"]
            status = bounced.get(campaign, "sent")
            yield {**self._row(key, campaign, sent["eventTime"]), "status": status}

    def _engagements(self, key: int, shown: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for name, kind in ACTS.items():
            for act in shown.get(name) or ():
                yield self._act(key, kind, act["campaignId"], act)
        for act in shown.get("clicked") or ():
            for link in act["links"]:
                yield {**self._act(key, "click", act["campaignId"], link), "url": link["url"]}
        for act in (shown.get("unsubscriptions") or {}).get("userUnsubscription", ()):
            if act.get("campaignId"):
                yield self._act(key, "unsubscribe", act["campaignId"], act)

    def _act(self, key: int, kind: str, campaign: int, act: Mapping[str, Any]) -> dict[str, Any]:
        name = "/".join((kind, str(campaign), str(key), act["eventTime"], act.get("url") or ""))
        return {**self._row(key, campaign, act["eventTime"]), "event_id": name, "kind": kind}

    def _row(self, key: int, campaign: int, at: str) -> dict[str, Any]:
        whose = platform_key(self._connection, str(key))
        return {"campaign_id": str(campaign), "contact_key": whose, "at": brevo_moment(at)}

    def _page(
        self, table: TableSchema, rows: Sequence[Mapping[str, Any]], cursor: Mapping[str, str] | None = None
    ) -> Page:
        named = [{"connection": self._connection, **row} for row in rows]
        return Page(table.name, pa.Table.from_pylist(named, schema=table.columns), cursor)


def _totals(campaign: Mapping[str, Any]) -> Mapping[str, Any]:
    totals: Mapping[str, Any] = campaign["statistics"]["globalStats"]
    return totals


def _figures(campaign: Mapping[str, Any]) -> str:
    """What Brevo has counted: the same means that nobody did anything since."""
    names = ("sent", "viewed", "clickers", "unsubscriptions", "hardBounces", "softBounces", "complaints")
    return " ".join(str(_totals(campaign).get(name)) for name in names)


def _campaign(campaign: Mapping[str, Any]) -> dict[str, Any]:
    totals = _totals(campaign)
    return {
        "campaign_id": str(campaign["id"]),
        "name": campaign["name"],
        "subject": campaign.get("subject"),
        "state": "sent",
        "sent_at": brevo_moment(campaign.get("sentDate") or campaign["modifiedAt"]),
        "sent": totals.get("sent"),
        "opened": totals.get("uniqueViews"),
        "clicked": totals.get("uniqueClicks"),
        "unsubscribed": totals.get("unsubscriptions"),
        "bounced": (totals.get("hardBounces") or 0) + (totals.get("softBounces") or 0),
        "complained": totals.get("complaints"),
    }


def brevo_moment(text: str) -> datetime:
    """Return a moment as Brevo writes it, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)
