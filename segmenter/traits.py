"""Measure every person's traits as of a moment: Ibis in, Ibis out, one pass over each table.

Nothing after the moment counts: neither orders and engagements, nor contacts that were created later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import ibis
from ibis import Table

from segmenter.catalogue import MAIL_WINDOWS, ORDER_WINDOWS, PROPERTIES, RATE_WINDOW, Catalogue
from segmenter.trait import Inputs, MappedTrait, SurveyTrait, TraitType

STRICTEST_FIRST = ("unsubscribed", "cleaned", "pending", "transactional", "subscribed", "unknown")
"""Of several consents of one person the first of these decides; "unknown" says nothing, so anything known beats it."""

DAY = 86_400.0  # seconds


def traits(inputs: Inputs, catalogue: Catalogue, as_of: datetime) -> Table:
    """Return one row a person who had an active contact at *as_of*: ``person_id`` and every trait of *catalogue*.

    Args:
        inputs: The tables.
        catalogue: Which traits.
        as_of: UTC; nothing after it counts.

    Returns:
        Counts are 0 where nothing happened; days, rates and texts are null where there is nothing to tell.
    """
    moment = ibis.literal(as_of).cast("timestamp('UTC', 6)")
    people = _contact_traits(inputs, catalogue, moment)
    parts = (
        _order_traits(_by_person(inputs.orders, inputs.links), moment),
        _category_traits(inputs, moment),
        _delivery_traits(_by_person(inputs.deliveries, inputs.links), moment),
        _engagement_traits(_by_person(inputs.engagements, inputs.links), moment),
        _hour_traits(_by_person(inputs.engagements, inputs.links), moment),
        _answer_traits(_by_person(inputs.answers, inputs.links), catalogue.surveyed, moment),
    )
    joined = people
    for part in parts:
        joined = joined.left_join(part, "person_id").drop("person_id_right")
    return _finished(joined, catalogue)


def _by_person(events: Table, links: Table) -> Table:
    return events.inner_join(links, "contact_key").drop("contact_key")


def _days(later: Any, earlier: Any) -> Any:
    """Whole and part days between two moments. Seconds are cast first: an integer division loses digits on Spark."""
    return (later.epoch_seconds().cast("float64") - earlier.epoch_seconds().cast("float64")) / DAY


def _since(moment: Any, days: int) -> Any:
    return moment - ibis.interval(days=days)


def _contact_traits(inputs: Inputs, catalogue: Catalogue, moment: Any) -> Table:
    known = inputs.contacts.filter(inputs.contacts.created_at.isnull() | (inputs.contacts.created_at <= moment))
    key = known.connection.concat(":", known.platform_id)
    contacts = _by_person(known.mutate(contact_key=key), inputs.links)
    properties = contacts.properties.cast("json")
    named = {f"has_{n}": _text(properties, names) for n, names in PROPERTIES.items()}
    mapped = {f"has_{n}": _mapped(contacts, properties, trait) for n, trait in catalogue.mapped.items()}
    rank = contacts.consent.cases(*((c, n) for n, c in enumerate(STRICTEST_FIRST)), else_=len(STRICTEST_FIRST) - 1)
    told = contacts.mutate(**named, **mapped, strictness=rank, active=contacts.state == "active")
    active = told.active
    grouped = told.group_by("person_id").aggregate(
        active=active.cast("int64").sum(),
        first=told.created_at.min(),
        platforms=told.connection.nunique(where=active),
        strictest=told.strictness.min(where=active),
        **{name.removeprefix("has_"): told[name].max(where=active) for name in (*named, *mapped)},
    )
    living = grouped.filter(grouped.active > 0)
    consent = living.strictest.cases(*((n, c) for n, c in enumerate(STRICTEST_FIRST)), else_="unknown")
    return living.mutate(tenure_days=_days(moment, living.first), consent=consent).drop("active", "first", "strictest")


def _text(properties: Any, names: Sequence[str]) -> Any:
    """The first of several properties that holds something."""
    return ibis.coalesce(*(properties[name].str.nullif("") for name in names))


def _mapped(contacts: Table, properties: Any, trait: MappedTrait) -> Any:
    text: Any = ibis.ifelse(
        contacts.connection == trait.connection, properties[trait.property].str.nullif(""), ibis.null("string")
    )
    return _typed(text, trait.type)


def _typed(text: Any, type_: TraitType) -> Any:
    """What a platform or a respondent wrote, as a value; null where it can't be one. Booleans are 0 and 1."""
    if type_ == "number":
        return text.try_cast("float64")
    if type_ == "date":
        return text.substr(0, 10).try_cast("date")
    if type_ == "boolean":
        return text.lower().isin(["true", "yes", "1"]).cast("int8")
    return text


def _answer_traits(answers: Table, surveyed: Mapping[str, SurveyTrait], moment: Any) -> Table:
    """The latest answer that was given until the moment; one without a time came before all others.

    Of answers of one moment the last in the alphabet counts, so that every engine takes the same.
    """
    given = answers.filter(answers.at.isnull() | (answers.at <= moment), answers.value.nullif("").notnull())
    dated = given.mutate(dated=_dated(given.at, given.value))
    latest = {
        name: dated.dated.max(where=(dated.survey == trait.survey) & (dated["item"] == trait.item))
        for name, trait in surveyed.items()
    }
    grouped = dated.group_by("person_id").aggregate(answers=dated.count(), **latest)
    typed = {name: _typed(grouped[name].substr(DATED), trait.type) for name, trait in surveyed.items()}
    return grouped.mutate(**typed).drop("answers")


DATED = 18  # digits before the text
BEFORE_ALL = 10**17  # microseconds; makes every moment of the calendar a positive number of at most 18 digits


def _dated(at: Any, text: Any) -> Any:
    """Text behind its moment, so that the largest is the latest."""
    microseconds = at.epoch_seconds().cast("int64") * 1_000_000 + at.microsecond().cast("int64")
    return (microseconds + BEFORE_ALL).fill_null(0).cast("string").lpad(DATED, "0").concat(text)


def _order_traits(orders: Table, moment: Any) -> Table:
    placed = orders.filter(orders.at <= moment, orders.state == "placed")
    used = placed.group_by("person_id", "currency").aggregate(n=placed.count())
    first = ibis.row_number().over(group_by=used.person_id, order_by=[used.n.desc(), used.currency])
    main = used.mutate(place=first, currencies=used.count().over(group_by=used.person_id))
    main = main.filter(main.place == 0).select("person_id", "currencies", main="currency")
    told = placed.left_join(main, "person_id").drop("person_id_right")
    same = told.currency.identical_to(told.main)
    windows: dict[str, Any] = {}
    for days in ORDER_WINDOWS:
        inside = told.at > _since(moment, days)
        windows[f"orders_{days}d"] = inside.cast("int64").sum()
        windows[f"revenue_{days}d"] = told.amount.sum(where=same & inside)
    grouped = told.group_by("person_id").aggregate(
        orders_total=told.count(),
        revenue_total=told.amount.sum(where=same),
        average_order=told.amount.mean(where=same),
        last=told.at.max(),
        earliest=told.at.min(),
        currencies=told.currencies.max(),
        **windows,
    )
    return grouped.mutate(
        days_since_order=_days(moment, grouped["last"]), days_since_first_order=_days(moment, grouped.earliest)
    ).drop("last", "earliest")


def _category_traits(inputs: Inputs, moment: Any) -> Table:
    placed = _by_person(inputs.orders, inputs.links)
    placed = placed.filter(placed.at <= moment, placed.state == "placed").select("connection", "order_id", "person_id")
    lines = inputs.order_lines.filter(inputs.order_lines.category.notnull())
    bought = lines.inner_join(placed, ["connection", "order_id"])
    counted = bought.group_by("person_id", "category").aggregate(pieces=bought.quantity.sum())
    place = ibis.row_number().over(group_by=counted.person_id, order_by=[counted.pieces.desc(), counted.category])
    best = counted.mutate(place=place)
    return best.filter(best.place == 0).select("person_id", favourite_category="category")


def _delivery_traits(deliveries: Table, moment: Any) -> Table:
    arrived = deliveries.filter(deliveries.at <= moment, deliveries.status == "sent")
    windows = {f"deliveries_{d}d": (arrived.at > _since(moment, d)).cast("int64").sum() for d in MAIL_WINDOWS}
    return arrived.group_by("person_id").aggregate(**windows)


def _engagement_traits(engagements: Table, moment: Any) -> Table:
    past = engagements.filter(engagements.at <= moment)
    mail = past.connection.concat(":", past.campaign_id)
    counted: dict[str, Any] = {"last_click": past.at.max(where=past.kind == "click")}
    for days in MAIL_WINDOWS:
        inside = past.at > _since(moment, days)
        for kind in ("open", "click"):
            counted[f"{kind}s_{days}d"] = mail.nunique(where=inside & (past.kind == kind))
    year = past.at > _since(moment, 365)
    counted["bounces_365d"] = mail.nunique(where=year & (past.kind == "bounce"))
    counted["complaints_365d"] = (year & (past.kind == "complaint")).cast("int64").sum()
    grouped = past.group_by("person_id").aggregate(**counted)
    return grouped.mutate(days_since_click=_days(moment, grouped.last_click)).drop("last_click")


def _hour_traits(engagements: Table, moment: Any) -> Table:
    active = engagements.filter(engagements.at <= moment, engagements.kind.isin(["open", "click"]))
    hours = active.mutate(hour=active.at.hour().cast("int64"))
    counted = hours.group_by("person_id", "hour").aggregate(n=hours.count())
    place = ibis.row_number().over(group_by=counted.person_id, order_by=[counted.n.desc(), counted.hour])
    best = counted.mutate(place=place)
    return best.filter(best.place == 0).select("person_id", favourite_hour="hour")


COUNTED_FROM_ZERO = ("orders_", "revenue_", "deliveries_", "opens_", "clicks_", "bounces_", "complaints_", "currencies")


def _finished(joined: Table, catalogue: Catalogue) -> Table:
    """Nothing happened is 0; nothing known stays null. Every number is float64, so that all engines agree."""
    columns: dict[str, Any] = {}
    for name, trait in catalogue.traits.items():
        if name in (f"open_rate_{RATE_WINDOW}d", f"click_rate_{RATE_WINDOW}d"):
            done = joined[f"{name.split('_', maxsplit=1)[0]}s_{RATE_WINDOW}d"].fill_null(0).cast("float64")
            columns[name] = done / joined[f"deliveries_{RATE_WINDOW}d"].cast("float64").nullif(0.0)
        elif trait.type == "number":
            number = joined[name].cast("float64")
            columns[name] = number.fill_null(0.0) if name.startswith(COUNTED_FROM_ZERO) else number
        elif trait.type == "boolean":
            columns[name] = joined[name] == 1
        else:
            columns[name] = joined[name]
    return joined.select("person_id", **columns)
