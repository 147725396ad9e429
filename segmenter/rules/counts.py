"""Counts in rules, ``count(clicks, days = 14, campaign = "spring*")``: checked, and replaced by their trait."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator

from sqlglot import exp

from segmenter.errors import DefinitionError
from segmenter.traits.counts import COUNTABLE, LONGEST, NUMBERS, CountedTrait, CountFilter

WRITTEN = "count"
"""Key in the meta data of a column: the count that it stands for, as rules write it."""
SIGNS: dict[type[exp.Expression], str] = {
    exp.EQ: "=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
HOW = 'write count(clicks, days = 14, campaign = "spring*")'

Wrong = Callable[[exp.Expression, str], DefinitionError]


def with_counts(tree: exp.Expression, wrong: Wrong) -> tuple[exp.Expression, tuple[CountedTrait, ...]]:
    """Return a rule with a column in the place of each count, and what has to be counted.

    Args:
        tree: A rule as sqlglot reads it.
        wrong: Makes an error that points at a part of it.

    Raises:
        DefinitionError: A count names what can't be counted, or a filter that it does not have.
    """
    counts = []
    for node in list(tree.find_all(exp.Count)):
        trait = _counted(node, wrong)
        column = exp.column(trait.name)
        column.meta[WRITTEN] = trait.text
        column.this.meta.update(next((part.meta for part in node.walk() if "start" in part.meta), {}))
        if node is tree:
            tree = column
        else:
            node.replace(column)
        counts.append(trait)
    return tree, tuple(counts)


def _counted(node: exp.Count, wrong: Wrong) -> CountedTrait:
    first = node.this
    if not isinstance(first, exp.Column) or first.table:
        raise wrong(node, f"count() needs what to count first; {HOW}")
    what = first.name.lower()
    if what not in COUNTABLE:
        near = difflib.get_close_matches(what, COUNTABLE, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; countable are: {', '.join(COUNTABLE)}"
        raise wrong(first, f"{first.name!r} can't be counted{hint}")
    days: int | None = None
    filters: list[CountFilter] = []
    for part in node.expressions:
        name, sign, value = _argument(part, wrong)
        if name in {"days", *(condition.name for condition in filters)} and (name != "days" or days is not None):
            raise wrong(part, f"{name} is given twice")
        if name == "days":
            days = _days(part, sign, value, wrong)
        else:
            filters.append(_filter(part, what, CountFilter(name, sign, value), wrong))
    return CountedTrait(what, days, tuple(sorted(filters, key=lambda condition: condition.name)))


def _argument(part: exp.Expression, wrong: Wrong) -> tuple[str, str, str | float]:
    if type(part) not in SIGNS or not isinstance(part.this, exp.Column):
        raise wrong(part, f"an argument of count() has a name and a value; {HOW}")
    value = part.expression
    if isinstance(value, exp.Column) and value.this.quoted:
        return part.this.name.lower(), SIGNS[type(part)], value.name  # a text in double quotes
    if not isinstance(value, exp.Literal):
        raise wrong(value, f"{part.this.name} needs a text in quotes or a number; {HOW}")
    return part.this.name.lower(), SIGNS[type(part)], str(value.this) if value.is_string else float(value.this)


def _days(part: exp.Expression, sign: str, value: str | float, wrong: Wrong) -> int:
    if sign != "=" or not isinstance(value, float) or not value.is_integer() or not 1 <= value <= LONGEST:
        raise wrong(part, f"days must be a whole number from 1 to {LONGEST:,}, such as days = 14")
    return int(value)


def _filter(part: exp.Expression, what: str, condition: CountFilter, wrong: Wrong) -> CountFilter:
    known = ("days", *COUNTABLE[what][2])
    if condition.name not in known:
        near = difflib.get_close_matches(condition.name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        raise wrong(part, f"count({what}) has no argument {condition.name!r}; {hint}")
    if condition.name in NUMBERS:
        if not isinstance(condition.value, float):
            raise wrong(part, f"{condition.name} is compared with a number, such as {condition.name} >= 10")
        return condition
    if condition.comparison != "=" or not isinstance(condition.value, str) or not condition.value.strip("*"):
        raise wrong(part, f'{condition.name} is compared with a text, such as {condition.name} = "spring*"')
    return condition


def named_traits(node: exp.Expression) -> Iterator[tuple[str, str]]:
    """Yield the traits of a part of a rule, each once: their name, and what they are called beside it.

    A count that is the only one there is called "count": the part itself says which.
    """
    counts = {column.name: str(column.meta[WRITTEN]) for column in node.find_all(exp.Column) if WRITTEN in column.meta}
    called = dict.fromkeys(counts, "count") if len(counts) == 1 else counts
    for name in dict.fromkeys(column.name for column in node.find_all(exp.Column)):
        yield name, called.get(name, name)


def counts_written(node: exp.Expression) -> exp.Expression:
    """Return a copy of a part of a rule with its counts as they are written."""
    copy = node.copy()
    for column in list(copy.find_all(exp.Column)):
        if WRITTEN in column.meta and column is not copy:
            column.replace(exp.Var(this=column.meta[WRITTEN]))
    return copy
