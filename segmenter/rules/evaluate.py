"""Rule evaluation: as an Ibis expression for everyone, and in Python for one person, with equal results.

Nulls follow SQL: a comparison with nothing is neither true nor false, and only what is true matches. Division by
zero gives nothing.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from segmenter.late_ibis import ibis
from segmenter.rules.rules import Rule, literal_value, operands

if TYPE_CHECKING:
    from ibis import Table

OPERATORS: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
}


def as_ibis(node: exp.Expression, traits: Table) -> Any:
    """Return *node* as an Ibis expression over the trait table.

    Args:
        node: A part of a rule that `segmenter.rules.rules.parse_rule` checked.
        traits: One column per trait.

    Returns:
        An Ibis expression: a boolean for a condition, else a value; null where a trait is unknown.
    """
    if isinstance(node, exp.Column):
        return traits[node.name]
    if isinstance(node, exp.Literal):
        return ibis.literal(literal_value(node))
    if isinstance(node, exp.Boolean):
        return ibis.literal(bool(node.this))
    if isinstance(node, exp.Null):
        return ibis.null()
    if isinstance(node, exp.Paren):
        return as_ibis(node.this, traits)
    parts = [as_ibis(part, traits) for part in operands(node)]
    return _ibis_operation(node, parts)


def _ibis_operation(node: exp.Expression, parts: Sequence[Any]) -> Any:
    if type(node) in OPERATORS:
        left, right = _same_type(parts)
        return OPERATORS[type(node)](left, right)
    if isinstance(node, exp.Div):
        return parts[0] / parts[1].cast("float64").nullif(0.0)
    simple: dict[type[exp.Expression], Callable[[], Any]] = {
        exp.And: lambda: parts[0] & parts[1],
        exp.Or: lambda: parts[0] | parts[1],
        exp.Not: lambda: ~parts[0],
        exp.Neg: lambda: -parts[0],
        exp.Abs: lambda: parts[0].abs(),
        exp.Lower: lambda: parts[0].lower(),
        exp.Coalesce: lambda: ibis.coalesce(*parts),
        exp.Is: lambda: parts[0].isnull(),
        exp.Like: lambda: parts[0].like(node.expression.this),
        exp.In: lambda: parts[0].isin(_as_type_of(parts[0], parts[1:])),
        exp.Between: lambda: parts[0].between(*_as_type_of(parts[0], parts[1:])),
    }
    return simple[type(node)]()


def _same_type(parts: Sequence[Any]) -> tuple[Any, Any]:
    """A date is written as text in a rule: compare both as dates."""
    left, right = parts
    if left.type().is_date() and right.type().is_string():
        return left, right.cast("date")
    return left, right


def _as_type_of(first: Any, others: Sequence[Any]) -> list[Any]:
    return [_same_type((first, other))[1] for other in others]


def holds(rule: Rule, person: Mapping[str, Any]) -> bool:
    """Return whether *rule* matches one person, given the traits as Python values (None: nothing known).

    Args:
        rule: The checked rule.
        person: Trait name -> value.

    Returns:
        False also where an unknown trait leaves it open.
    """
    return value_of(rule.tree, person) is True


def value_of(node: exp.Expression, person: Mapping[str, Any]) -> Any:
    """Return the value of *node* for one person, None for SQL's null."""
    if isinstance(node, exp.Column):
        value = person.get(node.name)
        return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN is no value
    if isinstance(node, exp.Literal):
        return literal_value(node)
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Paren):
        return value_of(node.this, person)
    parts = [value_of(part, person) for part in operands(node)]
    return _python_operation(node, parts)


def _python_operation(node: exp.Expression, parts: Sequence[Any]) -> Any:
    if isinstance(node, exp.And | exp.Or):
        return _three_valued(parts, decided=isinstance(node, exp.Or))
    if isinstance(node, exp.Is):
        return parts[0] is None
    if isinstance(node, exp.Coalesce):
        return next((part for part in parts if part is not None), None)
    if isinstance(node, exp.In):
        return _among(parts[0], [_like_first(parts[0], part) for part in parts[1:]])
    if isinstance(node, exp.Between):
        low, high = (
            _python_operation(exp.GTE(), [parts[0], parts[1]]),
            _python_operation(exp.LTE(), [parts[0], parts[2]]),
        )
        return _three_valued([low, high], decided=False)
    if any(part is None for part in parts):
        return None
    return _known_operation(node, parts)


def _known_operation(node: exp.Expression, parts: Sequence[Any]) -> Any:
    if type(node) in OPERATORS:
        return OPERATORS[type(node)](parts[0], _like_first(parts[0], parts[1]))
    if isinstance(node, exp.Div):
        return None if parts[1] == 0 else parts[0] / parts[1]
    simple: dict[type[exp.Expression], Callable[[], Any]] = {
        exp.Not: lambda: not parts[0],
        exp.Neg: lambda: -parts[0],
        exp.Abs: lambda: abs(parts[0]),
        exp.Lower: lambda: parts[0].lower(),
        exp.Like: lambda: _like(parts[0], parts[1]),
    }
    return simple[type(node)]()


def _three_valued(parts: Sequence[bool | None], *, decided: bool) -> bool | None:
    """AND (decided by False) and OR (decided by True) of SQL."""
    if any(part is decided for part in parts):
        return decided
    return None if any(part is None for part in parts) else not decided


def _among(value: Any, options: Sequence[Any]) -> bool | None:
    if value is None:
        return None
    if value in options:
        return True
    return None if None in options else False


def _like_first(first: Any, other: Any) -> Any:
    return date.fromisoformat(other) if isinstance(first, date) and isinstance(other, str) else other


def _like(text: str, pattern: str) -> bool:
    expression = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, text, flags=re.DOTALL) is not None
