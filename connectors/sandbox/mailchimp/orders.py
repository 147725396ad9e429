"""Orders of the stores, per store and over all of them."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes, read_moment
from connectors.sandbox.mailchimp.ecommerce import STORE, STORES, require_keys, store_of, write_customer
from connectors.sandbox.mailchimp.links import collection_links, item_links
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
ORDERS = STORE + "/orders"
ORDER = STORE + "/orders/{order_id}"
INSTANCE = "Ecommerce/Orders/Instance"
KINDS: dict[str, type] = {
    "id": str,
    "customer": dict,
    "campaign_id": str,
    "currency_code": str,
    "order_total": float,
    "lines": list,
    "processed_at_foreign": str,
    "financial_status": str,
    "fulfillment_status": str,
    "landing_site": str,
}
BLANK: Document = {
    "campaign_id": "",
    "landing_site": "",
    "financial_status": "",
    "fulfillment_status": "",
    "currency_code": "",
    "order_total": 0,
    "order_url": "",
    "discount_total": 0,
    "tax_total": 0,
    "shipping_total": 0,
    "tracking_code": "",
    "processed_at_foreign": "",
    "cancelled_at_foreign": "",
    "updated_at_foreign": "",
}


@ROUTES.on("GET", "/ecommerce/orders", "Ecommerce/Orders/Collection")
def list_all_orders(call: MailchimpCall) -> Document:
    """Page through the orders of all stores."""
    pairs = [pair for store_id in call.state.stores for pair in chosen_orders(call, store_id)]
    return {
        "orders": [show_order(call, store_id, row) for store_id, row in call.page(pairs)],
        "total_items": len(pairs),
        "_links": collection_links(f"{call.url}/ecommerce/orders", "Ecommerce/Orders", parent="Root"),
    }


@ROUTES.on("GET", ORDERS, "Ecommerce/Orders/Collection")
def list_orders(call: MailchimpCall) -> Document:
    """Page through the orders of one store."""
    store_id = store_of(call)["id"]
    pairs = chosen_orders(call, store_id)
    return {
        "store_id": store_id,
        "orders": [show_order(call, store_id, row) for _, row in call.page(pairs)],
        "total_items": len(pairs),
        "_links": collection_links(f"{call.url}{STORES}/{store_id}/orders", "Ecommerce/Orders"),
    }


def chosen_orders(call: MailchimpCall, store_id: str) -> list[tuple[str, Document]]:
    """Return the orders of a store that pass the filters of the query."""
    campaign, customer = call.query.get("campaign_id"), call.query.get("customer_id")
    return [
        (store_id, row)
        for row in call.state.shop(store_id, "orders").values()
        if (not campaign or row.get("campaign_id") == campaign) and (not customer or row["customer"]["id"] == customer)
    ]


def show_order(call: MailchimpCall, store_id: str, row: Document) -> Document:
    """Return the body of an order."""
    store = call.state.stores[store_id]
    href = f"{call.url}{STORES}/{store_id}/orders/{row['id']}"
    customer = call.state.shop(store_id, "customers").get(row["customer"]["id"], row["customer"])
    return {
        **BLANK,
        "currency_code": store["currency_code"],
        **row,
        "id": row["id"],
        "customer": customer,
        "store_id": store_id,
        "lines": [show_line(line) for line in row.get("lines", [])],
        "_links": item_links(href, "Ecommerce/Orders"),
    }


def show_line(line: Document) -> Document:
    """Return the body of an order line."""
    return {
        "product_title": "",
        "product_variant_id": line.get("product_id", ""),
        "product_variant_title": "",
        "image_url": "",
        "quantity": 1,
        "price": 0,
        "discount": 0,
        **line,
        "_links": [],
    }


def order_of(call: MailchimpCall) -> Document:
    """Return the order that the path names."""
    return call.row_of(call.state.shop(store_of(call)["id"], "orders"), "order_id")


@ROUTES.on("GET", ORDER, INSTANCE)
def get_order(call: MailchimpCall) -> Document:
    """Return one order."""
    return show_order(call, call.names["store_id"], order_of(call))


@ROUTES.on("GET", ORDER + "/lines", "Ecommerce/Orders/Lines/Collection")
def list_lines(call: MailchimpCall) -> Document:
    """Page through the lines of an order."""
    row = order_of(call)
    lines = [show_line(line) for line in row.get("lines", [])]
    names = {"store_id": call.names["store_id"], "order_id": row["id"]}
    return {**names, "lines": list(call.page(lines)), "total_items": len(lines), "_links": []}


@ROUTES.on("POST", ORDERS, INSTANCE)
def add_order(call: MailchimpCall) -> Document:
    """Add an order; its customer is written too, and with it a contact."""
    store_id, body = store_of(call)["id"], call.json
    problems.expect_types(body, KINDS)
    require_keys(body, "id", "customer", "currency_code", "order_total", "lines")
    if body["id"] in call.state.shop(store_id, "orders"):
        message = "An order with the provided ID already exists in the account for this store."
        raise problems.bad_request(message)
    check_lines(call, store_id, body["lines"])
    require_keys(body["customer"], "id")
    customer = write_customer(call, body["customer"])
    order = {**body, "customer": {"id": customer["id"], "email_address": customer["email_address"]}}
    order["processed_at_foreign"] = moment_of(body)
    call.state.file_order(store_id, order)
    return show_order(call, store_id, order)


def moment_of(body: Document) -> str:
    """Return when the order was processed, empty when nobody said."""
    given = body.get("processed_at_foreign")
    return read_moment("processed_at_foreign", given) if given else ""


def check_lines(call: MailchimpCall, store_id: str, lines: list[Document]) -> None:
    """Refuse lines of products that the store does not have."""
    products = call.state.shop(store_id, "products")
    for place, line in enumerate(lines):
        problems.expect(line, dict, f"lines.item:{place}")
        require_keys(line, "id", "product_id", "product_variant_id", "quantity", "price")
        problems.expect(line["product_id"], str, f"lines.item:{place}.product_id")
        if line["product_id"] not in products:
            raise problems.invalid_fields((f"lines.item:{place}.product_id", "The product does not exist"))


@ROUTES.on("PATCH", ORDER, INSTANCE)
def patch_order(call: MailchimpCall) -> Document:
    """Change an order."""
    row, body, store_id = order_of(call), call.json, call.names["store_id"]
    problems.expect_types(body, KINDS)
    check_lines(call, store_id, body.get("lines", []))
    row |= {key: body[key] for key in KINDS if key in body and key not in {"id", "customer", "processed_at_foreign"}}
    if "processed_at_foreign" in body:
        row["processed_at_foreign"] = moment_of(body)
    call.state.file_order(store_id, row)
    return show_order(call, store_id, row)


@ROUTES.on("DELETE", ORDER)
def delete_order(call: MailchimpCall) -> None:
    """Delete an order."""
    row = order_of(call)
    for orders in call.state.campaign_orders.values():
        orders.pop((call.names["store_id"], row["id"]), None)
    del call.state.shop(call.names["store_id"], "orders")[row["id"]]
