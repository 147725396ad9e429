"""What the recipients of a campaign did, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.sandbox.mailchimp.state import MailchimpState
    from connectors.sandbox.mailchimp.values import Document


@dataclass(slots=True)
class Totals:
    """Figures of one campaign. `clickers` are people, `unique_clicks` are people and links."""

    sent: int = 0
    hard: int = 0
    soft: int = 0
    opens: int = 0
    unique_opens: int = 0
    last_open: str = ""
    clicks: int = 0
    unique_clicks: int = 0
    clickers: int = 0
    last_click: str = ""
    unsubscribed: int = 0
    complaints: int = 0

    @property
    def delivered(self) -> int:
        """Mails that did not bounce."""
        return self.sent - self.hard - self.soft

    def rate(self, part: int) -> float:
        """Return a fraction of deliveries."""
        return round(part / self.delivered, 6) if self.delivered else 0.0

    def add(self, delivery: Document, now: str) -> None:
        """Count one recipient."""
        acts = [entry for entry in delivery["activity"] if entry["timestamp"] <= now]
        opens = [entry["timestamp"] for entry in acts if entry["action"] == "open"]
        clicks = [entry for entry in acts if entry["action"] == "click"]
        self.sent += 1
        self.hard += any(entry.get("type") == "hard" for entry in acts)
        self.soft += any(entry.get("type") == "soft" for entry in acts)
        self.opens, self.unique_opens = self.opens + len(opens), self.unique_opens + bool(opens)
        self.last_open = max([self.last_open, *opens])
        self.clicks, self.clickers = self.clicks + len(clicks), self.clickers + bool(clicks)
        self.unique_clicks += len({entry.get("url") for entry in clicks})
        self.last_click = max([self.last_click, *(entry["timestamp"] for entry in clicks)])
        self.unsubscribed += passed(delivery.get("unsubscribed"), now)
        self.complaints += passed(delivery.get("complaint"), now)


def passed(event: Document | None, now: str) -> bool:
    """Tell whether something happened already."""
    return event is not None and bool(event["timestamp"] <= now)


def delivery_totals(deliveries: Iterable[Document], now: str) -> Totals:
    """Count what happened to these deliveries up to *now*."""
    figures = Totals()
    for delivery in deliveries:
        figures.add(delivery, now)
    return figures


def deliveries_of(state: MailchimpState, campaign: Document) -> list[Document]:
    """Return the deliveries of a campaign; a child has its share of its parent's."""
    parent = campaign["parent_campaign_id"]
    if not parent:
        return list(state.deliveries(campaign["id"]).values())
    return [row for row in state.deliveries(parent).values() if row["campaign_id"] == campaign["id"]]


def orders_of(state: MailchimpState, campaign: Document) -> list[Document]:
    """Return the orders that came from a campaign; they name the parent, a child has those of its recipients."""
    campaign_id = campaign["parent_campaign_id"] or campaign["id"]
    orders = [state.shop(store, "orders")[key] for store, key in state.campaign_orders.get(campaign_id, {})]
    if not campaign["parent_campaign_id"]:
        return orders
    reached = {delivery["email_address"].lower() for delivery in deliveries_of(state, campaign)}
    return [order for order in orders if order["customer"].get("email_address", "").lower() in reached]
