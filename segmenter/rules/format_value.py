"""Formatting of trait values in reasons, equal in SQL and in Python."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

DECIMALS = 1
UNKNOWN = "unknown"


def formatted(value: Any) -> Any:
    """Return an Ibis value as text: a fraction with one decimal, half rounded away from nothing, no ``.0``.

    Returns:
        A text column; `UNKNOWN` for null.
    """
    if value.type().is_floating():
        text = value.round(DECIMALS).cast("string")
        value = text.re_replace(r"\.0$", "").re_replace(r"^-0$", "0")
    return value.cast("string").fill_null(UNKNOWN)


def shown_one(value: Any) -> str:
    """Return a Python value as `formatted` writes it; None is unknown."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _fraction(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def _fraction(value: float) -> str:
    tens = abs(value) * 10**DECIMALS
    if math.isnan(value) or math.isinf(tens):
        return str(value)
    whole = math.floor(tens)
    rounded = math.copysign((whole + (tens - whole >= 0.5)) / 10**DECIMALS, value)  # noqa: PLR2004 - half
    text = repr(rounded).removesuffix(".0")
    return "0" if text == "-0" else text
