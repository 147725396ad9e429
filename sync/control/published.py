"""Data shared with the webhook service: published people, and the service's results.

`assign` publishes a person's row: traits that no fresh contact tells, and the assignment in force. The service writes
its own assignments into the same row, and into the outbox, from which the next command that opens the warehouse takes
them. What a contact was last seen to show is kept, so that an event that says nothing new can be told.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, delete, func, select, update

from sync.control import schema
from sync.control.dialects import insert_for, writing

AT_ONCE = 2000  # rows a statement
PERSON, SEEN, OUTBOX = schema.published_person, schema.seen_contact, schema.outbox
DECISION = schema.service_decision


@dataclass(frozen=True, slots=True)
class Published:
    """A person's row.

    Attributes:
        base: Traits that fresh contacts do not tell, by name; see `sync.online.handoff`.
        assignment: In force, as plain values; None where there was none yet.
        digest: Of both.
        as_of: The moment that *base* is about, UTC.
    """

    person_id: str
    base: Mapping[str, Any]
    assignment: Mapping[str, Any] | None
    digest: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Handed:
    """An assignment that the service made. `entry` counts up."""

    entry: int
    person_id: str
    assignment: Mapping[str, Any]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class DecisionEvidence:
    """What a decision of the service rested on; see `sync.control.service_decisions.ServiceDecision`."""

    definitions: str
    inputs: Mapping[str, Any]


class People:
    """Published rows, what contacts were seen to show, and the outbox."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    # -- published by assign -------------------------------------------------------------------------------
    def digests(self) -> dict[str, str]:
        """Return the digest of every published row by person.

        Returns:
            Person id -> digest.
        """
        query = select(PERSON.c.person_id, PERSON.c.digest).execution_options(yield_per=AT_ONCE * 10)
        with self.engine.connect() as connection:
            return {person: digest for person, digest in connection.execute(query)}  # noqa: C416 - a Row is no pair

    def publish(self, rows: Iterable[Published]) -> int:
        """Write published rows, and return how many."""
        return self._put(PERSON, "person_id", [_as_row(published) for published in rows])

    def withdraw(self, persons: Collection[str]) -> None:
        """Drop the rows of persons that are no more."""
        listed = sorted(persons)
        for start in range(0, len(listed), AT_ONCE):
            with writing(self.engine) as connection:
                part = listed[start : start + AT_ONCE]
                connection.execute(delete(PERSON).where(PERSON.c.person_id.in_(part)))

    def published(self, persons: Collection[str]) -> dict[str, Published]:
        """Return the rows of some people.

        Returns:
            By person id; people who were never published are left out.
        """
        listed, people = sorted(set(persons)), {}
        with self.engine.connect() as connection:
            for start in range(0, len(listed), AT_ONCE):
                query = select(PERSON).where(PERSON.c.person_id.in_(listed[start : start + AT_ONCE]))
                people.update({row.person_id: _published(row) for row in connection.execute(query)})
        return people

    def holding(self, segments: Collection[str]) -> int:
        """Return how many people's assignment in force is one of some segments.

        Returns:
            People who were never published do not count.
        """
        mine = PERSON.c.assignment["segment"].as_string().in_(sorted(segments))
        with self.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(PERSON).where(mine)).scalar_one())

    # -- by the service ------------------------------------------------------------------------------------
    def hand_over(
        self, rows: Sequence[Published], recorded_at: datetime, evidence: Mapping[str, DecisionEvidence]
    ) -> None:
        """Keep new assignments for the next event of these people, in the outbox for the warehouse, and why, at once.

        Args:
            rows: One per person, with the new assignment.
            recorded_at: When it was decided, UTC.
            evidence: What each decision rested on, by person.
        """
        if not rows:
            return
        handed = [
            {
                "person_id": published.person_id,
                "assignment": published.assignment,
                "recorded_at": recorded_at,
                "taken_at": None,
            }
            for published in rows
        ]
        kept = [
            {
                "person_id": published.person_id,
                "definitions": evidence[published.person_id].definitions,
                "inputs": dict(evidence[published.person_id].inputs),
                "assignment": published.assignment,
                "recorded_at": recorded_at,
            }
            for published in rows
            if published.person_id in evidence
        ]
        with writing(self.engine) as connection:
            connection.execute(self._upsert(PERSON, "person_id"), sorted(map(_as_row, rows), key=_person_of))
            connection.execute(OUTBOX.insert(), handed)
            if kept:
                connection.execute(DECISION.insert(), kept)

    def waiting(self, most: int = 50_000) -> list[Handed]:
        """Return assignments that the warehouse has not taken in, oldest first.

        Returns:
            At most *most* entries, each with its number for `taken`.
        """
        return list(self._handed(OUTBOX.c.taken_at.is_(None), most))

    def since(self, moment: datetime) -> set[str]:
        """Return the people whom the service gave an assignment at *moment* (UTC) or later.

        Returns:
            Person ids, also of assignments that the warehouse has taken already.
        """
        query = select(OUTBOX.c.person_id).distinct().where(OUTBOX.c.recorded_at >= moment)
        with self.engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def _handed(self, condition: Any, most: int) -> Iterator[Handed]:
        query = select(OUTBOX).where(condition).order_by(OUTBOX.c.entry).limit(most)
        with self.engine.connect() as connection:
            for row in connection.execute(query).all():
                yield Handed(row.entry, row.person_id, row.assignment, row.recorded_at)

    def taken(self, entries: Collection[int], *, forget_before: datetime) -> None:
        """Note that the warehouse has these; drop what it took before a moment.

        Args:
            entries: Numbers of outbox entries.
            forget_before: UTC; entries taken before it are deleted.
        """
        listed = sorted(entries)
        with writing(self.engine) as connection:
            for start in range(0, len(listed), AT_ONCE):
                part = OUTBOX.c.entry.in_(listed[start : start + AT_ONCE])
                connection.execute(update(OUTBOX).where(part).values(taken_at=self.now()))
            connection.execute(delete(OUTBOX).where(OUTBOX.c.taken_at < forget_before))

    def see(self, shown: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what contacts showed, by contact key."""
        moment = self.now()
        rows = [{"contact_key": key, "shown": dict(values), "seen_at": moment} for key, values in sorted(shown.items())]
        self._put(SEEN, "contact_key", rows)

    def seen(self, contact_keys: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """Return what contacts showed when they were last seen, by contact key.

        Returns:
            Plain values by property; contacts that were never seen are left out.
        """
        query = select(SEEN.c.contact_key, SEEN.c.shown).where(SEEN.c.contact_key.in_(sorted(contact_keys)))
        with self.engine.connect() as connection:
            return {key: shown for key, shown in connection.execute(query)}  # noqa: C416 - a Row is no pair to mypy

    def erase(self, contact_keys: Collection[str], persons: Collection[str]) -> None:
        """Forget what contacts showed, and rows and handed assignments of people of whom nothing is left.

        Args:
            contact_keys: Contacts to be forgotten.
            persons: Ids of people who have no contact left.
        """
        with writing(self.engine) as connection:
            connection.execute(delete(SEEN).where(SEEN.c.contact_key.in_(sorted(contact_keys))))
            connection.execute(delete(PERSON).where(PERSON.c.person_id.in_(sorted(persons))))
            connection.execute(delete(OUTBOX).where(OUTBOX.c.person_id.in_(sorted(persons))))

    def _put(self, table: Any, key: str, rows: list[dict[str, Any]]) -> int:
        rows = sorted(rows, key=lambda row: str(row[key]))
        for start in range(0, len(rows), AT_ONCE):
            with writing(self.engine) as connection:
                connection.execute(self._upsert(table, key), rows[start : start + AT_ONCE])
        return len(rows)

    def _upsert(self, table: Any, key: str) -> Any:
        new = insert_for(self.engine, table)
        others = {column.name: new.excluded[column.name] for column in table.c if column.name != key}
        return new.on_conflict_do_update(index_elements=[table.c[key]], set_=others)


def _person_of(row: Mapping[str, Any]) -> str:
    return str(row["person_id"])


def _as_row(published: Published) -> dict[str, Any]:
    return {
        "person_id": published.person_id,
        "base": dict(published.base),
        "assignment": None if published.assignment is None else dict(published.assignment),
        "digest": published.digest,
        "as_of": published.as_of,
    }


def _published(row: Row[Any]) -> Published:
    return Published(row.person_id, row.base, row.assignment, row.digest, row.as_of)
