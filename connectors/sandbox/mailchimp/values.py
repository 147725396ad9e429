"""JSON values, and times as Mailchimp writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Json = Any  # a parsed JSON value
Document = dict[str, Any]


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time; without an offset it is UTC.

    Raises:
        ValueError: The text is not a time.

    """
    # A plus that nobody quoted arrives as a space.
    moment = datetime.fromisoformat(text.replace(" 00:00", "+00:00").replace("%3A", ":"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def stamp(moment: datetime) -> str:
    """Write a time as Mailchimp does: whole seconds, offset +00:00. Stamps sort like times."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()
