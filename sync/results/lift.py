"""Lift of a campaign or experiment per persona: counts from the warehouse, statistics by `segmenter.lift`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ibis
from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import ARMS, ASSIGNMENTS, CAMPAIGNS, DELIVERIES, ENGAGEMENTS, ORDERS
from segmenter.lift.effects import GUARDRAILS, Comparison, LiftQuestion, compare_arms, corrected_for_multiplicity
from segmenter.lift.exposures import reached
from segmenter.lift.machine_opens import with_machines
from segmenter.lift.outcomes import OutcomeWindow, Stratum, moment_literal, outcomes, strata
from segmenter.lift.randomization import HOLDOUT, Experiment, SampleRatio, sample_ratio
from segmenter.stats.means import Adjusted, cuped, welch
from segmenter.stats.proportions import Interval
from sync.experiments.job import edited, find_experiment
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
class Lift:
    """All lift results of one campaign or experiment.

    Attributes:
        about: Its name.
        primary: The primary metric.
        comparisons: One a metric and treated arm, judged together.
        ratio: Sample ratio mismatch check; None where the expected shares are unknown.
        early: Whether the results are interim.
        notes: What else must be known, in sentences.
    """

    about: str
    primary: str
    comparisons: Sequence[Comparison]
    spend: Sequence[RevenueLift]
    ratio: SampleRatio | None
    early: bool
    notes: Sequence[str]
    strata: Sequence[Stratum]

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
    campaign = campaign_named(session, name) if name is not None else _newest_with_variants(session)
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
    return _judge(session, about, stratums, control=first, primary="clicked", mde=WORTH, early=early, ratio=None)


def lift_of_experiment(session: Session, name: str) -> Lift:
    """Compare the arms of an experiment with its control, by intention to treat.

    Args:
        session: The open workspace.
        name: Of the experiment; "holdout" is the global one.

    Returns:
        One comparison per metric and arm, with the sample ratio check and notes on edited groups.

    Raises:
        FixSettingsError: There is no such experiment, or nobody is assigned to it.
    """
    experiment = find_experiment(session, name)
    now = latest_moment(session)
    stratums = strata_of_experiment(session, experiment)
    if not stratums:
        raise FixSettingsError(
            f"Nobody is in {name} yet.", fix="Run `personasync assign`, which randomly assigns people to the variants."
        )
    early = experiment.ends is None or now < experiment.ends
    lift = _judge(
        session,
        name,
        stratums,
        control=experiment.control,
        primary=experiment.metric,
        mde=experiment.mde,
        early=early,
        ratio=_ratio(experiment, stratums),
    )
    return _with_notes(lift, [*_moved(session, experiment), *_mailed_holdout(session, experiment)])


def strata_of_campaign(session: Session, campaign: Mapping[str, Any]) -> list[Stratum]:
    """Count what the recipients of a campaign's variants did; empty where it has none."""
    people = _reached(session, campaign)
    window = OutcomeWindow(latest_moment(session), session.workspace.results.order_days, _currency(session))
    return _strata(session, people.filter(people.arm.notnull()), _mails(session, campaign), window)


def strata_of_experiment(session: Session, experiment: Experiment) -> list[Stratum]:
    """Count what the people of an experiment's arms did since it began, whether a mail reached them or not."""
    arms = session.warehouse.current(ARMS.name)
    people = arms.filter(arms.experiment == experiment.name).select("person_id", "persona", "arm", "at")
    return _strata(
        session,
        people,
        _mails_during(session, experiment),
        OutcomeWindow(_until(session, experiment), None, _currency(session)),
    )


def _until(session: Session, experiment: Experiment) -> datetime:
    return min(experiment.ends, latest_moment(session)) if experiment.ends else latest_moment(session)


def latest_moment(session: Session) -> datetime:
    """Return now (UTC); where the platforms' clocks are ahead of ours, the newest thing that they told."""
    told = (session.warehouse.current(ENGAGEMENTS.name)["at"], session.warehouse.current(CAMPAIGNS.name).sent_at)
    newest: list[datetime | None] = [column.max().to_pyarrow().as_py() for column in told]
    return max([session.now(), *(moment for moment in newest if moment is not None)])


def _mails_during(session: Session, experiment: Experiment) -> Table:
    campaigns = session.warehouse.current(CAMPAIGNS.name)
    during = (campaigns.sent_at >= moment_literal(experiment.begins)) & (
        campaigns.sent_at <= moment_literal(_until(session, experiment))
    )
    return campaigns.filter(during).select("connection", "campaign_id")


def _judge(
    session: Session,
    about: str,
    stratums: Sequence[Stratum],
    *,
    control: str,
    primary: str,
    mde: float,
    early: bool,
    ratio: SampleRatio | None,
) -> Lift:
    treated = sorted({stratum.arm for stratum in stratums} - {control})
    planned = max((sum(s.people for s in stratums if s.arm == arm) for arm in (control, *treated)), default=0)
    questions = [
        LiftQuestion(metric, arm, control, HARM.get(metric, mde), early, planned)
        for arm in treated
        for metric in _metrics(primary)
    ]
    comparisons = corrected_for_multiplicity(
        [compare_arms(stratums, question) for question in questions], primary=primary
    )
    spend = [_spend(session, stratums, arm, control) for arm in treated]
    return Lift(about, primary, comparisons, spend, ratio, early, (), stratums)


def _metrics(primary: str) -> list[str]:
    return [primary, *(metric for metric in METRICS if metric != primary)]


def _with_notes(lift: Lift, notes: Sequence[str]) -> Lift:
    return Lift(
        lift.about, lift.primary, lift.comparisons, lift.spend, lift.ratio, lift.early, tuple(notes), lift.strata
    )


def _strata(session: Session, people: Table, mails: Table, window: OutcomeWindow) -> list[Stratum]:
    warehouse = session.warehouse
    counted = outcomes(
        people,
        mails=mails,
        engagements=engagements(session),
        orders=warehouse.current(ORDERS.name),
        links=warehouse.memtable(session.control.links.load()),
        window=window,
    )
    names = {slug: persona.name for slug, persona in session.workspace.personas.items()}
    rows = counted.to_pyarrow().to_pylist()
    return strata([{**row, "persona": names.get(row["persona"], row["persona"])} for row in rows])


def engagements(session: Session) -> Table:
    """Return what people did in mails, the opens of machines marked as the workspace says.

    Returns:
        Versions in force; ``machine`` is true or false.
    """
    warehouse = session.warehouse
    seconds = session.workspace.results.machine_open_seconds
    return with_machines(warehouse.current(ENGAGEMENTS.name), warehouse.current(CAMPAIGNS.name), seconds=seconds)


def _spend(session: Session, stratums: Sequence[Stratum], treated: str, control: str) -> RevenueLift:
    sides = [[stratum.revenue for stratum in stratums if stratum.arm == arm] for arm in (treated, control)]
    groups = [_pooled(side) for side in sides]
    adjusted: Adjusted = cuped(groups)
    one, two = adjusted.groups
    currency = _currency(session) or ""
    orders = session.warehouse.current(ORDERS.name)
    others = orders.filter(orders.currency != ibis.literal(currency)).count().to_pyarrow().as_py()
    return RevenueLift(treated, control, one.mean - two.mean, welch(one, two), adjusted.less, currency, int(others))


def _pooled(groups: Sequence[Any]) -> Any:
    first, *rest = groups
    return sum(rest, first)


def _currency(session: Session) -> str | None:
    """The currency of most orders: amounts in others can't be added to it."""
    orders = session.warehouse.current(ORDERS.name)
    counted = orders.group_by("currency").aggregate(n=orders.count())
    rows = counted.order_by(counted.n.desc(), counted.currency).limit(1).to_pyarrow().to_pylist()
    return rows[0]["currency"] if rows else None


def _newest_with_variants(session: Session) -> dict[str, Any]:
    table = session.warehouse.current(CAMPAIGNS.name)
    told = _everybody_reached(session)
    varied = told.group_by("connection", "campaign_id").aggregate(variants=told.variant.nunique())
    varied = varied.filter(varied.variants > 1)
    sent = table.filter(table.sent_at.notnull()).semi_join(varied, ["connection", "campaign_id"])
    rows: list[dict[str, Any]] = sent.order_by(sent.sent_at.desc()).limit(1).to_pyarrow().to_pylist()
    if rows:
        return rows[0]
    raise FixSettingsError(
        "No campaign with variants has been imported yet.",
        fix="Send one and run `personasync results`, or compare variants: `personasync lift --experiment NAME`.",
    )


def campaign_named(session: Session, name: str) -> dict[str, Any]:
    """Return the sent campaign with this name or id.

    Raises:
        FixSettingsError: There is none, or several have the name.
    """
    table = session.warehouse.current(CAMPAIGNS.name)
    sent = table.filter(table.sent_at.notnull(), table.parent_id.isnull()).order_by(table.sent_at.desc())
    rows: list[dict[str, Any]] = sent.to_pyarrow().to_pylist()
    if not rows:
        raise FixSettingsError("No campaign has been imported yet.", fix="Send one, then run `personasync results`.")
    found = [row for row in rows if name in {row["campaign_id"], row["name"]}]
    if len(found) > 1:
        told = ", ".join(f"{row['campaign_id']} ({row['connection']}, {row['sent_at']:%Y-%m-%d})" for row in found)
        raise FixSettingsError(f"{len(found)} campaigns have the name {name!r}.", fix=f"Use an id instead: {told}.")
    if not found:
        listed = ", ".join(repr(row["name"]) for row in rows[:5])
        raise FixSettingsError(f"There is no campaign {name!r}.", fix=f"Most recent: {listed}.")
    return found[0]


def _mails(session: Session, campaign: Mapping[str, Any]) -> Table:
    table = session.warehouse.current(CAMPAIGNS.name)
    own = (table.campaign_id == campaign["campaign_id"]) | (table.parent_id == campaign["campaign_id"])
    return table.filter(table.connection == campaign["connection"], own).select("connection", "campaign_id")


def _reached(session: Session, campaign: Mapping[str, Any]) -> Table:
    """People reached by a campaign, with their persona at the time and the variant: ``person_id, persona, arm, at``."""
    told = _everybody_reached(session)
    mine = told.filter(told.connection == campaign["connection"], told.campaign_id == campaign["campaign_id"])
    return mine.group_by("person_id").aggregate(persona=mine.persona.max(), arm=mine.variant.max(), at=mine["at"].min())


def _everybody_reached(session: Session) -> Table:
    warehouse = session.warehouse
    return reached(
        warehouse.current(DELIVERIES.name),
        warehouse.memtable(session.control.links.load()),
        warehouse.current(CAMPAIGNS.name),
        warehouse.history(ASSIGNMENTS.name),
    )


def _ratio(experiment: Experiment, stratums: Sequence[Stratum]) -> SampleRatio | None:
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
    deliveries = session.warehouse.current(DELIVERIES.name).semi_join(
        _mails_during(session, experiment), ["connection", "campaign_id"]
    )
    links = session.warehouse.memtable(session.control.links.load())
    arms = session.warehouse.current(ARMS.name)
    held = arms.filter(arms.experiment == experiment.name, arms.arm == HOLDOUT)
    got = deliveries.inner_join(links, "contact_key").semi_join(held, "person_id")
    people = int(got.person_id.nunique().to_pyarrow().as_py())
    return [f"{people:,} people of the holdout got email, which biases the difference towards zero."] if people else []
