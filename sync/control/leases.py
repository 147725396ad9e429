"""Leases: distributed locks with expiry, across processes and machines."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Engine, and_, delete, or_, select, update

from connectors.errors import TryLaterError
from connectors.processes import is_alive
from sync.control import schema
from sync.control.dialects import insert_for, locked, writing

LOOK_AGAIN = 0.02  # seconds between two tries at a lease that somebody else holds
LOOK_FOR_DEAD = 1.0  # seconds between two looks whether the holder still lives
HOST = socket.gethostname()[:40]
LEASE = schema.lease


def new_holder() -> str:
    """Return a name under which this process holds leases: others of this machine can tell by it when it has gone."""
    return f"{HOST}-{os.getpid()}-{uuid4().hex[:6]}"


def has_gone(holder: str) -> bool:
    """Tell whether a `new_holder` was a process of this machine that lives no more; of other machines nobody knows."""
    host, _, process = holder.rpartition("-")[0].rpartition("-")
    return host == HOST and process.isdigit() and not is_alive(int(process))


class Leases:
    """Leases by name."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def take(self, names: Collection[str], holder: str, *, seconds: float) -> set[str]:
        """Take those of *names* that are free, ended, or held by *holder* already, and return them.

        Args:
            names: What is to be leased.
            holder: Who takes it.
            seconds: How long the leases hold unless they are renewed.

        Returns:
            The names that *holder* has now; those of others are missing.
        """
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
        """Hold every lease that *holder* still has for *seconds* from now; one that ended is not taken again.

        Args:
            holder: Who holds the leases.
            seconds: How long they hold from now.
        """
        moment = self.now()
        with writing(self.engine) as connection:
            mine = locked(connection, LEASE.c.name, and_(LEASE.c.holder == holder, LEASE.c.until >= moment))
            held = update(LEASE).where(LEASE.c.name.in_(mine))
            connection.execute(held.values(until=moment + timedelta(seconds=seconds)))

    def give_back(self, names: Collection[str], holder: str) -> None:
        """End the leases that *holder* has.

        Args:
            names: Leases to end; those of others stay.
            holder: Who holds them.
        """
        with writing(self.engine) as connection:
            mine = locked(connection, LEASE.c.name, and_(LEASE.c.holder == holder, LEASE.c.name.in_(sorted(names))))
            connection.execute(delete(LEASE).where(LEASE.c.name.in_(mine)))

    def holders(self) -> set[str]:
        """Return who holds leases.

        Returns:
            Each holder once, also one whose leases have run out.
        """
        with self.engine.connect() as connection:
            return set(connection.execute(select(LEASE.c.holder).distinct()).scalars())

    def abandon(self, holder: str) -> None:
        """End every lease of a holder who is no more."""
        with writing(self.engine) as connection:
            mine = locked(connection, LEASE.c.name, LEASE.c.holder == holder)
            connection.execute(delete(LEASE).where(LEASE.c.name.in_(mine)))

    @contextmanager
    def lock(self, name: str, holder: str, *, seconds: float) -> Iterator[None]:
        """Hold one lease while the block runs; wait for whoever holds it.

        Of a holder on this machine that was killed it is taken over; any other's ends by itself at last.

        Args:
            name: What is to be held by one process at a time.
            holder: Who takes it.
            seconds: How long the lease holds; the block must be done by then.

        Raises:
            TryLaterError: It was not free for twice *seconds*.
        """
        began, looked = time.monotonic(), float("-inf")
        while not self.take([name], holder, seconds=seconds):
            now = time.monotonic()
            if now > began + 2 * seconds:
                raise TryLaterError(f"Another process still holds the lock {name!r}.")
            if now > looked + LOOK_FOR_DEAD:
                looked = now
                for gone in filter(has_gone, self.holders()):
                    self.abandon(gone)
            else:
                time.sleep(LOOK_AGAIN)
        try:
            yield
        finally:
            self.give_back([name], holder)
