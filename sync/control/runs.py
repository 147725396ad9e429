"""Runs of commands, and stream cursors."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from connectors.records import Cursor
from sync.control import schema
from sync.control.rows import WHOLE, Run, StreamPositions, newest_write

_COUNTER = itertools.count()
STAMP = "%Y%m%dT%H%M%S.%f"  # what a run id begins with


class Runs:
    """Commands that were run."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def begin(self, command: str) -> str:
        """Note that *command* starts, and return the id of the run; later ones sort after it, whatever the clock."""
        started = self.now()
        run_id = f"{self._after_all(started):{STAMP}}-{next(_COUNTER):04x}{uuid4().hex[:4]}"
        counts = {"process": os.getpid()}
        values = {"run_id": run_id, "command": command, "state": "running", "started_at": started, "counts": counts}
        with self.engine.begin() as connection:
            connection.execute(insert(schema.run).values(values))
        return run_id

    def _after_all(self, moment: datetime) -> datetime:
        """Return *moment*, or one that is just after the newest run, if that began under a clock that was ahead."""
        newest = self.latest()
        stamp = newest.run_id.partition("-")[0] if newest else ""
        try:
            last = datetime.strptime(stamp, STAMP).replace(tzinfo=moment.tzinfo)
        except ValueError:
            return moment
        return max(moment, last + timedelta(microseconds=1))

    def finish(self, run_id: str, state: str, counts: Mapping[str, Any]) -> None:
        """Note how it ended: *state* is done | rejects | refused | failed; *counts* any JSON object.

        Args:
            run_id: The run.
            state: "done", "rejects", "refused" or "failed".
            counts: What it did.
        """
        values = {"state": state, "counts": dict(counts), "finished_at": self.now()}
        with self.engine.begin() as connection:
            connection.execute(update(schema.run).where(schema.run.c.run_id == run_id).values(values))

    def latest(self, command: str | None = None, *, state: str | None = None) -> Run | None:
        """Return the newest run (of *command*, in *state*), or None.

        Args:
            command: Such as "assign"; None: any.
            state: Such as "done"; None: any, a run that is still going among them.

        Returns:
            None where there is none.
        """
        query = select(schema.run).order_by(schema.run.c.run_id.desc()).limit(1)
        if command is not None:
            query = query.where(schema.run.c.command == command)
        if state is not None:
            query = query.where(schema.run.c.state == state)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return _run(row) if row else None

    def get(self, run_id: str) -> Run | None:
        """Return a run, or None.

        Returns:
            None where no run has that id.
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(schema.run).where(schema.run.c.run_id == run_id)).first()
        return _run(row) if row else None

    def of_command(self, command: str) -> list[Run]:
        """Return every run of *command*, oldest first.

        Returns:
            Empty where it never ran.
        """
        query = select(schema.run).where(schema.run.c.command == command).order_by(schema.run.c.run_id)
        with self.engine.connect() as connection:
            return [_run(row) for row in connection.execute(query)]

    def since(self, command: str, moment: datetime) -> list[Run]:
        """Return the runs of *command* that began at *moment* (UTC) or later, oldest first.

        Args:
            command: Such as "pull".
            moment: UTC.

        Returns:
            Also runs that are still going.
        """
        began = schema.run.c.started_at >= moment
        query = select(schema.run).where(schema.run.c.command == command, began).order_by(schema.run.c.run_id)
        with self.engine.connect() as connection:
            return [_run(row) for row in connection.execute(query)]

    def fail_killed(self, alive: Callable[[int], bool]) -> None:
        """Note runs whose process is no more as failed: they were killed."""
        query = select(schema.run).where(schema.run.c.state == "running")
        with self.engine.connect() as connection:
            running = [_run(row) for row in connection.execute(query)]
        for run in running:
            if not alive(int(run.counts.get("process", 0))):
                self.finish(run.run_id, "failed", {**run.counts, "error": "The run was killed before it finished."})

    def newest(self, limit: int = 20, *, but: str | None = None) -> list[Run]:
        """Return the newest runs (*but* those of one command), newest first.

        Args:
            limit: At most so many.
            but: A command to leave out; None: none.

        Returns:
            Also runs that are still going.
        """
        query = select(schema.run).order_by(schema.run.c.run_id.desc()).limit(limit)
        if but is not None:
            query = query.where(schema.run.c.command != but)
        with self.engine.connect() as connection:
            return [_run(row) for row in connection.execute(query)]

    def last_write(self, *, but: str = "") -> Run | None:
        """Return the newest apply or undo that was not refused, *but* one command.

        Returns:
            None where there is none among the newest 200 runs.
        """
        return newest_write(self.newest(200, but="serve"), but)


def _run(row: Row[Any]) -> Run:
    return Run(row.run_id, row.command, row.state, row.started_at, row.finished_at, row.counts)


class Cursors(StreamPositions):
    """How far each stream has been read."""

    EVERY = "*"  # in place of a connection: a position of our own

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def ended(self, connection: str, stream: str, began: datetime, run_id: str, *, rows: int | None = None) -> None:
        """Note that the reading that began at a moment (UTC) came to the end of a stream, and the rows in force.

        Args:
            connection: Name of the connection.
            stream: Such as "contacts".
            began: When the reading began, UTC.
            run_id: The run that read it.
            rows: How many are in force now; None: not counted.
        """
        counted = {} if rows is None else {"rows": str(rows)}
        self.move(connection, stream + WHOLE, {"began": began.isoformat(), **counted}, run_id)

    def move(self, connection: str, stream: str, cursor: Cursor, run_id: str) -> None:
        """Set the cursor of a stream; call it after the rows are safe.

        Args:
            connection: Name of the connection.
            stream: Such as "contacts".
            cursor: Where to go on.
            run_id: The run that read up to there.
        """
        values = {"position": dict(cursor), "moved_at": self.now(), "run_id": run_id}
        keys = {"connection": connection, "stream": stream}
        table = schema.cursor
        moved = update(table).where(table.c.connection == connection, table.c.stream == stream).values(values)
        with self.engine.begin() as opened:
            if opened.execute(moved).rowcount:
                return
        try:
            with self.engine.begin() as opened:
                opened.execute(insert(table).values({**keys, **values}))
        except IntegrityError:  # another process was first; the later position wins
            with self.engine.begin() as opened:
                opened.execute(moved)

    def forget(self) -> None:
        """Forget how far the streams of all connections were read: they are read from the start."""
        with self.engine.begin() as opened:
            opened.execute(delete(schema.cursor).where(schema.cursor.c.connection != self.EVERY))

    def _row(self, connection: str, stream: str) -> Row[Any] | None:
        table = schema.cursor
        query = select(table).where(table.c.connection == connection, table.c.stream == stream)
        with self.engine.connect() as opened:
            return opened.execute(query).first()
