"""HubSpot timestamps (ISO text or epoch milliseconds) as UTC times."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.errors import ContractError


def hubspot_moment(text: str | int | None) -> datetime | None:
    """Return a moment in UTC; None for nothing.

    Raises:
        ContractError: The text is neither ISO 8601 nor epoch milliseconds.
    """
    if text in {None, ""}:
        return None
    try:
        if isinstance(text, int) or str(text).isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        moment = datetime.fromisoformat(str(text))
    except (ValueError, OverflowError) as error:
        raise ContractError(f"HubSpot sent {text!r} instead of a time.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def milliseconds(at: datetime) -> int:
    """Return epoch milliseconds."""
    return round(at.timestamp() * 1000)
