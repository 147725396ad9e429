"""Values of fields in one form by their type, however a platform spells them.

A number that is sent as "1.0" may come back as "1", a date as epoch milliseconds. Both are what was written, so values
are compared in one form; only text is compared letter by letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

MIDNIGHT = "T00:00:00"
SECONDS = 1000  # epoch milliseconds of one


def one_form(value: Any, kind: str) -> str:
    """Return *value* as text, in the form in which values of its *kind* are compared; "" for none.

    Args:
        value: As it was written, or as a platform shows it.
        kind: Type of the field, as `connectors.records.FieldDefinition` names it.

    Returns:
        A number without exponent and needless zeros, a date (or midnight, UTC) as YYYY-MM-DD; what can't be read as its
            kind stays as it is.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if kind == "number":
        return _number(text)
    return _date(text) if kind == "date" else text


def values_kept(values: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Return *values* by name, those of fields whose kind is known in their one form.

    Args:
        values: As they were written, or as a platform shows them.
        kinds: Types of fields by name; of a name that is missing or "", the value stays as it is.

    Returns:
        The same names, in the same order.
    """
    return {name: one_form(value, kinds[name]) if kinds.get(name) else value for name, value in values.items()}


def _number(text: str) -> str:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return text
    if not number.is_finite():
        return text
    shown = format(number.normalize(), "f")
    return "0" if shown == "-0" else shown


def _date(text: str) -> str:
    try:
        if text.lstrip("-").isdigit() and len(text) > len("20261130"):
            moment = datetime.fromtimestamp(int(text) / SECONDS, UTC)
            return moment.date().isoformat() if moment.time() == datetime.min.time() else text
        if MIDNIGHT in text:
            return datetime.fromisoformat(text).date().isoformat()
        return date.fromisoformat(text).isoformat()
    except (ValueError, OverflowError, OSError):
        return text


def without_hidden(ids: pa.Array, hidden: Callable[[Iterable[str]], frozenset[str]]) -> pa.Array:
    """Return platform ids (text or numbers) without the hidden ones; see `connectors.connector.Connection`.

    Args:
        ids: Of contacts.
        hidden: Says which of some ids, as text, belong to erased people.

    Returns:
        Of the same type and in the same order; *ids* itself where none is hidden.
    """
    away = hidden(map(str, ids.to_pylist()))
    if not away:
        return ids
    return ids.filter(pc.invert(pc.is_in(ids.cast(pa.string()), value_set=pa.array(sorted(away), pa.string()))))
