"""HubSpot timestamps (ISO text or epoch milliseconds) as UTC times."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.errors import ContractError


def moment(text: str | int | None) -> datetime | None:
    """Return a moment in UTC; None for nothing.

    Raises:
        ContractError: The text is neither ISO 8601 nor epoch milliseconds.
    """
    if text in {None, ""}:
        return None
    try:
        if isinstance(text, int) or str(text).isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        found = datetime.fromisoformat(str(text))
    except (ValueError, OverflowError) as error:
        raise ContractError(f"HubSpot sent {text!r} instead of a time.") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def milliseconds(at: datetime) -> int:
    """Return epoch milliseconds."""
    return round(at.timestamp() * 1000)
