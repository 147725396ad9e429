"""May this plan be applied? Pure: the plan's counts and the workspace's limits in, a verdict out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.breach import Breach, stale
from sync.plan.diff import Counts


@dataclass(frozen=True, slots=True)
class Limits:
    """The workspace's `[guardrails]`.

    Attributes:
        max_changed: Largest share of a connection's writable contacts whose *shown* values may change at once;
            contacts that show nothing of ours yet (a first run, new contacts) do not count.
        max_removed: Largest share of a connection's writable contacts that may lose a group at once.
        max_unclassified: Largest share of persons without a segment.
        min_segment: Least persons in a segment that is used at all.
        max_data_age: Oldest data that may decide.
    """

    max_changed: float
    max_removed: float
    max_unclassified: float
    min_segment: int
    max_data_age: timedelta


def verdict(
    counts: Counts,
    segments: Mapping[str, int],
    limits: Limits,
    *,
    pulled_at: Mapping[str, datetime | None],
    now: datetime,
) -> list[Breach]:
    """Return every guardrail that the plan breaks, none when it may be applied.

    Args:
        counts: The plan's counts.
        segments: Persons by segment, segments that nobody is in left out.
        limits: The workspace's figures.
        pulled_at: When each connection was last read to the end (UTC), None where it never was.
        now: The present, UTC.
    """
    return [
        *stale(limits.max_data_age, pulled_at, now),
        *_changed(counts, limits),
        *_removed(counts, limits),
        *_unclassified(counts, limits),
        *_small(segments, limits),
    ]


def _changed(counts: Counts, limits: Limits) -> list[Breach]:
    found = []
    for connection, changed in counts.changed.items():
        again, base = changed - counts.first[connection], counts.allowed[connection]
        if base and again / base > limits.max_changed:
            found.append(
                _share(
                    "max_changed",
                    f"{connection}: {again:,} of {base:,} contacts would change",
                    again / base,
                    limits.max_changed,
                )
            )
    return found


def _removed(counts: Counts, limits: Limits) -> list[Breach]:
    found = []
    for connection, removed in counts.removed.items():
        base = counts.allowed[connection]
        if base and removed / base > limits.max_removed:
            found.append(
                _share(
                    "max_removed",
                    f"{connection}: {removed:,} memberships of {base:,} contacts would be taken back",
                    removed / base,
                    limits.max_removed,
                )
            )
    return found


def _unclassified(counts: Counts, limits: Limits) -> list[Breach]:
    persons = counts.by_persona.total()
    unclassified = counts.by_persona["unclassified"]
    if persons and unclassified / persons > limits.max_unclassified:
        return [
            _share(
                "max_unclassified",
                f"{unclassified:,} of {persons:,} persons are unclassified",
                unclassified / persons,
                limits.max_unclassified,
            )
        ]
    return []


def _small(segments: Mapping[str, int], limits: Limits) -> list[Breach]:
    return [
        Breach(
            "min_segment",
            f"segment {name!r} holds {persons:,} persons, the least is {limits.min_segment:,}; "
            "merge it, or lower min_segment.",
        )
        for name, persons in segments.items()
        if persons < limits.min_segment
    ]


def _share(guardrail: str, what: str, share: float, limit: float) -> Breach:
    return Breach(
        guardrail,
        f"{what} ({share:.1%}), the limit is {limit:.1%}; look at the samples, then raise {guardrail} in "
        "personasync.toml "
        f"or override it for this one plan with `personasync apply --override {guardrail}`.",
    )
