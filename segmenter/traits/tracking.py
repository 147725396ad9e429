"""Traits that only tracking tells of a person: opens, clicks, visits and their hours. Absent, not zero, without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segmenter.late_ibis import ibis
from segmenter.traits.counts import CountedTrait

if TYPE_CHECKING:
    from ibis import Table

    from segmenter.traits.builtin import Catalogue

TRACKED_KINDS = ("open", "click", "visit")
"""Kinds of engagement that only tracking tells of a person. A form or a reply somebody sent themselves."""
BEGINNINGS = tuple(f"{kind}s_" for kind in TRACKED_KINDS)
TRACKED = frozenset(
    (
        *("favourite_hour", *(f"last_{kind}" for kind in TRACKED_KINDS)),
        *(f"days_since_{kind}" for kind in TRACKED_KINDS),
        *(f"{kind}_rate_90d{end}" for kind in TRACKED_KINDS for end in ("", "_shrunk")),
    )
)


def needs_tracking(name: str, catalogue: Catalogue) -> bool:
    """Tell whether a trait, or an aggregate, is known of a person only through tracking.

    Args:
        name: Of a trait of *catalogue*, or of an aggregate that it is made from.
        catalogue: All traits.

    Returns:
        Also True for a count of events of whatever kind.
    """
    counted = catalogue.counted.get(name)
    if counted is not None:
        return _counts_tracked(counted)
    built_in = name not in catalogue.mapped and name not in catalogue.surveyed
    return built_in and (name in TRACKED or name.startswith(BEGINNINGS))


def _counts_tracked(counted: CountedTrait) -> bool:
    return counted.table == "engagements" and (counted.kind is None or counted.kind in TRACKED_KINDS)


def without_tracking(rows: Table, untracked: Table | None, catalogue: Catalogue) -> Table:
    """Return one row a person with what tracking tells made absent (null) for those who may not be tracked.

    Args:
        rows: ``person_id`` and aggregates or traits.
        untracked: ``person_id`` of those who may not be tracked; None: nobody.
        catalogue: All traits.
    """
    if untracked is None:
        return rows
    named = untracked.select(untracked_id="person_id").distinct()
    marked = rows.left_join(named, rows.person_id == named.untracked_id)
    hidden = marked.untracked_id.notnull()
    columns = {
        name: ibis.ifelse(hidden, ibis.null(kind), marked[name]) if needs_tracking(name, catalogue) else marked[name]
        for name, kind in rows.schema().items()
    }
    return marked.select(**columns)
