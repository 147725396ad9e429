"""Stores, products, customers and orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.connectors.sandbox.mailchimp.conftest import Platform

Json = Any  # a parsed JSON value, or what has no types

ORDERS = "/ecommerce/stores/s/orders"


@pytest.fixture(autouse=True)
def store(platform: Platform) -> None:
    body = {"id": "s", "list_id": platform.list_id, "name": "Shop", "currency_code": "EUR"}
    platform.post("/ecommerce/stores", body)
    platform.post("/ecommerce/stores/s/products", {"id": "p", "title": "Pot", "variants": [{"id": "p", "title": "P"}]})


def order(number: int = 1, *, opted_in: bool = False, **more: Json) -> dict[str, Any]:
    line = {"id": "1", "product_id": "p", "product_variant_id": "p", "quantity": 2, "price": 5}
    customer = {"id": "c", "email_address": "ada@people.test", "opt_in_status": opted_in, "first_name": "Ada"}
    body = {"id": f"o{number}", "customer": customer, "currency_code": "EUR", "order_total": 10, "lines": [line]}
    return {**body, **more}


def test_an_order_makes_its_customer_a_transactional_contact(platform: Platform) -> None:
    made = platform.post(ORDERS, order(processed_at_foreign="2026-01-01T10:00:00+02:00"))
    member = platform.get(f"{platform.members}/ada@people.test")

    assert made["processed_at_foreign"] == "2026-01-01T08:00:00+00:00"
    assert made["customer"]["orders_count"] == 1
    assert (member["status"], member["merge_fields"]["FNAME"]) == ("transactional", "Ada")


def test_an_order_with_opt_in_touches_consent(platform: Platform) -> None:
    platform.post(ORDERS, order(1))
    platform.post(ORDERS, order(2, opted_in=True))

    assert platform.get(f"{platform.members}/ada@people.test")["status"] == "subscribed"
    assert platform.get("/ecommerce/stores/s/customers")["customers"][0]["total_spent"] == 20


def test_an_order_never_brings_back_who_left(platform: Platform) -> None:
    platform.add("ada", status="unsubscribed")
    platform.post(ORDERS, order(1, opted_in=True))

    assert platform.get(f"{platform.members}/ada@people.test")["status"] == "unsubscribed"


def test_orders_are_paged_and_filtered(platform: Platform) -> None:
    for number in range(12):
        platform.post(ORDERS, order(number, campaign_id="c1" if number < 3 else ""))

    assert len(platform.get("/ecommerce/orders")["orders"]) == 10
    assert platform.get("/ecommerce/orders", campaign_id="c1")["total_items"] == 3
    assert platform.get(ORDERS, customer_id="c", count=1000)["total_items"] == 12
    assert platform.get(ORDERS, customer_id="other")["total_items"] == 0
    assert platform.get(f"{ORDERS}/o1/lines")["lines"][0]["product_id"] == "p"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"order_total": None}, "order_total"),
        ({"order_total": "10"}, "order_total"),
        ({"lines": [{"id": "1"}]}, "product_id"),
        ({"customer": {"email_address": "ada@people.test"}}, "id"),
        ({"processed_at_foreign": "then"}, "processed_at_foreign"),
    ],
)
def test_a_bad_order_is_refused(platform: Platform, change: dict[str, Any], field: str) -> None:
    assert platform.refusal("POST", ORDERS, json={**order(), **change})["errors"][0]["field"] == field
    assert platform.get(ORDERS)["total_items"] == 0


def test_an_order_of_an_unknown_product_or_twice_is_refused(platform: Platform) -> None:
    line = {"id": "1", "product_id": "no", "product_variant_id": "no", "quantity": 1, "price": 1}
    platform.post(ORDERS, order())

    assert platform.refusal("POST", ORDERS, json=order())["title"] == "Bad Request"
    assert platform.refusal("POST", ORDERS, json=order(2, lines=[line]))


def test_orders_are_changed_and_deleted(platform: Platform) -> None:
    platform.post(ORDERS, order(campaign_id="c1"))

    changed = platform.patch(f"{ORDERS}/o1", {"financial_status": "refunded"})
    platform.call("DELETE", f"{ORDERS}/o1")

    assert changed["financial_status"] == "refunded"
    assert platform.get(ORDERS)["total_items"] == 0
    assert platform.refusal("GET", f"{ORDERS}/o1", 404)


def test_customers_products_and_stores_are_written_and_read(platform: Platform) -> None:
    stores = "/ecommerce/stores"
    body = {"email_address": "bob@people.test", "opt_in_status": True}

    assert platform.put(f"{stores}/s/customers/b", body)["id"] == "b"
    assert platform.get(f"{stores}/s/customers", email_address="BOB@people.test")["total_items"] == 1
    assert platform.get(f"{stores}/s/customers/b")["opt_in_status"] is True
    assert platform.refusal("POST", f"{stores}/s/customers", json={"id": "b", **body})
    assert platform.patch(f"{stores}/s/products/p", {"vendor": "Potters"})["vendor"] == "Potters"
    assert platform.get(f"{stores}/s/products/p")["title"] == "Pot"
    assert platform.patch(f"{stores}/s", {"name": "Shop 2"})["name"] == "Shop 2"
    assert platform.get(f"{stores}/s")["list_is_active"] is True
    assert platform.call("DELETE", f"{stores}/s/products/p").status_code == 204
    assert platform.call("DELETE", f"{stores}/s").status_code == 204
    assert platform.refusal("GET", f"{stores}/s/orders", 404)
