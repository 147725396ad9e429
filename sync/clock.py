"""The one door to the wall clock. Everything else takes the moment, or a clock, as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present, UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the door


MINUTE = 60


def duration(seconds: float) -> str:
    """Return a time in the unit that fits it."""
    if seconds < 1:
        return "less than a second"
    return f"{seconds:.0f} seconds" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.1f} minutes"
