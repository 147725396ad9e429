"""Customer lifetime value traits: predictions of the value model as of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segmenter.late_ibis import ibis
from segmenter.traits.definitions import Inputs
from segmenter.traits.windows import Windows

if TYPE_CHECKING:
    from ibis import Table


def value_aggregates(inputs: Inputs, windows: Windows) -> Table:
    """Return ``person_id, clv, expected_orders_365d``: the newest until the moment; none where no model is asked."""
    if inputs.values is None:
        nothing = inputs.links.select("person_id").limit(0)
        return nothing.mutate(clv=ibis.null("float64"), expected_orders_365d=ibis.null("float64"))
    return newest_values(inputs.values, windows)


def newest_values(values: Table, windows: Windows) -> Table:
    """Return ``person_id, clv, expected_orders_365d`` of everybody of whom *values* (every version) says anything.

    Args:
        values: All versions, with ``as_of`` (UTC) and ``sequence``.
        windows: Its moment: values from later do not count.

    Returns:
        One row per person; ``clv`` is in the currency of the value model.
    """
    known = values.filter(values.as_of <= windows.moment)
    order = [known.as_of.desc(), known.sequence.desc()]
    placed = known.mutate(place=ibis.row_number().over(group_by=known.person_id, order_by=order))
    return placed.filter(placed.place == 0).select("person_id", "clv", "expected_orders_365d")
