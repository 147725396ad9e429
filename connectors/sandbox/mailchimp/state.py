"""What the local Mailchimp knows, and the direct operations that fill it without HTTP."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

from connectors.sandbox.mailchimp.directory import Audiences
from connectors.sandbox.mailchimp.values import Document, Json, parse_time, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.sandbox.store import DocumentTable
    from connectors.sandbox.world import World

Effect = Callable[["MailchimpState", Document], None]
Respond = Callable[..., Any]


class MailchimpState(Audiences):
    """All of the local Mailchimp. `MailchimpState.of(world)` returns the one of that world."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.campaigns = world.store.table("mailchimp.campaigns")
        self.stores = world.store.table("mailchimp.stores")
        self.batches = world.store.table("mailchimp.batches")
        self.files = world.store.table("mailchimp.files")
        self.unfinished = [key for key, row in self.batches.items() if row["status"] != "finished"]
        self.due = world.store.table("mailchimp.due")
        self.respond: Respond | None = None  # what recipients do; None is connectors.sandbox.responses
        self.effects: dict[str, Effect] = {"order": file_due_order}
        self.waiting = [(str(row["at"]), int(key)) for key, row in self.due.items()]
        heapq.heapify(self.waiting)
        self.customers_by_address: dict[str, dict[str, str]] = {}
        self.campaign_orders: dict[str, dict[tuple[str, str], None]] = {}
        self.index_orders()

    @classmethod
    def of(cls, world: World) -> Self:
        """Return the state of *world*, made on first use."""
        if cls not in world.states:
            world.states[cls] = cls(world)
        return cast("Self", world.states[cls])

    # -- what has not happened yet -------------------------------------------------------------------------
    def plan_effect(self, at: str, kind: str, **details: Json) -> None:
        """Let something happen when the platform's clock reaches *at*; see `effects`."""
        number = self.world.store.next_id("mailchimp.due")
        self.due[str(number)] = {"at": at, "kind": kind, **details}
        heapq.heappush(self.waiting, (at, number))

    def settle(self) -> None:
        """Let everything happen whose time has come."""
        if not self.waiting:
            return
        now = self.now()
        while self.waiting and self.waiting[0][0] <= now:
            _, number = heapq.heappop(self.waiting)
            effect = self.due[str(number)]
            del self.due[str(number)]
            self.effects[effect["kind"]](self, effect)

    # -- campaigns and orders ------------------------------------------------------------------------------
    def deliveries(self, campaign_id: str) -> DocumentTable:
        """Return what happened to each recipient of a campaign, by contact id."""
        return self.world.store.table(f"mailchimp.deliveries.{campaign_id}")

    def record_activity(
        self, campaign_id: str, member_hash: str, action: str, at: datetime, url: str | None = None
    ) -> None:
        """File an open or a click of a recipient, as of any time; it shows once that time has passed."""
        campaign = self.campaigns[campaign_id]
        contact_id = self.directory(campaign["recipients"]["list_id"]).by_hash[member_hash]
        deliveries = self.deliveries(campaign_id)
        delivery = deliveries[contact_id]
        entry = {"action": action, "timestamp": stamp(at)} | ({"url": url} if url else {})
        delivery["activity"] = sorted([*delivery["activity"], entry], key=lambda known: known["timestamp"])
        deliveries[contact_id] = delivery

    def add_store(self, list_id: str, store_id: str, name: str, *, currency: str = "USD") -> str:
        """Connect an e-commerce store to an audience and return its id."""
        now = self.now()
        self.stores[store_id] = {
            "id": store_id,
            "list_id": list_id,
            "name": name,
            "platform": "",
            "domain": "",
            "is_syncing": False,
            "email_address": "",
            "currency_code": currency,
            "money_format": "",
            "primary_locale": "",
            "timezone": "",
            "phone": "",
            "created_at": now,
            "updated_at": now,
        }
        return store_id

    def shop(self, store_id: str, kind: str) -> DocumentTable:
        """Return the products, customers or orders of a store by id."""
        return self.world.store.table(f"mailchimp.{kind}.{store_id}")

    def add_product(self, store_id: str, product: Document) -> str:
        """Keep a product (`id`, `title`, `type`, `vendor`, …) and return its id."""
        self.shop(store_id, "products")[product["id"]] = product
        return cast("str", product["id"])

    def add_order(self, store_id: str, order: Document) -> str:
        """Keep an order (`id`, `customer`, `order_total`, `lines`, `processed_at_foreign`, …) and return its id.

        An order dated later than the platform's present shows once that time has come.
        """
        if order.get("processed_at_foreign"):
            at = stamp(parse_time(order["processed_at_foreign"]))
            order["processed_at_foreign"] = at
            if at > self.now():
                self.plan_effect(at, "order", store_id=store_id, order=order)
                return cast("str", order["id"])
        self.file_order(store_id, order)
        return cast("str", order["id"])

    def file_order(self, store_id: str, order: Document) -> None:
        """Keep an order and its customer's sums."""
        orders, customers = self.shop(store_id, "orders"), self.shop(store_id, "customers")
        if order["id"] not in orders:
            customer = customers.get(order["customer"]["id"]) or new_customer(order["customer"], self.now())
            customer["orders_count"] += 1
            customer["total_spent"] = round(customer["total_spent"] + float(order.get("order_total") or 0), 2)
            self.save_customer(store_id, customer)
        orders[order["id"]] = order
        if order.get("campaign_id"):
            self.campaign_orders.setdefault(order["campaign_id"], {})[store_id, order["id"]] = None

    def save_customer(self, store_id: str, customer: Document) -> None:
        """Keep a customer of a store."""
        self.shop(store_id, "customers")[customer["id"]] = customer
        self.customer_index(store_id)[customer["email_address"].lower()] = customer["id"]

    def customer_index(self, store_id: str) -> dict[str, str]:
        """Return the customer ids of a store by address."""
        if store_id not in self.customers_by_address:
            customers = self.shop(store_id, "customers").values()
            self.customers_by_address[store_id] = {row["email_address"].lower(): row["id"] for row in customers}
        return self.customers_by_address[store_id]

    def index_orders(self) -> None:
        """Read which orders came from which campaign."""
        for store_id in self.stores:
            for key, order in self.shop(store_id, "orders").items():
                if order.get("campaign_id"):
                    self.campaign_orders.setdefault(order["campaign_id"], {})[store_id, key] = None


def new_customer(details: Document, now: str) -> Document:
    """Return a customer who has bought nothing yet."""
    return {
        "email_address": "",
        "opt_in_status": False,
        "company": "",
        "first_name": "",
        "last_name": "",
        **details,
        "orders_count": 0,
        "total_spent": 0.0,
        "created_at": now,
        "updated_at": now,
    }


def file_due_order(state: MailchimpState, effect: Document) -> None:
    """File an order whose time has come."""
    state.file_order(effect["store_id"], effect["order"])
