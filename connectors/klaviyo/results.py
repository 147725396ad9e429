"""Klaviyo's campaigns, what became of each mail, and orders: all but the campaigns are events of metrics."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa

from connectors.base import JsonClient
from connectors.errors import ContractError
from connectors.records import CAMPAIGNS, DELIVERIES, ENGAGEMENTS, ORDERS, Page, platform_key
from connectors.table_schema import TableSchema
from connectors.transport import entries

SENT, ORDERED = "Received Email", "Placed Order"
ACTS = {
    "Opened Email": "open",
    "Clicked Email": "click",
    "Bounced Email": "bounce",
    "Marked Email as Spam": "complaint",
    "Unsubscribed from Email Marketing": "unsubscribe",
}
TOTALS = {
    "sent": "recipients",
    "opened": "opens_unique",
    "clicked": "clicks_unique",
    "unsubscribed": "unsubscribe_uniques",
    "bounced": "bounced",
    "complained": "spam_complaints",
    "ordered": "conversion_uniques",
    "revenue": "conversion_value",
}
LATE = timedelta(hours=1)  # events that come late are read again


class KlaviyoResults:
    """What happened to the mails of one account, and the orders of its shops."""

    def __init__(self, client: JsonClient, connection: str, size: int) -> None:
        self._client, self._connection, self._size = client, connection, size

    def pages(self, stream: str, known: Mapping[str, str], now: datetime) -> Iterator[Page]:
        """Yield the campaigns, or deliveries and engagements since the last reading.

        Args:
            stream: "campaigns" or "activity".
            known: The cursor of the last reading.
            now: By the platform's clock, UTC.

        Returns:
            Pages, of which the last one carries the cursor.
        """
        if stream != CAMPAIGNS.name:
            yield from self._events({SENT, *ACTS}, ENGAGEMENTS, known, now)
            return
        totals = self._totals()
        sent = [m for m in klaviyo_entries(self._client, "campaign-messages", {}) if m["id"] in totals]
        yield self._page(CAMPAIGNS, [_campaign(message, totals[message["id"]]) for message in sent], {"read": "all"})

    def orders(self, known: Mapping[str, str], now: datetime) -> Iterator[Page]:
        """Yield the orders since the last reading; as `pages`."""
        yield from self._events({ORDERED}, ORDERS, known, now)

    def _metrics(self) -> dict[str, str]:
        return {metric["id"]: metric["attributes"]["name"] for metric in klaviyo_entries(self._client, "metrics", {})}

    def _totals(self) -> dict[str, Mapping[str, Any]]:
        """Klaviyo's own totals of a year, by message; each message of a campaign is a campaign of its own here."""
        metrics = self._metrics()
        bought = next((key for key, name in metrics.items() if name == ORDERED), next(iter(metrics), None))
        if bought is None:
            return {}
        asked = {"statistics": list(TOTALS.values()), "timeframe": {"key": "last_12_months"}}
        asked |= {"conversion_metric_id": bought, "group_by": ["campaign_id", "campaign_message_id"]}
        report = {"data": {"type": "campaign-values-report", "attributes": asked}}
        results = self._client.send("POST", "campaign-values-reports", report)["data"]["attributes"]["results"]
        return {result["groupings"]["campaign_message_id"]: result["statistics"] for result in results}

    def _events(self, names: set[str], table: TableSchema, known: Mapping[str, str], now: datetime) -> Iterator[Page]:
        """Events of some metrics since the last reading, and a little of what was read before."""
        since, usual = known.get("since"), self._currency() if ORDERED in names else ""
        for key, name in self._metrics().items():
            if name not in names:
                continue
            which = f"equals(metric_id,{json.dumps(key)})"
            which = f"and({which},greater-or-equal(datetime,{since}))" if since else which
            asked = {"filter": which, "sort": "datetime", "page[size]": self._size}
            for answer in klaviyo_pages(self._client, "events", asked):
                rows = [self._row(name, event, usual) for event in answer["data"]]
                yield self._page(DELIVERIES if name == SENT else table, [row for row in rows if row])
        yield self._page(table, [], {"since": filter_moment(now - LATE)})

    def _currency(self) -> str:
        account = self._client.get("accounts")["data"][0]["attributes"]
        return str(account["preferred_currency"])

    def _row(self, name: str, event: Mapping[str, Any], usual: str) -> dict[str, Any]:
        """A row of an event; {} for a mail that belongs to no message."""
        attributes = event["attributes"]
        properties = attributes.get("event_properties") or {}
        whose = platform_key(self._connection, event["relationships"]["profile"]["data"]["id"])
        row = {"contact_key": whose, "at": utc_moment(attributes["datetime"])}
        if name == ORDERED:
            order, currency = properties.get("$event_id") or event["id"], properties.get("$currency_code") or usual
            amount = float(properties.get("$value") or 0)
            return {**row, "order_id": str(order), "amount": amount, "currency": currency, "state": "placed"}
        row["campaign_id"] = properties.get("$message")
        if name == SENT:
            return {**row, "status": "sent"} if row["campaign_id"] else {}
        return {**row, "event_id": event["id"], "kind": ACTS[name], "url": properties.get("URL")}

    def _page(
        self, table: TableSchema, rows: Sequence[Mapping[str, Any]], cursor: Mapping[str, str] | None = None
    ) -> Page:
        named = [{"connection": self._connection, **row} for row in rows]
        return Page(table.name, pa.Table.from_pylist(named, schema=table.columns), cursor)


def _campaign(message: Mapping[str, Any], totals: Mapping[str, Any]) -> dict[str, Any]:
    definition = message["attributes"]["definition"]
    at = (definition.get("send_options") or {}).get("send_time") or message["attributes"]["updated"]
    row = {"campaign_id": message["id"], "name": definition.get("name"), "state": "sent", "sent_at": utc_moment(at)}
    counted = {ours: totals.get(theirs) for ours, theirs in TOTALS.items()}
    return row | {name: v if v is None or name == "revenue" else int(v) for name, v in counted.items()}


def klaviyo_pages(client: JsonClient, path: str, query: Mapping[str, Any], **names: str) -> Iterator[Any]:
    """Yield every page of a list.

    Args:
        client: Of the account.
        path: Below the base URL.
        query: Of each page.
        names: What stands in the path.

    Raises:
        ContractError: A page says that it follows itself.
    """
    place: str | None = None
    while True:
        answer = client.get(path, {**query, "page[cursor]": place}, **names)
        yield answer
        before, place = place, following(answer)
        if place is None:
            return
        if place == before:
            raise ContractError(f"Klaviyo shows a page of {path} again and again.")


def klaviyo_entries(client: JsonClient, path: str, query: Mapping[str, Any], **names: str) -> Iterator[Any]:
    """Yield every entry of a list; as `klaviyo_pages`."""
    yield from (entry for answer in klaviyo_pages(client, path, query, **names) for entry in entries(answer, "data"))


def following(answer: Mapping[str, Any]) -> str | None:
    """Return where the next page begins, out of its address; None: this was the last."""
    address = (answer.get("links") or {}).get("next")
    return parse_qs(urlsplit(address).query)["page[cursor]"][0] if address else None


def filter_any(name: str, values: Sequence[str]) -> str:
    """Return the filter of entries whose field has one of some values."""
    return f"any({name},{json.dumps(list(values), ensure_ascii=False, separators=(',', ':'))})"


def filter_moment(at: datetime) -> str:
    """Return a moment as Klaviyo's filters take it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_moment(text: str | None) -> datetime | None:
    """Return a moment as Klaviyo writes it, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
