"""Segment focus: only some segments are pushed; people of the others get the parent segment, or the fallback."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import ibis
from ibis import Table

from segmenter.rules.segments import Waterfall

Instead = Mapping[str, tuple[str | None, str | None]]
"""By segment that is not pushed: segment and persona that its people are shown; None: the fallback."""


def with_subsegments(names: Collection[str], steps: Waterfall) -> frozenset[str]:
    """Return *names* and every segment that lies in one of them.

    Args:
        names: Names of segments; unknown ones are left out.
        steps: All segments, with their parents.

    Returns:
        Unordered; empty where none of *names* is a segment.
    """
    return frozenset(
        name for name, step in steps.by_name().items() if name in names or not set(step.ancestors).isdisjoint(names)
    )


def sizes_with_subsegments(sizes: Mapping[str, int], steps: Waterfall) -> dict[str, int]:
    """Return how many people each segment of *steps* holds, those of the segments within it too.

    Args:
        sizes: People by the segment that they were given.
        steps: All segments.

    Returns:
        Every segment, 0 where it is empty.
    """
    totals = dict.fromkeys(steps.by_name(), 0)
    for name, step in steps.by_name().items():
        for group in (name, *step.ancestors):
            totals[group] += sizes.get(name, 0)
    return totals


def instead_of(pushed: Collection[str], steps: Waterfall, persona_of: Mapping[str, str]) -> Instead:
    """Return what people of the segments that are not *pushed* are shown: the nearest segment around theirs that is.

    Args:
        pushed: Names of segments.
        steps: All segments.
        persona_of: The persona of each segment that has one.

    Returns:
        The segment and its persona, by segment that is not pushed; both None where no segment around it is pushed.
    """
    substitutes: dict[str, tuple[str | None, str | None]] = {}
    for name, step in steps.by_name().items():
        if name not in pushed:
            around = next((ancestor for ancestor in step.ancestors if ancestor in pushed), None)
            substitutes[name] = around, persona_of.get(around) if around else None
    return substitutes


def focused_one(assignment: Mapping[str, Any], instead: Instead) -> dict[str, Any]:
    """Return of one person's assignment what `focused` returns of everybody's.

    Args:
        assignment: In the columns of `connectors.records.ASSIGNMENTS`.
        instead: As `instead_of` returns it.

    Returns:
        A copy; without a segment to be shown, segment, persona and confidence are None.
    """
    if assignment["segment"] not in instead:
        return dict(assignment)
    segment, persona = instead[assignment["segment"]]
    confidence = assignment["confidence"] if segment else None
    return {**assignment, "segment": segment, "persona": persona, "confidence": confidence, "runner_up": None}


def focused(assignments: Table, instead: Instead) -> Table:
    """Return *assignments* in which people of segments that are not pushed have the one that they are shown.

    Args:
        assignments: One row per person.
        instead: As `instead_of` returns it.

    Returns:
        The same rows and columns.
    """
    if not instead:
        return assignments
    other = assignments.segment.isin(sorted(instead)).fill_null(False)  # noqa: FBT003 - an expression
    around = _named(assignments.segment, {name: segment for name, (segment, _) in instead.items()})
    persona = _named(assignments.segment, {name: slug for name, (_, slug) in instead.items()})
    return assignments.mutate(
        segment=ibis.ifelse(other, around, assignments.segment),
        persona=ibis.ifelse(other, persona, assignments.persona),
        confidence=ibis.ifelse(other & around.isnull(), ibis.null("float64"), assignments.confidence),
        runner_up=ibis.ifelse(other, ibis.null("string"), assignments.runner_up),
    )


def _named(column: Any, names: Mapping[str, str | None]) -> Any:
    listed = [(old, ibis.literal(new)) for old, new in names.items() if new is not None]
    return column.cases(*listed, else_=ibis.null("string")) if listed else ibis.null("string")
