"""Outcomes after an email, or its holdout: counts and sums per persona and variant, Ibis in, Ibis out.

Everybody who was assigned to an arm counts, whether the mail arrived or not (intention to treat), so that arms stay
comparable. Orders count whoever is credited with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
from ibis import Table

from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.exact_sum import exact_sum
from segmenter.stats.means import Amounts, Paired
from segmenter.stats.proportions import Responses

COVARIATE_DAYS = 90
CUT = 0.999
"""Winsorization: amounts above this quantile of buyers are capped."""

KINDS = {"opened": "open", "clicked": "click", "unsubscribed": "unsubscribe", "complained": "complaint"}


TRACKED_METRICS = ("opened", "clicked")
"""Known only of people who may be tracked: others are in no share of these."""


@dataclass(frozen=True, slots=True)
class OutcomeWindow:
    """Time window and attribution of outcomes.

    Attributes:
        until: UTC; nothing later counts.
        order_days: Orders up to so many days after the mail count; None: all until the end.
        currency: Of the amounts; orders in others are counted, and their amounts left out.
    """

    until: datetime
    order_days: int | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Stratum:
    """Outcomes of one persona in one arm.

    Attributes:
        counts: People by metric: opened, clicked, unsubscribed, complained, ordered. What is absent was not measured.
        revenue: Amounts after the mail, paired with those of the time before.
        tracked: People who may be tracked: opens and clicks are known of them alone. None: everybody.
    """

    persona: str
    arm: str
    people: int
    counts: dict[str, int]
    revenue: Paired
    tracked: int | None = None

    def responses(self, metric: str) -> Responses:
        """Return the sufficient statistics of one metric; of nobody where it was not measured."""
        people = self.people if self.tracked is None or metric not in TRACKED_METRICS else self.tracked
        return Responses(people, self.counts[metric]) if metric in self.counts else Responses(0, 0)

    def without_mails(self) -> Stratum:
        """Return this without what people did in mails: no mail of theirs can be compared."""
        kept = {metric: count for metric, count in self.counts.items() if metric not in KINDS}
        return Stratum(self.persona, self.arm, self.people, kept, self.revenue, self.tracked)


def outcomes(
    population: Table,
    *,
    mails: Table,
    engagements: Table,
    orders: Table,
    links: Table,
    window: OutcomeWindow,
    untracked: Table | None = None,
) -> Table:
    """Count what *population* did, per persona and arm.

    Args:
        population: Columns ``person_id, persona, arm, at``: one row a person; *at* is when they were mailed, or would
            have been (UTC).
        mails: Columns ``connection, campaign_id``: of whom opens, clicks, unsubscriptions and complaints count.
        engagements: Versions in force.
        orders: Versions in force.
        links: Columns ``contact_key``, ``person_id``.
        window: What counts.
        untracked: Column ``person_id``: who may not be tracked; None: nobody.

    Returns:
        Columns ``persona, arm, people, tracked, opened, clicked, unsubscribed, complained, ordered``, and the sums
        ``y, yy`` (amounts after), ``x, xx`` (before) and ``xy``.
    """
    people = with_tracked(_with_reactions(population, mails, engagements, links, window), untracked)
    people = _with_amounts(people, orders.filter(orders.state == "placed"), links, window)
    return people.group_by("persona", "arm").aggregate(
        people=people.count(),
        tracked=people.count(where=people.tracked),
        **{name: people[name].cast("int64").sum() for name in (*KINDS, "ordered")},
        y=exact_sum(people.after),
        yy=exact_sum(people.after * people.after),
        x=exact_sum(people.before),
        xx=exact_sum(people.before * people.before),
        xy=exact_sum(people.after * people.before),
    )


def _with_reactions(population: Table, mails: Table, engagements: Table, links: Table, window: OutcomeWindow) -> Table:
    mine = engagements.semi_join(mails, ["connection", "campaign_id"]).inner_join(links, "contact_key")
    mine = mine.filter(mine.at <= moment_literal(window.until), ~mine.machine.fill_null(False))  # noqa: FBT003 - an expression
    did = mine.group_by("person_id").aggregate(**{name: (mine.kind == kind).any() for name, kind in KINDS.items()})
    joined = population.left_join(did, "person_id").drop("person_id_right")
    return joined.mutate(**{name: joined[name].fill_null(False) for name in KINDS})  # noqa: FBT003 - an expression


def with_tracked(people: Table, untracked: Table | None) -> Table:
    """Return *people* with ``tracked``: whether what tracking tells is known of them.

    Args:
        people: With ``person_id``.
        untracked: Column ``person_id``: who may not be tracked; None: nobody.
    """
    if untracked is None:
        return people.mutate(tracked=ibis.literal(value=True))
    named = untracked.select(untracked_id="person_id").distinct()
    marked = people.left_join(named, people.person_id == named.untracked_id)
    return marked.mutate(tracked=marked.untracked_id.isnull()).drop("untracked_id")


def who_ordered(population: Table, orders: Table, links: Table, window: OutcomeWindow) -> Table:
    """Count who ordered, per persona and arm: the columns of `outcomes` that need neither mails nor money.

    Args:
        population: As in `outcomes`.
        orders: As in `outcomes`.
        links: As in `outcomes`.
        window: As in `outcomes`.

    Returns:
        Columns ``persona, arm, people, ordered``.
    """
    bought = _bought(population, orders.filter(orders.state == "placed"), links)
    # as a filter, the moments would be what an engine joins by, which compares each order with each person
    did = bought.group_by(buyer="person_id").aggregate(ordered=_after(bought, window).any())
    joined = population.left_join(did, population.person_id == did.buyer)
    return joined.group_by("persona", "arm").aggregate(
        people=joined.count(),
        ordered=joined.count(where=joined.ordered.fill_null(False)),  # noqa: FBT003 - an expression
    )


def _bought(people: Table, placed: Table, links: Table) -> Table:
    """Orders of *people*, with the moment of the mail."""
    bought = placed.inner_join(links, "contact_key").select("person_id", "amount", "currency", placed_at="at")
    return bought.inner_join(people.select("person_id", exposed_at="at"), "person_id")


def _after(bought: Table, window: OutcomeWindow) -> Any:
    """Whether an order came after the mail, within the window."""
    last = moment_literal(window.until)
    if window.order_days is not None:
        last = ibis.least(last, bought.exposed_at + ibis.interval(days=window.order_days))
    return (bought.placed_at >= bought.exposed_at) & (bought.placed_at <= last)


def _with_amounts(people: Table, placed: Table, links: Table, window: OutcomeWindow) -> Table:
    bought = _bought(people, placed, links)
    after = _after(bought, window)
    begin = bought.exposed_at - ibis.interval(days=COVARIATE_DAYS)
    before = (bought.placed_at < bought.exposed_at) & (bought.placed_at >= begin)
    counted = bought.currency.identical_to(ibis.literal(window.currency, "string"))
    sums = bought.group_by("person_id").aggregate(
        ordered=after.any(),
        after=exact_sum(bought.amount, after & counted).fill_null(0.0),
        before=exact_sum(bought.amount, before & counted).fill_null(0.0),
    )
    limits = sums.aggregate(
        most_after=sums.after.nullif(0.0).quantile(CUT), most_before=sums.before.nullif(0.0).quantile(CUT)
    )
    joined = people.left_join(sums, "person_id").drop("person_id_right").cross_join(limits)
    return joined.mutate(
        ordered=joined.ordered.fill_null(False),  # noqa: FBT003 - an expression
        after=ibis.least(joined.after.fill_null(0.0), joined.most_after.fill_null(0.0)),
        before=ibis.least(joined.before.fill_null(0.0), joined.most_before.fill_null(0.0)),
    )


def moment_literal(at: datetime) -> Any:
    """Return *at* (UTC) as the engines compare it.

    Returns:
        An Ibis timestamp in UTC, to the microsecond.
    """
    return ibis.literal(at).cast("timestamp('UTC', 6)")


def strata(counted: list[dict[str, Any]]) -> list[Stratum]:
    """Turn the rows of `outcomes` into values, by persona and arm.

    Returns:
        People, counts of each outcome, and revenue before and after; people without a persona are "unclassified".
    """
    cells = []
    for row in sorted(counted, key=lambda record: (record["persona"] or "", record["arm"])):
        people = int(row["people"])
        after = Amounts(people, float(row["y"]), float(row["yy"]))
        before = Amounts(people, float(row["x"]), float(row["xx"]))
        counts = {name: int(row[name]) for name in (*KINDS, "ordered")}
        revenue = Paired(after, before, float(row["xy"]))
        cells.append(Stratum(row["persona"] or UNCLASSIFIED, row["arm"], people, counts, revenue, int(row["tracked"])))
    return cells
