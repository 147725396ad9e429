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
from segmenter.lift.effects import GUARDRAILS, Comparison, Question, compare, judged
from segmenter.lift.exposures import reached
from segmenter.lift.machine_opens import with_machines
from segmenter.lift.outcomes import Stratum, Window, moment, outcomes, strata
from segmenter.lift.randomization import HOLDOUT, Experiment, SampleRatio, sample_ratio
from segmenter.stats.means import Adjusted, cuped, welch
from segmenter.stats.proportions import Interval
from sync.experiments.job import edited, find
from sync.session import Workbench

METRICS = ("clicked", "ordered", "opened", *GUARDRAILS)
WORTH = 0.01  # 1 pp: the default minimum detectable effect
HARM = {"unsubscribed": 0.005, "complained": 0.001}
"""Minimum detectable effect of guardrail metrics: mailbox providers act on 1 spam complaint in 1,000."""
ANSWER_DAYS = 7
"""Days after the last email of a campaign while its figures still move: results before that are interim."""


@dataclass(frozen=True, slots=True)
class Spend:
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
    spend: Sequence[Spend]
    ratio: SampleRatio | None
    early: bool
    notes: Sequence[str]
    strata: Sequence[Stratum]

    @property
    def broken(self) -> bool:
        """Whether its arms do not have the people that they should, so that nothing may be said."""
        return self.ratio is not None and self.ratio.broken


def lift_of_campaign(bench: Workbench, name: str | None, *, control: str | None = None) -> Lift:
    """Compare the variants of a campaign.

    Args:
        bench: The open workspace.
        name: Name or id; None: the newest campaign that was sent in variants.
        control: The variant that others are compared with; None: the first by name.

    Raises:
        FixSettingsError: There is none, several have the name, or it has no variants to compare.
    """
    campaign = campaign_named(bench, name) if name is not None else _newest_with_variants(bench)
    sent_at, now = campaign["sent_at"], latest(bench)
    found = strata_of_campaign(bench, campaign)
    arms = sorted({one.arm for one in found})
    if len(arms) < 2:  # noqa: PLR2004 - a difference has two sides
        raise FixSettingsError(
            f"{campaign['name']!r} has no variants to compare.",
            mend="Send it with variants, or compare those of an experiment: `personasync lift --experiment NAME`.",
        )
    if control is not None and control not in arms:
        raise FixSettingsError(f"There is no variant {control!r}.", mend=f"Its variants are: {', '.join(arms)}.")
    early = now < sent_at + timedelta(days=ANSWER_DAYS)
    about, first = campaign["name"] or campaign["campaign_id"], control or arms[0]
    return _judge(bench, about, found, control=first, primary="clicked", worth=WORTH, early=early, ratio=None)


def lift_of_experiment(bench: Workbench, name: str) -> Lift:
    """Compare the arms of an experiment with its control, by intention to treat.

    Raises:
        FixSettingsError: There is no such experiment, or nobody is assigned to it.
    """
    one = find(bench, name)
    now = latest(bench)
    found = strata_of_experiment(bench, one)
    if not found:
        raise FixSettingsError(
            f"Nobody is in {name} yet.", mend="Run `personasync assign`, which randomly assigns people to the variants."
        )
    early = one.ends is None or now < one.ends
    lift = _judge(
        bench,
        name,
        found,
        control=one.control,
        primary=one.metric,
        worth=one.worth,
        early=early,
        ratio=_ratio(one, found),
    )
    return _with_notes(lift, [*_moved(bench, one), *_mailed_holdout(bench, one)])


def strata_of_campaign(bench: Workbench, campaign: Mapping[str, Any]) -> list[Stratum]:
    """Count what the recipients of a campaign's variants did; empty where it has none."""
    people = _reached(bench, campaign)
    window = Window(latest(bench), bench.workspace.results.order_days, _currency(bench))
    return _strata(bench, people.filter(people.arm.notnull()), _mails(bench, campaign), window)


def strata_of_experiment(bench: Workbench, one: Experiment) -> list[Stratum]:
    """Count what the people of an experiment's arms did since it began, whether a mail reached them or not."""
    arms = bench.warehouse.current(ARMS.name)
    people = arms.filter(arms.experiment == one.name).select("person_id", "persona", "arm", "at")
    return _strata(bench, people, _mails_during(bench, one), Window(_until(bench, one), None, _currency(bench)))


def _until(bench: Workbench, one: Experiment) -> datetime:
    return min(one.ends, latest(bench)) if one.ends else latest(bench)


def latest(bench: Workbench) -> datetime:
    """Return now (UTC); where the platforms' clocks are ahead of ours, the newest thing that they told."""
    told = (bench.warehouse.current(ENGAGEMENTS.name)["at"], bench.warehouse.current(CAMPAIGNS.name).sent_at)
    newest: list[datetime | None] = [column.max().to_pyarrow().as_py() for column in told]
    return max([bench.now(), *(moment for moment in newest if moment is not None)])


def _mails_during(bench: Workbench, one: Experiment) -> Table:
    campaigns = bench.warehouse.current(CAMPAIGNS.name)
    during = (campaigns.sent_at >= moment(one.begins)) & (campaigns.sent_at <= moment(_until(bench, one)))
    return campaigns.filter(during).select("connection", "campaign_id")


def _judge(
    bench: Workbench,
    about: str,
    found: Sequence[Stratum],
    *,
    control: str,
    primary: str,
    worth: float,
    early: bool,
    ratio: SampleRatio | None,
) -> Lift:
    treated = sorted({one.arm for one in found} - {control})
    planned = max((sum(s.people for s in found if s.arm == arm) for arm in (control, *treated)), default=0)
    questions = [
        Question(metric, arm, control, HARM.get(metric, worth), early, planned)
        for arm in treated
        for metric in _metrics(primary)
    ]
    comparisons = judged([compare(found, question) for question in questions], primary=primary)
    spend = [_spend(bench, found, arm, control) for arm in treated]
    return Lift(about, primary, comparisons, spend, ratio, early, (), found)


def _metrics(primary: str) -> list[str]:
    return [primary, *(metric for metric in METRICS if metric != primary)]


def _with_notes(lift: Lift, notes: Sequence[str]) -> Lift:
    return Lift(
        lift.about, lift.primary, lift.comparisons, lift.spend, lift.ratio, lift.early, tuple(notes), lift.strata
    )


def _strata(bench: Workbench, people: Table, mails: Table, window: Window) -> list[Stratum]:
    warehouse = bench.warehouse
    counted = outcomes(
        people,
        mails=mails,
        engagements=engagements(bench),
        orders=warehouse.current(ORDERS.name),
        links=warehouse.memtable(bench.control.links.load()),
        window=window,
    )
    names = {slug: persona.name for slug, persona in bench.workspace.personas.items()}
    rows = counted.to_pyarrow().to_pylist()
    return strata([{**row, "persona": names.get(row["persona"], row["persona"])} for row in rows])


def engagements(bench: Workbench) -> Table:
    """Return what people did in mails, the opens of machines marked as the workspace says."""
    warehouse = bench.warehouse
    seconds = bench.workspace.results.machine_open_seconds
    return with_machines(warehouse.current(ENGAGEMENTS.name), warehouse.current(CAMPAIGNS.name), seconds=seconds)


def _spend(bench: Workbench, found: Sequence[Stratum], treated: str, control: str) -> Spend:
    sides = [[one.revenue for one in found if one.arm == arm] for arm in (treated, control)]
    groups = [_pooled(side) for side in sides]
    adjusted: Adjusted = cuped(groups)
    one, two = adjusted.groups
    currency = _currency(bench) or ""
    orders = bench.warehouse.current(ORDERS.name)
    others = orders.filter(orders.currency != ibis.literal(currency)).count().to_pyarrow().as_py()
    return Spend(treated, control, one.mean - two.mean, welch(one, two), adjusted.less, currency, int(others))


def _pooled(groups: Sequence[Any]) -> Any:
    first, *rest = groups
    return sum(rest, first)


def _currency(bench: Workbench) -> str | None:
    """The currency of most orders: amounts in others can't be added to it."""
    orders = bench.warehouse.current(ORDERS.name)
    counted = orders.group_by("currency").aggregate(n=orders.count())
    rows = counted.order_by(counted.n.desc(), counted.currency).limit(1).to_pyarrow().to_pylist()
    return rows[0]["currency"] if rows else None


def _newest_with_variants(bench: Workbench) -> dict[str, Any]:
    table = bench.warehouse.current(CAMPAIGNS.name)
    told = _everybody_reached(bench)
    varied = told.group_by("connection", "campaign_id").aggregate(variants=told.variant.nunique())
    varied = varied.filter(varied.variants > 1)
    sent = table.filter(table.sent_at.notnull()).semi_join(varied, ["connection", "campaign_id"])
    rows: list[dict[str, Any]] = sent.order_by(sent.sent_at.desc()).limit(1).to_pyarrow().to_pylist()
    if rows:
        return rows[0]
    raise FixSettingsError(
        "No campaign with variants has been imported yet.",
        mend="Send one and run `personasync results`, or compare variants: `personasync lift --experiment NAME`.",
    )


def campaign_named(bench: Workbench, name: str) -> dict[str, Any]:
    """Return the sent campaign with this name or id.

    Raises:
        FixSettingsError: There is none, or several have the name.
    """
    table = bench.warehouse.current(CAMPAIGNS.name)
    sent = table.filter(table.sent_at.notnull(), table.parent_id.isnull()).order_by(table.sent_at.desc())
    rows: list[dict[str, Any]] = sent.to_pyarrow().to_pylist()
    if not rows:
        raise FixSettingsError("No campaign has been imported yet.", mend="Send one, then run `personasync results`.")
    found = [row for row in rows if name in {row["campaign_id"], row["name"]}]
    if len(found) > 1:
        told = ", ".join(f"{row['campaign_id']} ({row['connection']}, {row['sent_at']:%Y-%m-%d})" for row in found)
        raise FixSettingsError(f"{len(found)} campaigns have the name {name!r}.", mend=f"Use an id instead: {told}.")
    if not found:
        listed = ", ".join(repr(row["name"]) for row in rows[:5])
        raise FixSettingsError(f"There is no campaign {name!r}.", mend=f"Most recent: {listed}.")
    return found[0]


def _mails(bench: Workbench, campaign: Mapping[str, Any]) -> Table:
    table = bench.warehouse.current(CAMPAIGNS.name)
    own = (table.campaign_id == campaign["campaign_id"]) | (table.parent_id == campaign["campaign_id"])
    return table.filter(table.connection == campaign["connection"], own).select("connection", "campaign_id")


def _reached(bench: Workbench, campaign: Mapping[str, Any]) -> Table:
    """People reached by a campaign, with their persona at the time and the variant: ``person_id, persona, arm, at``."""
    told = _everybody_reached(bench)
    mine = told.filter(told.connection == campaign["connection"], told.campaign_id == campaign["campaign_id"])
    return mine.group_by("person_id").aggregate(persona=mine.persona.max(), arm=mine.variant.max(), at=mine["at"].min())


def _everybody_reached(bench: Workbench) -> Table:
    warehouse = bench.warehouse
    return reached(
        warehouse.current(DELIVERIES.name),
        warehouse.memtable(bench.control.links.load()),
        warehouse.current(CAMPAIGNS.name),
        warehouse.history(ASSIGNMENTS.name),
    )


def _ratio(one: Experiment, found: Sequence[Stratum]) -> SampleRatio | None:
    if one.holdouts:
        return None
    shares = one.shares(None)
    counts = [sum(stratum.people for stratum in found if stratum.arm == arm) for arm in shares]
    return sample_ratio(counts, list(shares.values()))


def _moved(bench: Workbench, one: Experiment) -> list[str]:
    return [
        f"{n:,} contacts were moved between its groups on {name}. They count in the variant they were assigned to."
        for name, n in edited(bench, one).items()
    ]


def _mailed_holdout(bench: Workbench, one: Experiment) -> list[str]:
    """Count the holdout contacts who got email: they bias the difference towards zero."""
    if one.control != HOLDOUT:
        return []
    deliveries = bench.warehouse.current(DELIVERIES.name).semi_join(
        _mails_during(bench, one), ["connection", "campaign_id"]
    )
    links = bench.warehouse.memtable(bench.control.links.load())
    arms = bench.warehouse.current(ARMS.name)
    held = arms.filter(arms.experiment == one.name, arms.arm == HOLDOUT)
    got = deliveries.inner_join(links, "contact_key").semi_join(held, "person_id")
    people = int(got.person_id.nunique().to_pyarrow().as_py())
    return [f"{people:,} people of the holdout got email, which biases the difference towards zero."] if people else []
