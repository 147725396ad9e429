"""Fill both platforms from a real order history: Online Retail, CDNOW, or any table with the usual columns.

Each customer becomes a contact of both platforms, with an address made from the customer number; each order a
Mailchimp e-commerce order or a HubSpot deal. All dates are moved by the same number of whole days, so that the last
order was yesterday and "days since the last order" means what it meant to the shop. Cancelled, returned and free
lines are no purchases and are left out, as published analyses of these data do; so are lines without a customer.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Any, Literal, TextIO, cast

import pyarrow.parquet as pq

from connectors.sandbox.fill import AUDIENCE, prepare
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.tastes import remember_taste
from connectors.sandbox.world import World

As = Literal["ecommerce", "deals"]
STORE = "orders"

ALIASES = {
    "order": ("invoiceno", "invoice", "order_id", "order", "orderid"),
    "customer": ("customerid", "customer id", "customer_id", "customer", "masterid", "email"),
    "at": ("invoicedate", "order_date", "date", "at", "created_at"),
    "quantity": ("quantity", "qty"),
    "price": ("unitprice", "price", "unit_price"),
    "amount": ("amount", "total", "sales", "revenue"),
    "product": ("stockcode", "product_id", "sku", "product"),
    "title": ("description", "title", "product_name"),
    "category": ("category", "product_type"),
    "country": ("country",),
}
DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y%m%d", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M")


class OrderFileError(ValueError):
    """The file is no order history that can be read; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One product of an order."""

    product: str
    title: str
    category: str
    quantity: float
    price: float


@dataclass(slots=True)
class CustomerOrder:
    """One order of one customer; `at` is UTC."""

    key: str
    customer: str
    at: datetime
    amount: float = 0.0
    country: str = ""
    lines: list[OrderLine] = field(default_factory=list)


def fill_from_orders(world: World, path: Path, *, orders_as: As = "ecommerce") -> dict[str, int]:
    """Put every customer of *path* on both platforms, with their orders on one of them.

    Returns:
        customers, orders, lines left out.

    Raises:
        OrderFileError: No customer, date or amount column, or no purchase in it.
    """
    orders, left_out = read_purchases(path)
    if not orders:
        raise OrderFileError(f"{path}: there is no purchase in it.")
    shift = timedelta(days=(world.clock.now() - max(order.at for order in orders)).days)
    by_customer: dict[str, list[CustomerOrder]] = defaultdict(list)
    for order in orders:
        order.at += shift
        by_customer[order.customer].append(order)
    email, crm = prepare(world), HubSpotState.of(world)
    email.add_store(AUDIENCE, STORE, path.stem, currency="GBP")
    for product in _products(orders):
        email.add_product(STORE, product)
    for customer, theirs in by_customer.items():
        _customer(world, email, crm, customer, theirs, orders_as=orders_as)
    return {"customers": len(by_customer), "orders": len(orders), "lines_left_out": left_out}


def read_purchases(path: Path) -> tuple[list[CustomerOrder], int]:
    """Return the orders of a CSV, Parquet or CDNOW file, and how many lines are no purchases."""
    orders: dict[tuple[str, str], CustomerOrder] = {}
    left_out = 0
    for number, row in enumerate(_rows(path), 1):
        cells = row
        quantity = float(cells["quantity"] or 1) if "quantity" in cells else 1.0
        price = float(cells["price"] if "price" in cells else cells["amount"] or 0)
        key = str(cells.get("order") or f"{cells['customer']}-{cells['at']}")
        customer = _customer_key(cells["customer"])
        if not customer or quantity <= 0 or price <= 0 or key.startswith("C"):
            left_out += 1
            continue
        order = orders.get((key, customer))
        if order is None:
            order = orders[key, customer] = CustomerOrder(key, customer, _moment(cells["at"], path, number))
            order.country = str(cells.get("country") or "")
        order.amount += quantity * price
        if cells.get("product"):
            title = str(cells.get("title") or cells["product"])
            order.lines.append(
                OrderLine(str(cells["product"]), title, str(cells.get("category") or ""), quantity, price)
            )
    return list(orders.values()), left_out


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield rows with our column names."""
    if path.suffix == ".parquet":
        source = pq.ParquetFile(path)
        names = _named(source.schema_arrow.names, path)
        for batch in source.iter_batches(columns=list(names.values())):
            columns = {ours: batch.column(theirs).to_pylist() for ours, theirs in names.items()}
            for values in zip(*columns.values(), strict=True):
                yield dict(zip(columns, values, strict=True))
        return
    with _opened(path) as file:
        if path.name.startswith("CDNOW_master"):
            for line in file:
                customer, date, _, amount = line.split()
                yield {"customer": customer, "at": date, "amount": amount}
            return
        reader = csv.DictReader(file)
        names = _named(reader.fieldnames or [], path)
        for row in reader:
            yield {ours: row[theirs] for ours, theirs in names.items()}


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8"))
    return path.open(encoding="utf-8-sig")


def _named(columns: Sequence[str], path: Path) -> dict[str, str]:
    lowered = {column.strip().lower(): column for column in columns}
    names = {ours: lowered[alias] for ours, known in ALIASES.items() for alias in reversed(known) if alias in lowered}
    for needed in ("customer", "at"):
        if needed not in names:
            wanted = ", ".join(ALIASES[needed])
            raise OrderFileError(f"{path}: there is no column for the {needed}; known names: {wanted}.")
    if "price" not in names and "amount" not in names:
        raise OrderFileError(f"{path}: there is no column for the price; known names: price, unitprice, amount, total.")
    return names


def _customer_key(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN is no customer
        return ""
    return str(int(value)) if isinstance(value, float) else str(value).strip()


def _moment(value: Any, path: Path, number: int) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    for form in DATES:
        try:
            return datetime.strptime(str(value), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise OrderFileError(f"{path}, row {number}: {value!r} is no date; write it as 2026-11-24 10:00:00.")


def _products(orders: Sequence[CustomerOrder]) -> Iterator[dict[str, str]]:
    known: dict[str, OrderLine] = {}
    for order in orders:
        for line in order.lines:
            known.setdefault(line.product, line)
    for key, line in known.items():
        yield {"id": key, "title": line.title, "type": line.category, "vendor": ""}


def _customer(
    world: World,
    email: MailchimpState,
    crm: HubSpotState,
    customer: str,
    orders: Sequence[CustomerOrder],
    *,
    orders_as: As,
) -> None:
    address = customer if "@" in customer else f"customer-{customer}@orders.test"
    since = min(order.at for order in orders)
    country = orders[0].country
    remember_taste(world, address, taste_from(orders))
    properties = {"email": address, "lifecyclestage": "customer", "country": country}
    record_id = crm.add_contact(properties, created_at=since)
    email.add_member(AUDIENCE, address, merge_fields={"COUNTRY": country}, at=since)
    for order in orders:
        if orders_as == "deals":
            values = {"amount": f"{order.amount:.2f}", "deal_currency_code": "GBP", "dealname": f"Order {order.key}"}
            crm.add_deal(values, contact_id=record_id, at=order.at)
        else:
            email.add_order(STORE, _shop_order(order, address))


def _shop_order(order: CustomerOrder, address: str) -> dict[str, Any]:
    key = f"{order.key}-{order.customer}"
    lines = [
        {
            "id": f"{key}-{place}",
            "product_id": line.product,
            "product_title": line.title,
            "product_variant_id": line.product,
            "product_variant_title": line.title,
            "quantity": line.quantity,
            "price": line.price,
            "discount": 0,
        }
        for place, line in enumerate(order.lines)
    ]
    return {
        "id": key,
        "customer": {"id": order.customer, "email_address": address},
        "currency_code": "GBP",
        "order_total": round(order.amount, 2),
        "processed_at_foreign": order.at.isoformat(),
        "financial_status": "paid",
        "lines": lines,
    }


def taste_from(orders: Sequence[CustomerOrder]) -> str:
    """Return a hidden persona that fits what somebody really bought: real data know none."""
    if len(orders) >= 6:  # noqa: PLR2004 - buys every other month or more, over a year
        return "regular"
    if all(order.at.month in {11, 12} for order in orders):
        return "gift"
    return "bargain" if len(orders) > 1 or mean(order.amount for order in orders) < 200 else "newcomer"  # noqa: PLR2004
