"""Rules that name a segment: ``in("champions")`` asks that segment's rule, and those of the segments around it.

It stands for the rule, not for the assignment: whoever matches it is in, whichever segment they are given in the end.
So it can be asked of everybody at once, in any order of the file; only a circle can't be answered.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from segmenter.errors import DefinitionError

MARK = "§"  # no trait has it in its name
SEGMENT = "segment"  # key in the meta of a node that stands for a named segment: how people write it
MOST_PARTS = 5_000  # of a rule with all that it names; more is a mistake, and takes minutes

Refuse = Callable[[exp.Expression, str], DefinitionError]
NAMES = {TokenType.IDENTIFIER, TokenType.STRING, TokenType.VAR}
BEFORE = {TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.L_PAREN, TokenType.COMMA}


def with_marks(text: str) -> tuple[str, list[tuple[str, ...]]]:
    """Return *text* with a quoted name of the same length for each ``in("...")``, and the segments that each names.

    Args:
        text: A rule. ``country in ('DE')`` has a value before it, and stays what it is.

    Returns:
        Text that SQL's grammar reads: the place in the list stands in the quoted name.
    """
    try:
        tokens = sqlglot.tokenize(text, read="duckdb")
    except SqlglotError:  # the parser says it, with the place
        return text, []
    marks: list[tuple[str, ...]] = []
    marked = text
    for place, token in enumerate(tokens):
        if token.token_type == TokenType.IN and _begins(tokens[:place]) and (named := _named(tokens[place + 1 :])):
            names, end = named
            span = end + 1 - token.start
            marked = f'{marked[: token.start]}"{f"{MARK}{len(marks)}":{span - 2}}"{marked[end + 1 :]}'
            marks.append(names)
    return marked, marks


def _begins(before: Sequence[Token]) -> bool:
    """Whether no value stands before: ``x not in (1)`` has one, ``x = 1 and not in("a")`` has none."""
    kinds = [token.token_type for token in before]
    while kinds and kinds[-1] == TokenType.NOT:
        kinds.pop()
    return not kinds or kinds[-1] in BEFORE


def _named(after: Sequence[Token]) -> tuple[tuple[str, ...], int] | None:
    """Names in brackets, and where the bracket closes."""
    if not after or after[0].token_type != TokenType.L_PAREN:
        return None
    names = []
    for name, comma in zip(after[1::2], after[2::2], strict=False):
        if name.token_type not in NAMES or comma.token_type not in {TokenType.COMMA, TokenType.R_PAREN}:
            return None
        names.append(name.text)
        if comma.token_type == TokenType.R_PAREN:
            return tuple(names), comma.end
    return None


def is_mark(node: exp.Expression) -> bool:
    """Return whether *node* stands for named segments."""
    return isinstance(node, exp.Column) and node.name.startswith(MARK)


def written(names: Sequence[str]) -> str:
    """Return how people write that somebody is in one of some segments."""
    quoted = [f'"{name}"' for name in names]
    return f"in({', '.join(quoted)})"


def expanded(
    tree: exp.Expression, marks: Sequence[Sequence[str]], rules: Mapping[str, exp.Expression], refuse: Refuse
) -> exp.Expression:
    """Return *tree* with the rules of the segments that it names in their places; a rule that is open is false there.

    Args:
        tree: Of a text with marks.
        marks: The segments that each mark names.
        rules: The whole rule of each segment, those around it included.
        refuse: Makes the error at a node.

    Raises:
        DefinitionError: There is no such segment, or it has no rule.
    """
    if not marks:
        return tree

    def rule_of(node: exp.Expression) -> exp.Expression:
        if not is_mark(node):
            return node
        names = marks[int(node.name.strip()[len(MARK) :])]
        parts = [_rule(name, rules, node, refuse) for name in names]
        either = reduce(lambda left, right: exp.Or(this=left, expression=right), parts)
        asked = exp.Coalesce(this=exp.Paren(this=either), expressions=[exp.false()])
        asked.meta[SEGMENT] = written(names)
        return asked

    whole = tree.transform(rule_of)
    if sum(1 for _ in whole.walk()) > MOST_PARTS:
        raise refuse(tree, "the rule is too long with the rules of the segments that it names")
    return whole


def _rule(name: str, rules: Mapping[str, exp.Expression], node: exp.Expression, refuse: Refuse) -> exp.Expression:
    if name not in rules:
        near = difflib.get_close_matches(name, list(rules), n=1)
        known = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(rules) or 'none'}"
        raise refuse(node, f"there is no segment {name!r}; {known}")
    rule = rules[name]
    if any(isinstance(part.unnest(), exp.Boolean) and not part.unnest().this for part in rule.flatten()):
        raise refuse(node, f"segment {name!r} has no rule, so nobody is in it by a rule")
    return exp.Paren(this=rule.copy())


class SegmentRules(Mapping[str, exp.Expression]):
    """The whole rule of each segment by name, read when it is asked for: segments may name later ones.

    Args:
        chains: Each segment, and the segments that it lies in.
        read: Reads the own rule of a segment.
    """

    def __init__(self, chains: Mapping[str, Sequence[str]], read: Callable[[str], exp.Expression]) -> None:
        self._chains, self._read = chains, read
        self._asking: list[str] = []

    def __getitem__(self, name: str) -> exp.Expression:
        """Return the rule of *name* and of the segments around it.

        Raises:
            DefinitionError: A segment names itself, by way of others perhaps.
        """
        parts: list[exp.Expression] = [exp.Paren(this=self.own(link).copy()) for link in (name, *self._chains[name])]
        return reduce(lambda left, right: exp.And(this=left, expression=right), parts)

    def own(self, name: str) -> exp.Expression:
        """Return the own rule of *name*, with the rules of the segments that it names.

        Raises:
            DefinitionError: As above.
        """
        if name in self._asking:
            circle = [*self._asking[self._asking.index(name) :], name]
            detail = ", ".join(f"{first!r} names {other!r}" for first, other in pairwise(circle))
            raise DefinitionError(f"circular rules: {detail}", where=f"segment {circle[0]!r}")
        self._asking.append(name)
        try:
            return self._read(name)
        finally:
            self._asking.pop()

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a segment; its rule is not read."""
        return name in self._chains

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._chains)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._chains)


def as_written(tree: exp.Expression) -> exp.Expression:
    """Return a copy of *tree* in which named segments stand as people write them."""

    def name_of(node: exp.Expression) -> exp.Expression:
        return exp.Var(this=node.meta[SEGMENT]) if SEGMENT in node.meta else node

    return tree.copy().transform(name_of)
