"""Segments by rule: nested, evaluated as a waterfall, so that each person is in one segment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add, and_, or_
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from segmenter.errors import DefinitionError
from segmenter.late_ibis import ibis
from segmenter.rules.caps import check_cap
from segmenter.rules.counts import named_traits
from segmenter.rules.evaluate import as_ibis, holds, value_of
from segmenter.rules.format_value import formatted, shown_one
from segmenter.rules.named_segments import SegmentRules
from segmenter.rules.rules import Rule, describe, parse_rule, rule_text
from segmenter.traits.builtin import Catalogue

if TYPE_CHECKING:
    from ibis import Table


@dataclass(frozen=True, slots=True)
class Segment:
    """A group of people that share traits.

    Attributes:
        rule: The condition; within a parent it is asked only of the parent's people.
        parent: Name of the segment that this one is a part of.
        priority: Smaller is tried first; None: in the order of the file.
        cap: No more people than these, those of the segments within it included; None: as many as match.
        cap_by: Who they are: those with the most of this trait, or of "confidence"; "-" before it: with the least.
    """

    name: str
    title: str
    rule: str
    parent: str | None = None
    priority: int | None = None
    cap: int | None = None
    cap_by: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A segment whose rule was read, with the segments that it lies in, the nearest first."""

    segment: Segment
    rule: Rule
    ancestors: tuple[str, ...]


@dataclass(frozen=True)
class Waterfall:
    """Segments in the order in which they are tried.

    Attributes:
        version: Short digest of the definitions and the trait catalogue.
    """

    steps: tuple[Checked, ...]
    version: str

    def by_name(self) -> dict[str, Checked]:
        """Return the steps by segment name.

        Returns:
            In the order of the waterfall.
        """
        return {step.segment.name: step for step in self.steps}

    @cached_property
    def clauses(self) -> Mapping[str, Sequence[tuple[str, Sequence[tuple[str, str]]]]]:
        """The clauses of each rule as text, and the traits that each names; writing takes longer than deciding."""
        return {
            step.segment.name: [(rule_text(clause), list(named_traits(clause))) for clause in describe(step.rule)]
            for step in self.steps
        }

    def rules(self) -> dict[str, exp.Expression]:
        """Return the whole rule of each segment, those of the segments around it included: what `parse_rule` takes.

        Returns:
            By segment name, in the order of the waterfall.
        """
        named = self.by_name()
        chains = {name: step.ancestors for name, step in named.items()}
        return dict(SegmentRules(chains, lambda name: named[name].rule.tree))

    def capped(self) -> dict[str, frozenset[str]]:
        """Return the segments with a cap, and the names of those that count: each itself, and those within it.

        Returns:
            By segment name, in the order of the waterfall.
        """
        return {
            step.segment.name: frozenset(
                s.segment.name for s in self.steps if step.segment.name in (s.segment.name, *s.ancestors)
            )
            for step in self.steps
            if step.segment.cap is not None
        }


def waterfall(segments: Sequence[Segment], catalogue: Catalogue) -> Waterfall:
    """Check *segments* and put them in order: by priority, then file; a child before its parent.

    Args:
        segments: As segments.toml lists them.
        catalogue: The traits that rules may name.

    Returns:
        The steps in the order in which they are asked, and a digest of all definitions.

    Raises:
        DefinitionError: A name is used twice, a parent does not exist or is its own ancestor, a rule is wrong, rules
            name each other in a circle, a cap has no ranking.
    """
    known: dict[str, Segment] = {}
    for segment in segments:
        if segment.name in known:
            raise DefinitionError("duplicate name", where=_where(segment))
        known[segment.name] = segment
    ancestors = {segment.name: _ancestors(segment, known) for segment in segments}
    children: dict[str | None, list[Segment]] = {}
    for place, segment in sorted(enumerate(segments), key=lambda item: (_priority(item[1]), item[0])):
        del place
        children.setdefault(segment.parent, []).append(segment)
    rules: dict[str, Rule] = {}
    named = SegmentRules(ancestors, lambda name: _read(name).tree)

    def _read(name: str) -> Rule:
        if name not in rules:
            rules[name] = parse_rule(known[name].rule, catalogue, where=_where(known[name]), segments=named)
        return rules[name]

    for name, segment in known.items():
        named.own(name)
        check_cap(segment.cap, segment.cap_by, catalogue, where=_where(segment))
    ordered = [Checked(s, rules[s.name], ancestors[s.name]) for s in _children_first(None, children)]
    definition = json.dumps([[s.name, s.rule, s.parent, s.priority] for s in segments] + [catalogue.digest()])
    return Waterfall(tuple(ordered), hashlib.sha256(definition.encode()).hexdigest()[:12])


def _where(segment: Segment) -> str:
    return f"segment {segment.name!r}"


def _priority(segment: Segment) -> float:
    return float("inf") if segment.priority is None else segment.priority


def _children_first(parent: str | None, children: Mapping[str | None, Sequence[Segment]]) -> Iterator[Segment]:
    for segment in children.get(parent, ()):
        yield from _children_first(segment.name, children)
        yield segment


def _ancestors(segment: Segment, known: Mapping[str, Segment]) -> tuple[str, ...]:
    ancestors: list[str] = []
    parent = segment.parent
    while parent is not None:
        if parent not in known:
            raise DefinitionError(f"there is no segment {parent!r} to be its parent", where=_where(segment))
        if parent in ancestors or parent == segment.name:
            raise DefinitionError(f"circular parent {parent!r}", where=_where(segment))
        ancestors.append(parent)
        parent = known[parent].parent
    return tuple(ancestors)


def with_rules(traits: Table, steps: Waterfall, prefix: str, barred: Mapping[str, Any] | None = None) -> Table:
    """Add the first matching segment of the waterfall to the trait table.

    Confidence of a rule is the share of the traits it uses that are known for the person: a rule that matches
    on half of its evidence (the other half of an OR unknown) says so. It is no probability.

    Args:
        traits: Trait table, one row per person.
        steps: The checked segments.
        prefix: Put before the names of the new columns.
        barred: By segment, a column of *traits*: who may not be in it, since it is full; others are open to everybody.

    Returns:
        All columns of *traits*, and with *prefix* before them ``segment, confidence, runner_up, reasons``; the first
        three are null for the unclassified. The runner-up is the next segment that matches as well.
    """
    nothing = ibis.null("string")
    if not steps.steps:
        silent = {"segment": nothing, "confidence": ibis.null("float64"), "runner_up": nothing}
        said = {**silent, "reasons": ibis.literal(NO_MATCH)}
        return traits.mutate(**{f"{prefix}{name}": value for name, value in said.items()})
    named = steps.by_name()
    own = {name: as_ibis(step.rule.tree, traits).fill_null(False) for name, step in named.items()}  # noqa: FBT003
    matches = {
        f"{prefix}in_{n}": reduce(and_, (own[a] for a in (*step.ancestors,)), own[n]) for n, step in named.items()
    }
    if barred:
        matches |= {f"{prefix}in_{n}": matches[f"{prefix}in_{n}"] & ~full for n, full in barred.items()}
    table = traits.mutate(**matches).view()  # a view keeps Ibis from writing every rule out in each of its uses
    inside = {n: table[f"{prefix}in_{n}"] for n in named}
    table = table.mutate(**{f"{prefix}segment": ibis.cases(*((i, n) for n, i in inside.items()), else_=nothing)}).view()
    segment = table[f"{prefix}segment"]
    others = [(table[f"{prefix}in_{n}"] & (segment != n), n) for n in named]
    confidence = ibis.cases(
        *((segment == n, _known_share(table, s.rule)) for n, s in named.items()), else_=ibis.null("float64")
    )
    reasons = ibis.cases(*((segment == n, _reason(table, s.rule)) for n, s in named.items()), else_=NO_MATCH)
    return table.mutate(
        **{
            f"{prefix}confidence": confidence,
            f"{prefix}runner_up": ibis.cases(*others, else_=nothing),
            f"{prefix}reasons": reasons,
        }
    ).drop(*matches)


NO_MATCH = "no segment matches"


def _known_share(traits: Table, rule: Rule) -> Any:
    if not rule.names:
        return ibis.literal(1.0)
    known = reduce(add, (traits[name].notnull().cast("float64") for name in rule.names))
    return known / float(len(rule.names))


def _reason(traits: Table, rule: Rule) -> Any:
    """The rule's clauses with the person's values, as text: built by the engine, so a million need no loop."""
    parts: list[Any] = []
    for clause in describe(rule):
        values: list[Any] = [
            _text(f"{written} is ").concat(formatted(traits[name])) for name, written in named_traits(clause)
        ]
        joined = reduce(lambda left, right: left.concat(", ", right), values) if values else _text("always")
        parts.append(_text(f"{rule_text(clause)} (").concat(joined, ")"))
    return reduce(lambda left, right: left.concat("; ", right), parts)


def _text(text: str) -> Any:
    return ibis.literal(text)


def rule_answer(
    person: Mapping[str, Any], steps: Waterfall, barred: Collection[str] = ()
) -> tuple[str | None, float | None, str | None, str]:
    """Return for one person what `with_rules` tells of everybody: segment, confidence, runner-up, reasons.

    Args:
        person: Trait name -> value; None or missing: unknown.
        steps: The checked segments.
        barred: Segments that the person may not be in, since they are full.

    Returns:
        The confidence is a share of traits, 0 to 1; all but the reasons are None for the unclassified.
    """
    own = {step.segment.name: holds(step.rule, person) for step in steps.steps}
    hits = [
        step
        for step in steps.steps
        if step.segment.name not in barred and all(own[name] for name in (step.segment.name, *step.ancestors))
    ]
    if not hits:
        return None, None, None, NO_MATCH
    rule = hits[0].rule
    known = [value_of(exp.column(name), person) is not None for name in rule.names]
    confidence = sum(known) / len(known) if known else 1.0
    clauses = steps.clauses[hits[0].segment.name]
    reasons = "; ".join(_reason_one(text, names, person) for text, names in clauses)
    return hits[0].segment.name, confidence, hits[1].segment.name if hits[1:] else None, reasons


def _reason_one(text: str, names: Sequence[tuple[str, str]], person: Mapping[str, Any]) -> str:
    values = [f"{label} is {shown_one(value_of(exp.column(name), person))}" for name, label in names]
    return f"{text} ({', '.join(values) or 'always'})"


def left_out(traits: Table, steps: Waterfall) -> Any:
    """Return whether every rule is false for a person, as an Ibis column; an unknown trait makes a rule unknown.

    Args:
        traits: Trait table, one row per person.
        steps: The checked segments.

    Returns:
        A boolean, never null: false as long as an unknown trait could still make a rule match.
    """
    named = steps.by_name()
    own = {name: as_ibis(step.rule.tree, traits) for name, step in named.items()}
    condition: Any = ibis.literal(value=True)
    for name, step in named.items():
        # one false link settles the chain, whatever else is unknown
        condition &= reduce(or_, [(~own[link]).fill_null(False) for link in (name, *step.ancestors)])  # noqa: FBT003
    return condition


def left_out_one(person: Mapping[str, Any], steps: Waterfall) -> bool:
    """Return for one person what `left_out` returns for everybody.

    Args:
        person: Trait name -> value; None or missing: unknown.
        steps: The checked segments.

    Returns:
        True only where no segment can match.
    """
    named = steps.by_name()
    own = {name: value_of(step.rule.tree, person) is False for name, step in named.items()}
    return all(any(own[link] for link in (name, *step.ancestors)) for name, step in named.items())


def memberships(assignments: Table, steps: Waterfall) -> Table:
    """Return each person's groups: their segment and those it lies in. Columns ``person_id``, ``group_name``.

    Args:
        assignments: One row per person, with ``segment``.
        steps: The checked segments, with their parents.

    Returns:
        One row per person and group; the unclassified have none.
    """
    pairs = [(step.segment.name, group) for step in steps.steps for group in (step.segment.name, *step.ancestors)]
    schema = {"segment": "string", "group_name": "string"}
    known = ibis.memtable(
        [dict(zip(schema, pair, strict=True)) for pair in pairs] or [dict.fromkeys(schema)], schema=schema
    )
    return assignments.inner_join(known, "segment").select("person_id", "group_name")


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a rule for one person."""

    text: str
    held: bool
    values: Mapping[str, Any]


def explain_rule(rule: Rule, person: Mapping[str, Any]) -> list[Clause]:
    """Return the clauses of *rule*, whether each held for *person*, and the values that decided.

    Args:
        rule: The checked rule.
        person: Trait name -> value; None or missing: unknown.

    Returns:
        One per part of the rule, in its order.
    """
    clauses = []
    for clause in describe(rule):
        held = value_of(clause, person) is True
        values = {written: person.get(name) for name, written in named_traits(clause)}
        clauses.append(Clause(rule_text(clause), held, values))
    return clauses


def matches(step: Checked, person: Mapping[str, Any], steps: Waterfall) -> bool:
    """Return whether one person is in a step's segment: its own rule and those of all ancestors hold.

    Args:
        step: The segment.
        person: Trait name -> value; None or missing: unknown.
        steps: All segments, for the ancestors.

    Returns:
        False also where an unknown trait leaves it open.
    """
    named = steps.by_name()
    return all(holds(named[name].rule, person) for name in (step.segment.name, *step.ancestors))
