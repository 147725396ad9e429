"""Sums of numbers that are the same in whatever order an engine adds: results must not depend on who else is there."""

from __future__ import annotations

from typing import Any

import ibis

EXACT = "decimal(38, 8)"
"""Hundred-millionths: finer than any currency, also after squaring."""
LARGEST = 1e24
"""Beyond it numbers are left out: a million of them still fit."""


def exact_sum(values: Any, where: Any = None) -> Any:
    """Return the sum of a column of numbers as an aggregate: a float, null where there is nothing to add.

    Args:
        values: Numbers; infinite ones, and those beyond `LARGEST`, are left out.
        where: Which rows count; None: all.

    Returns:
        The sum in exact decimals, rounded once.
    """
    fits: Any = ibis.ifelse(values.abs() < LARGEST, values.cast("float64"), ibis.null("float64"))
    return fits.cast(EXACT).sum(where=where).cast("float64")
