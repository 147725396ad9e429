"""Orders of compared arms alone: of a lift what the ranking of segments needs, without what people did in mails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from ibis import Table

from connectors.records import ORDERS
from segmenter.lift.effects import Comparison, compare_arms
from segmenter.lift.outcomes import OutcomeWindow, Stratum, who_ordered
from segmenter.lift.randomization import HOLDOUT
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.means import Amounts, Paired
from sync.experiments.definitions import refuse_edited
from sync.experiments.job import find_experiment, planned_baseline
from sync.results.compared_people import main_currency, newest_with_variants, people_of_experiment, people_reached
from sync.results.engagements import latest_moment
from sync.results.experiment_mailings import end_of, persona_name
from sync.results.lift import ANSWER_DAYS, WORTH, ComparedPair, sample_ratio_of
from sync.results.planned_test import PlannedTest
from sync.session import Session

ORDERED = "ordered"
NO_MONEY = Paired(Amounts(0, 0.0, 0.0), Amounts(0, 0.0, 0.0), 0.0)


def orders_in_experiment(session: Session, name: str) -> list[Comparison]:
    """Compare the orders of an experiment's arms, as `sync.results.lift.lift_of_experiment` does.

    Args:
        session: The open workspace.
        name: Of the experiment; "holdout" is the global one.

    Returns:
        One comparison per pair of arms, not corrected for multiplicity; empty where nobody is in it, or its arms do
            not have the people that they should.

    Raises:
        FixSettingsError: There is no such experiment.
        EditedExperimentError: It was edited after its start.
    """
    experiment = find_experiment(session, name)
    refuse_edited(session, [experiment])
    window = OutcomeWindow(end_of(session, experiment), None, main_currency(session))
    strata = _strata(session, people_of_experiment(session, experiment), window)
    ratio = sample_ratio_of(experiment, strata)
    if not strata or (ratio is not None and ratio.broken):
        return []
    first, *others = experiment.arms
    pairs = [ComparedPair(arm, first, strata) for arm in others]
    held = experiment.arms if experiment.control == HOLDOUT else ()
    pairs += [ComparedPair(arm, HOLDOUT, strata) for arm in held]
    early = experiment.ends is None or latest_moment(session) < experiment.ends
    return _compared(pairs, PlannedTest(experiment.metric, experiment.mde, planned_baseline(experiment)), early=early)


def orders_in_newest_campaign(session: Session) -> list[Comparison]:
    """Compare the orders after the newest campaign with variants, as `sync.results.lift.lift_of_campaign` does.

    Returns:
        One comparison per variant with the first by name; empty where only one variant reached anybody.

    Raises:
        FixSettingsError: No campaign was sent in variants.
    """
    campaign, now = newest_with_variants(session), latest_moment(session)
    window = OutcomeWindow(now, session.workspace.results.order_days, main_currency(session))
    people = people_reached(session, campaign)
    strata = _strata(session, people.filter(people.arm.notnull()), window)
    first, *others = sorted({stratum.arm for stratum in strata}) or [""]
    early = now < campaign["sent_at"] + timedelta(days=ANSWER_DAYS)
    return _compared([ComparedPair(arm, first, strata) for arm in others], PlannedTest("clicked", WORTH), early=early)


def _compared(pairs: Sequence[ComparedPair], plan: PlannedTest, *, early: bool) -> list[Comparison]:
    return [compare_arms(pair.strata, pair.question(ORDERED, plan, early=early)) for pair in pairs]


def _strata(session: Session, people: Table, window: OutcomeWindow) -> list[Stratum]:
    counted = who_ordered(people, session.warehouse.current(ORDERS.name), session.links(), window)
    rows = sorted(counted.to_pyarrow().to_pylist(), key=lambda row: (row["persona"] or "", row["arm"]))
    return [
        Stratum(
            persona_name(session, row["persona"]) or UNCLASSIFIED,
            row["arm"],
            int(row["people"]),
            {ORDERED: int(row["ordered"])},
            NO_MONEY,
        )
        for row in rows
    ]
