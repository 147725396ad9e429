"""HubSpot's ways to write a moment: epoch milliseconds, and ISO 8601 in UTC with milliseconds and a Z."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Return *moment* in epoch milliseconds."""
    return (moment - EPOCH) // MILLISECOND


def iso(ms: int) -> str:
    """Return epoch milliseconds as HubSpot prints them: ``2026-11-22T10:00:00.250Z``, and a whole second without .000.

    One in a thousand recorded times has no fraction: such texts must not be compared as texts.
    """
    moment = EPOCH + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds").replace("+00:00", "Z")


def parse_ms(text: str) -> int | None:
    """Return the epoch milliseconds that *text* means (digits, a date, or ISO 8601), None if it means none."""
    if text.lstrip("-").isdigit():
        value = int(text)
        return value if abs(value) < 10**14 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
