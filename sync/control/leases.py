"""Leases: who may do something alone for a while, over all processes and machines that share the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Engine, and_, delete, or_, select, update

from connectors.errors import TryLaterError
from sync.control import schema
from sync.control.writing import insert_for, locked, writing

LOOK_AGAIN = 0.02  # seconds between two tries at a lease that somebody else holds
LEASE = schema.lease


class Leases:
    """Leases by name."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def take(self, names: Collection[str], holder: str, *, seconds: float) -> set[str]:
        """Take those of *names* that are free, ended, or held by *holder* already, and return them."""
        moment = self.now()
        new = insert_for(self.engine, LEASE)
        free = or_(LEASE.c.until < moment, LEASE.c.holder == holder)
        taken = new.on_conflict_do_update(
            index_elements=[LEASE.c.name], set_={"holder": new.excluded.holder, "until": new.excluded.until}, where=free
        )
        rows = [
            {"name": name, "holder": holder, "until": moment + timedelta(seconds=seconds)} for name in sorted(names)
        ]
        if not rows:
            return set()
        with writing(self.engine) as connection:
            return set(connection.execute(taken.returning(LEASE.c.name), rows).scalars())

    def renew(self, holder: str, *, seconds: float) -> None:
        """Hold every lease that *holder* still has for *seconds* from now; one that ended is not taken again."""
        moment = self.now()
        with writing(self.engine) as connection:
            mine = locked(connection, LEASE.c.name, and_(LEASE.c.holder == holder, LEASE.c.until >= moment))
            held = update(LEASE).where(LEASE.c.name.in_(mine))
            connection.execute(held.values(until=moment + timedelta(seconds=seconds)))

    def give_back(self, names: Collection[str], holder: str) -> None:
        """End the leases that *holder* has."""
        with writing(self.engine) as connection:
            mine = locked(connection, LEASE.c.name, and_(LEASE.c.holder == holder, LEASE.c.name.in_(sorted(names))))
            connection.execute(delete(LEASE).where(LEASE.c.name.in_(mine)))

    def holders(self) -> set[str]:
        """Return who holds leases."""
        with self.engine.connect() as connection:
            return set(connection.execute(select(LEASE.c.holder).distinct()).scalars())

    def abandon(self, holder: str) -> None:
        """End every lease of a holder who is no more."""
        with writing(self.engine) as connection:
            mine = locked(connection, LEASE.c.name, LEASE.c.holder == holder)
            connection.execute(delete(LEASE).where(LEASE.c.name.in_(mine)))

    @contextmanager
    def alone(self, name: str, holder: str, *, seconds: float) -> Iterator[None]:
        """Hold one lease while the block runs; wait for whoever holds it, whose lease ends by itself at last.

        Raises:
            TryLaterError: It was not free for twice *seconds*.
        """
        given_up = time.monotonic() + 2 * seconds
        while not self.take([name], holder, seconds=seconds):
            if time.monotonic() > given_up:
                raise TryLaterError(f"Somebody else keeps holding the lease {name!r}.")
            time.sleep(LOOK_AGAIN)
        try:
            yield
        finally:
            self.give_back([name], holder)
