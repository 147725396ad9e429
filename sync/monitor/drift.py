"""Drift since the reference: population drift of traits, concept drift of response and incremental orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.errors import FixSettingsError
from segmenter.lift.exposures import BEFORE_ANY
from segmenter.lift.randomization import HOLDOUT
from segmenter.monitor.drift import (
    Drift,
    ResponseCount,
    ResponseDrift,
    Spread,
    drift,
    lifts_moved,
    mean_moved,
    responses,
    share_moved,
    slow_change,
)
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.multiplicity import Estimate
from sync.results.campaign_result import CampaignResult
from sync.results.lift import lift_of_experiment
from sync.session import Session
from sync.traits.data_checks import RECORD, kept, reference_of
from sync.value.ranking import supported


def population(session: Session, version: str) -> tuple[dict[str, Drift], list[str]]:
    """Compare the newest assignments with the first under the same definitions (*version*).

    Args:
        session: The open workspace.
        version: Digest of the definitions in force.

    Returns:
        Drift by trait, and sentences about the share of unclassified people and about confidence.
    """
    newest, reference = session.control.runs.latest("assign", state="done"), reference_of(session, version)
    if newest is None or reference is None or newest.run_id == reference.run_id:
        return {}, []
    before, now = kept(reference), kept(newest)
    drifts = {
        name: drift(distribution.counts, distribution.matched(now[name].counts))
        for name, distribution in before.items()
        if name in now
    }
    first, last = reference.counts[RECORD], newest.counts[RECORD]
    drifts["segment"] = drift(first["segments"], last["segments"])
    return drifts, _sureness(first, last)


def _sureness(first: Mapping[str, Any], last: Mapping[str, Any]) -> list[str]:
    sentences = []
    before, now = (ResponseCount(record["people"], record["segments"].get(UNCLASSIFIED, 0)) for record in (first, last))
    if share_moved(before, now):
        sentences.append(f"{now.rate:.0%} of people are unclassified, was {before.rate:.0%}.")
    earlier, two = Spread(**first["confidence"]), Spread(**last["confidence"])
    if mean_moved(earlier, two):
        sentences.append(f"Mean confidence is {two.mean:.2f}, was {earlier.mean:.2f}.")
    return sentences


def response_drift(newest_first: Sequence[CampaignResult]) -> list[str]:
    """Return sentences about personas whose click rate changed in the newest campaign, or drifts slowly (CUSUM).

    Returns:
        Empty before the second campaign.
    """
    measured_so_far = [_clicks(result.rows) for result in reversed(newest_first)]
    if len(measured_so_far) < 2:  # noqa: PLR2004 - a change has a before
        return []
    *earlier, newest = measured_so_far
    name, before = newest_first[0].name, len(earlier)
    sentences = [_changed(counts, name, before) for counts in responses(_pooled(earlier), newest) if counts.stands]
    first, *later = measured_so_far
    for persona, reference in first.items():
        place = slow_change(reference, [counts[persona] for counts in later if persona in counts])
        if place is not None:
            sentences.append(
                f"{persona}: click rate has drifted since {newest_first[-1].name} ({reference.rate:.1%} of "
                f"{reference.people:,} people), over {len(later)} campaigns."
            )
    return sentences


def lifted(session: Session) -> list[str]:
    """Return sentences about personas whose incremental orders changed since earlier experiments.

    Only a holdout measures incremental orders.

    Returns:
        Empty before the second experiment with a holdout.
    """
    estimates = [
        (experiment.name, _effects(session, experiment.name)) for experiment in session.workspace.experiments.values()
    ]
    held = [(name, effects) for name, effects in estimates if effects]
    if len(held) < 2:  # noqa: PLR2004 - a change has a before
        return []
    *earlier, (name, newest) = held
    return [
        f"{moved.segment}: incremental orders {100 * moved.now.difference:+.1f} pp in {name}, "
        f"were {100 * moved.before.difference:+.1f} pp."
        for moved in lifts_moved([effects for _, effects in earlier], newest)
        if moved.stands
    ]


def _effects(session: Session, name: str) -> dict[str, Estimate]:
    """Incremental orders of an experiment's best variant over its holdout, by persona."""
    if session.workspace.experiments[name].control != HOLDOUT:
        return {}
    try:
        lift = lift_of_experiment(session, name)
    except FixSettingsError:  # nobody is in it yet
        return {}
    best = None if lift.broken else supported(lift.comparisons)
    effects = best.personas if best else ()
    return {
        effect.persona: Estimate(effect.difference, effect.variance) for effect in effects if effect.verdict != "nobody"
    }


def _changed(response_drift: ResponseDrift, newest: str, campaigns: int) -> str:
    """Name both sides: other emails to other people, so that the emails may have changed, and not the people."""
    now, before = response_drift.now, response_drift.before
    since = "the campaign before" if campaigns == 1 else f"the {campaigns} campaigns before"
    return (
        f"{response_drift.segment}: click rate {now.rate:.1%} of {now.people:,} people in {newest}, was "
        f"{before.rate:.1%} of {before.people:,} in {since}, with other emails."
    )


def _clicks(rows: Sequence[Any]) -> dict[str, ResponseCount]:
    counts: dict[str, ResponseCount] = {}
    for row in rows:
        if row.persona != BEFORE_ANY and row.tracked:
            before = counts.get(row.persona, ResponseCount(0, 0))
            counts[row.persona] = ResponseCount(before.people + row.tracked, before.answers + row.clicked)
    return counts


def _pooled(several: Sequence[Mapping[str, ResponseCount]]) -> dict[str, ResponseCount]:
    totals: dict[str, ResponseCount] = {}
    for counts in several:
        for persona, answers in counts.items():
            before = totals.get(persona, ResponseCount(0, 0))
            totals[persona] = ResponseCount(before.people + answers.people, before.answers + answers.answers)
    return totals
