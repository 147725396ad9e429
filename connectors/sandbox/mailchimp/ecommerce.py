"""E-commerce stores, their products and customers. Writing a customer also writes a contact of the audience."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.addresses import check_address
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.links import collection_links, item_links
from connectors.sandbox.mailchimp.state import new_customer
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
STORES = "/ecommerce/stores"
STORE = "/ecommerce/stores/{store_id}"
STORE_KINDS: dict[str, type] = {"id": str, "list_id": str, "name": str, "currency_code": str, "domain": str}
PRODUCT_KINDS: dict[str, type] = {"id": str, "title": str, "type": str, "vendor": str, "variants": list}
PRODUCT_KEYS = {  # whatever else a body holds is not kept
    "id", "title", "handle", "url", "description", "type", "vendor", "image_url", "variants", "images",
    "published_at_foreign",
}  # fmt: skip
CUSTOMER_KINDS: dict[str, type] = {
    "id": str,
    "email_address": str,
    "opt_in_status": bool,
    "company": str,
    "first_name": str,
    "last_name": str,
}


def require_keys(body: Document, *keys: str) -> None:
    """Refuse a body that lacks one of *keys*."""
    missing = [(key, "This value should not be blank.") for key in keys if body.get(key) in (None, "")]
    if missing:
        raise problems.invalid_fields(*missing)


def store_of(call: MailchimpCall) -> Document:
    """Return the store that the path names."""
    return call.row_of(call.state.stores, "store_id")


@ROUTES.on("GET", STORES, "Ecommerce/Stores/Collection")
def list_stores(call: MailchimpCall) -> Document:
    """Page through the stores."""
    rows = list(call.state.stores.values())
    return {
        "stores": [show_store(call, row) for row in call.page(rows)],
        "total_items": len(rows),
        "_links": collection_links(f"{call.url}{STORES}", "Ecommerce/Stores", parent="Root"),
    }


def show_store(call: MailchimpCall, row: Document) -> Document:
    """Return the body of a store."""
    links = item_links(f"{call.url}{STORES}/{row['id']}", "Ecommerce/Stores")
    return {**row, "list_is_active": row["list_id"] in call.state.audiences, "_links": links}


@ROUTES.on("POST", STORES, "Ecommerce/Stores/Instance")
def add_store(call: MailchimpCall) -> Document:
    """Connect a store to an audience, for good."""
    body = call.json
    problems.expect_types(body, STORE_KINDS)
    require_keys(body, "id", "list_id", "name", "currency_code")
    if body["id"] in call.state.stores:
        message = "A store with this ID already exists in the account."
        raise problems.bad_request(message)
    if body["list_id"] not in call.state.audiences:
        raise problems.invalid_fields(("list_id", "The list does not exist"))
    call.state.add_store(body["list_id"], body["id"], body["name"], currency=body["currency_code"])
    row = call.state.stores[body["id"]] | {key: body[key] for key in ("platform", "domain", "timezone") if key in body}
    call.state.stores[body["id"]] = row
    return show_store(call, row)


@ROUTES.on("GET", STORE, "Ecommerce/Stores/Instance")
def get_store(call: MailchimpCall) -> Document:
    """Return one store."""
    return show_store(call, store_of(call))


@ROUTES.on("PATCH", STORE, "Ecommerce/Stores/Instance")
def patch_store(call: MailchimpCall) -> Document:
    """Change a store; its audience stays."""
    row, body = store_of(call), call.json
    problems.expect_types(body, STORE_KINDS)
    row |= {key: body[key] for key in ("name", "currency_code", "platform", "domain", "is_syncing") if key in body}
    row["updated_at"] = call.state.now()
    call.state.stores[row["id"]] = row
    return show_store(call, row)


@ROUTES.on("DELETE", STORE)
def delete_store(call: MailchimpCall) -> None:
    """Delete a store with its products, customers and orders."""
    store_id = store_of(call)["id"]
    for kind in ("products", "customers", "orders"):
        call.state.shop(store_id, kind).clear()
    call.state.customers_by_address.pop(store_id, None)
    for orders in call.state.campaign_orders.values():
        for key in [key for key in orders if key[0] == store_id]:
            del orders[key]
    del call.state.stores[store_id]


# -- products ------------------------------------------------------------------------------------------------
@ROUTES.on("GET", STORE + "/products", "Ecommerce/Products/Collection")
def list_products(call: MailchimpCall) -> Document:
    """Page through the products of a store."""
    store_id = store_of(call)["id"]
    rows = list(call.state.shop(store_id, "products").values())
    return {
        "store_id": store_id,
        "products": [show_product(call, row) for row in call.page(rows)],
        "total_items": len(rows),
        "_links": collection_links(f"{call.url}{STORES}/{store_id}/products", "Ecommerce/Products"),
    }


def show_product(call: MailchimpCall, row: Document) -> Document:
    """Return the body of a product; it has one variant of its own name unless told."""
    href = f"{call.url}{STORES}/{call.names['store_id']}/products/{row['id']}"
    variant = {"id": row["id"], "title": row["title"], "sku": "", "price": row.get("price", 0)}
    return {
        "currency_code": call.state.stores[call.names["store_id"]]["currency_code"],
        "handle": "",
        "url": "",
        "description": "",
        "type": "",
        "vendor": "",
        "image_url": "",
        "variants": [variant],
        "images": [],
        "published_at_foreign": "",
        **{key: value for key, value in row.items() if key != "price"},
        "_links": item_links(href, "Ecommerce/Products"),
    }


def product_of(call: MailchimpCall) -> Document:
    """Return the product that the path names."""
    return call.row_of(call.state.shop(store_of(call)["id"], "products"), "product_id")


@ROUTES.on("POST", STORE + "/products", "Ecommerce/Products/Instance")
def add_product(call: MailchimpCall) -> Document:
    """Add a product; `type` is its category."""
    store_id, body = store_of(call)["id"], call.json
    problems.expect_types(body, PRODUCT_KINDS)
    require_keys(body, "id", "title", "variants")
    if body["id"] in call.state.shop(store_id, "products"):
        message = "A product with the provided ID already exists in the account for this store."
        raise problems.bad_request(message)
    row = {key: value for key, value in body.items() if key in PRODUCT_KEYS}
    call.state.add_product(store_id, row)
    return show_product(call, row)


@ROUTES.on("GET", STORE + "/products/{product_id}", "Ecommerce/Products/Instance")
def get_product(call: MailchimpCall) -> Document:
    """Return one product."""
    return show_product(call, product_of(call))


@ROUTES.on("PATCH", STORE + "/products/{product_id}", "Ecommerce/Products/Instance")
def patch_product(call: MailchimpCall) -> Document:
    """Change a product."""
    row, body = product_of(call), call.json
    problems.expect_types(body, PRODUCT_KINDS)
    row |= {key: value for key, value in body.items() if key in PRODUCT_KEYS and key != "id"}
    call.state.add_product(call.names["store_id"], row)
    return show_product(call, row)


@ROUTES.on("DELETE", STORE + "/products/{product_id}")
def delete_product(call: MailchimpCall) -> None:
    """Delete a product."""
    row = product_of(call)
    del call.state.shop(call.names["store_id"], "products")[row["id"]]


# -- customers -----------------------------------------------------------------------------------------------
@ROUTES.on("GET", STORE + "/customers", "Ecommerce/Customers/Collection")
def list_customers(call: MailchimpCall) -> Document:
    """Page through the customers of a store."""
    store_id = store_of(call)["id"]
    address = call.query.get("email_address", "").lower()
    rows = [
        row
        for row in call.state.shop(store_id, "customers").values()
        if not address or row["email_address"].lower() == address
    ]
    return {
        "store_id": store_id,
        "customers": [show_customer(call, row) for row in call.page(rows)],
        "total_items": len(rows),
        "_links": collection_links(f"{call.url}{STORES}/{store_id}/customers", "Ecommerce/Customers"),
    }


def show_customer(call: MailchimpCall, row: Document) -> Document:
    """Return the body of a customer."""
    href = f"{call.url}{STORES}/{call.names['store_id']}/customers/{row['id']}"
    return {**row, "_links": item_links(href, "Ecommerce/Customers")}


@ROUTES.on("GET", STORE + "/customers/{customer_id}", "Ecommerce/Customers/Instance")
def get_customer(call: MailchimpCall) -> Document:
    """Return one customer."""
    row = call.state.shop(store_of(call)["id"], "customers").get(call.names["customer_id"])
    if row is None:
        raise problems.not_found()
    return show_customer(call, row)


@ROUTES.on("POST", STORE + "/customers", "Ecommerce/Customers/Instance")
def add_customer(call: MailchimpCall) -> Document:
    """Add a customer, and the contact."""
    body = call.json
    problems.expect_types(body, CUSTOMER_KINDS)
    require_keys(body, "id")
    if body["id"] in call.state.shop(store_of(call)["id"], "customers"):
        message = "A customer with the provided ID already exists in the account for this store."
        raise problems.bad_request(message)
    return show_customer(call, write_customer(call, body))


@ROUTES.on("PUT", STORE + "/customers/{customer_id}", "Ecommerce/Customers/Instance")
def put_customer(call: MailchimpCall) -> Document:
    """Add or change a customer, and the contact."""
    store_of(call)
    return show_customer(call, write_customer(call, {**call.json, "id": call.names["customer_id"]}))


def write_customer(call: MailchimpCall, body: Document) -> Document:
    """Keep a customer and upsert the contact: an opt-in subscribes, otherwise new ones are transactional."""
    store = store_of(call)
    problems.expect_types(body, CUSTOMER_KINDS)
    now = call.state.now()
    known = call.state.shop(store["id"], "customers").get(body["id"])
    row = known or new_customer({}, now)
    if known is None:
        require_keys(body, "email_address")
    row |= {key: body[key] for key in CUSTOMER_KINDS if key in body} | {"updated_at": now}
    upsert_contact(call, store["list_id"], row)
    call.state.save_customer(store["id"], row)
    return row


def upsert_contact(call: MailchimpCall, list_id: str, customer: Document) -> None:
    """Write the contact of a customer, consent included: what makes these calls unfit for a sync."""
    check_address(customer["email_address"])
    state, directory = call.state, call.state.directory(list_id)
    member = directory.find(subscriber_hash(customer["email_address"]))
    wanted = "pending" if state.audiences[list_id]["double_optin"] else "subscribed"
    names = {"FNAME": customer["first_name"], "LNAME": customer["last_name"]}
    names = {tag: value for tag, value in names.items() if value}
    if member is None:
        if f"{list_id}/{subscriber_hash(customer['email_address'])}" in state.blocked:
            return
        status = wanted if customer["opt_in_status"] else "transactional"
        state.add_member(list_id, customer["email_address"], status=status, merge_fields=names, source="API - Generic")
        return
    if customer["opt_in_status"] and member["status"] == "transactional":
        member["status"], member["timestamp_opt"] = wanted, state.now()
    member["merge_fields"] = {**member["merge_fields"], **names}
    member["last_changed"] = state.now()
    directory.save(member)
