"""Objections (GDPR art. 21), by contact key: one switch per person that ends profiling, tracking and advertising."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, delete, func, select

from sync.control import schema
from sync.control.dialects import insert_for, writing
from sync.control.rows import NotedObjection

OBJECTION, LINK = schema.objection, schema.link
AT_ONCE = 2000  # rows a statement


class Objections:
    """All objections that stand."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def note(self, contact_keys: Collection[str], *, source: str, by: str = "") -> int:
        """Note that a person objected, under all keys that lead to them; the first moment stays.

        Args:
            contact_keys: Of the person's contacts and addresses.
            source: Who or what says so.
            by: Who noted it.

        Returns:
            How many keys did not have it yet.
        """
        rows = [
            {"contact_key": key, "source": source[:200], "said_by": by[:100], "noted_at": self.now()}
            for key in sorted(set(contact_keys))
        ]
        if not rows:
            return 0
        with writing(self.engine) as connection:
            counted = select(func.count()).select_from(OBJECTION)
            before = int(connection.execute(counted).scalar_one())
            connection.execute(insert_for(self.engine, OBJECTION).on_conflict_do_nothing(), rows)
            return int(connection.execute(counted).scalar_one()) - before

    def withdraw(self, contact_keys: Collection[str], *, source: str, noted_before: datetime | None = None) -> int:
        """Take back the objections of some keys that *source* had told; return how many there were.

        Args:
            contact_keys: Of the person's contacts and addresses.
            source: Who or what had said so.
            noted_before: Keep what was noted at this moment (UTC) or later: who read the contacts did so before it.

        Returns:
            How many keys lost one; a person with two addresses may count twice.
        """
        listed, gone = sorted(set(contact_keys)), 0
        with writing(self.engine) as connection:
            for start in range(0, len(listed), AT_ONCE):
                part = OBJECTION.c.contact_key.in_(listed[start : start + AT_ONCE])
                theirs = delete(OBJECTION).where(part, OBJECTION.c.source == source[:200])
                if noted_before is not None:
                    theirs = theirs.where(OBJECTION.c.noted_at < noted_before)
                gone += connection.execute(theirs).rowcount
        return gone

    def forget(self, contact_keys: Collection[str]) -> None:
        """Forget everything about some keys: their people were erased."""
        listed = sorted(set(contact_keys))
        with writing(self.engine) as connection:
            for start in range(0, len(listed), AT_ONCE):
                part = OBJECTION.c.contact_key.in_(listed[start : start + AT_ONCE])
                connection.execute(delete(OBJECTION).where(part))

    def by_person(self) -> Mapping[str, NotedObjection]:
        """Return the first objection of everybody who objected, by the person that its key belongs to now.

        Returns:
            Objections by person id; keys that belong to nobody (any more) are left out.
        """
        query = (
            select(LINK.c.person_id, OBJECTION)
            .join(OBJECTION, OBJECTION.c.contact_key == LINK.c.contact_key)
            .order_by(OBJECTION.c.noted_at.desc(), OBJECTION.c.source.desc(), OBJECTION.c.contact_key.desc())
        )
        with self.engine.connect() as connection:
            return {row.person_id: _noted(row) for row in connection.execute(query)}

    def of(self, contact_keys: Collection[str]) -> list[NotedObjection]:
        """Return the objections of some keys, the first one first.

        Returns:
            One objection for each key that has one, by moment (UTC); empty: none of them objected.
        """
        listed, noted = sorted(set(contact_keys)), []
        with self.engine.connect() as connection:
            for start in range(0, len(listed), AT_ONCE):
                part = OBJECTION.c.contact_key.in_(listed[start : start + AT_ONCE])
                noted += [_noted(row) for row in connection.execute(select(OBJECTION).where(part))]
        return sorted(noted, key=lambda row: (row.noted_at, row.source, row.contact_key))

    def newest(self) -> tuple[datetime, int] | None:
        """Return when the newest one was noted (UTC) and how many there are; None: nobody objected.

        Returns:
            Moment and number of keys, which tell together whether anything changed since.
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(func.max(OBJECTION.c.noted_at), func.count())).one()
        return (row[0], int(row[1])) if row[1] else None


def _noted(row: Row[Any]) -> NotedObjection:
    return NotedObjection(row.contact_key, row.source, row.said_by, row.noted_at)
