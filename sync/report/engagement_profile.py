"""Engagement profile of a persona: channels, hours of opens and clicks, and the typical customer journey."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import ibis
from ibis import Table

from connectors.records import CONTACTS, DELIVERIES, ORDERS
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.traits.local_time import with_local_hour, zone_spelt
from segmenter.traits.people import first_text
from segmenter.traits.timestamps import days_between
from sync.active_people import assigned_people
from sync.results.engagements import engagements
from sync.session import Session
from sync.warehouse.time_zones import offsets

LEAST_PEOPLE = 5
"""Minimum group size for any figure (privacy)."""

DAYS, HOURS = 7, 24
STEPS = {"mail": "received an email", "open": "opened an email", "click": "clicked", "order": "ordered"}


@dataclass(frozen=True, slots=True)
class Channel:
    """People with a contact on one connection, and how many of them are marketable."""

    connection: str
    persons: int
    reachable: int


@dataclass(frozen=True, slots=True)
class FirstTime:
    """A step of the typical journey: the first time that people do something.

    Attributes:
        share: Of the persona's people who ever did it.
        days: Median days between the first trace of a person and this.
    """

    what: str
    share: float
    days: float


@dataclass(slots=True)
class Portrait:
    """The engagement profile of one persona.

    Attributes:
        opens: People-mails opened by hour of the day where they are, 24 numbers, machines left out; *clicks* likewise.
        week: Opens and clicks by weekday (from Monday) and hour where they are.
    """

    channels: list[Channel] = field(default_factory=list)
    opens: list[int] = field(default_factory=lambda: [0] * HOURS)
    clicks: list[int] = field(default_factory=lambda: [0] * HOURS)
    week: list[list[int]] = field(default_factory=lambda: [[0] * HOURS for _ in range(DAYS)])
    path: list[FirstTime] = field(default_factory=list)


def portraits(session: Session, as_of: datetime) -> dict[str, Portrait]:
    """Return the portrait of each persona slug that has enough people, the unclassified among them.

    Args:
        session: The open workspace.
        as_of: The moment whose time zones count for the hours (UTC): that of the newest assignments.
    """
    return session.warehouse.read_once.get(("portraits", as_of), lambda: _portraits(session, as_of))


def _portraits(session: Session, as_of: datetime) -> dict[str, Portrait]:
    members = assigned_people(session)
    people = members.select("person_id", slug=members.persona.fill_null(UNCLASSIFIED))
    counted = people.group_by("slug").aggregate(persons=people.count()).to_pyarrow().to_pylist()
    persons = {row["slug"]: int(row["persons"]) for row in counted if row["persons"] >= LEAST_PEOPLE}
    pictures = {slug: Portrait() for slug in persons}
    links = session.links()
    _fill_channels(session, people, links, pictures)
    _fill_hours(session, people, links, as_of, pictures)
    _fill_path(session, people, links, pictures, persons)
    return pictures


def _fill_channels(session: Session, people: Table, links: Table, pictures: Mapping[str, Portrait]) -> None:
    contacts = session.warehouse.current(CONTACTS.name)
    active = contacts.filter(contacts.state == "active", contacts.email.notnull())
    keyed = active.mutate(contact_key=active.connection.concat(":", active.platform_id))
    known = keyed.inner_join(links, "contact_key").inner_join(people, "person_id")
    may = known.consent.isin(list(session.workspace.consent.push))
    counted = known.group_by("slug", "connection").aggregate(
        persons=known.person_id.nunique(), reachable=known.person_id.nunique(where=may)
    )
    for row in counted.order_by("connection").to_pyarrow().to_pylist():
        if row["slug"] in pictures:
            pictures[row["slug"]].channels.append(
                Channel(row["connection"], int(row["persons"]), int(row["reachable"]))
            )


def _fill_hours(
    session: Session, people: Table, links: Table, as_of: datetime, pictures: Mapping[str, Portrait]
) -> None:
    acts = _human(session, links).inner_join(people, "person_id")
    reactions = acts.filter(acts.kind.isin(["open", "click"]))
    known = zone_spelt(session.warehouse.current(CONTACTS.name), session.workspace.catalogue.properties)
    keyed = known.mutate(contact_key=known.connection.concat(":", known.platform_id)).inner_join(links, "contact_key")
    shown = first_text(keyed, keyed.time_zone, session.workspace.catalogue.precedence)
    zones = keyed.group_by("person_id").aggregate(time_zone=shown)
    spans = offsets(known, session.workspace.catalogue.properties, session.workspace.time_zone, as_of)
    hourly = with_local_hour(reactions, "at", zones, session.warehouse.memtable(spans), weekday=True)
    counted = hourly.group_by("slug", "kind", "weekday", "hour").aggregate(n=hourly.count())
    for row in counted.to_pyarrow().to_pylist():
        if row["slug"] in pictures:
            portrait = pictures[row["slug"]]
            day, hour, n = (int(row[name]) for name in ("weekday", "hour", "n"))
            (portrait.opens if row["kind"] == "open" else portrait.clicks)[hour] += n
            portrait.week[day][hour] += n


def _human(session: Session, links: Table) -> Table:
    events = engagements(session).inner_join(links, "contact_key")
    return events.filter(~events.machine.fill_null(False))  # noqa: FBT003 - an expression


def _fill_path(
    session: Session, people: Table, links: Table, pictures: Mapping[str, Portrait], persons: Mapping[str, int]
) -> None:
    firsts = _firsts(session, links)
    began = firsts.group_by("person_id").aggregate(began=firsts["at"].min())
    events = firsts.filter(firsts.kind.isin(list(STEPS))).inner_join(began, "person_id").inner_join(people, "person_id")
    days = days_between(events["at"], events.began)
    counted = events.mutate(days=days).group_by("slug", "kind")
    rows = counted.aggregate(n=lambda t: t.count(), days=lambda t: t.days.median()).to_pyarrow().to_pylist()
    steps: dict[str, list[FirstTime]] = defaultdict(list)
    for row in rows:
        if row["slug"] in pictures:
            share = int(row["n"]) / persons[row["slug"]]
            steps[row["slug"]].append(FirstTime(STEPS[row["kind"]], share, float(row["days"])))
    for slug, path in steps.items():
        pictures[slug].path = _in_order(path)


def _in_order(path: Sequence[FirstTime]) -> list[FirstTime]:
    """Mail, open, click follow from each other; the first order stands before or behind them, by its day."""
    named = {step.what: step for step in path}
    mails = [named[STEPS[kind]] for kind in ("mail", "open", "click") if STEPS[kind] in named]
    order = named.get(STEPS["order"])
    if order is None:
        return mails
    return [order, *mails] if not mails or order.days <= mails[0].days else [*mails, order]


def _firsts(session: Session, links: Table) -> Table:
    """When each person did each thing for the first time: ``person_id, kind, at``."""
    warehouse = session.warehouse
    contacts, orders = warehouse.current(CONTACTS.name), warehouse.current(ORDERS.name)
    mails = warehouse.current(DELIVERIES.name)
    keyed = contacts.filter(contacts.created_at.notnull()).select(
        at="created_at", kind=ibis.literal("known"), contact_key=lambda t: t.connection.concat(":", t.platform_id)
    )
    parts = [
        keyed.select("contact_key", "kind", "at"),
        orders.filter(orders.state == "placed").select("contact_key", "at").mutate(kind=ibis.literal("order")),
        mails.filter(mails.status == "sent").select("contact_key", "at").mutate(kind=ibis.literal("mail")),
    ]
    linked = [part.inner_join(links, "contact_key").select("person_id", "kind", "at") for part in parts]
    acts = _human(session, links)
    linked.append(acts.filter(acts.kind.isin(["open", "click"])).select("person_id", "kind", "at"))
    whole = ibis.union(*linked)
    return whole.group_by("person_id", "kind").aggregate(at=whole["at"].min())
