"""Parsing of file cells: times, numbers, email addresses, consent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from connectors.records import Consent, normalise_email


class CellError(ValueError):
    """A cell that can't be what its column holds; the message says what is wrong with it."""


def as_text(value: Any) -> str | None:
    """Return a cell as trimmed text, None for an empty one. 17850.0 is "17850": numbers of customers are numbers."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return _utc(value).isoformat()
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value).strip() or None


def as_time(value: Any) -> datetime | None:
    """Return a cell as a time in UTC; a time without a zone is UTC, a day is its midnight.

    Raises:
        CellError: It is no ISO 8601 time.
    """
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = as_text(value)
    if text is None:
        return None
    try:
        return _utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise CellError(f"{text!r} is not an ISO 8601 time (like 2026-11-24T08:30:00+01:00)") from None


def as_number(value: Any) -> float | None:
    """Return a cell as a finite number.

    Raises:
        CellError: It is no number.
    """
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        number = float(value)
        if math.isnan(number):
            return None
    else:
        text = as_text(value)
        if text is None:
            return None
        try:
            number = float(text)
        except ValueError:
            raise CellError(f"{text!r} is not a number (like 12.50)") from None
    if not math.isfinite(number):
        raise CellError(f"{value!r} is not a finite number")
    return number


def as_email(value: Any) -> str | None:
    """Return a cell as a normalised address.

    Raises:
        CellError: It is no address.
    """
    text = as_text(value)
    if text is None:
        return None
    address = normalise_email(text)
    if address is None:
        raise CellError(f"{text!r} is not an email address")
    return address


CONSENTS: Mapping[str, Consent] = {
    **dict.fromkeys(
        ("subscribed", "true", "yes", "y", "1", "on", "opted_in", "opt_in", "optin", "ja", "oui"), "subscribed"
    ),
    **dict.fromkeys(("single_opt_in", "double_opt_in", "confirmed", "confirmed_opt_in", "si", "sí"), "subscribed"),
    **dict.fromkeys(("accepted", "accepts", "agreed", "granted", "consented", "explicit_consent"), "subscribed"),
    **dict.fromkeys(("unsubscribed", "false", "no", "n", "0", "off", "opted_out", "opt_out", "optout"), "unsubscribed"),
    **dict.fromkeys(
        ("nein", "non", "declined", "denied", "refused", "rejected", "revoked", "withdrawn"), "unsubscribed"
    ),
    **dict.fromkeys(("suppressed", "blocked", "do_not_email", "complained", "spam_complaint"), "unsubscribed"),
    **dict.fromkeys(("cleaned", "bounced", "hard_bounced", "invalid", "undeliverable"), "cleaned"),
    **dict.fromkeys(("pending", "unconfirmed", "not_confirmed", "pending_confirmation"), "pending"),
    **dict.fromkeys(("transactional", "nonsubscribed", "non_subscribed", "not_subscribed"), "transactional"),
    **dict.fromkeys(("never_subscribed", "no_consent"), "transactional"),
    **dict.fromkeys(("none", "unknown", "n/a", "not_set", "not_specified", "null"), "none"),
}
"""Words that shops, CRMs and email tools export, whatever their case, and the consent that each one is."""
NOT_REFUSED = frozenset({"", "false", "no", "n", "0", "off", "nein", "non", "none", "null", "n/a"})
"""Cells of a column of opt-outs that are none."""


def as_consent(value: Any) -> Consent:
    """Return a cell as a consent; an empty one is "none".

    Raises:
        CellError: A word that we do not know. Guessing could turn a refusal into a consent.
    """
    word = _word(value)
    if word and word not in CONSENTS:
        raise CellError(
            f"{as_text(value)!r} is not a consent state (subscribed, unsubscribed, pending, cleaned, transactional, "
            "none)"
        )
    return CONSENTS[word] if word else "none"


def as_refusal(value: Any) -> Consent:
    """Return the cell of a column such as "Unsubscribed from all email" as a consent: "unsubscribed", or "none".

    Whatever is not clearly a no stands for an opt-out: a time is the moment of it. A no is no consent either.
    """
    return "none" if _word(value) in NOT_REFUSED else "unsubscribed"


def _word(value: Any) -> str:
    return (as_text(value) or "").lower().replace("-", "_").replace(" ", "_")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
