"""The one door to the wall clock. Everything else takes the moment, or a clock, as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present, UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the door
