"""What stays of an erased person so that totals stay what they were: anonymous rows, which nothing leads back from.

Of a person who got no mail, is in no variant and bought nothing, no row stays. Of others stay the mails that reached
them, whether they opened, clicked, left or complained, their orders' amounts, their variants and their personas at the
time: what reports and lift count. Ids are new and made by chance; addresses, names, links, products, reasons and
traits go. Moments of people (an order, a click) are set back to the beginning of their day, or to just after the last
moment that a count compares them with, so that each comparison still gives the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.records import (
    ARMS,
    ASSIGNMENTS,
    CONTACTS,
    DELIVERIES,
    ENGAGEMENTS,
    LAST_OPENS,
    MEMBERSHIPS,
    ORDER_LINES,
    ORDERS,
    SUBSCRIPTIONS,
    SURVEY_ANSWERS,
    TABLES,
    VALUES,
)
from segmenter.lift.exposures import ORDER_WINDOW_DAYS
from segmenter.lift.outcomes import COVARIATE_DAYS
from segmenter.traits.tracking import TRACKED_KINDS
from sync.control.erasures import STAND_IN
from sync.erasure.traces import Trace, Traces, record_pairs
from sync.session import Session
from sync.warehouse.erase import Rewrite, versions_naming, versions_of_keys

COUNTED = (
    DELIVERIES.name,
    ENGAGEMENTS.name,
    ORDERS.name,
    SURVEY_ANSWERS.name,
    SUBSCRIPTIONS.name,
    LAST_OPENS.name,
)
"""Tables whose rows name a contact key."""
KEPT_OF_ASSIGNMENT = ("segment", "persona", "source", "version", "as_of", "since", "moved_at")
JUST = timedelta(microseconds=1)

Row = dict[str, Any]


@dataclass(slots=True)
class Rewriting:
    """What becomes of every table.

    Attributes:
        gone: Sequences of deleted versions, by table.
        come: Anonymous versions, by table.
        links: Stand-in person by stand-in contact key.
    """

    gone: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in TABLES})
    come: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    links: dict[str, str] = field(default_factory=dict)

    def rewrites(self) -> dict[str, Rewrite]:
        """Return it by table."""
        return {name: Rewrite(self.gone[name], self.come[name]) for name in TABLES}

    def counts(self) -> dict[str, int]:
        """Return deleted versions and kept anonymous ones, by table."""
        gone = {name: len(rows) for name, rows in self.gone.items() if rows}
        return gone | {f"{name}, kept anonymously": len(rows) for name, rows in self.come.items() if rows}


def rewriting(session: Session, traces: Traces) -> Rewriting:
    """Say what becomes of every row about some people; nothing is written.

    Args:
        session: The open workspace.
        traces: Who is erased.
    """
    warehouse, done = session.warehouse, Rewriting()
    rows: dict[str, list[Row]] = {
        name: versions_naming(warehouse, name, "contact_key", traces.keys) for name in COUNTED
    }
    for name in (ASSIGNMENTS.name, ARMS.name, VALUES.name):
        rows[name] = versions_naming(warehouse, name, "person_id", traces.persons)
    for schema in (CONTACTS, MEMBERSHIPS):
        rows[schema.name] = versions_of_keys(warehouse, schema.name, traces.pairs, CONTACTS.key)
    orders = {(row["connection"], row["order_id"]) for row in rows[ORDERS.name]}
    rows[ORDER_LINES.name] = versions_of_keys(warehouse, ORDER_LINES.name, orders, ORDERS.key)
    for name, versions in rows.items():
        done.gone[name] |= {row["sequence"] for row in versions}
    campaigns = _campaigns(session)
    ends = [e.ends for e in session.workspace.experiments.values() if e.ends]
    days = {ORDER_WINDOW_DAYS, session.workspace.results.order_days}
    machine = timedelta(seconds=session.workspace.results.machine_open_seconds)
    mine = _by_person(traces, rows)
    withheld = warehouse.withheld()
    unprofiled = set(withheld.unprofiled["person_id"].to_pylist()) if withheld else set()
    untracked = set(withheld.untracked["person_id"].to_pylist()) if withheld else set()
    for trace in traces.people:
        if unprofiled.intersection(trace.persons):  # no total counts them, and none must begin to
            continue
        if untracked.intersection(trace.persons):
            acts = mine[trace.persons[0]][ENGAGEMENTS.name]
            mine[trace.persons[0]][ENGAGEMENTS.name] = [row for row in acts if row["kind"] not in TRACKED_KINDS]
        _keep(_Person(trace, mine[trace.persons[0]], campaigns, ends, days, machine), done)
    _strip_records(session, traces.records, done)
    return done


def keys_that_rows_name(session: Session, keys: Collection[str]) -> frozenset[str]:
    """Return those of some contact keys that rows name: of people who are no contact, but a customer of a shop, say."""
    rows = (row for name in COUNTED for row in versions_naming(session.warehouse, name, "contact_key", keys))
    return frozenset(row["contact_key"] for row in rows) if keys else frozenset()


def _by_person(traces: Traces, rows: Mapping[str, Sequence[Row]]) -> dict[str, dict[str, list[Row]]]:
    """The rows of each person, by table; of tables by contact key only the versions in force."""
    owner = {name: trace.persons[0] for trace in traces.people for name in (*trace.keys, trace.persons[0])}
    mine: dict[str, dict[str, list[Row]]] = {trace.persons[0]: {name: [] for name in rows} for trace in traces.people}
    for name in (DELIVERIES.name, ENGAGEMENTS.name, ORDERS.name, ARMS.name):
        for row in _in_force(name, rows[name]):
            who = owner.get(row["person_id"] if name == ARMS.name else row["contact_key"])
            if who is not None:
                mine[who][name].append(row)
    for row in rows[ASSIGNMENTS.name]:
        if row["person_id"] in owner:
            mine[owner[row["person_id"]]][ASSIGNMENTS.name].append(row)
    return mine


def _in_force(name: str, versions: Iterable[Row]) -> list[Row]:
    newest: dict[tuple[Any, ...], Row] = {}
    for row in versions:  # oldest first
        newest[tuple(row[key] for key in TABLES[name].key)] = row
    return list(newest.values())


def _campaigns(session: Session) -> dict[tuple[str, str], Row]:
    rows = session.warehouse.current("campaigns").to_pyarrow().to_pylist()
    return {(row["connection"], row["campaign_id"]): row for row in rows}


@dataclass(frozen=True, slots=True)
class _Person:
    trace: Trace
    rows: Mapping[str, list[Row]]
    campaigns: Mapping[tuple[str, str], Row]
    ends: Sequence[datetime]
    days: Collection[int]
    machine: timedelta  # an open up to so long after the sending is a machine's, where the platform does not tell

    def borders(self) -> list[datetime]:
        """Moments that counts compare an order with."""
        at = [row["at"] for row in (*self.rows[DELIVERIES.name], *self.rows[ARMS.name]) if row["at"]]
        after = [moment + timedelta(days=days) for moment in at for days in self.days]
        before = [moment - timedelta(days=COVARIATE_DAYS) for moment in at]
        return [*at, *after, *before, *self.ends]


def _keep(person: _Person, done: Rewriting) -> None:
    """Add the anonymous rows of one person."""
    rows = person.rows
    if not any(rows[name] for name in (DELIVERIES.name, ENGAGEMENTS.name, ORDERS.name, ARMS.name)):
        return
    key, who = f"{STAND_IN}{person.trace.stand_in}", f"e-{person.trace.stand_in}"
    done.links[key] = who
    done.come[DELIVERIES.name] += _deliveries(rows[DELIVERIES.name], key)
    done.come[ENGAGEMENTS.name] += _engagements(person, key)
    borders = person.borders()
    done.come[ORDERS.name] += [
        {**row, "order_id": f"{STAND_IN}{secrets.token_hex(12)}", "contact_key": key, "at": coarse(row["at"], borders)}
        for row in rows[ORDERS.name]
    ]
    done.come[ARMS.name] += [{**row, "person_id": who} for row in rows[ARMS.name]]
    kept = (*KEPT_OF_ASSIGNMENT, "recorded_at", "sequence")
    done.come[ASSIGNMENTS.name] += [
        {**dict.fromkeys(row), **{name: row[name] for name in kept}, "person_id": who} for row in rows[ASSIGNMENTS.name]
    ]


def _deliveries(rows: Sequence[Row], key: str) -> list[Row]:
    """One a mail, by whichever address it came: the first that arrived, as counts take it."""
    mails: dict[tuple[str, str], Row] = {}
    for row in sorted(rows, key=lambda row: (row["status"] != "sent", row["at"] is None, row["at"] or 0)):
        mails.setdefault((row["connection"], row["campaign_id"]), row)
    variants = {
        mail: max(
            (r["variant"] for r in rows if (r["connection"], r["campaign_id"]) == mail and r["variant"]), default=None
        )
        for mail in mails
    }
    return [{**row, "contact_key": key, "variant": variants[mail]} for mail, row in mails.items()]


def _engagements(person: _Person, key: str) -> list[Row]:
    """What the person did in mails, once of each kind; visits and forms belong to no mail and go."""
    mailed = {(row["connection"], row["campaign_id"]): row["at"] for row in person.rows[DELIVERIES.name]}
    kept: dict[tuple[Any, ...], Row] = {}
    for row in sorted(person.rows[ENGAGEMENTS.name], key=lambda row: (row["at"] is None, row["at"] or 0)):
        mail = (row["connection"], row["campaign_id"])
        if row["campaign_id"] is None:
            continue
        sent = person.campaigns.get(mail, {}).get("sent_at")
        borders = [*person.ends, *([mailed[mail]] if mailed.get(mail) else [])]
        borders += [sent, sent + person.machine] if sent else []
        anonymous = {
            **row,
            "event_id": f"{STAND_IN}{secrets.token_hex(12)}",
            "contact_key": key,
            "at": coarse(row["at"], borders),
            "url": None,
            "product": None,
            "value": None,
        }
        kept.setdefault((*mail, row["kind"], row["machine"], anonymous["at"]), anonymous)
    return list(kept.values())


def coarse(at: datetime | None, borders: Iterable[datetime]) -> datetime | None:
    """Return the beginning of the day of *at* (UTC), or just after the last of *borders* that lies in between.

    So it compares with each border as *at* does.
    """
    if at is None:
        return None
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = [border for border in borders if day <= border <= at]
    if not passed:
        return day
    last = max(passed)
    return at if last == at else last + JUST


def _strip_records(session: Session, keys: Collection[str], done: Rewriting) -> None:
    """Take the content out of every version of records that their platform erased; consent and moments stay."""
    pairs = record_pairs(keys)
    if not pairs:
        return
    for row in versions_of_keys(session.warehouse, CONTACTS.name, pairs, CONTACTS.key):
        done.gone[CONTACTS.name].add(row["sequence"])
        done.come[CONTACTS.name].append({**row, "email": None, "additional_emails": [], "properties": "{}"})
    for row in versions_of_keys(session.warehouse, MEMBERSHIPS.name, pairs, CONTACTS.key):
        done.gone[MEMBERSHIPS.name].add(row["sequence"])
