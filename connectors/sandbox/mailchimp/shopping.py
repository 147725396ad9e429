"""Orders that a campaign brings about."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.sandbox.mailchimp.state import MailchimpState
    from connectors.sandbox.mailchimp.values import Document


def audience_store(state: MailchimpState, list_id: str) -> str:
    """Return the store of an audience, made when it has none."""
    for store_id, store in state.stores.items():
        if store["list_id"] == list_id:
            return store_id
    return state.add_store(list_id, f"store-{list_id}", "Sandbox store")


def order_from(state: MailchimpState, delivery: Document, campaign_id: str, at: str, amount: float) -> None:
    """File the order of a recipient; it shows once its time has come."""
    store_id = audience_store(state, delivery["list_id"])
    order_id = state.token("order")
    product = product_for(state, store_id, order_id)
    line = {
        "id": f"{order_id}-1",
        "product_id": product["id"],
        "product_title": product["title"],
        "product_variant_id": product["id"],
        "product_variant_title": product["title"],
        "image_url": "",
        "quantity": 1,
        "price": round(amount, 2),
        "discount": 0,
    }
    order = {
        "id": order_id,
        "customer": {"id": customer_id(state, store_id, delivery), "email_address": delivery["email_address"]},
        "campaign_id": campaign_id,
        "currency_code": state.stores[store_id]["currency_code"],
        "order_total": round(amount, 2),
        "processed_at_foreign": at,
        "financial_status": "paid",
        "lines": [line],
    }
    state.add_order(store_id, order)


def customer_id(state: MailchimpState, store_id: str, delivery: Document) -> str:
    """Return the store's id of a recipient, by address; the contact id for a new customer."""
    index = state.customer_index(store_id)
    return index.get(delivery["email_address"].lower()) or str(delivery["contact_id"])


def product_for(state: MailchimpState, store_id: str, order_id: str) -> Document:
    """Return one of the store's products, a made-up one when it has none."""
    products = state.shop(store_id, "products")
    if not products:
        state.add_product(store_id, {"id": "product-1", "title": "Product", "type": "general", "vendor": "Sandbox"})
    names = list(products)
    return products[random.Random(f"{state.world.seed}/{order_id}").choice(names)]  # noqa: S311
