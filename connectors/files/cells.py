"""Parsing of file cells: times, numbers, email addresses, consent."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError
from connectors.records import Consent, normalise_email


class CellError(ValueError):
    """A cell that can't be what its column holds; the message says what is wrong with it.

    Attributes:
        kind: The same without the cell's own text: rows with one kind of fault are told together.
        cell: The cell's own text.
    """

    def __init__(self, message: str, kind: str = "", cell: str = "") -> None:
        super().__init__(message)
        self.kind, self.cell = kind or message, cell


@dataclass(frozen=True, slots=True)
class Formats:
    """How the cells of one column are written; see `connectors.files.formats`.

    Attributes:
        date_order: "day" or "month": what comes first in 03/04/2026.
        decimal_mark: "." or ",".
        dates: Whether they are dates; else numbers.
    """

    date_order: str = "day"
    decimal_mark: str = "."
    dates: bool = False


USUAL = Formats()


def as_text(value: Any) -> str | None:
    """Return a cell as trimmed text. 17850.0 is "17850": numbers of customers are numbers.

    Returns:
        None for an empty one.
    """
    if isinstance(value, str):
        text = value.strip()
        return (text[1:] if text[:1] == "'" and MARKED_TEXT.match(text) else text) or None
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


MARKED_TEXT = re.compile(r"'(?=[=+@-]|[0-9]+$)")
"""An apostrophe that tells a spreadsheet to take what follows as text; Shopify writes its ids so."""


def as_time(value: Any, formats: Formats = USUAL) -> datetime | None:
    """Return a cell as a time in UTC; a time without a zone is UTC, a day is its midnight.

    Raises:
        CellError: It is no date.
    """
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = as_text(value)
    if text is None:
        return None
    if is_year_first(text):  # most are ISO 8601, which is read fastest
        with suppress(ValueError):
            return _utc(datetime.fromisoformat(text))
    try:
        return _utc(_moment(ZONE_APART.sub(r"\1\2", ZONE_NAME.sub("+00:00", text)), formats))
    except (ValueError, OverflowError):
        raise CellError(
            f"{text!r} is not a date or time (like 2026-11-24, 24.11.2026 or 2026-11-24T08:30:00+01:00)",
            "date not understood",
            text,
        ) from None


def time_at(path: Path, row: int, column: str, cell: Any) -> datetime | None:
    """Return a cell of a file as a time in UTC, as `as_time` does.

    Args:
        path: Of the file; its name stands in the error.
        row: Number of the row, the header being 1.
        column: Name of the column.
        cell: Of any type; None or blank: no time.

    Returns:
        None where the cell is blank.

    Raises:
        FixSettingsError: It is no date.
    """
    try:
        return as_time(cell)
    except CellError as error:
        fix = "Fix the date, or leave it empty."
        raise FixSettingsError(f"{path.name}, row {row}, {column}: {error}.", fix=fix) from error


ZONE_NAME = re.compile(r"\s*(?:UTC|GMT)$")
ZONE_APART = re.compile(r"(\d)\s+([+-]\d\d:?\d\d)$")
DATE = re.compile(r"(\d{1,4})([./-])\s?(\d{1,2})\2\s?(\d{1,4})(?:(?:,?\s+|T)(\S.*))?")
NAMED = re.compile(
    r"(?:(?P<day>\d{1,2})[. -]+)?(?P<month>[A-Za-z]{3,9})[. -]+(?:(?P<day_after>\d{1,2}),?\s+)?(?P<year>\d{4})"
    r"(?:,?\s+(?P<time>\S.*))?"
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
THIS_CENTURY = 69  # of two digits: 68 is 2068, 69 is 1969 (POSIX)


@dataclass(frozen=True, slots=True)
class DateParts:
    """A date in figures, such as 03/04/2026 10:15."""

    first: int
    second: int
    year: int
    separator: str
    time: str


def is_year_first(text: str) -> bool:
    """Tell whether a date begins with its year, so that nothing is left to decide."""
    return text[:4].isdigit()


def date_parts(text: str) -> DateParts | None:
    """Return the figures of a date that ends in its year; None for anything else."""
    match = DATE.fullmatch(text)
    if match is None or len(match[1]) > 2 or len(match[4]) not in {2, 4}:  # noqa: PLR2004 - digits of a day
        return None
    year = int(match[4])
    if len(match[4]) == 2:  # noqa: PLR2004
        year += 1900 if year >= THIS_CENTURY else 2000
    return DateParts(int(match[1]), int(match[3]), year, match[2], match[5] or "")


def _moment(text: str, formats: Formats) -> datetime:
    if is_year_first(text) and (iso := _iso(text)) is not None:
        return iso
    parts = date_parts(text)
    if parts is not None:
        day, month = (parts.first, parts.second) if formats.date_order == "day" else (parts.second, parts.first)
        return _at(date(parts.year, month, day), parts.time)
    if (match := DATE.fullmatch(text)) is not None:
        return _at(date(int(match[1]), int(match[3]), int(match[4])), match[5] or "")
    if (named := NAMED.fullmatch(text)) is not None:
        month = MONTHS.index(named["month"][:3].lower()) + 1
        return _at(date(int(named["year"]), month, int(named["day"] or named["day_after"] or 0)), named["time"] or "")
    raise ValueError(text)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _at(day: date, text: str) -> datetime:
    if not text:
        return datetime.combine(day, time())
    half = re.fullmatch(r"(\d{1,2}):(\d\d)(?::(\d\d))?\s*([ap])\.?m\.?", text, re.IGNORECASE)
    if half is None:
        padded = f"0{text}" if re.match(r"\d[:.]", text) else text
        return datetime.combine(day, time.fromisoformat(padded))
    hour = int(half[1]) % 12 + (12 if half[4].lower() == "p" else 0)
    return datetime.combine(day, time(hour, int(half[2]), int(half[3] or 0)))


def as_number(value: Any, formats: Formats = USUAL) -> float | None:
    """Return a cell as a finite number; signs and codes of currencies and marks of thousands are left out.

    Args:
        value: Text or a number.
        formats: How the file writes numbers.

    Returns:
        The number; None of an empty cell.

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
        number = _number(text, formats)
    if not math.isfinite(number):
        raise CellError(f"{value!r} is not a finite number", "number not understood", str(value))
    return number


GROUPED = re.compile(r"\d*|\d{1,3}(?:[.,'\u2019\s]\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}")
"""Digits with marks of thousands, or of lakhs."""


def _number(text: str, formats: Formats) -> float:
    if formats.decimal_mark == "." and text.isascii():
        with suppress(ValueError):
            return float(text)
    parts = amount_parts(text)
    wrong = CellError(f"{text!r} is not a number (like 12.50)", "number not understood", text)
    if parts is None:
        try:
            return float(text)
        except ValueError:
            raise wrong from None
    whole, _, rest = parts.digits.partition(formats.decimal_mark)
    if not re.fullmatch(r"[0-9]*", rest) or not GROUPED.fullmatch(whole):
        raise wrong
    return parts.sign * float(f"{re.sub(r'[^0-9]', '', whole) or 0}.{rest or 0}")


@dataclass(frozen=True, slots=True)
class AmountParts:
    """A number as people write it.

    Attributes:
        sign: 1 or -1; brackets are a minus, too.
        currency: ISO 4217, where the number says it without doubt; else "".
    """

    sign: int
    digits: str
    currency: str


AMOUNT = re.compile(
    r"(?P<open>\()?\s*(?P<minus>[-+\u2212])?\s*(?P<before>[^\d\s.,()+\u2212-]{1,4})?\s*(?P<inner>[-+\u2212])?\s*"
    r"(?P<digits>\d[\d.,'\u2019\s]*(?<!\s)|[.,]\d+)\s*(?P<after>[^\d\s.,()+\u2212-]{1,4}\.?)?\s*(?(open)\))"
)
SIGNS = {"€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₩": "KRW", "₴": "UAH", "₪": "ILS", "zł": "PLN", "Kč": "CZK"}
"""Signs that stand for one currency; $, ¥ and kr are of several."""
WORDS = ("kr", "kr.", "Fr", "Fr.", "R$", "US$", "A$", "C$", "CA$", "NZ$", "HK$", "lei", "Ft", "лв", *SIGNS)


def amount_parts(text: str) -> AmountParts | None:
    """Return the parts of a number with a currency, brackets or marks of thousands; None for anything else."""
    match = AMOUNT.fullmatch(text.strip())
    if match is None:
        return None
    signs = [sign for sign in (match["before"], match["after"]) if sign]
    if len(signs) > 1 or not all(_is_currency(sign) for sign in signs):
        return None
    minus = [mark for mark in (match["minus"], match["inner"]) if mark]
    if len(minus) > 1:
        return None
    negative = bool(match["open"]) != (minus in (["-"], ["\N{MINUS SIGN}"]))
    code = SIGNS.get(signs[0], signs[0] if re.fullmatch("[A-Z]{3}", signs[0]) else "") if signs else ""
    return AmountParts(-1 if negative else 1, match["digits"], code)


def _is_currency(sign: str) -> bool:
    symbol = len(sign) == 1 and unicodedata.category(sign) == "Sc"
    return symbol or sign in WORDS or re.fullmatch("[A-Z]{3}", sign) is not None


def as_currency(value: Any) -> str | None:
    """Return the currency that an amount names without doubt: "12,50 €" is EUR; None for any other cell."""
    parts = amount_parts(value) if isinstance(value, str) else None
    return parts.currency or None if parts else None


def as_property(value: Any, formats: Formats) -> str | None:
    """Return a cell of a property as traits read it: 2026-11-24, 1234.5; what is neither stays text."""
    text = as_text(value)
    with suppress(CellError):
        if formats.dates and (moment := as_time(value, formats)) is not None:
            return moment.isoformat() if moment.time() != time() else moment.date().isoformat()
        if not formats.dates and (number := as_number(value, formats)) is not None:
            return as_text(number)
    return text


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
        raise CellError(f"{text!r} is not an email address", "not an email address", text)
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
            "none)",
            "not a consent state",
            as_text(value) or "",
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
