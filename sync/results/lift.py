"""Lift of a campaign or experiment per persona: counts from the warehouse, statistics by `segmenter.lift`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import ibis
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import ARMS, DELIVERIES, ORDERS
from segmenter.lift.effects import GUARDRAILS, Comparison, LiftQuestion, compare_arms, corrected_for_multiplicity
from segmenter.lift.outcomes import OutcomeWindow, Stratum, outcomes, strata
from segmenter.lift.randomization import HOLDOUT, Experiment, SampleRatio, sample_ratio
from segmenter.stats.means import Adjusted, cuped, welch
from segmenter.stats.proportions import Interval
from sync.experiments.definitions import refuse_edited
from sync.experiments.job import edited, find_experiment, planned_baseline
from sync.results.compared_people import (
    campaign_named,
    mails_of_campaign,
    main_currency,
    newest_with_variants,
    people_of_experiment,
    people_reached,
)
from sync.results.engagements import engagements, latest_moment, untracked_table
from sync.results.experiment_mailings import (
    ExperimentMailings,
    end_of,
    engagements_in,
    experiment_mailings,
    mails_during,
    persona_name,
)
from sync.results.planned_test import PlannedTest, other_rate
from sync.session import Session

METRICS = ("clicked", "ordered", "opened", *GUARDRAILS)
WORTH = 0.01  # 1 pp: the default minimum detectable effect
HARM = {"unsubscribed": 0.005, "complained": 0.001}
"""Minimum detectable effect of guardrail metrics: mailbox providers act on 1 spam complaint in 1,000."""
ANSWER_DAYS = 7
"""Days after the last email of a campaign while its figures still move: results before that are interim."""


@dataclass(frozen=True, slots=True)
class RevenueLift:
    """Revenue per person of one variant vs another, all personas together (CUPED).

    Attributes:
        difference: Of means, in *currency*, after CUPED.
        less: Share of the variance that pre-period spend removes.
        left_out: Orders in other currencies, which are excluded.
    """

    treated: str
    control: str
    difference: float
    interval: Interval
    less: float
    currency: str
    left_out: int


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """Two arms to compare, and what their people did."""

    treated: str
    control: str
    strata: Sequence[Stratum]

    @property
    def planned(self) -> int:
        """People of the larger arm."""
        return max(sum(s.people for s in self.strata if s.arm == arm) for arm in (self.treated, self.control))

    def question(self, metric: str, plan: PlannedTest, *, early: bool) -> LiftQuestion:
        """Return what is asked of a metric of this pair."""
        baseline = plan.baseline if metric == plan.primary else None
        worth = HARM.get(metric, plan.mde)
        return LiftQuestion(metric, self.treated, self.control, worth, early, self.planned, baseline)


@dataclass(frozen=True, slots=True)
class Lift:
    """All lift results of one campaign or experiment.

    Attributes:
        about: Its name.
        primary: The primary metric.
        comparisons: One a metric and pair of arms, judged together.
        ratio: Sample ratio mismatch check; None where the expected shares are unknown.
        early: Whether the results are interim.
        notes: What else must be known, in sentences.
        mailed: Whether a mail reached anybody: before that there is nothing to compare.
    """

    about: str
    primary: str
    comparisons: Sequence[Comparison]
    spend: Sequence[RevenueLift]
    ratio: SampleRatio | None
    early: bool
    notes: Sequence[str]
    mailed: bool = True

    @property
    def broken(self) -> bool:
        """Whether its arms do not have the people that they should, so that nothing may be said."""
        return self.ratio is not None and self.ratio.broken


def lift_of_campaign(session: Session, name: str | None, *, control: str | None = None) -> Lift:
    """Compare the variants of a campaign.

    Args:
        session: The open workspace.
        name: Name or id; None: the newest campaign that was sent in variants.
        control: The variant that others are compared with; None: the first by name.

    Returns:
        One comparison per metric and variant, corrected for multiplicity.

    Raises:
        FixSettingsError: There is none, several have the name, or it has no variants to compare.
    """
    campaign = campaign_named(session, name) if name is not None else newest_with_variants(session)
    key = "lift of campaign", campaign["connection"], campaign["campaign_id"], control
    return session.warehouse.read_once.get(key, lambda: _lift_of_campaign(session, campaign, control))


def _lift_of_campaign(session: Session, campaign: Mapping[str, Any], control: str | None) -> Lift:
    sent_at, now = campaign["sent_at"], latest_moment(session)
    stratums = strata_of_campaign(session, campaign)
    arms = sorted({stratum.arm for stratum in stratums})
    if len(arms) < 2:  # noqa: PLR2004 - a difference has two sides
        raise FixSettingsError(
            f"{campaign['name']!r} has no variants to compare.",
            fix="Send it with variants, or compare those of an experiment: `personasync lift --experiment NAME`.",
        )
    if control is not None and control not in arms:
        raise FixSettingsError(f"There is no variant {control!r}.", fix=f"Its variants are: {', '.join(arms)}.")
    early = now < sent_at + timedelta(days=ANSWER_DAYS)
    about, first = campaign["name"] or campaign["campaign_id"], control or arms[0]
    pairs = [ComparedPair(arm, first, stratums) for arm in arms if arm != first]
    return _judge(session, about, pairs, PlannedTest("clicked", WORTH), early=early)


def lift_of_experiment(session: Session, name: str) -> Lift:
    """Compare the arms of an experiment with the first one, and with the holdout.

    Everybody who was assigned counts, whether a mail arrived or not (intention to treat). What people did in mails
    counts between arms only for mails that can be compared (`sync.results.experiment_mailings`); against the holdout
    that gets none, for every mail.

    Args:
        session: The open workspace.
        name: Of the experiment; "holdout" is the global one.

    Returns:
        One comparison per metric and arm, with the sample ratio check and notes on edited groups.

    Raises:
        FixSettingsError: There is no such experiment, or nobody is assigned to it.
        EditedExperimentError: It was edited after its start.
    """
    experiment = find_experiment(session, name)
    refuse_edited(session, [experiment])
    return session.warehouse.read_once.get(
        ("lift of experiment", name), lambda: _lift_of_experiment(session, experiment)
    )


def _lift_of_experiment(session: Session, experiment: Experiment) -> Lift:
    now, name = latest_moment(session), experiment.name
    everybody = _strata_of_mails(session, experiment, engagements(session))
    if not everybody:
        raise FixSettingsError(
            f"Nobody is in {name} yet.", fix="Run `personasync assign`, which randomly assigns people to the variants."
        )
    in_fields = bool(experiment.generic or experiment.placebo)
    mailed = experiment_mailings(session, experiment, list(experiment.arms), in_fields=in_fields)
    pairs = _pairs(session, experiment, mailed, everybody)
    early = experiment.ends is None or now < experiment.ends
    plan = PlannedTest(experiment.metric, experiment.mde, planned_baseline(experiment))
    lift = _judge(session, name, pairs, plan, early=early)
    excluded = mailed.excluded() if len(experiment.arms) > 1 else []
    notes = [*_moved(session, experiment), *_mailed_holdout(session, experiment), *excluded]
    notes += other_rate(lift.comparisons, plan) if mailed.of_persona else []
    return replace(
        lift, ratio=sample_ratio_of(experiment, everybody), notes=tuple(notes), mailed=bool(mailed.of_persona)
    )


def _pairs(
    session: Session, experiment: Experiment, mailed: ExperimentMailings, everybody: Sequence[Stratum]
) -> list[ComparedPair]:
    """Each arm with the first one, in the mailings that both got; then each with the holdout, in every mail."""
    first, *others = experiment.arms
    counted: dict[frozenset[tuple[str, int]], list[Stratum]] = {}
    pairs = []
    for arm in others:
        both = mailed.got_by((arm, first))
        if both not in counted:
            did = engagements_in(session, people_of_experiment(session, experiment), mailed.mails(session, both))
            measured = {persona_name(session, persona) for persona, _ in both}
            counted[both] = [
                stratum if stratum.persona in measured else stratum.without_mails()
                for stratum in _strata_of_mails(session, experiment, did)
            ]
        pairs.append(ComparedPair(arm, first, counted[both]))
    held = experiment.arms if experiment.control == HOLDOUT else ()
    return [*pairs, *(ComparedPair(arm, HOLDOUT, everybody) for arm in held)]


def strata_of_campaign(session: Session, campaign: Mapping[str, Any]) -> list[Stratum]:
    """Count what the recipients of a campaign's variants did; empty where it has none."""
    people = people_reached(session, campaign)
    window = OutcomeWindow(latest_moment(session), session.workspace.results.order_days, main_currency(session))
    return _strata(
        session, people.filter(people.arm.notnull()), mails_of_campaign(session, campaign), window, engagements(session)
    )


def _strata_of_mails(session: Session, experiment: Experiment, did: Table) -> list[Stratum]:
    """Count what the people of an experiment's arms did since it began; *did* is what they did in mails."""
    window = OutcomeWindow(end_of(session, experiment), None, main_currency(session))
    during = mails_during(session, experiment).select("connection", "campaign_id")
    return _strata(session, people_of_experiment(session, experiment), during, window, did)


def _judge(session: Session, about: str, pairs: Sequence[ComparedPair], plan: PlannedTest, *, early: bool) -> Lift:
    comparisons = corrected_for_multiplicity(
        [
            compare_arms(pair.strata, pair.question(metric, plan, early=early))
            for pair in pairs
            for metric in _metrics(plan.primary)
        ],
        primary=plan.primary,
    )
    spend = [_spend(session, pair) for pair in pairs]
    return Lift(about, plan.primary, comparisons, spend, None, early, ())


def _metrics(primary: str) -> list[str]:
    return [primary, *(metric for metric in METRICS if metric != primary)]


def _strata(session: Session, people: Table, mails: Table, window: OutcomeWindow, did: Table) -> list[Stratum]:
    warehouse = session.warehouse
    counted = outcomes(
        people,
        mails=mails,
        engagements=did,
        orders=warehouse.current(ORDERS.name),
        links=session.links(),
        window=window,
        untracked=untracked_table(session),
    )
    rows = counted.to_pyarrow().to_pylist()
    return strata([{**row, "persona": persona_name(session, row["persona"])} for row in rows])


def _spend(session: Session, pair: ComparedPair) -> RevenueLift:
    treated, control = pair.treated, pair.control
    sides = [[stratum.revenue for stratum in pair.strata if stratum.arm == arm] for arm in (treated, control)]
    groups = [_pooled(side) for side in sides]
    adjusted: Adjusted = cuped(groups)
    first, two = adjusted.groups
    currency = main_currency(session) or ""
    orders = session.warehouse.current(ORDERS.name)
    others = orders.filter(orders.currency != ibis.literal(currency)).count().to_pyarrow().as_py()
    return RevenueLift(treated, control, first.mean - two.mean, welch(first, two), adjusted.less, currency, int(others))


def _pooled(groups: Sequence[Any]) -> Any:
    first, *rest = groups
    return sum(rest, first)


def sample_ratio_of(experiment: Experiment, stratums: Sequence[Stratum]) -> SampleRatio | None:
    """Return the sample ratio check of an experiment's arms; None where the expected shares are unknown."""
    if experiment.holdouts:
        return None
    shares = experiment.shares(None)
    counts = [sum(stratum.people for stratum in stratums if stratum.arm == arm) for arm in shares]
    return sample_ratio(counts, list(shares.values()))


def _moved(session: Session, experiment: Experiment) -> list[str]:
    return [
        f"{n:,} contacts were moved between its groups on {name}. They count in the variant they were assigned to."
        for name, n in edited(session, experiment).items()
    ]


def _mailed_holdout(session: Session, experiment: Experiment) -> list[str]:
    """Count the holdout contacts who got email: they bias the difference towards zero."""
    if experiment.control != HOLDOUT:
        return []
    mails = mails_during(session, experiment)
    deliveries = session.warehouse.current(DELIVERIES.name).semi_join(mails, ["connection", "campaign_id"])
    arms = session.warehouse.current(ARMS.name)
    held = arms.filter(arms.experiment == experiment.name, arms.arm == HOLDOUT)
    got = deliveries.inner_join(session.links(), "contact_key").semi_join(held, "person_id")
    people = int(got.person_id.nunique().to_pyarrow().as_py())
    return [f"{people:,} people of the holdout got email, which biases the difference towards zero."] if people else []
