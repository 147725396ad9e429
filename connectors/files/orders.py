"""Orders from a file: one row per order, or one row per order line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, Formats, as_currency
from connectors.files.columns import FileColumns
from connectors.files.rows import FileRow, Rejects, rows_of
from connectors.files.table import FileTable
from connectors.records import ORDER_LINES, ORDERS

LINE_COLUMNS = ("line_id", "product_id", "title", "category", "quantity", "price")
STATES = {
    **dict.fromkeys(("", "placed", "paid", "partially paid", "partially refunded", "authorized", "pending"), "placed"),
    **dict.fromkeys(("completed", "processing", "on hold", "pending payment", "shipped", "fulfilled"), "placed"),
    **dict.fromkeys(("cancelled", "canceled", "refunded", "voided", "expired", "failed", "trash"), "cancelled"),
}
"""Words of Shopify and WooCommerce among them; an order that was paid back as a whole is none."""


def read_orders(
    table: FileTable, columns: FileColumns, formats: Mapping[str, Formats], connection: str, rejects: Rejects
) -> tuple[pa.Table, pa.Table]:
    """Return the file's orders and order lines, in the schemas of `ORDERS` and `ORDER_LINES`.

    An order's amount is its `amount`, which every line repeats, or else the sum of its lines; null where the file has
    neither amounts nor prices. One with a negative amount is a return, and counts as cancelled. A row that can't be
    read leaves only itself out.
    """
    orders: dict[str, dict[str, Any]] = {}
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    numbers: dict[str, int] = {}
    has_lines = any(name in columns for name in LINE_COLUMNS)
    for number, row in rows_of(table, columns, formats, rejects):
        try:
            known = orders.get(row.text("id") or "")
            order = known if known is not None and _continues(row) else _order(row, connection)
            _check_same(known, order, row)
            numbers[order["order_id"]] = place = numbers.get(order["order_id"], 0) + 1
            line = _line(row, order, place) if has_lines else None
        except CellError as error:
            rejects.skip(number, error, row.cells)
            continue
        if line is not None:
            lines[line["order_id"], line["line_id"]] = line
        elif known is not None:
            rejects.replace(number, "the order", order["order_id"], row.cells)
        orders[order["order_id"]] = order
    if "price" in columns and "amount" not in columns:
        _add_up(orders, lines.values())
    for order in orders.values():
        if (order["amount"] or 0.0) < 0:
            order["state"] = "cancelled"
    return (
        pa.Table.from_pylist(list(orders.values()), ORDERS.columns),
        pa.Table.from_pylist(list(lines.values()), ORDER_LINES.columns),
    )


def _order(row: FileRow, connection: str) -> dict[str, Any]:
    order_id, at = row.text("id"), row.time("at")
    if order_id is None:
        raise CellError(f"column {row.columns.header('id')!r}: the order has no number")
    if at is None:
        raise CellError(f"column {row.columns.header('at')!r}: the order has no time")
    amount = row.number("amount")
    if amount is None and "amount" in row.columns:
        raise CellError(f"column {row.columns.header('amount')!r}: the order has no amount")
    currency = row.text("currency") or row.read("amount" if "amount" in row.columns else "price", as_currency)
    return {
        "connection": connection,
        "order_id": order_id,
        "contact_key": row.contact_key(connection),
        "at": at,
        "amount": amount or 0.0 if "amount" in row.columns or "price" in row.columns else None,
        "currency": (currency or "").upper() or None,
        "state": _state(row),
        "campaign_id": row.text("campaign_id"),
    }


def _state(row: FileRow) -> str:
    if row.text("cancelled_at") is not None:
        return "cancelled"
    state = row.text("state") or ""
    word = state.lower().removeprefix("wc-").replace("_", " ").replace("-", " ")
    if word not in STATES:
        where = f"column {row.columns.header('state')!r}"
        message = f"{where}: {state!r} is not an order state (placed, cancelled)"
        raise CellError(message, f"{where}: order state unknown", state)
    return STATES[word]


def _continues(row: FileRow) -> bool:
    """Shopify writes what concerns an order as a whole into the first of its lines only."""
    return row.text("at") is None and row.text("amount") is None


def _check_same(known: dict[str, Any] | None, order: dict[str, Any], row: FileRow) -> None:
    """The lines of one order are one human's."""
    if known is not None and known["contact_key"] != order["contact_key"]:
        header = row.columns.header("id")
        raise CellError(f"column {header!r}: the order {order['order_id']!r} already belongs to another contact")


def _line(row: FileRow, order: dict[str, Any], place: int) -> dict[str, Any]:
    quantity = row.number("quantity")
    return {
        "connection": order["connection"],
        "order_id": order["order_id"],
        "line_id": row.text("line_id") or str(place),
        "product_id": row.text("product_id"),
        "title": row.text("title"),
        "category": row.text("category"),
        "quantity": 1.0 if quantity is None else quantity,
        "price": row.number("price"),
    }


def _add_up(orders: dict[str, dict[str, Any]], lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        orders[line["order_id"]]["amount"] += line["quantity"] * (line["price"] or 0.0)
    for order in orders.values():
        order["amount"] = round(order["amount"], 2)
