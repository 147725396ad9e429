"""Rule parser and type checker: expressions over traits such as ``orders_365d >= 3 and days_since_order < 60``.

A rule is SQL's expression language, parsed by sqlglot and allowed piece by piece; what is not on the list
below is an error that points at its place. The result is one Ibis expression for everybody, and the same rule
can be evaluated in plain Python for one person (`segmenter.rules.evaluate`).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from segmenter.errors import DefinitionError
from segmenter.rules.counts import WRITTEN, counts_written, with_counts
from segmenter.rules.named_segments import as_written, expanded, is_mark, with_marks
from segmenter.traits.builtin import Catalogue
from segmenter.traits.counts import CountedTrait
from segmenter.traits.definitions import TraitType

LOGIC = (exp.And, exp.Or, exp.Not, exp.Paren)
COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
TESTS = (*COMPARISONS, exp.Between, exp.In, exp.Is, exp.Like)
ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)
FUNCTIONS = (exp.Coalesce, exp.Abs, exp.Lower)


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule.

    Attributes:
        text: As the user wrote it.
        tree: Its syntax, only of the kinds allowed here; the rules of segments that it names are part of it.
        names: The traits that it uses, in order of appearance.
        counted: Those of them that are counts of its own: ``count(clicks, days = 14)``.
    """

    text: str
    tree: exp.Expression
    names: tuple[str, ...]
    counted: tuple[CountedTrait, ...] = ()


def parse_rule(
    text: str, catalogue: Catalogue, *, where: str, segments: Mapping[str, exp.Expression] | None = None
) -> Rule:
    """Return the checked rule.

    Args:
        text: The expression.
        catalogue: The traits that may be named.
        where: Whose rule it is, for messages.
        segments: The whole rules of the segments that may be named, as in ``in("champions")``; None: none.

    Returns:
        The syntax tree, and the traits that it names, each once.

    Raises:
        DefinitionError: It can't be read, names an unknown trait, compares what can't be compared, divides by
            zero, or uses something that rules don't have. The message shows the place.
    """
    if not text.strip():
        raise DefinitionError("the rule is empty", where=where, line=1, column=1)
    marked, marks = with_marks(text)
    tree = _parsed(marked, text, where)
    checker = _Checker(text, catalogue, where)
    tree, counted = with_counts(tree, checker.error)
    if checker.type_of(tree) != "boolean":
        raise checker.error(tree, "is a value, not a condition; compare it with something")
    tree = expanded(tree, marks, segments or {}, checker.error)
    names = dict.fromkeys(column.name for column in tree.find_all(exp.Column))
    return Rule(text.strip(), tree, tuple(names), counted)


def counted_in(text: str, *, where: str) -> tuple[CountedTrait, ...]:
    """Return the counts that a rule asks for; the catalogue must have them before the rule is parsed.

    Args:
        text: The expression.
        where: Whose rule it is, for messages.

    Raises:
        DefinitionError: It can't be read, or asks for what can't be counted.
    """
    if not text.strip():
        return ()
    return with_counts(_parsed(with_marks(text)[0], text, where), _Checker(text, NO_TRAITS, where).error)[1]


NO_TRAITS = Catalogue({}, {}, {})


def _parsed(marked: str, text: str, where: str) -> exp.Expression:
    try:
        trees = sqlglot.parse(marked, read="duckdb")
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        line, column = int(first.get("line") or 1), int(first.get("col") or 1)
        wrong = next(
            (f"; {sign!r} is no operator: write {right}" for sign, right in MISWRITTEN.items() if sign in text), ""
        )
        raise DefinitionError(
            f"the rule can't be read{wrong}\n{pointed(text, line, column)}", where=where, line=line, column=column
        ) from error
    except TokenError as error:
        raise DefinitionError(f"the rule can't be read: {error}", where=where, line=1, column=1) from error
    if len(trees) != 1 or trees[0] is None:
        raise DefinitionError("a rule is one expression, without a semicolon", where=where, line=1, column=1)
    return cast("exp.Expression", trees[0])


MEANT: Mapping[type[exp.Expression], tuple[str, str]] = {
    exp.ArrayOverlaps: ("&&", "AND"),
    exp.BitwiseAnd: ("&", "AND"),
    exp.DPipe: ("||", "OR"),
    exp.BitwiseOr: ("|", "OR"),
    exp.BitwiseXor: ("xor", "conditions with AND, OR and NOT"),
    exp.RegexpFullMatch: ("~", "LIKE, with % for any text"),
}
"""What people write who know another language, and what it is called here."""
MISWRITTEN = {"=>": ">=", "=<": "<=", "===": "=", "><": "!="}


class _Checker:
    """Walks a tree, and answers the type of each part or raises with its place."""

    def __init__(self, text: str, catalogue: Catalogue, where: str) -> None:
        self.text, self.catalogue, self.where = text, catalogue, where

    def type_of(self, node: exp.Expression) -> TraitType | None:
        """Return the type of *node*; None is SQL's null, which goes with anything."""
        if isinstance(node, exp.Column):
            return self._trait(node)
        if isinstance(node, exp.Literal):
            return "text" if node.is_string else "number"
        if isinstance(node, exp.Boolean):
            return "boolean"
        if isinstance(node, exp.Null):
            return None
        if isinstance(node, LOGIC):
            return self._logic(node)
        if isinstance(node, TESTS):
            return self._test(node)
        if isinstance(node, (*ARITHMETIC, exp.Neg)):
            return self._arithmetic(node)
        if isinstance(node, FUNCTIONS):
            return self._function(node)
        if type(node) in MEANT:
            written, meant = MEANT[type(node)]
            raise self.error(node, f"{written!r} is no operator of rules; write {meant}")
        raise self.error(node, f"{node.key.upper()} is not supported in rules")

    def _trait(self, node: exp.Column) -> TraitType:
        if is_mark(node):
            return "boolean"
        if node.table:
            raise self.error(node, "a trait name can't contain a dot")
        known = self.catalogue.traits.get(node.name)
        if known is None and WRITTEN in node.meta:
            raise self.error(node, "count() can't be used here")
        if known is None:
            near = difflib.get_close_matches(node.name, self.catalogue.traits, n=1)
            text = f"; a text stands in single quotes: {chr(39)}{node.name}{chr(39)}"
            listed = f"{text}. `personasync explain EMAIL --json` lists all traits"
            hint = f"; did you mean {near[0]!r}?" if near else listed
            raise self.error(node, f"there is no trait {node.name!r}{hint}")
        return known.type

    def _logic(self, node: exp.Expression) -> TraitType | None:
        if isinstance(node, exp.Paren):
            return self.type_of(node.this)
        for part in operands(node):
            if self.type_of(part) != "boolean":
                raise self.error(part, "is a value where a condition is needed")
        return "boolean"

    def _test(self, node: exp.Expression) -> TraitType:
        parts = operands(node)
        if isinstance(node, exp.Is) and not isinstance(node.expression, exp.Null):
            raise self.error(node, "IS works with NULL only; use = for values")
        types = [self.type_of(part) for part in parts]
        for part, kind in zip(parts[1:], types[1:], strict=True):
            if None not in {kind, types[0]} and not _comparable(types[0], kind, part):
                raise self.error(part, f"can't compare {types[0]} with {kind}")
        if isinstance(node, exp.Like) and types[0] not in {"text", None}:
            raise self.error(node, "LIKE needs text")
        return "boolean"

    def _arithmetic(self, node: exp.Expression) -> TraitType:
        for part in operands(node):
            if self.type_of(part) not in {"number", None}:
                raise self.error(part, "is not a number")
        if isinstance(node, exp.Div) and isinstance(node.expression, exp.Literal) and float(node.expression.this) == 0:
            raise self.error(node.expression, "division by zero")
        return "number"

    def _function(self, node: exp.Expression) -> TraitType | None:
        types = [self.type_of(part) for part in operands(node)]
        wanted: dict[type[exp.Expression], str] = {exp.Abs: "number", exp.Lower: "text"}
        expected = wanted.get(type(node))
        if expected and types[0] not in {expected, None}:
            raise self.error(node, f"{node.key.upper()} needs {expected}")
        known = [kind for kind in types if kind is not None]
        if len(set(known)) > 1:
            raise self.error(node, f"{node.key.upper()} mixes {' and '.join(sorted(set(known)))}")
        return known[0] if known else None

    def error(self, node: exp.Expression, message: str) -> DefinitionError:
        """Return an error that points at the first token of *node* that knows its place."""
        line, column = _place(node, self.text)
        return DefinitionError(
            f"{message}\n{pointed(self.text, line, column)}", where=self.where, line=line, column=column
        )


def operands(node: exp.Expression) -> list[exp.Expression]:
    """Return the parts of *node* that are expressions themselves, in order."""
    expressions: list[exp.Expression] = []
    for value in node.args.values():
        parts = value if isinstance(value, list) else [value]
        expressions.extend(part for part in parts if isinstance(part, exp.Expression))
    return expressions


def _comparable(left: TraitType | None, right: TraitType | None, part: exp.Expression) -> bool:
    if left == right:
        return True
    return left == "date" and isinstance(part, exp.Literal) and part.is_string  # a date is written as text


def _place(node: exp.Expression, text: str) -> tuple[int, int]:
    """Line and column (from 1) of the first token under *node*. Only sqlglot's offset is right on every line."""
    starts = [int(part.meta["start"]) for part in node.walk() if "start" in part.meta]
    before = text[: min(starts, default=0)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def pointed(text: str, line: int, column: int) -> str:
    """Return the line of *text* with a caret under *column*."""
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1]
    return f"  {shown}\n  {' ' * (column - 1)}^"


def literal_value(node: exp.Literal) -> str | float:
    """Return what a literal stands for."""
    return str(node.this) if node.is_string else float(node.this)


def describe(rule: Rule) -> list[exp.Expression]:
    """Return the clauses of a rule: the parts that are joined by AND at its top, or the whole."""
    tree = rule.tree
    while isinstance(tree, exp.Paren):
        tree = tree.this
    return cast("list[exp.Expression]", list(tree.flatten())) if isinstance(tree, exp.And) else [tree]


def rule_text(node: exp.Expression, names: Mapping[str, str] | None = None) -> str:
    """Return *node* as the user would write it, traits replaced by *names* where given."""
    copy = counts_written(as_written(node))
    for column in list(copy.find_all(exp.Column)):
        if names and column.name in names:
            column.set("this", exp.to_identifier(names[column.name]))
    return copy.sql(dialect="duckdb").replace("<>", "!=")
