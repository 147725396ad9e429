"""One filter of a search: an operator, its values, and whether a record meets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from connectors.sandbox.hubspot.errors import invalid_request
from connectors.sandbox.hubspot.records import MODIFIED
from connectors.sandbox.hubspot.times import parse_ms

Row = dict[str, Any]

_FAR = 1 << 62


@dataclass(frozen=True, slots=True)
class SearchCondition:
    """A filter, ready to be asked.

    Attributes:
        value: As the request gave it; lists for IN and NOT_IN.
        span: First and last whole number that meet it, where it is a range over numbers or times.
        by_index: Whether `span` alone decides it, because search keeps an index of that property.
        holds: Whether a record meets it.
    """

    name: str
    operator: str
    value: object
    span: tuple[int, int] | None
    by_index: bool
    holds: Callable[[Row], bool]


def condition(entry: object, definitions: Mapping[str, Row], kind: str) -> SearchCondition:
    """Return the condition that a filter of the request means.

    Raises:
        Refusal: 400 for an unknown property or operator, or for a value that is missing.
    """
    if not isinstance(entry, dict):
        message = "Invalid input JSON: a filter must be an object"
        raise invalid_request(message)
    name, operator = str(entry.get("propertyName", "")), str(entry.get("operator", ""))
    definition = definitions.get(f"{kind}/{name}")
    if definition is None:
        message = f"There was a problem with the request: property {name!r} does not exist"
        raise invalid_request(message)
    make = _OPERATORS.get(operator)
    if make is None:
        message = f"Unknown operator {operator!r}"
        raise invalid_request(message)
    low, high = _operand(entry, operator)
    read = _reader(definition["type"], operator)
    span = _span(operator, low, high, definition["type"])
    indexed = span is not None and name in {"hs_object_id", MODIFIED[kind]}
    test = make(read, low, high)
    return SearchCondition(name, operator, low, span, indexed, lambda row: test(row["properties"].get(name)))


ComparedValue = str | float | None
Read = Callable[[str], ComparedValue]
Test = Callable[[str | None], bool]


def _operand(entry: Row, operator: str) -> tuple[Any, Any]:
    if operator in {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}:
        return None, None
    if operator in {"IN", "NOT_IN"}:
        values = entry.get("values")
        if not isinstance(values, list) or not values:
            message = f"{operator} needs `values`"
            raise invalid_request(message)
        return [str(value) for value in values], None
    if entry.get("value") is None or (operator == "BETWEEN" and entry.get("highValue") is None):
        message = f"{operator} needs `value`" + (" and `highValue`" if operator == "BETWEEN" else "")
        raise invalid_request(message)
    return str(entry["value"]), str(entry.get("highValue"))


def _reader(type_: str, operator: str) -> Read:
    if type_ in {"date", "datetime"}:
        return parse_ms
    if type_ == "number" and operator not in {"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}:
        return _number
    return str.lower


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _span(operator: str, low: object, high: object, type_: str) -> tuple[int, int] | None:
    if type_ not in {"number", "datetime"} or not isinstance(low, str):
        return None
    first = parse_ms(low)
    last = parse_ms(high) if operator == "BETWEEN" and isinstance(high, str) else first
    if first is None or last is None:
        return None
    return {
        "EQ": (first, first),
        "GT": (first + 1, _FAR),
        "GTE": (first, _FAR),
        "LT": (-_FAR, first - 1),
        "LTE": (-_FAR, first),
        "BETWEEN": (first, last),
    }.get(operator)


def _compare(decide: Callable[[Any, Any], bool]) -> Callable[[Read, Any, Any], Test]:
    def make(read: Read, low: str, _high: object) -> Test:
        bound = read(low)
        if bound is None:
            message = f"{low!r} does not fit the type of the property"
            raise invalid_request(message)
        return lambda value: value is not None and (own := read(value)) is not None and decide(own, bound)

    return make


def _between(read: Read, low: str, high: str) -> Test:
    at_least, at_most = _compare(lambda a, b: a >= b)(read, low, None), _compare(lambda a, b: a <= b)(read, high, None)
    return lambda value: at_least(value) and at_most(value)


def _one_of(read: Read, values: list[str], _high: object) -> Test:
    wanted = {read(value) for value in values}
    return lambda value: value is not None and read(value) in wanted


def _none_of(read: Read, values: list[str], _high: object) -> Test:
    wanted = {read(value) for value in values}
    return lambda value: value is not None and read(value) not in wanted


def _contains(_read: Read, low: str, _high: object) -> Test:
    pattern = low.lower()

    def holds(value: str | None) -> bool:
        if value is None:
            return False
        tokens = "".join(c if c.isalnum() or c in "*_-" else " " for c in value.lower()).split()
        return any(fnmatchcase(token, pattern) for token in (*tokens, value.lower()))

    return holds


def _lacks(read: Read, low: str, high: object) -> Test:
    contains = _contains(read, low, high)
    return lambda value: not contains(value)


_OPERATORS: dict[str, Callable[[Read, Any, Any], Test]] = {
    "EQ": _compare(lambda a, b: a == b),
    "NEQ": _compare(lambda a, b: a != b),
    "LT": _compare(lambda a, b: a < b),
    "LTE": _compare(lambda a, b: a <= b),
    "GT": _compare(lambda a, b: a > b),
    "GTE": _compare(lambda a, b: a >= b),
    "BETWEEN": _between,
    "IN": _one_of,
    "NOT_IN": _none_of,
    "HAS_PROPERTY": lambda _read, _low, _high: lambda value: value is not None,
    "NOT_HAS_PROPERTY": lambda _read, _low, _high: lambda value: value is None,
    "CONTAINS_TOKEN": _contains,
    "NOT_CONTAINS_TOKEN": _lacks,
}
