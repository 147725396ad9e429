"""Exposures: people per campaign, variant and persona at send time, with their responses."""

from __future__ import annotations

from datetime import UTC, datetime

import ibis
from ibis import Table

from segmenter.lift.outcomes import moment_literal, with_tracked
from segmenter.stats.exact_sum import exact_sum

ORDER_WINDOW_DAYS = 7
"""Attribution window in days: an order without a campaign is credited to a delivery before it."""

BEFORE_ANY = "before any assignment"

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Until when the newest version holds."""


def campaign_results(
    *,
    deliveries: Table,
    engagements: Table,
    orders: Table,
    assignments: Table,
    links: Table,
    campaigns: Table,
    order_window_days: int = ORDER_WINDOW_DAYS,
    untracked: Table | None = None,
) -> Table:
    """Count people per campaign, variant and the persona that was in force when the mail was sent.

    Args:
        deliveries: Versions in force; those that bounced are not delivered.
        engagements: Versions in force; what ``machine`` marks counts apart.
        orders: Versions in force. Counted are placed orders that the platform credits to the campaign, and of orders
            that it credits to none those within *order_window_days* after the delivery.
        assignments: Every version, with ``recorded_at``: the newest at the time of sending is in force.
        links: Columns ``contact_key``, ``person_id``.
        campaigns: Versions in force. A variant's figures are filed under its parent.
        order_window_days: See *orders*.
        untracked: Column ``person_id``: who may not be tracked; None: nobody.

    Returns:
        Columns ``connection, campaign_id, variant, persona, delivered, tracked, opened, machine_only, clicked,
        ordered, unsubscribed, complained, revenue``; a persona of null is unclassified. *opened* are people; those
        whose mail only a machine opened are *machine_only*; *tracked* are the delivered ones of whom opens and clicks
        are known.
    """
    mails = _reached(deliveries, links, campaigns)
    mails = _with_orders(mails, orders, links, order_window_days)  # first: it reads the mails twice
    mails = _with_engagements(_with_persona(mails, assignments), engagements, links)
    did = {
        "opened": mails.opens > 0,
        "machine_only": (mails.opens == 0) & (mails.machine_opens > 0),
        "clicked": mails.clicks > 0,
        "ordered": mails.orders > 0,
        "unsubscribed": mails.unsubscribes > 0,
        "complained": mails.complaints > 0,
    }
    # first by person, who may have got several mails of a campaign: to count different people costs more
    by = ["connection", "campaign_id", "variant", "persona"]
    people = mails.group_by(*by, "person_id").aggregate(
        **{name: column.cast("int64").max() for name, column in did.items()}, revenue=exact_sum(mails.revenue)
    )
    people = with_tracked(people, untracked)
    sums = {**{name: people[name].sum() for name in did}, "revenue": exact_sum(people.revenue)}
    counts = {"delivered": people.count(), "tracked": people.count(where=people.tracked)}
    return people.group_by(by).aggregate(**counts, **sums)


def delivery_answers(
    *, deliveries: Table, engagements: Table, orders: Table, links: Table, campaigns: Table, order_window_days: int
) -> Table:
    """Return one row a mail and person that it was delivered to, with the answer to that very delivery.

    Args:
        deliveries: Versions in force.
        engagements: Versions in force; what ``machine`` marks is no answer.
        orders: Versions in force; see `campaign_results`.
        links: Columns ``contact_key``, ``person_id``.
        campaigns: Versions in force.
        order_window_days: See `campaign_results`.

    Returns:
        Columns ``connection, mail, person_id, at``, and whether the person ``opened, clicked, ordered``.
    """
    mails = _with_orders(_reached(deliveries, links, campaigns), orders, links, order_window_days)
    mails = _with_engagements(mails, engagements, links)
    return mails.select(*KEYS, "at", opened=mails.opens > 0, clicked=mails.clicks > 0, ordered=mails.orders > 0)


def reached(deliveries: Table, links: Table, campaigns: Table, assignments: Table) -> Table:
    """Return one row a mail and person that it was delivered to, with the persona in force when it was sent.

    Args:
        deliveries: Versions in force, schema `connectors.records.DELIVERIES`.
        links: Columns ``contact_key``, ``person_id``.
        campaigns: Versions in force, schema `connectors.records.CAMPAIGNS`.
        assignments: All versions, with ``recorded_at`` (UTC), of which the one in force at the sending counts.

    Returns:
        Columns ``connection, mail`` (the variant's own id), ``campaign_id`` (that it is filed under), ``person_id, at,
        variant, persona``.
    """
    return _with_persona(_reached(deliveries, links, campaigns), assignments)


def sent_in_variants(deliveries: Table, campaigns: Table) -> Table:
    """Return the campaigns whose mails name more than one variant.

    Args:
        deliveries: Versions in force, schema `connectors.records.DELIVERIES`.
        campaigns: Versions in force, schema `connectors.records.CAMPAIGNS`.

    Returns:
        Columns ``connection, campaign_id``: the campaign that the variants are filed under, a row each.
    """
    mails = _filed(deliveries.filter(deliveries.status == "sent"), campaigns)
    grouped = mails.group_by("connection", "filed").aggregate(fewest=mails.variant.min(), most=mails.variant.max())
    return grouped.filter(grouped.fewest < grouped.most).select("connection", campaign_id="filed")


KEYS = ["connection", "mail", "person_id"]


def _reached(deliveries: Table, links: Table, campaigns: Table) -> Table:
    """One row a mail and person: the mail's own id, the campaign it is filed under, and when it was sent."""
    sent = deliveries.filter(deliveries.status == "sent").inner_join(links, "contact_key").drop("contact_key")
    mails = _filed(sent, campaigns)
    grouped = mails.group_by("connection", "mail", "filed", "person_id").aggregate(
        at=mails["at"].min(), variant=mails.variant.max()
    )
    return grouped.rename(campaign_id="filed")


def _filed(sent: Table, campaigns: Table) -> Table:
    """Deliveries with the id of their mail, of the campaign that it is filed under, and with the mail's variant."""
    known = campaigns.select("connection", "campaign_id", "parent_id", label="variant")
    mails = sent.left_join(known, ["connection", "campaign_id"]).drop("connection_right", "campaign_id_right")
    return mails.mutate(
        mail=mails.campaign_id,
        filed=mails.parent_id.coalesce(mails.campaign_id),
        variant=mails.variant.coalesce(mails.label),
    )


def _with_persona(reached: Table, assignments: Table) -> Table:
    """Each mail with the version that was in force: one row a mail, so that nothing need be ranked afterwards."""
    later = assignments.recorded_at.lead().over(
        group_by=assignments.person_id, order_by=[assignments.recorded_at, assignments.sequence]
    )
    versions = assignments.select("person_id", "persona", "recorded_at", until=later.fill_null(moment_literal(NEVER)))
    holds = [
        reached.person_id == versions.person_id,
        versions.recorded_at <= reached["at"],
        reached["at"] < versions.until,  # none of two that came at once holds but the last
    ]
    joined = reached.left_join(versions, holds).drop("person_id_right")
    named = ibis.ifelse(joined.recorded_at.isnull(), BEFORE_ANY, joined.persona)
    return joined.mutate(persona=named).drop("recorded_at", "until")


def _with_engagements(mails: Table, engagements: Table, links: Table) -> Table:
    known = engagements.inner_join(links, "contact_key")
    machine = known.machine.fill_null(False)  # noqa: FBT003 - an expression
    kinds = {"opens": "open", "clicks": "click", "unsubscribes": "unsubscribe", "complaints": "complaint"}
    counted = known.group_by("connection", "campaign_id", "person_id").aggregate(
        **{name: ((known.kind == kind) & ~machine).cast("int64").sum() for name, kind in kinds.items()},
        machine_opens=((known.kind == "open") & machine).cast("int64").sum(),
    )
    counted = counted.rename(mail="campaign_id")
    joined = mails.left_join(counted, KEYS).drop(*(f"{key}_right" for key in KEYS))
    return joined.mutate(**{name: joined[name].fill_null(0) for name in (*kinds, "machine_opens")})


def _with_orders(table: Table, orders: Table, links: Table, window_days: int) -> Table:
    placed = orders.filter(orders.state == "placed").inner_join(links, "contact_key")
    placed = placed.select("person_id", "amount", placed_at="at", credited="campaign_id")
    mails = table.select("connection", "mail", "campaign_id", "person_id", "at")
    later = [mails.person_id == placed.person_id, placed.placed_at >= mails["at"]]
    near = mails.inner_join(placed, later).drop("person_id_right")
    own = (near.credited == near.mail) | (near.credited == near.campaign_id)
    inside = near.credited.isnull() & (near.placed_at <= near["at"] + ibis.interval(days=window_days))
    mine = near.filter(own.fill_null(False) | inside)  # noqa: FBT003 - an expression
    counted = mine.group_by(KEYS).aggregate(orders=mine.count(), revenue=exact_sum(mine.amount))
    joined = table.left_join(counted, KEYS).drop(*(f"{key}_right" for key in KEYS))
    return joined.mutate(orders=joined.orders.fill_null(0), revenue=joined.revenue.fill_null(0.0))
