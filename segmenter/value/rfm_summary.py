"""RFM summary: repeat orders, recency, observation time and mean order value per buyer.

All orders of a day are one purchase, as in the literature (Fader, Hardie & Lee 2005). Time is counted in weeks from the
first purchase.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table
from numpy.typing import NDArray

from segmenter.stats.exact_sum import exact_sum

Array = NDArray[np.float64]
WEEK = 7.0  # days


@dataclass(frozen=True, slots=True)
class Buyers:
    """People who bought at least once, as of a moment. Every array has one value a buyer.

    Attributes:
        person_ids: Text.
        repeats: Days with a purchase after the first such day (x).
        last: Week of the last purchase, from the first one (t_x); 0 without a repeat.
        observed: Weeks from the first purchase to the moment (T).
        repeat_mean: Mean amount of the repeat purchases in the model's currency (m); NaN where there is none above 0.
        spent: Sum of all amounts in the model's currency.
        in_currency: Whether the buyer orders mostly in the model's currency.
        log_gaps: Sum of the logarithms of the weeks between one purchase and the next; 0 without a repeat.
    """

    person_ids: NDArray[np.object_]
    repeats: Array
    last: Array
    observed: Array
    repeat_mean: Array
    spent: Array
    in_currency: NDArray[np.bool_]
    log_gaps: Array

    def __len__(self) -> int:
        return len(self.person_ids)

    def figures_of(self, people: pa.ChunkedArray | NDArray[np.object_], figures: Array) -> Array:
        """Return the figure of each of *people* that *figures* has, one a buyer; 0 for who never bought.

        Args:
            people: Person ids.
            figures: One value for each of these buyers.

        Returns:
            In the order of *people*.
        """
        asked = pa.array(people, pa.string()) if isinstance(people, np.ndarray) else people
        places = pc.index_in(asked, value_set=pa.array(self.person_ids, pa.string())).fill_null(len(self))
        return np.asarray(np.append(figures, 0.0)[places.to_numpy()])

    def only(self, chosen: NDArray[Any]) -> Buyers:
        """Return the buyers that *chosen* (a mask or positions) names.

        Returns:
            In the order of *chosen*.
        """
        return Buyers(
            self.person_ids[chosen],
            self.repeats[chosen],
            self.last[chosen],
            self.observed[chosen],
            self.repeat_mean[chosen],
            self.spent[chosen],
            self.in_currency[chosen],
            self.log_gaps[chosen],
        )


@dataclass(frozen=True, slots=True)
class History:
    """Buyers, and what their orders were like.

    Attributes:
        currency: The one in which most orders were placed; "" without orders.
        other_currency: Buyers who order mostly in another one.
        not_positive: Orders of nothing or less, whose amounts do not count.
    """

    buyers: Buyers
    currency: str
    other_currency: int
    not_positive: int

    @property
    def priced(self) -> bool:
        """Whether any order has an amount; without amounts, only how often people order can be forecast."""
        return bool((self.buyers.spent > 0).any())


def purchase_history(orders: Table, links: Table, as_of: datetime) -> History:
    """Return everybody who bought until *as_of*.

    Args:
        orders: Versions in force, in the schema of `connectors.records.ORDERS`; only placed ones count.
        links: Columns ``contact_key``, ``person_id``.
        as_of: UTC; nothing after it counts.

    Returns:
        One row per buyer, by person id; the currency of most orders; buyers who pay in another one.
    """
    moment: Any = ibis.literal(as_of).cast("timestamp('UTC', 6)")
    known = orders.filter(orders["at"] <= moment, orders.state == "placed").inner_join(links, "contact_key")
    known = known.select("person_id", "at", "amount", currency=known.currency.fill_null(""))
    used = known.group_by("currency").aggregate(n=known.count(), bad=(known.amount <= 0).cast("int64").sum())
    counted = used.order_by(ibis.desc("n"), "currency").to_pyarrow().to_pylist()
    currency = counted[0]["currency"] if counted else ""
    rows = _by_buyer(known, currency, moment).order_by("person_id").to_pyarrow()
    buyers = from_arrow(rows)
    return History(buyers, currency, int((~buyers.in_currency).sum()), sum(int(row["bad"] or 0) for row in counted))


def _by_buyer(known: Table, currency: str, moment: Any) -> Table:
    """One row a buyer: the columns of `from_arrow`."""
    mine = (known.currency == currency).cast("int64")
    days = known.mutate(day=known["at"].date(), mine=mine)
    paid = exact_sum(days.amount, (days.mine == 1) & (days.amount > 0))
    daily = days.group_by("person_id", "day").aggregate(paid=paid, n=days.count(), inside=days.mine.sum().cast("int64"))
    before = daily.day.lag().over(group_by=daily.person_id, order_by=daily.day)
    numbered = daily.mutate(first=daily.day.min().over(group_by=daily.person_id), before=before)
    gap = _days(numbered.day, numbered.before) / WEEK
    repeat = numbered.day > numbered["first"]
    priced = repeat & (numbered.paid > 0)
    grouped = numbered.group_by("person_id").aggregate(
        purchases=numbered.count(),
        first=numbered.day.min(),
        newest=numbered.day.max(),
        repeat_mean=exact_sum(numbered.paid, priced) / numbered.count(where=priced).nullif(0),
        spent=exact_sum(numbered.paid),
        share=numbered.inside.sum().cast("float64") / numbered.n.sum().cast("float64"),
        log_gaps=gap.ln().sum(),
    )
    return grouped.select(
        "person_id",
        repeats=(grouped.purchases - 1).cast("float64"),
        last=_days(grouped.newest, grouped["first"]) / WEEK,
        observed=_days(moment.date(), grouped["first"]) / WEEK,
        repeat_mean=grouped.repeat_mean,
        spent=grouped.spent.fill_null(0.0),
        in_currency=grouped.share >= 0.5,  # noqa: PLR2004 - mostly
        log_gaps=grouped.log_gaps.fill_null(0.0),
    )


def _days(later: Any, earlier: Any) -> Any:
    seconds: Any = later.cast("timestamp").epoch_seconds().cast("float64")
    return (seconds - earlier.cast("timestamp").epoch_seconds().cast("float64")) / 86_400.0


def from_arrow(rows: pa.Table) -> Buyers:
    """Return the buyers that *rows* (columns named as in `Buyers`, ``person_id`` first) hold."""

    def numbers(name: str) -> Array:
        return np.asarray(rows[name].to_numpy(zero_copy_only=False), dtype=np.float64)

    return Buyers(
        np.asarray(rows["person_id"].to_numpy(zero_copy_only=False), dtype=object),
        numbers("repeats"),
        numbers("last"),
        numbers("observed"),
        numbers("repeat_mean"),
        numbers("spent"),
        np.asarray(rows["in_currency"].to_numpy(zero_copy_only=False), dtype=bool),
        numbers("log_gaps"),
    )
