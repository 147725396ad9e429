"""Best offer per persona over all campaigns and experiments, and the offers never compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.errors import FixSettingsError
from connectors.records import CAMPAIGNS
from segmenter.lift.network import SIDES, Trial, too_few, trial
from segmenter.lift.offers import Best, best_offers, never_compared
from segmenter.lift.outcomes import TRACKED_METRICS
from segmenter.lift.text import listed
from segmenter.stats.proportions import Responses
from sync.results.campaigns import counted_campaigns
from sync.results.engagements import latest_moment
from sync.results.experiment_mailings import persona_name
from sync.results.experiment_trials import offers_of, trials_of
from sync.results.lift import ANSWER_DAYS
from sync.session import Session


@dataclass(frozen=True, slots=True)
class OfferResults:
    """Offer results: best offers, and offers never compared.

    Attributes:
        bests: The best of each persona's offers that were compared with each other.
        apart: Groups of offers, by persona, that were never compared with each other.
        notes: What was left out, and why, in sentences.
    """

    bests: Sequence[Best]
    apart: Mapping[str, Sequence[Sequence[str]]]
    notes: Sequence[str]


NOTHING = OfferResults((), {}, ())


def offers(session: Session, *, metric: str = "clicked") -> OfferResults:
    """Compare each persona's offers over all campaigns and experiments, where people were randomized.

    An offer is what a variant or an arm is called. Arms that are shown nobody's own copy (holdout, placebo) are none.

    Args:
        session: The open workspace.
        metric: What counts as a response: "clicked", "ordered" or "opened".

    Returns:
        Best offers by persona, offers that were never compared, and what was left out.

    Raises:
        FixSettingsError: Nothing was sent in variants yet.
    """
    with session.warehouse.reading():
        return _offers(session, metric)


def _offers(session: Session, metric: str) -> OfferResults:
    trials, notes = [*_campaigns(session, metric)], []
    for experiment in session.workspace.experiments.values():
        usable, left_out = trials_of(session, experiment, metric)
        trials += usable
        notes += left_out
    if not trials and not notes:
        raise FixSettingsError(
            "There are no offers to compare: no campaign had variants, and no variant of an experiment was mailed yet.",
            fix="Send a campaign with variants, or run `personasync experiment create`; then `personasync results`.",
        )
    notes += _too_few(trials)
    names = {trial.name for trial in trials}
    known = {pattern.arm for trial in trials for pattern in trial.patterns} | _planned(session, names)
    personas = sorted({persona.name for persona in session.workspace.personas.values()})
    return OfferResults(best_offers(trials), never_compared(trials, personas, known), notes)


def _planned(session: Session, compared: set[str]) -> set[str]:
    """All offers of experiments that run, or that have compared some: also those that no email has shown to anybody."""
    now = session.now()
    asked = [
        experiment
        for experiment in session.workspace.experiments.values()
        if experiment.name in compared or experiment.ends is None or now < experiment.ends
    ]
    return {offer for experiment in asked if len(offers_of(experiment)) >= SIDES for offer in offers_of(experiment)}


def _too_few(trials: Sequence[Trial]) -> list[str]:
    """Sentences on comparisons that too few people responded to, once for all personas."""
    concerned: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for persona in sorted({comparison.persona for comparison in trials}):
        for name, left_out in too_few([comparison for comparison in trials if comparison.persona == persona]).items():
            concerned[name, left_out].append(persona)
    return [
        f"{name}: {listed(left_out)} {'is' if len(left_out) == 1 else 'are'} excluded for {', '.join(personas)}: "
        "too few contacts responded to compare."
        for (name, left_out), personas in concerned.items()
    ]


def _campaigns(session: Session, metric: str) -> Iterator[Trial]:
    """Campaigns that the platform sent in variants, each a randomization of its own."""
    table = session.warehouse.current(CAMPAIGNS.name)
    sent = table.filter(table.sent_at.notnull(), table.parent_id.isnull()).to_pyarrow().to_pylist()
    campaigns = {(row["connection"], row["campaign_id"]): row for row in sent}
    groups: dict[tuple[str, str, str], dict[str, Responses]] = defaultdict(dict)
    for row in counted_campaigns(session, session.workspace.results.order_days):
        key = row["connection"], row["campaign_id"]
        if key in campaigns and row["variant"] is not None:
            name = campaigns[key]["name"] or row["campaign_id"]
            groups[*key, persona_name(session, row["persona"])][_offer(name, row["variant"])] = Responses(
                int(row["tracked" if metric in TRACKED_METRICS else "delivered"]), int(row[metric])
            )
    now = latest_moment(session)
    for (connection, campaign_id, persona), arms in sorted(groups.items()):
        if len(arms) < SIDES:  # what one variant is called says nothing of other campaigns
            continue
        campaign = campaigns[connection, campaign_id]
        early = now < campaign["sent_at"] + timedelta(days=ANSWER_DAYS)
        yield trial(campaign["name"] or campaign_id, persona, arms, early=early)


def _offer(campaign: str, variant: str) -> str:
    """Name of a variant; a letter that the platform gave it "a" is an offer in this campaign only."""
    return variant if len(variant) > 1 else f"{campaign}: {variant}"
