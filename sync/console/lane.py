"""One thread that reads one copy of the warehouse, and keeps its answers until something changes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import datetime
from typing import Any, Protocol, TypeVar

from connectors.errors import FixSettingsError
from sync.console.figures import Dated, KeptFigures
from sync.control.rows import Run
from sync.session import Session
from sync.warehouse.copies import open_copy
from sync.warehouse.damage import FILE
from sync.warehouse.opening import open_warehouse
from sync.workspace.manifest import load_manifest
from sync.workspace.settings import Workspace

Answer = TypeVar("Answer")
Mark = tuple[Any, ...]
KEPT = 200
"""Answers that are kept for each lane."""
END_SECONDS = 0.2
"""A statement that runs on is interrupted so often when the console ends."""
IDLE_SECONDS = 600.0
"""After so long without a question the copy is deleted."""


class NoDataError(FixSettingsError):
    """Nothing was pulled yet."""

    def __init__(self) -> None:
        super().__init__("There are no data yet.", fix="Run `personasync pull`, then `personasync assign`.")


class Watched(Protocol):
    """What a lane asks of the workspace that it reads: see `sync.console.reading.Reader`."""

    now: Callable[[], datetime]
    environment: Mapping[str, str]
    first: Sequence[Callable[[Session], object]]
    kept: KeptFigures

    def data_mark(self) -> Mark:
        """Return what changes when the data do."""

    def state_mark(self) -> Mark:
        """Return what changes when definitions, models or the control store do."""

    def is_now(self, mark: Mark) -> bool:
        """Tell whether these are the marks, and no command runs."""

    def running(self) -> Run | None:
        """Return the command that runs."""

    def workspace(self) -> Workspace:
        """Return the workspace's files."""

    def whole_control(self) -> AbstractContextManager[Any]:
        """Open the control store."""


class Lane:
    """One thread that reads one copy: questions of a lane wait for each other, those of two lanes do not."""

    def __init__(self, reader: Watched, name: str) -> None:
        self._reader = reader
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"console-{name}")
        self._opened: ExitStack | None = None
        self._session: Session | None = None
        self._data: Mark = ()
        self._state: Mark = ()
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self.used_at = time.monotonic()
        self._asking = False

    def ask(self, key: Hashable, function: Callable[[Session], Any], kind: Any = None) -> Future[Any]:
        """Return the answer of *function* to come; one that is kept under *key* is given again.

        Args:
            key: Of the answer.
            function: Only reads.
            kind: Type of an answer that is kept on disk, and `Dated`; None: in memory only.
        """
        self.used_at = time.monotonic()
        return self._pool.submit(self._answer, key, function, kind)

    def _answer(self, key: Hashable, function: Callable[[Session], Any], kind: Any) -> Any:
        session = self._renewed()
        if key in self._kept and (kind is None or self._kept[key].holds(self._reader.now())):
            self._kept.move_to_end(key)
            return self._kept[key]
        answer = self._asked(session, function) if kind is None else self._dated(session, key, function, kind)
        self._kept[key] = answer
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return answer

    def _dated(self, session: Session, key: Hashable, function: Callable[[Session], Any], kind: Any) -> Dated:
        """The figures that are kept on disk, or new ones, which are kept unless something has changed meanwhile."""
        reader, mark = self._reader, (self._data, self._state)
        at = reader.now()
        kept = reader.kept.read(mark, key, kind, at)
        if kept is not None:
            return kept
        dated = Dated(self._asked(session, function), at)
        if reader.is_now(mark):
            reader.kept.write(mark, key, kind, dated)
            if not reader.is_now(mark):  # an erasure may have come in between
                reader.kept.drop_others(())
        return dated

    def _asked(self, session: Session, function: Callable[[Session], Answer]) -> Answer:
        with self._reader.whole_control() as control:
            session.control = control
            self._asking = True
            try:
                return function(session)
            finally:
                self._asking = False

    def read_first(self) -> None:
        """Open the copy and read what pages ask first, before anybody asks; trouble is told who does.

        It is done in parts, and what is asked meanwhile comes between them.
        """
        self._read_from(0)

    def _read_from(self, place: int) -> None:
        def read() -> None:
            with suppress(Exception):
                self._asked(self._renewed(), self._reader.first[place])
            self._read_from(place + 1)

        if place < len(self._reader.first):
            with suppress(RuntimeError):  # the pool has been shut down
                self._pool.submit(read)

    def _renewed(self) -> Session:
        """The session on the newest copy, or on the one before while a command runs."""
        data, state = self._reader.data_mark(), self._reader.state_mark()
        if self._session is not None and (data, state) != (self._data, self._state) and self._reader.running():
            return self._session
        if self._session is None or data != self._data:
            self._close()
            try:
                self._session = self._open()
            except BaseException:
                self._close()
                raise
            self._data, self._state = data, state
        elif state != self._state:
            self._session.workspace = self._reader.workspace()
            self._session.warehouse.read_once.forget()
            self._kept.clear()
            self._state = state
        return self._session

    def _open(self) -> Session:
        workspace, reader = self._reader.workspace(), self._reader
        self._opened = ExitStack()
        embedded = workspace.engine.reveal() == "duckdb"
        if embedded and not (workspace.state_dir / FILE).is_file():
            raise NoDataError
        if embedded:
            warehouse = self._opened.enter_context(open_copy(workspace.state_dir))
        else:
            warehouse = open_warehouse(workspace.engine.reveal(), workspace.state_dir)
            self._opened.callback(warehouse.close)
        with reader.whole_control() as control:
            session = Session(
                workspace, load_manifest(), control, warehouse, reader.now, reader.environment, copied=embedded
            )
        self._opened.enter_context(warehouse.reading())
        return session

    def close_if(self, *, data: Mark, state: Mark) -> Future[None]:
        """Delete the copy where the data in force are others, or nobody has asked for long.

        Where somebody asked of late, what pages ask first is read again as soon as data or state are others.
        """

        def look() -> None:
            idle = time.monotonic() - self.used_at > IDLE_SECONDS
            if self._session is None:
                return
            changed = (self._data, self._state) != (data, state)
            if idle or self._data != data:
                self._close()
            if changed and not idle:
                self.read_first()  # after what was asked meanwhile

        return self._pool.submit(look)

    def _close(self) -> None:
        self._kept.clear()
        self._session = None
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def end(self) -> None:
        """Delete the copy, and end the thread; what it calculates is broken off, since it only reads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        while self._thread_lives():
            session = self._session
            if self._asking and session is not None:
                session.warehouse.interrupt()
        self._close()

    def _thread_lives(self) -> bool:
        threads = list(self._pool._threads)  # noqa: SLF001 - an executor tells nobody that it has ended
        for thread in threads:
            thread.join(END_SECONDS)
        return any(thread.is_alive() for thread in threads)
