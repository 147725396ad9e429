"""Next best offer: category or product recommendations by co-purchase.

Item-to-item collaborative filtering (Linden, Smith and York, IEEE Internet Computing 7 (2003) 76): two items are as
alike as the cosine of their buyers, n(a and b) / sqrt(n(a) n(b)). The item that is most like what somebody has bought
is their next one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from segmenter.late_ibis import ibis

if TYPE_CHECKING:
    from ibis import Table

NEXT: Mapping[str, Literal["category", "product"]] = {"next_category": "category", "next_product": "product"}
"""What fields can ask for beside traits: it follows from everybody's purchases, not from one person's."""

MOST_ITEMS = 50  # of a person, the newest: pairs grow with the square, and a reseller of thousands tells little


@dataclass(frozen=True, slots=True)
class Support:
    """When a suggestion is good enough.

    Attributes:
        people: Least number of people who bought both items.
        rest_days: What was bought within so many days is not suggested.
    """

    people: int = 10
    rest_days: int = 90


def next_best(
    orders: Table, lines: Table, links: Table, as_of: datetime, *, of: Literal["category", "product"], support: Support
) -> Table:
    """Return each buyer's next best item.

    Args:
        orders: `connectors.records.ORDERS`.
        lines: `connectors.records.ORDER_LINES`.
        links: Columns ``contact_key``, ``person_id``.
        as_of: UTC; no later order counts.
        of: Whether items are categories or products.
        support: When a suggestion is good enough.

    Returns:
        Columns ``person_id``, ``item`` (a category, or a product's title, without one its number); people for whom
        nothing is supported are absent. Of equally good ones the first of the alphabet is taken.
    """
    moment = ibis.literal(as_of).cast("timestamp('UTC', 6)")
    bought = _bought(orders, lines, links, moment, of).cache()
    basis = bought.filter(bought.place < MOST_ITEMS).select("person_id", "item")
    scored = _scores(basis, support)
    recent = bought.filter(bought.newest > moment - ibis.interval(days=support.rest_days)).select("person_id", "item")
    left = scored.anti_join(recent, ["person_id", "item"])
    best = ibis.row_number().over(group_by=left.person_id, order_by=[left.score.desc(), left["item"]])
    ranked = left.mutate(best=best)
    return ranked.filter(ranked.best == 0).select("person_id", "item")


def _bought(orders: Table, lines: Table, links: Table, moment: Any, of: str) -> Table:
    """Columns ``person_id, item, newest, place``: what each person ever bought, the newest first."""
    placed = orders.filter(orders.at <= moment, orders.state == "placed").inner_join(links, "contact_key")
    placed = placed.select("connection", "order_id", "person_id", bought_at="at")
    title = ibis.coalesce(lines.title.nullif(""), lines.product_id.nullif(""))
    named = lines.select("connection", "order_id", item=lines.category.nullif("") if of == "category" else title)
    joined = named.filter(named["item"].notnull()).inner_join(placed, ["connection", "order_id"])
    items = joined.group_by("person_id", "item").aggregate(newest=joined.bought_at.max())
    place = ibis.row_number().over(group_by=items.person_id, order_by=[items.newest.desc(), items["item"]])
    return items.mutate(place=place)


def _scores(basis: Table, support: Support) -> Table:
    """Columns ``person_id, item, score``: how like what they bought every supported item is, summed up."""
    other = basis.view().rename(other="item")
    both = basis.inner_join(other, "person_id").filter(lambda t: t["item"] != t.other)
    pairs = both.group_by("item", "other").aggregate(both=both.count())
    buyers = basis.group_by("item").aggregate(buyers=basis.count())
    pairs = pairs.filter(pairs.both >= support.people).inner_join(buyers, "item")
    others = buyers.view().rename(other="item", other_buyers="buyers")
    pairs = pairs.inner_join(others, "other")
    n = pairs.buyers.cast("float64") * pairs.other_buyers.cast("float64")
    alike = pairs.select("item", "other", cosine=pairs.both.cast("float64") / n.sqrt())
    joined = basis.inner_join(alike, "item")
    # rounded, so that sums in another order do not break ties differently
    return joined.group_by("person_id", item="other").aggregate(score=joined.cosine.sum().round(9))
