"""Trait calculation for everyone as of a moment: Ibis in, Ibis out, one pass over each table.

First aggregates, which can be kept (`aggregates`): counts, sums, moments, texts.
Then traits, which follow from the aggregates and the moment: days since, rates, trends. Nothing after it counts:
neither orders and engagements, nor contacts that were created later.

A new source of traits is a function that returns one row a person, named in `aggregates`, and its traits in the
catalogue.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from segmenter.late_arrow import pa
from segmenter.late_ibis import ibis
from segmenter.traits.builtin import DAYS_SINCE, RATE_WINDOW, TREND_WINDOW, TRENDS, Catalogue
from segmenter.traits.clv import value_aggregates
from segmenter.traits.counts import count_aggregates
from segmenter.traits.definitions import Inputs
from segmenter.traits.engagement import delivery_aggregates, engagement_aggregates, hour_aggregates
from segmenter.traits.orders import line_aggregates, order_aggregates
from segmenter.traits.people import answer_aggregates, contact_aggregates
from segmenter.traits.timestamps import days_between
from segmenter.traits.windows import MONEY, Windows, by_person, whole

if TYPE_CHECKING:
    from ibis import Table

RATES = ("open", "click")
LEAST_STRENGTH, MOST_STRENGTH = 1.0, 1_000.0  # of a prior, in deliveries
SQUARES = 1_000_000  # squares are summed in millionths, as integers: the same people have the same prior in any order
CONTINUITY = 0.5  # added to both counts of a trend, so that nothing against something has a logarithm (Haldane 1956)


def base_schema() -> pa.Schema:
    """Return the columns of `base_rates`."""
    return pa.schema([(f"{kind}_{what}", pa.float64()) for kind in RATES for what in ("base", "strength")])


def traits(inputs: Inputs, catalogue: Catalogue, as_of: datetime) -> Table:
    """Return one row a person who had an active contact at *as_of*: ``person_id`` and every trait of *catalogue*.

    Args:
        inputs: The tables.
        catalogue: Which traits.
        as_of: UTC; nothing after it counts.

    Returns:
        Counts are 0 where nothing happened; days, rates and texts are null where there is nothing to tell.
    """
    return traits_of(aggregates(inputs, catalogue, as_of), catalogue, as_of, base=inputs.base)


def aggregates(inputs: Inputs, catalogue: Catalogue, as_of: datetime) -> Table:
    """Return what is kept of every person who had an active contact at *as_of* (UTC), one row each.

    Args:
        inputs: The tables in force, and who is who.
        catalogue: Says which properties and answers are traits.
        as_of: UTC; nothing after it counts.

    Returns:
        Counts and sums by window, first and last moments; a count of nothing is 0, a moment of nothing null.
    """
    windows = Windows(as_of)
    people = contact_aggregates(inputs, catalogue, windows)
    people = people.mutate(number=ibis.row_number().over(order_by=people.person_id))
    inputs = _numbered(inputs, people.select("person_id", "number"))
    joined: Any = people
    columns = {name: people[name] for name in people.columns if name != "number"}
    for place, part in enumerate(
        (
            order_aggregates(inputs, windows),
            line_aggregates(inputs, windows),
            delivery_aggregates(inputs, windows),
            engagement_aggregates(inputs, windows),
            hour_aggregates(inputs, people.select("time_zone", person_id="number"), windows),
            value_aggregates(inputs, windows),
            answer_aggregates(inputs, catalogue.surveyed, windows),
            *count_aggregates(inputs, list(catalogue.counted.values()), windows),
        )
    ):
        table = part.rename({f"person_{place}": "person_id"})
        joined = joined.left_join(table, people.number == table[f"person_{place}"])
        columns |= {name: table[name] for name in part.columns if name != "person_id"}
    joined = joined.select(**columns)
    counts = {
        name: joined[name].fill_null(0).cast("int64")
        for name, kind in joined.schema().items()
        if kind.is_integer() or kind.is_decimal()
        if name not in {*catalogue.mapped, *catalogue.surveyed, "favourite_hour"}
    }
    return joined.mutate(**counts)


def _numbered(inputs: Inputs, numbers: Table) -> Inputs:
    """Return the same with a number for each ``person_id``: events are joined and grouped by it, and texts are slow."""

    def by_number(rows: Table) -> Table:
        return rows.inner_join(numbers, "person_id").drop("person_id").rename(person_id="number")

    values = None if inputs.values is None else by_number(inputs.values)
    return replace(inputs, links=by_number(inputs.links), values=values)


def traits_of(known: Table, catalogue: Catalogue, as_of: datetime, *, base: Table | None = None) -> Table:
    """Return the traits that follow from *known* aggregates at *as_of* (UTC).

    Args:
        known: As `aggregates` returns them.
        catalogue: Which traits.
        as_of: The moment of the aggregates.
        base: As `base_rates` returns it; None where *known* is everybody, and tells it.

    Returns:
        ``person_id`` and one column per trait: float64, text, date or boolean; null is unknown.
    """
    moment = Windows(as_of).moment
    aggregates = known.cross_join(base_rates(known) if base is None else base)
    since = {name: days_between(moment, aggregates[fact]) for name, fact in DAYS_SINCE.items()}
    money = {name: aggregates[name] / float(MONEY) for name in aggregates.columns if name.startswith("revenue_")}
    derived = {**since, **money, **_order_ratios(aggregates), **_rates(aggregates), **_trends(aggregates)}
    columns: dict[str, Any] = {}
    for name, trait in catalogue.traits.items():
        value = derived[name] if name in derived else aggregates[name]
        if trait.type == "number":
            value = value.cast("float64")  # so that all engines agree
        elif trait.type == "boolean":
            value = value == 1
        columns[name] = value
    return aggregates.select("person_id", **columns)


def base_rates(known: Table) -> Table:
    """Return how often everybody's mails are opened and clicked, as priors: one row, to be handed to `traits_of`.

    The rate is that of all mails together. The strength (a + b of a beta distribution) follows from how much more
    people's rates differ than chance would have it, by the method of moments for unequal numbers of mails:
    Kleinman, J. Am. Stat. Assoc. 68 (1973) 46, weights equal to the numbers.

    Returns:
        Columns ``open_base, open_strength, click_base, click_strength``; null without a delivery.
    """
    columns: dict[str, Any] = {}
    mailed = known[f"deliveries_{RATE_WINDOW}d"].cast("float64")
    for kind in RATES:
        answered = _answered(known, kind)
        n, persons = mailed.sum(), (mailed > 0).sum().cast("float64")
        rate = answered.sum() / n.nullif(0.0)
        squares = whole(answered * answered / mailed.nullif(0.0), SQUARES).sum() / float(SQUARES)
        squares -= rate * rate * n  # sum of n (p - rate)^2
        chance = rate * (1.0 - rate)
        # its mean is chance (persons - 1 + rho spread), rho = 1 / (strength + 1)
        spread = n - (mailed * mailed).sum() / n.nullif(0.0) - (persons - 1.0)
        rho = (squares / chance.nullif(0.0) - (persons - 1.0)) / ibis.ifelse(spread > 0.0, spread, ibis.null("float64"))
        strength = ibis.ifelse(rho > 1.0 / (MOST_STRENGTH + 1.0), 1.0 / rho - 1.0, MOST_STRENGTH)
        columns[f"{kind}_base"] = rate
        columns[f"{kind}_strength"] = ibis.greatest(strength.fill_null(ibis.literal(MOST_STRENGTH)), LEAST_STRENGTH)
    return known.aggregate(**columns)


def base_rates_of(inputs: Inputs, as_of: datetime) -> Table:
    """Return what `base_rates` gives of everybody's `aggregates` at *as_of* (UTC), from contacts and mails alone."""
    windows = Windows(as_of)
    known = inputs.contacts.filter(inputs.contacts.created_at.isnull() | (inputs.contacts.created_at <= windows.moment))
    active = known.filter(known.state == "active")
    keys = active.select(contact_key=active.connection.concat(":", active.platform_id))
    people = by_person(keys, inputs.links).distinct()
    people = people.mutate(number=ibis.row_number().over(order_by=people.person_id))
    inputs = _numbered(inputs, people)
    events = inputs.engagements
    # of an answer that is counted, one within the window tells enough
    recent = events.filter(events.kind.isin(RATES), windows.inside(events.at, RATE_WINDOW))
    mailed = delivery_aggregates(inputs, windows)
    answered = engagement_aggregates(replace(inputs, engagements=recent), windows)
    counts = [f"{what}_{RATE_WINDOW}d" for what in ("deliveries", *(f"{kind}s" for kind in RATES))]
    joined: Any = people
    for place, part in enumerate((mailed, answered)):
        table = part.rename({f"person_{place}": "person_id"})
        joined = joined.left_join(table, people.number == table[f"person_{place}"])
    return base_rates(joined.select(**{name: joined[name].fill_null(0).cast("int64") for name in counts}))


def _answered(known: Table, kind: str) -> Any:
    """Mails with an answer, at most those delivered: an old mail may be opened within the window."""
    return ibis.least(known[f"{kind}s_{RATE_WINDOW}d"], known[f"deliveries_{RATE_WINDOW}d"]).cast("float64")


def _rates(aggregates: Table) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    mailed = aggregates[f"deliveries_{RATE_WINDOW}d"].cast("float64")
    for kind in RATES:
        answered, strength = _answered(aggregates, kind), aggregates[f"{kind}_strength"]
        columns[f"{kind}_rate_{RATE_WINDOW}d"] = answered / mailed.nullif(0.0)
        # the mean of the beta posterior
        shrunk = (answered + aggregates[f"{kind}_base"] * strength) / (mailed + strength)
        columns[f"{kind}_rate_{RATE_WINDOW}d_shrunk"] = shrunk
    return columns


def _order_ratios(aggregates: Table) -> dict[str, Any]:
    orders = aggregates.orders_total.cast("float64")
    priced = aggregates.priced.cast("float64")
    return {
        "average_order": aggregates.revenue_total / float(MONEY) / priced.nullif(0.0),
        "days_between_orders": days_between(aggregates.last_order, aggregates.first_order) / (orders - 1.0).nullif(0.0),
    }


def _trends(aggregates: Table) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for kind in TRENDS:
        recent = aggregates[f"{kind}_{TREND_WINDOW}d"].cast("float64")
        earlier = aggregates[f"{kind}_{2 * TREND_WINDOW}d"].cast("float64") - recent
        columns[f"{kind}_trend_{TREND_WINDOW}d"] = ((recent + CONTINUITY) / (earlier + CONTINUITY)).ln()
    return columns
