"""Pins: segments that somebody set by hand, with who, until when and why. Nothing is overwritten: a pin is ended."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, Update, delete, insert, or_, select, update

from sync.control import schema
from sync.control.dialects import writing
from sync.control.rows import Pin

PIN = schema.pin


class Pins:
    """All pins that there were."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def put(self, email: str, segment: str, *, until: datetime, reason: str, by: str) -> Pin:
        """Pin whoever has an address; a pin of the same address ends.

        Args:
            email: Normalised.
            segment: Its name.
            until: UTC.
            reason: In somebody's own words.
            by: Who sets it.

        Returns:
            The pin.
        """
        at = self.now()
        with writing(self.engine) as connection:
            connection.execute(self._ending([email], by, at))
            row = {"email": email, "segment": segment, "until": until, "reason": reason, "set_by": by, "set_at": at}
            (number,) = connection.execute(insert(PIN).values(row)).inserted_primary_key or (0,)
        return Pin(int(number), email, segment, until, reason, by, at)

    def end(self, emails: Collection[str], *, by: str) -> list[Pin]:
        """End the pins of some addresses.

        Returns:
            Those that were in force.
        """
        at = self.now()
        ended = [pin for pin in self.all() if pin.email in set(emails) and pin.holds(at)]
        with writing(self.engine) as connection:
            connection.execute(self._ending([pin.email for pin in ended], by, at))
        return ended

    def in_force(self, at: datetime) -> list[Pin]:
        """Return the pins that count at a moment (UTC), oldest first."""
        return [pin for pin in self.all(not_before=at) if pin.holds(at)]

    def all(self, *, not_before: datetime | None = None) -> list[Pin]:
        """Return pins, oldest first.

        Args:
            not_before: Leave out those whose date had come by then, UTC; None: all that there were.

        Returns:
            Also those that somebody ended.
        """
        query = select(PIN).order_by(PIN.c.pin)
        if not_before is not None:
            query = query.where(PIN.c.until > not_before)
        with self.engine.connect() as connection:
            return [_pin(row) for row in connection.execute(query)]

    def touched_since(self, moment: datetime) -> frozenset[str]:
        """Return the addresses whose pin was set, ended or ran out at a moment (UTC) or later."""
        now = self.now()
        query = select(PIN).where(or_(PIN.c.set_at >= moment, PIN.c.ended_at >= moment, PIN.c.until >= moment))
        with self.engine.connect() as connection:
            pins = [_pin(row) for row in connection.execute(query)]
        touched = (p for p in pins if max(p.set_at, p.ended_at or p.set_at) >= moment or p.until <= now)
        return frozenset(pin.email for pin in touched)

    def forget(self, emails: Collection[str]) -> None:
        """Forget everything about some addresses: their people were erased."""
        with writing(self.engine) as connection:
            connection.execute(delete(PIN).where(PIN.c.email.in_(sorted(emails))))

    @staticmethod
    def _ending(emails: Collection[str], by: str, at: datetime) -> Update:
        open_ones = update(PIN).where(PIN.c.email.in_(sorted(emails)), PIN.c.ended_at.is_(None), PIN.c.until > at)
        return open_ones.values(ended_by=by, ended_at=at)


def _pin(row: Row[Any]) -> Pin:
    return Pin(
        row.pin,
        row.email,
        row.segment,
        row.until,
        row.reason,
        row.set_by,
        row.set_at,
        row.ended_by,
        row.ended_at,
    )
