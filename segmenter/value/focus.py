"""Which segments are pushed: people of the others show the fallback and are in no group."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import ibis
from ibis import Table

from segmenter.rules.segments import Waterfall

HIDDEN = ("segment", "persona", "confidence", "runner_up")


def with_subsegments(names: Collection[str], steps: Waterfall) -> frozenset[str]:
    """Return *names* and every segment that lies in one of them."""
    return frozenset(
        name for name, step in steps.by_name().items() if name in names or not set(step.ancestors).isdisjoint(names)
    )


def focused_one(assignment: Mapping[str, Any], active: Collection[str] | None) -> dict[str, Any]:
    """Return of one person's assignment what `focused` returns of everybody's."""
    inside = active is None or assignment["segment"] in active
    return dict(assignment) if inside else {**assignment, **dict.fromkeys(HIDDEN)}


def focused(assignments: Table, active: Collection[str] | None) -> Table:
    """Return *assignments* in which people outside of the segments *active* look unclassified; None: all are pushed."""
    if active is None:
        return assignments
    inside = assignments.segment.isin(sorted(active)) if active else ibis.literal(value=False)
    shown: dict[str, Any] = {
        name: ibis.ifelse(inside, assignments[name], ibis.null(assignments[name].type())) for name in HIDDEN
    }
    return assignments.mutate(**shown)
