"""Mailchimp e-commerce orders of the stores connected to the audience."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from connectors.mailchimp.api import MailchimpApi
from connectors.mailchimp.times import mailchimp_moment
from connectors.records import ORDER_LINES, ORDERS, email_key, normalise_email

NO_SALE = {"cancelled", "refunded", "void"}


class Shop:
    """The stores of one audience."""

    def __init__(self, api: MailchimpApi, connection: str, audience: str, *, size: int) -> None:
        self._api, self._connection, self._audience, self._size = api, connection, audience, size

    def stores(self) -> list[str]:
        """Return the ids of the audience's stores; other audiences' stores are none of our business."""
        pages = self._api.pages(self._api.sdk.ecommerce.stores, key="stores", size=self._size)
        return [str(store["id"]) for page in pages for store in page if store.get("list_id") == self._audience]

    def all_orders(self) -> int:
        """Return how many orders all stores of the account have: one small request."""
        answer = self._api.call(self._api.sdk.ecommerce.orders, count=1, fields=["total_items"])
        return int(answer["total_items"])

    def count(self, store: str) -> int:
        """Return how many orders a store has: one small request."""
        answer = self._api.call(self._api.sdk.ecommerce.get_store_orders, store, count=1, fields=["total_items"])
        return int(answer["total_items"])

    def categories(self, store: str) -> dict[str, str]:
        """Return each product's type."""
        listed = self._api.pages(
            self._api.sdk.ecommerce.get_all_store_products,
            store,
            key="products",
            size=self._size,
            fields=["products.id", "products.type"],
        )
        return {str(product["id"]): str(product.get("type") or "") for page in listed for product in page}

    def orders(self, store: str) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield orders and their lines, page by page."""
        categories = self.categories(store)
        sdk = self._api.sdk.ecommerce
        for page in self._api.pages(sdk.get_store_orders, store, key="orders", size=self._size):
            yield (
                pa.Table.from_pylist([self._order(store, order) for order in page], schema=ORDERS.columns),
                pa.Table.from_pylist(list(self._lines(store, page, categories)), schema=ORDER_LINES.columns),
            )

    def _order(self, store: str, order: Mapping[str, Any]) -> dict[str, Any]:
        address = normalise_email((order.get("customer") or {}).get("email_address"))
        cancelled = order.get("cancelled_at_foreign") or order.get("financial_status") in NO_SALE
        return {
            "connection": self._connection,
            "order_id": f"{store}/{order['id']}",
            "contact_key": email_key(address) if address else None,
            "at": mailchimp_moment(order.get("processed_at_foreign")),
            "amount": float(order.get("order_total") or 0),
            "currency": str(order.get("currency_code") or "").upper(),
            "state": "cancelled" if cancelled else "placed",
            "campaign_id": order.get("campaign_id") or None,
        }

    def _lines(
        self, store: str, orders: Sequence[Mapping[str, Any]], categories: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        for order in orders:
            for line in order.get("lines", ()):
                yield {
                    "connection": self._connection,
                    "order_id": f"{store}/{order['id']}",
                    "line_id": str(line["id"]),
                    "product_id": str(line.get("product_id") or ""),
                    "title": line.get("product_title"),
                    "category": categories.get(str(line.get("product_id"))) or None,
                    "quantity": float(line.get("quantity") or 0),
                    "price": float(line.get("price") or 0),
                }
