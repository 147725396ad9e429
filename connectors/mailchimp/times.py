"""Mailchimp timestamps (ISO 8601 with offset) as UTC times; "" is None."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.errors import ContractError


def mailchimp_moment(text: str | None) -> datetime | None:
    """Return a moment in UTC; None for nothing.

    Raises:
        ContractError: The text is no moment.
    """
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ContractError(f"Mailchimp sent {text!r} instead of a time.") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
