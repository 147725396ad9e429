"""Window expiry: people whose windowed traits change by the passing of time alone.

Aggregates (`segmenter.traits.traits.aggregates`) that are kept are moments, texts, totals, and counts within windows.
When a day
passes, moments, texts and totals stay as they are, and a count loses what left its window. So the aggregates of a later
moment are those that are kept, minus `left`, except for people of whom anything changed or for whom something came
between the moments: their aggregates are recalculated from all that is known of them (`sync.traits.compute`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from segmenter.late_ibis import ibis
from segmenter.traits.builtin import MAIL_WINDOWS, ORDER_WINDOWS, VISIT_WINDOWS
from segmenter.traits.engagement import deliveries_left, engagements_left
from segmenter.traits.orders import orders_left
from segmenter.traits.windows import Windows

if TYPE_CHECKING:
    from ibis import Table

WINDOWED: Mapping[str, tuple[int, ...]] = {
    "orders": ORDER_WINDOWS,
    "deliveries": MAIL_WINDOWS,
    "engagements": tuple(sorted({*MAIL_WINDOWS, *VISIT_WINDOWS})),
}
"""Tables with windowed counts, and their windows."""


def left(table: str, rows: Table, links: Table, known: Table, *, before: datetime, as_of: datetime) -> Table:
    """Return what left the windows of a table between two moments (UTC): ``person_id``, and each windowed fact's loss.

    Args:
        table: A name in `WINDOWED`.
        rows: Its rows in force that are `leaving`, without engagements that were `answered_again` by *before*.
        links: Who is who.
        known: The aggregates as of *before*.
        before: The moment of the aggregates.
        as_of: The later moment.

    Returns:
        One row per person who lost something.
    """
    windows = Windows(as_of, left_since=before)
    if table == "orders":
        return orders_left(rows, links, known, windows)
    return {"deliveries": deliveries_left, "engagements": engagements_left}[table](rows, links, windows)


def leaving(table: str, at: Any, *, before: datetime, as_of: datetime) -> Any:
    """Tell whether a row of the moment *at* leaves any window of a table between two moments (UTC).

    Args:
        table: A name in `WINDOWED`.
        at: Ibis timestamp of the row, UTC.
        before: The earlier moment, UTC.
        as_of: The later moment, UTC.

    Returns:
        A boolean Ibis expression.
    """
    windows = Windows(as_of, left_since=before)
    return ibis.or_(*(windows.inside(at, days) for days in WINDOWED[table]))


def coming(at: Any, *, before: datetime, as_of: datetime) -> Any:
    """Tell whether the moment *at* was still to come at *before* and has come at *as_of* (UTC).

    Args:
        at: Ibis timestamp, UTC.
        before: The earlier moment, UTC; not included.
        as_of: The later moment, UTC; included.

    Returns:
        A boolean Ibis expression.
    """
    return (at > Windows(before).moment) & (at <= Windows(as_of).moment)


LONGEST_LEAP = timedelta(days=45)
"""Gap between runs above which everyone is recalculated: most people's windows changed."""
