"""May this value stand in this property? What the API checks before a write, and the form in which it keeps it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.sandbox.hubspot.definitions import LIFECYCLE
from connectors.sandbox.hubspot.errors import invalid_request, invalid_values
from connectors.sandbox.hubspot.times import iso, parse_ms

Json = dict[str, Any]
Definitions = Mapping[str, Json]

LONGEST_TEXT = 65_536
DAY_MS = 86_400_000
NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)(E-?\d+)?")
EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+")


class _Wrong(Exception):  # noqa: N818
    """A value that its property does not take: (code, message)."""


def checked(values: object, definitions: Definitions, kind: str, shown: Mapping[str, str]) -> dict[str, str | None]:
    """Return *values* as the platform would keep them; None clears.

    Args:
        values: The request's ``properties``.
        definitions: Key ``<kind>/<property name>``.
        kind: ``contacts`` or ``deals``.
        shown: What the record holds before the write.

    Raises:
        Refusal: 400 that names every property with a value that was refused.
    """
    if not isinstance(values, dict):
        message = "Invalid input JSON: `properties` must be an object"
        raise invalid_request(message)
    problems: list[tuple[str, str, str]] = []
    kept: dict[str, str | None] = {}
    for name, value in values.items():
        try:
            kept[name] = _kept(name, value, definitions.get(f"{kind}/{name}"), shown.get(name))
        except _Wrong as wrong:
            problems.append((name, wrong.args[0], wrong.args[1]))
    if problems:
        raise invalid_values(problems)
    return kept


def _kept(name: str, value: object, definition: Json | None, shown: str | None) -> str | None:
    if definition is None or definition["archived"]:
        raise _Wrong("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if definition["modificationMetadata"]["readOnlyValue"]:
        raise _Wrong("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')
    text = _text(name, value)
    if not text:
        return None
    if name == "email":
        return _email(text)
    if name == "lifecyclestage":
        return _forward(_option(name, text, definition), shown)
    return _TYPES.get(definition["type"], _string)(name, text, definition, shown)


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise _Wrong("INVALID_VALUE", f'"{name}" takes a text')


def _email(text: str) -> str:
    address = text.strip().lower()
    if not EMAIL.fullmatch(address):
        raise _Wrong("INVALID_EMAIL", f"Email address {text} is invalid")
    return address


def _forward(stage: str, shown: str | None) -> str:
    # a step back is neither made nor reported: "200 but unchanged"
    if shown is not None and LIFECYCLE.index(stage) < LIFECYCLE.index(shown):
        return shown
    return stage


def _string(name: str, text: str, _definition: Json, _shown: str | None) -> str:
    if len(text) > LONGEST_TEXT:
        raise _Wrong("INVALID_STRING", f'"{name}" is longer than {LONGEST_TEXT} characters')
    return text


def _number(name: str, text: str, _definition: Json, _shown: str | None) -> str:
    if not NUMBER.fullmatch(text):
        raise _Wrong("INVALID_NUMBER", f'"{text}" is not a valid number for "{name}"')
    return text


def _bool(name: str, text: str, _definition: Json, _shown: str | None) -> str:
    if text not in {"true", "false"}:
        raise _Wrong("INVALID_BOOLEAN", f'"{text}" is not true or false in "{name}"')
    return text


def _date(name: str, text: str, _definition: Json, _shown: str | None) -> str:
    ms = parse_ms(text)
    if ms is None or ms % DAY_MS:
        raise _Wrong("INVALID_DATE", f'"{text}" is not a date (YYYY-MM-DD, or midnight UTC in ms) in "{name}"')
    return iso(ms)[:10]


def _datetime(name: str, text: str, _definition: Json, _shown: str | None) -> str:
    ms = parse_ms(text)
    if ms is None:
        raise _Wrong("INVALID_DATE", f'"{text}" is not a time (ISO 8601 or epoch ms) in "{name}"')
    return iso(ms)


def _enumeration(name: str, text: str, definition: Json, shown: str | None) -> str:
    if definition["fieldType"] != "checkbox":
        return _option(name, text, definition)
    appended = text.startswith(";")
    chosen = [_option(name, part, definition) for part in text.split(";") if part]
    before = [part for part in (shown or "").split(";") if part] if appended else []
    return ";".join(dict.fromkeys(before + chosen))


def _option(name: str, text: str, definition: Json) -> str:
    allowed = [option["value"] for option in definition["options"]]
    if text not in allowed:
        raise _Wrong("INVALID_OPTION", f"{text} was not one of the allowed options of {name}: {allowed}")
    return text


_TYPES = {
    "string": _string,
    "phone_number": _string,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "enumeration": _enumeration,
}
