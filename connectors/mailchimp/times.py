"""Mailchimp timestamps (ISO 8601 with offset) as UTC times; "" is None."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.errors import ContractError


def moment(text: str | None) -> datetime | None:
    """Return a moment in UTC; None for nothing.

    Raises:
        ContractError: The text is no moment.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ContractError(f"Mailchimp sent {text!r} instead of a time.") from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
