"""Timestamps as numbers for Ibis arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from segmenter.late_ibis import ibis

SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000  # microseconds


@cache
def _unix_micros() -> Callable[[Any], Any]:
    """Return a function that DuckDB has as EPOCH_US, Spark and BigQuery as UNIX_MICROS."""
    moment, number = ibis.dtype("timestamp('UTC', 6)"), ibis.dtype("int64")

    @ibis.udf.scalar.builtin(name="unix_micros", signature=((moment,), number))
    def unix_micros(at: Any) -> Any:
        """Stand for the engine's own."""

    return cast("Callable[[Any], Any]", unix_micros)


def microseconds(at: Any) -> Any:
    """Return a moment as microseconds since 1970 in UTC.

    Ibis's own `epoch_seconds` goes by a timestamp without zone: on DuckDB that reads the calendar of the session's
    zone, row by row, and took longer than the grouping that it was for.

    Returns:
        An Ibis column of int64.
    """
    return _unix_micros()(at)


def days_between(later: Any, earlier: Any) -> Any:
    """Return whole and part days. The difference is cast first: an integer division loses digits on Spark.

    Args:
        later: Ibis timestamp, UTC.
        earlier: Ibis timestamp, UTC.

    Returns:
        An Ibis column of float64; negative where *later* is the earlier one.
    """
    return (microseconds(later) - microseconds(earlier)).cast("float64") / float(DAY)
