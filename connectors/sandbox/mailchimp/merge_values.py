"""What a merge field takes, by its type, and how it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.sandbox.mailchimp.values import Document, Json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Reader = Callable[[Any, Document], Any]

TEXT_BYTES = 255  # longer text is cut, silently
MISSING = "A value is required"


def merged_values(
    fields: Iterable[Document], shown: Mapping[str, Any], given: Mapping[str, Any], *, skip_required: bool
) -> tuple[Document, list[tuple[str, str]]]:
    """Lay the *given* values over the *shown* ones; unknown tags are ignored.

    Returns:
        The values to keep, and pairs of tag and message for what cannot be kept.

    """
    values, errors = dict(shown), []
    for field in fields:
        tag = field["tag"]
        if tag in given:
            read: Reader = READERS.get(field["type"], read_text_value)
            try:
                values[tag] = read(given[tag], field)
            except ValueError as error:
                errors.append((tag, str(error)))
                continue
        if field["required"] and not skip_required and values.get(tag, "") in ("", None):
            errors.append((tag, MISSING))
    return values, errors


def read_text_value(value: Json, _field: Document) -> str:
    """Return text of at most 255 bytes."""
    if isinstance(value, (dict, list)):
        message = "Please enter a value"
        raise ValueError(message)  # noqa: TRY004 - a value of the wrong shape, as all others here
    text = "" if value is None else str(value)
    return text.encode()[:TEXT_BYTES].decode(errors="ignore") if len(text.encode()) > TEXT_BYTES else text


def read_number(value: Json, _field: Document) -> float | str:
    """Return a number, or empty text."""
    if value in ("", None):
        return ""
    try:
        number = float(value)
        whole = number.is_integer()
    except (TypeError, ValueError):
        message = "Please enter a number"
        raise ValueError(message) from None
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - not a number
        message = "Please enter a number"
        raise ValueError(message)
    return int(number) if whole else number


def read_date(value: Json, _field: Document) -> str:
    """Return YYYY-MM-DD; MM/DD/YYYY is understood."""
    if value in ("", None):
        return ""
    for form in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(str(value), form).strftime("%Y-%m-%d")  # noqa: DTZ007 - a date without zone
        except ValueError:
            continue
    message = "Please enter the date"
    raise ValueError(message)


def read_birthday(value: Json, _field: Document) -> str:
    """Return MM/DD."""
    text = "" if value is None else str(value)
    try:
        return datetime.strptime(f"2000/{text}", "%Y/%m/%d").strftime("%m/%d") if text else ""  # noqa: DTZ007
    except ValueError:
        message = "Please enter a month (01-12) and a day (01-31)"
        raise ValueError(message) from None


def read_url(value: Json, field: Document) -> str:
    """Return a URL with its scheme."""
    text = read_text_value(value, field)
    if text and not re.fullmatch(r"https?://[^\s/]+\S*", text):
        message = "Please enter a complete URL"
        raise ValueError(message)
    return text


def read_choice(value: Json, field: Document) -> str:
    """Return one of the field's choices."""
    text, choices = read_text_value(value, field), field["options"].get("choices", [])
    if text and text not in choices:
        message = f"Value must be one of: {', '.join(choices)} (not {text})"
        raise ValueError(message)
    return text


def read_zip(value: Json, field: Document) -> str:
    """Return a US zip code."""
    text = read_text_value(value, field)
    if text and not re.fullmatch(r"\d{5}", text):
        message = "Zip code must be 5 digits"
        raise ValueError(message)
    return text


def read_address(value: Json, _field: Document) -> Document | str:
    """Return an address: addr1, city, state and zip are needed."""
    if value in ("", None):
        return ""
    if not isinstance(value, dict) or not all(value.get(key) for key in ("addr1", "city", "state", "zip")):
        message = "Please enter a complete address"
        raise ValueError(message)
    return {"addr2": "", "country": "US", **value}


READERS: dict[str, Reader] = {
    "number": read_number,
    "date": read_date,
    "birthday": read_birthday,
    "url": read_url,
    "imageurl": read_url,
    "radio": read_choice,
    "dropdown": read_choice,
    "zip": read_zip,
    "address": read_address,
}
