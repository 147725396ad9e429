"""Guardrails of a plan. Pure: the plan's counts and the workspace's limits in, breaches out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.breach import Breach, stale_connections
from sync.plan.state import Counts

PULL_FIRST = ("max_data_age_hours",)
"""Guardrails that block a plan until the next pull."""


@dataclass(frozen=True, slots=True)
class GuardrailLimits:
    """The workspace's `[guardrails]`.

    Attributes:
        max_changed: Largest share of a connection's writable contacts that may show other words at once: first values
            (a first run, new contacts, a new field), explanations and an experiment's own words do not count.
        max_removed: Largest share of a connection's writable contacts that may lose a group at once.
        max_unclassified: Largest share of persons without a segment.
        max_data_age: Oldest data that may decide.
    """

    max_changed: float
    max_removed: float
    max_unclassified: float
    max_data_age: timedelta


def how_to_override(guardrails: Sequence[str]) -> str:
    """Return how to go on with a plan that these guardrails stop, all of them in one step; "" for none.

    What a pull settles comes first: before it, the other figures are not those of now.
    """
    if not guardrails:
        return ""
    if not set(guardrails).isdisjoint(PULL_FIRST):
        return "Run `personasync pull`, then `personasync assign`, then `personasync plan`."
    named = " ".join(f"--override {name}" for name in dict.fromkeys(guardrails))
    return f"To override for this plan only: `personasync apply {named}`."


def broken_limits(
    counts: Counts,
    limits: GuardrailLimits,
    *,
    pulled_at: Mapping[str, datetime | None],
    now: datetime,
) -> list[Breach]:
    """Return every guardrail that the plan breaks, none when it may be applied.

    Args:
        counts: The plan's counts.
        limits: The workspace's figures.
        pulled_at: When each connection was last read to the end (UTC), None where it never was.
        now: The present, UTC.
    """
    return [
        *stale_connections(limits.max_data_age, pulled_at, now),
        *_changed(counts, limits),
        *_removed(counts, limits),
        *_unclassified(counts, limits),
    ]


def _changed(counts: Counts, limits: GuardrailLimits) -> list[Breach]:
    what = "would get a different value"
    return _of_contacts("max_changed", counts.replaced, counts.allowed, limits.max_changed, what)


def _removed(counts: Counts, limits: GuardrailLimits) -> list[Breach]:
    what = "would lose a tag or list membership"
    return _of_contacts("max_removed", counts.leaving, counts.allowed, limits.max_removed, what)


def _of_contacts(
    guardrail: str, affected: Mapping[str, int], allowed: Mapping[str, int], limit: float, what: str
) -> list[Breach]:
    """A breach for each connection on which a larger share of the contacts that we may write to is affected."""
    return [
        _share(
            guardrail,
            f"{connection}: {count:,} of {allowed[connection]:,} contacts {what}",
            count / allowed[connection],
            limit,
        )
        for connection, count in affected.items()
        if allowed[connection] and count / allowed[connection] > limit
    ]


def _unclassified(counts: Counts, limits: GuardrailLimits) -> list[Breach]:
    if not counts.changed.total():
        return []  # nothing would be sent: a state that was accepted once must not stop `run` every day
    persons = counts.by_persona.total()
    unclassified = counts.by_persona["unclassified"]
    if persons and unclassified / persons > limits.max_unclassified:
        return [
            _share(
                "max_unclassified",
                f"{unclassified:,} of {persons:,} people are unclassified",
                unclassified / persons,
                limits.max_unclassified,
            )
        ]
    return []


def _share(guardrail: str, what: str, share: float, limit: float) -> Breach:
    return Breach(
        guardrail,
        f"{what} ({share:.1%}), the limit is {limit:.1%}. Review the samples, and raise "
        f"{guardrail} in personasync.toml if this is expected.",
    )
