"""The webhook inbox: a durable queue of events, and of contacts to process.

An event is kept once, whatever happens to its deliveries. Each contact with events stands in one row, which a worker
leases; events that arrive meanwhile count the row's `arrivals` up, so that a worker that ends knows whether it has
seen everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, delete, func, or_, select, update

from sync.control import schema
from sync.control.dialects import insert_for, locked, writing

# a worker that is killed leaves its whole group with one try; whatever it died of is looked for in smaller groups
GROUPS = ((0, 1, 100), (2, 2, 10), (3, 1_000_000, 1))  # tries from, to, and contacts of a group: HubSpot takes 100
EVENT, CONTACT = schema.inbox_event, schema.inbox_contact


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a delivery.

    Attributes:
        key: The same for every delivery of the event.
        contact: Which contact it is about: ``<connection>:<platform id>``, or ``<connection>:#<digest of address>``.
        kind: The platform's word: ``contact.creation``, ``upemail``.
        occurred_at: UTC, as the platform says.
        detail: What the worker needs to know of it; kept until the event is settled.
    """

    key: str
    contact: str
    kind: str
    occurred_at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A contact that is leased, with its events that wait, oldest first."""

    contact: str
    arrivals: int
    tries: int
    first_at: datetime
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a claimed contact's events.

    Attributes:
        states: done | echo | gone | foreign, by event key.
        answer: For who asked, such as a workflow action.
    """

    claimed: Claimed
    states: Mapping[str, str]
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How the inbox stands. `oldest_at`: when the oldest event that waits came, UTC."""

    waiting: int
    dead_letters: int
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter: a contact whose events failed too often, with the reason."""

    contact: str
    tries: int
    first_at: datetime
    reason: str


class Inbox:
    """Events and who works on them."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    # -- taking in -----------------------------------------------------------------------------------------
    def take(self, events: Iterable[Event]) -> int:
        """Keep events in one transaction, each once; they are on disk when this returns.

        Returns:
            How many were new.
        """
        known = {event.key: event for event in events}
        if not known:
            return 0
        moment = self.now()
        rows = [_event_row(known[key], moment) for key in sorted(known)]
        # what returns something goes in one statement for many rows: SQLite's driver lets others in between any two
        kept = insert_for(self.engine, EVENT).on_conflict_do_nothing().returning(EVENT.c.event_key)
        with writing(self.engine) as connection:
            fresh = set(connection.execute(kept, rows).scalars())
            if fresh:
                self._announce(connection, sorted({known[key].contact for key in fresh}), moment)
        return len(fresh)

    def _announce(self, connection: Connection, contacts: Sequence[str], moment: datetime) -> None:
        new = insert_for(self.engine, CONTACT)
        # locking the row that is there makes a worker that is about to delete it look again
        counted = new.on_conflict_do_update(
            index_elements=[CONTACT.c.contact], set_={"arrivals": CONTACT.c.arrivals + 1}
        )
        rows = [_contact_row(contact, moment) for contact in contacts]
        connection.execute(counted.returning(CONTACT.c.contact), rows).all()

    # -- working -------------------------------------------------------------------------------------------
    def claim(self, owner: str, *, seconds: float, group: tuple[int, int, int] = GROUPS[0]) -> list[Claimed]:
        """Lease contacts that wait, those that wait longest first.

        Args:
            owner: Who leases.
            seconds: How long the lease holds unless it is renewed.
            group: How often they may have been tried in vain, from and to, and how many at most; of `GROUPS`.

        Returns:
            Contacts leased to *owner*, each with its waiting events; empty: nothing is due.
        """
        moment = self.now()
        free = or_(CONTACT.c.lease_until.is_(None), CONTACT.c.lease_until < moment)
        least, last, most = group
        kind = CONTACT.c.tries.between(least, last)
        query = select(CONTACT).where(CONTACT.c.state == "waiting", CONTACT.c.due_at <= moment, free, kind)
        query = query.order_by(CONTACT.c.due_at).limit(most).with_for_update(skip_locked=True)
        with writing(self.engine) as connection:
            rows = {row.contact: row for row in connection.execute(query)}
            if not rows:
                return []
            leased = update(CONTACT).where(CONTACT.c.contact.in_(rows))
            until = moment + timedelta(seconds=seconds)
            connection.execute(leased.values(owner=owner, lease_until=until, tries=CONTACT.c.tries + 1))
            events = self._waiting_of(connection, rows)
        return [
            Claimed(row.contact, row.arrivals, row.tries + 1, row.first_at, tuple(events.get(row.contact, ())))
            for row in rows.values()
        ]

    @staticmethod
    def _waiting_of(connection: Connection, contacts: Collection[str]) -> dict[str, list[Event]]:
        query = select(EVENT).where(EVENT.c.contact.in_(contacts), EVENT.c.state == "waiting")
        events: dict[str, list[Event]] = {}
        for row in connection.execute(query.order_by(EVENT.c.occurred_at, EVENT.c.event_key)):
            event = Event(row.event_key, row.contact, row.kind, row.occurred_at, row.detail)
            events.setdefault(row.contact, []).append(event)
        return events

    def renew(self, owner: str, seconds: float) -> None:
        """Hold every lease of *owner* for *seconds* from now.

        Args:
            owner: Who holds the leases.
            seconds: How long they hold from now.
        """
        until = self.now() + timedelta(seconds=seconds)
        with writing(self.engine) as connection:
            mine = locked(connection, CONTACT.c.contact, CONTACT.c.owner == owner)
            connection.execute(update(CONTACT).where(CONTACT.c.contact.in_(mine)).values(lease_until=until))

    def owners(self) -> set[str]:
        """Return who holds leases.

        Returns:
            Each owner once, also one whose leases have run out.
        """
        with self.engine.connect() as connection:
            return set(connection.execute(select(CONTACT.c.owner).where(CONTACT.c.owner != "").distinct()).scalars())

    def abandon(self, owner: str) -> None:
        """Free what an owner holds who is no more. Its tries count: it may have died of one of them."""
        with writing(self.engine) as connection:
            left = locked(connection, CONTACT.c.contact, CONTACT.c.owner == owner)
            connection.execute(update(CONTACT).where(CONTACT.c.contact.in_(left)).values(owner="", lease_until=None))

    def settle(self, owner: str, settled: Sequence[Settled]) -> int:
        """Note what became of claimed contacts, and let go of them. One whose lease was lost is left as it is.

        Args:
            owner: Who claimed the contacts.
            settled: One entry per contact.

        Returns:
            How many events were settled now.
        """
        moment = self.now()
        with writing(self.engine) as connection:
            mine = self._held(connection, owner, [settled.claimed.contact for settled in settled])
            kept = sorted(
                (settled for settled in settled if settled.claimed.contact in mine),
                key=lambda settled: settled.claimed.contact,
            )
            rows = [
                {"k": key, "s": state, "at": moment, "by": owner, "a": result.answer, "d": {}}
                for result in kept
                for key, state in result.states.items()
            ]
            count = self._settle_events(connection, rows)
            if kept:
                self._let_go(connection, owner, kept, moment)
        return count

    @staticmethod
    def _held(connection: Connection, owner: str, contacts: Sequence[str]) -> set[str]:
        return set(
            locked(connection, CONTACT.c.contact, and_(CONTACT.c.owner == owner, CONTACT.c.contact.in_(contacts)))
        )

    @staticmethod
    def _settle_events(connection: Connection, rows: list[dict[str, Any]]) -> int:
        if not rows:
            return 0
        ended = (
            update(EVENT)
            .where(EVENT.c.event_key == bindparam("k"), EVENT.c.state == "waiting")
            .values(
                state=bindparam("s"),
                settled_at=bindparam("at"),
                settled_by=bindparam("by"),
                answer=bindparam("a"),
                detail=bindparam("d"),
            )
        )
        return connection.execute(ended, rows).rowcount

    @staticmethod
    def _let_go(connection: Connection, owner: str, settled: Sequence[Settled], moment: datetime) -> None:
        finished = delete(CONTACT).where(CONTACT.c.contact == bindparam("c"), CONTACT.c.arrivals == bindparam("n"))
        connection.execute(
            finished, [{"c": settled.claimed.contact, "n": settled.claimed.arrivals} for settled in settled]
        )
        again = update(CONTACT).where(
            CONTACT.c.owner == owner, CONTACT.c.contact.in_([settled.claimed.contact for settled in settled])
        )
        free = {"owner": "", "lease_until": None, "tries": 0, "first_at": moment, "due_at": moment, "reason": ""}
        connection.execute(again.values(free))

    def postpone(self, owner: str, contacts: Collection[str], *, due_at: datetime, counts: bool, reason: str) -> None:
        """Let go of claimed contacts until *due_at*; unless it *counts*, the try does not count.

        Args:
            owner: Who claimed the contacts.
            contacts: Those that are put off.
            due_at: When they may be claimed again, UTC.
            counts: Whether this was a try: too many make a dead letter.
            reason: What stopped them, for people.
        """
        values: dict[str, Any] = {"owner": "", "lease_until": None, "due_at": due_at, "reason": reason}
        if not counts:
            values["tries"] = CONTACT.c.tries - 1
        self._move(owner, contacts, values)

    def set_aside(self, owner: str, contacts: Collection[str], *, reason: str) -> None:
        """Move contacts to the dead letters, until they are released.

        Args:
            owner: Who claimed the contacts.
            contacts: Those that failed too often.
            reason: What went wrong, for people.
        """
        self._move(owner, contacts, {"owner": "", "lease_until": None, "state": "dead_letter", "reason": reason})

    def _move(self, owner: str, contacts: Collection[str], values: Mapping[str, Any]) -> None:
        with writing(self.engine) as connection:
            mine = self._held(connection, owner, sorted(contacts))
            connection.execute(update(CONTACT).where(CONTACT.c.contact.in_(mine)).values(values))

    def drop(self, contacts: Collection[str]) -> None:
        """End events of contacts that are erased, with their details; a worker that is at one ends them itself."""
        moment, names = self.now(), sorted(contacts)
        with writing(self.engine) as connection:
            free = locked(connection, CONTACT.c.contact, and_(CONTACT.c.contact.in_(names), CONTACT.c.owner == ""))
            ended = update(EVENT).where(EVENT.c.contact.in_(free), EVENT.c.state == "waiting")
            connection.execute(ended.values(state="gone", settled_at=moment, settled_by="erased", detail={}))
            connection.execute(delete(CONTACT).where(CONTACT.c.contact.in_(free)))

    def erase_settled(self, contacts: Collection[str]) -> None:
        """Delete the settled events of contacts whose people were erased."""
        if not contacts:
            return
        with writing(self.engine) as connection:
            mine = and_(EVENT.c.contact.in_(sorted(contacts)), EVENT.c.state != "waiting")
            connection.execute(delete(EVENT).where(mine))

    # -- looking -------------------------------------------------------------------------------------------
    def backlog(self) -> Backlog:
        """Return how many contacts wait, how many are dead letters, and since when the oldest waits.

        Returns:
            All zero, and None as the oldest, for an empty inbox.
        """
        query = select(CONTACT.c.state, func.count(), func.min(CONTACT.c.first_at)).group_by(CONTACT.c.state)
        with self.engine.connect() as connection:
            states = {state: (count, oldest) for state, count, oldest in connection.execute(query)}
        waiting, oldest = states.get("waiting", (0, None))
        return Backlog(waiting, states.get("dead_letter", (0, None))[0], oldest)

    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters, oldest first.

        Returns:
            Contact, number of tries, first event (UTC) and reason.
        """
        query = select(CONTACT).where(CONTACT.c.state == "dead_letter").order_by(CONTACT.c.first_at)
        with self.engine.connect() as connection:
            rows = connection.execute(query).all()
        return [DeadLetter(row.contact, row.tries, row.first_at, row.reason) for row in rows]

    def release(self) -> int:
        """Retry the dead letters, and return how many there are."""
        values = {"state": "waiting", "tries": 0, "due_at": self.now(), "reason": ""}
        with writing(self.engine) as connection:
            dead = locked(connection, CONTACT.c.contact, CONTACT.c.state == "dead_letter")
            return connection.execute(update(CONTACT).where(CONTACT.c.contact.in_(dead)).values(values)).rowcount

    def answer(self, event_key: str) -> tuple[str, Mapping[str, Any] | None] | None:
        """Return an event's state and answer; None where there is no such event.

        Returns:
            State waiting | done | echo | gone | foreign; the answer is None where nobody asked for one.
        """
        query = select(EVENT.c.state, EVENT.c.answer).where(EVENT.c.event_key == event_key)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return (row.state, row.answer) if row else None

    def last_delivery(self, connection_name: str) -> datetime | None:
        """Return when an event of a connection last came, UTC."""
        query = select(func.max(EVENT.c.received_at)).where(
            EVENT.c.contact.startswith(f"{connection_name}:", autoescape=True)
        )
        with self.engine.connect() as connection:
            moment: datetime | None = connection.execute(query).scalar()
        return moment

    def forget(self, before: datetime) -> int:
        """Drop events that were settled before a moment: no platform sends them again. Return how many."""
        old = delete(EVENT).where(EVENT.c.settled_at < before)
        with writing(self.engine) as connection:
            return connection.execute(old).rowcount


def _event_row(event: Event, moment: datetime) -> dict[str, Any]:
    return {
        "event_key": event.key,
        "contact": event.contact,
        "kind": event.kind,
        "occurred_at": event.occurred_at,
        "received_at": moment,
        "detail": dict(event.detail),
        "state": "waiting",
        "settled_at": None,
        "settled_by": None,
        "answer": None,
    }


def _contact_row(contact: str, moment: datetime) -> dict[str, Any]:
    return {
        "contact": contact,
        "state": "waiting",
        "first_at": moment,
        "due_at": moment,
        "arrivals": 1,
        "tries": 0,
        "owner": "",
        "lease_until": None,
        "reason": "",
    }
