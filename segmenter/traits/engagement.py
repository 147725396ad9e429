"""Engagement aggregates per person: emails received, opens, clicks, visits, forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segmenter.late_ibis import ibis
from segmenter.traits.builtin import MAIL_WINDOWS, VISIT_WINDOWS, YEAR
from segmenter.traits.definitions import Inputs
from segmenter.traits.local_time import with_local_hour
from segmenter.traits.windows import Windows, by_person

if TYPE_CHECKING:
    from ibis import Table

COUNTED = {
    "opens": ("open", MAIL_WINDOWS),
    "clicks": ("click", MAIL_WINDOWS),
    "bounces": ("bounce", (YEAR,)),
    "complaints": ("complaint", (YEAR,)),
    "visits": ("visit", VISIT_WINDOWS),
    "forms": ("form", (YEAR,)),
    "replies": ("reply", (YEAR,)),
}
BY_MAIL = ("open", "click", "bounce", "complaint", "reply")
"""Counted once a mail, however often; visits and forms are counted each."""

CODES = {kind: code for code, (kind, _) in enumerate(COUNTED.values())}

HOURS = 24


def delivery_aggregates(inputs: Inputs, windows: Windows) -> Table:
    """Return how many mails arrived, and when the last one did."""
    past = windows.past(inputs.deliveries)
    arrived = past.filter(past.status == "sent")
    counted = _deliveries(arrived, windows)
    # a contact's first: there are many more mails than contacts to look up
    each = arrived.group_by("contact_key").aggregate(last_delivery=arrived["at"].max(), **counted)
    table = by_person(each, inputs.links)
    return table.group_by("person_id").aggregate(
        last_delivery=table.last_delivery.max(), **{name: table[name].sum().cast("int64") for name in counted}
    )


def _deliveries(arrived: Table, windows: Windows) -> dict[str, Any]:
    return {f"deliveries_{days}d": windows.count(arrived, arrived["at"], days) for days in MAIL_WINDOWS}


def deliveries_left(deliveries: Table, links: Table, windows: Windows) -> Table:
    """Return how many mails left each window; see `segmenter.traits.window_expiry.left`."""
    arrived = by_person(deliveries.filter(deliveries.status == "sent"), links)
    return arrived.group_by("person_id").aggregate(**_deliveries(arrived, windows))


def engagement_aggregates(inputs: Inputs, windows: Windows) -> Table:
    """Return counts of what the person did, and the moments of the last."""
    done = _once(inputs, windows)
    return done.group_by("person_id").aggregate(
        complaints_total=done.count(where=done.kind == CODES["complaint"]),
        **{f"last_{kind}": done["last"].max(where=done.kind == CODES[kind]) for kind in ("open", "click", "visit")},
        **_done(done, windows),
    )


def engagements_left(engagements: Table, links: Table, windows: Windows) -> Table:
    """Return how much of what the person did left each window; see `segmenter.traits.window_expiry.left`."""
    done = by_person(_coded(engagements), links).rename(last="at")
    return done.group_by("person_id").aggregate(**_done(done, windows))


def answered_again(engagements: Table, links: Table, windows: Windows) -> Table:
    """Return the ``sequence`` of engagements that a later one with the same mail stands for; see `_once`.

    Args:
        engagements: All rows in force, with ``sequence``.
        links: Columns ``contact_key``, ``person_id``.
        windows: Its moment: nothing after it counts.

    Returns:
        One column; of each kind of engagement with a mail the newest one is never in it.
    """
    mail = ["person_id", "kind", "connection", "campaign_id"]
    actions = by_person(windows.past(engagements), links)
    actions = actions.filter(actions.kind.isin(BY_MAIL), actions.campaign_id.notnull())
    counted = actions.group_by(mail).aggregate(n=actions.count())
    several = actions.semi_join(counted.filter(counted.n > 1), mail)
    order = [several["at"].desc(), several.sequence.desc()]
    place = ibis.row_number().over(group_by=[several[name] for name in mail], order_by=order)
    placed = several.select("sequence", place=place)
    return placed.filter(placed.place > 0).select("sequence")


def hour_aggregates(inputs: Inputs, people: Table, windows: Windows) -> Table:
    """Return the hour, where the person is, of most mails' first open or click; of equally many, the earliest.

    Args:
        inputs: The tables.
        people: Columns ``person_id``, ``time_zone``.
        windows: The moment.
    """
    done = _once(inputs, windows)
    answered = done.filter(done.kind.isin([CODES[kind] for kind in ("open", "click")])).select("person_id", "first")
    each = with_local_hour(answered, "first", people, inputs.offsets)
    counted = each.group_by("person_id", "hour").aggregate(n=each.count())
    best = counted.group_by("person_id").aggregate(best=(counted.n * HOURS + (HOURS - 1 - counted.hour)).max())
    return best.select("person_id", favourite_hour=HOURS - 1 - best.best % HOURS)


def _once(inputs: Inputs, windows: Windows) -> Table:
    """One row a person, kind and mail, with the moments of the ``first`` and the ``last`` time; other events alone."""
    events = windows.past(inputs.engagements)
    alone = ~events.kind.isin(BY_MAIL) | events.campaign_id.isnull()
    # an event's id in the place of the mail's: one text less for every row to be grouped by
    actions = events.mutate(alone=alone, mail=ibis.ifelse(alone, events.event_id, events.campaign_id))
    actions = by_person(_coded(actions), inputs.links)
    return actions.group_by("person_id", "kind", "connection", "mail", "alone").aggregate(
        first=actions["at"].min(), last=actions["at"].max()
    )


def _coded(events: Table) -> Table:
    """With the kind as a number: what is compared for every row and count is no text."""
    return events.mutate(kind=events.kind.cases(*CODES.items(), else_=-1).cast("int8"))


def _done(done: Table, windows: Windows) -> dict[str, Any]:
    return {
        f"{name}_{days}d": windows.count(done, done["last"], days, done.kind == CODES[kind])
        for name, (kind, spans) in COUNTED.items()
        for days in spans
    }
