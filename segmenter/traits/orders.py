"""Order aggregates per person: orders and order lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segmenter.late_ibis import ibis
from segmenter.traits.builtin import ORDER_WINDOWS
from segmenter.traits.definitions import Inputs
from segmenter.traits.windows import DATED, MONEY, RANKED, Windows, by_person, dated, rank_text, whole

if TYPE_CHECKING:
    from ibis import Table

PIECES = 1000  # quantities are added up in thousandths
MOST_PIECES = 10**RANKED - 1


def order_aggregates(inputs: Inputs, windows: Windows) -> Table:
    """Return counts, sums in the main currency, and the moments of the first and the last order.

    The main currency is the one of most orders; of equally many, the last in the alphabet.
    """
    placed = _placed(inputs.orders, inputs.links, windows)
    table = _in_whole_amounts(placed)
    counted = {f"orders_{days}d": windows.count(table, table.at, days) for days in ORDER_WINDOWS}
    summed = {f"revenue_{days}d": windows.sum(table.amount, table.at, days) for days in ORDER_WINDOWS}
    each = table.group_by("person_id", "currency").aggregate(
        orders_total=table.count(),
        priced=table.count(where=table.priced),
        revenue_total=table.amount.sum().cast("int64"),
        first_order=table.at.min(),
        last_order=table.at.max(),
        **counted,
        **{name: value.cast("int64") for name, value in summed.items()},
    )
    each = each.mutate(rank=rank_text(each.orders_total, each.currency))
    each = each.mutate(of_main=ibis.struct({name: each[name] for name in ("priced", "revenue_total", *summed)}))
    table = each.group_by("person_id").aggregate(
        currency=each["rank"].max().substr(RANKED).nullif(""),
        currencies=each.count(),
        orders_total=each.orders_total.sum(),
        first_order=each.first_order.min(),
        last_order=each.last_order.max(),
        **{name: each[name].sum() for name in counted},
        of_main=each.of_main.argmax(each["rank"]),  # one search for all
    )
    return table.unpack("of_main")


def orders_left(orders: Table, links: Table, known: Table, windows: Windows) -> Table:
    """Return how many orders left each window, and their sums in the main currency.

    See `segmenter.traits.window_expiry.left`.

    Args:
        orders: Orders, of whatever state.
        links: Who is who.
        known: Aggregates as `order_aggregates` returns them: a person's main currency.
        windows: What left them.
    """
    purchases = _in_whole_amounts(_placed(orders, links, windows))
    purchases = purchases.inner_join(known.select("person_id", main=known.currency.fill_null("")), "person_id")
    mine = ibis.ifelse(purchases.currency == purchases.main, purchases.amount, 0)
    return purchases.group_by("person_id").aggregate(
        **{f"orders_{days}d": windows.count(purchases, purchases.at, days) for days in ORDER_WINDOWS},
        **{f"revenue_{days}d": windows.sum(mine, purchases.at, days).cast("int64") for days in ORDER_WINDOWS},
    )


def _in_whole_amounts(placed: Table) -> Table:
    amount = whole(placed.amount, MONEY)
    return placed.mutate(amount=amount.fill_null(0), priced=amount.notnull(), currency=placed.currency.fill_null(""))


def line_aggregates(inputs: Inputs, windows: Windows) -> Table:
    """Return what was bought most and last."""
    placed = _placed(inputs.orders, inputs.links, windows).select("connection", "order_id", "person_id", "at")
    lines = inputs.order_lines
    purchases = lines.select(
        "connection",
        "order_id",
        category=lines.category.nullif(""),
        product=ibis.coalesce(lines.title.nullif(""), lines.product_id.nullif("")),
        pieces=whole(lines.quantity, PIECES).fill_null(0),
    )
    bought = purchases.inner_join(placed, ["connection", "order_id"])
    products = bought.group_by("person_id", "category", "product").aggregate(
        pieces=bought.pieces.sum().clip(-MOST_PIECES, MOST_PIECES).cast("int64"), at=bought["at"].max()
    )
    of_category = products.group_by("person_id", "category").aggregate(
        pieces=products.pieces.sum().clip(-MOST_PIECES, MOST_PIECES).cast("int64"),
        at=products["at"].max(),
        product=dated(products["at"], products["product"]).max(),
    )
    known = of_category.category.notnull()
    rank = rank_text(of_category.pieces, of_category.category)
    return of_category.group_by("person_id").aggregate(
        favourite_category=rank.max(where=known & (of_category.pieces > 0)).substr(RANKED),
        last_category=dated(of_category["at"], of_category.category).max(where=known).substr(DATED),
        categories=of_category.count(where=known),
        last_product=of_category["product"].max().substr(DATED),
    )


def _placed(orders: Table, links: Table, windows: Windows) -> Table:
    past = windows.past(orders)
    return by_person(past.filter(past.state == "placed"), links)
