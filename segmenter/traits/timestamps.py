"""Timestamps as numbers for Ibis arithmetic."""

from __future__ import annotations

from typing import Any

import ibis
from ibis.expr import datatypes as dt

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000  # microseconds


@ibis.udf.scalar.builtin(name="unix_micros", signature=((dt.Timestamp(timezone="UTC", scale=6),), dt.int64))
def _unix_micros(at: Any) -> Any:
    """Stand for a function that DuckDB has as EPOCH_US, Spark and BigQuery as UNIX_MICROS."""


def microseconds(at: Any) -> Any:
    """Return a moment as microseconds since 1970 in UTC.

    Ibis's own `epoch_seconds` goes by a timestamp without zone: on DuckDB that reads the calendar of the session's
    zone, row by row, and took longer than the grouping that it was for.

    Returns:
        An Ibis column of int64.
    """
    return _unix_micros(at)


def days_between(later: Any, earlier: Any) -> Any:
    """Return whole and part days. The difference is cast first: an integer division loses digits on Spark.

    Args:
        later: Ibis timestamp, UTC.
        earlier: Ibis timestamp, UTC.

    Returns:
        An Ibis column of float64; negative where *later* is the earlier one.
    """
    return (microseconds(later) - microseconds(earlier)).cast("float64") / float(DAY)
