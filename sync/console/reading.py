"""What the pages show, read from a copy of the warehouse, so that no command ever waits for the console.

The embedded engine's file has one user at a time. The console never opens it: it copies the file as the last commit
left it, and reads the copy until the file has changed. While a command runs, pages go on showing what was there before
it. The control store is opened for each question only. Answers are kept until something changes. The console asks in a
process of its own (`sync.console.calculator`), so that no page waits for a calculation of another.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from connectors.errors import FixSettingsError, PersonasyncError
from connectors.processes import is_alive
from sync.control.reading import ReadControl, open_read_control
from sync.control.rows import Run
from sync.control.store import open_control
from sync.session import ReadStores, Session, refuse_lost_control
from sync.warehouse.copies import open_copy
from sync.warehouse.damage import FILE
from sync.warehouse.opening import open_warehouse
from sync.workspace.definition_files import MAIN, PERSONAS, SEGMENTS
from sync.workspace.experiments import EXPERIMENTS
from sync.workspace.manifest import load_manifest
from sync.workspace.settings import STATE, Workspace, load_workspace

Answer = TypeVar("Answer")
Mark = tuple[Any, ...]
KEPT = 200
"""Answers that are kept for each lane."""
FILES_KEPT = 8
"""Files of which the answer is kept."""
WATCH_SECONDS = 2.0
SWEEP_SECONDS = 5.0
"""How long a look after old copies waits for a calculation under way."""
END_SECONDS = 0.2
"""A statement that runs on is interrupted so often when the console ends."""
IDLE_SECONDS = 600.0
"""After so long without a question the copy is deleted."""
DEFINITIONS = (MAIN, SEGMENTS, PERSONAS, EXPERIMENTS)
CONTROL = ("control.db", "control.db-wal")
RUNS_LOOKED_AT = 10
LEARNED = ("models", "tools")


class NoDataError(FixSettingsError):
    """Nothing was pulled yet."""

    def __init__(self) -> None:
        super().__init__("There are no data yet.", fix="Run `personasync pull`, then `personasync assign`.")


def _stat(path: Path) -> Any:
    """What changes when a file is written; an empty one counts as none, since to open a store makes an empty log."""
    with suppress(OSError):
        known = path.stat()
        return (known.st_mtime_ns, known.st_size, known.st_ino) if known.st_size else None
    return None


class Lane:
    """One thread that reads one copy: questions of a lane wait for each other, those of two lanes do not."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"console-{name}")
        self._opened: ExitStack | None = None
        self._session: Session | None = None
        self._data: Mark = ()
        self._state: Mark = ()
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self.used_at = time.monotonic()
        self._asking = False

    def ask(self, key: Hashable, function: Callable[[Session], Answer]) -> Future[Answer]:
        """Return the answer of *function* to come; one that is kept under *key* is given again."""
        self.used_at = time.monotonic()
        return self._pool.submit(self._answer, key, function)

    def _answer(self, key: Hashable, function: Callable[[Session], Answer]) -> Answer:
        session = self._renewed()
        if key in self._kept:
            self._kept.move_to_end(key)
            known: Answer = self._kept[key]
            return known
        answer = self._asked(session, function)
        self._kept[key] = answer
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return answer

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


class WorkspaceReader(ABC):
    """What pages read of one workspace: its files and its control store at once, its warehouse by `ask`.

    Args:
        directory: The workspace's folder.
        now: Clock, UTC.
        environment: Where secrets are looked up.
    """

    def __init__(self, directory: Path, *, now: Callable[[], datetime], environment: Mapping[str, str]) -> None:
        self.directory, self.now, self.environment = directory, now, environment
        self._workspace: tuple[Mark, Workspace] | None = None
        self._of_files: dict[Hashable, tuple[Any, Any]] = {}

    @abstractmethod
    def ask(self, key: Hashable, function: Callable[[Session], Answer], *, slow: bool = False) -> Answer:
        """Return the answer of *function* to the session on the copy.

        Args:
            key: Answers are kept under it until the workspace changes.
            function: Only reads.
            slow: Whether it may take long: then it is done beside others.

        Raises:
            PersonasyncError: Whatever *function* raises; `NoDataError` before the first pull.
        """

    @abstractmethod
    def end(self) -> None:
        """Delete the copies."""

    def of_file(self, key: Hashable, path: Path, function: Callable[[], Answer]) -> Answer:
        """Return what *function* says of a file; it is asked again once the file has changed.

        Raises:
            PersonasyncError: Whatever *function* raises.
        """
        mark = _stat(path)
        known: tuple[Any, Answer] | None = self._of_files.get(key)
        if known is not None and known[0] == mark:
            return known[1]
        answer = function()
        self._of_files[key] = mark, answer
        while len(self._of_files) > FILES_KEPT:
            self._of_files.pop(next(iter(self._of_files)), None)
        return answer

    @contextmanager
    def stores(self) -> Iterator[ReadStores]:
        """Open what needs no warehouse: definitions, runs, plans, the ledger; as it is now."""
        workspace = self.workspace()
        control = open_read_control(workspace.state_url.reveal(), now=self.now)
        try:
            if not isinstance(control, ReadControl):
                refuse_lost_control(workspace, control)
            yield ReadStores(workspace, control)
        finally:
            control.close()

    @contextmanager
    def whole_control(self) -> Iterator[Any]:
        """Open the control store with all that it has."""
        control = open_control(self.workspace().state_url.reveal(), now=self.now)
        try:
            yield control
        finally:
            control.close()

    def workspace(self) -> Workspace:
        """Return the workspace's files, checked; they are read again when one has changed."""
        mark = tuple(_stat(self.directory / name) for name in DEFINITIONS)
        known = self._workspace
        if known is None or known[0] != mark:
            known = self._workspace = mark, load_workspace(self.directory)
        return known[1]

    def running(self) -> Run | None:
        """Return the command that runs now, ours or another's; None: none."""
        try:
            with self.stores() as stores:
                runs = stores.control.runs.newest(RUNS_LOOKED_AT, but="serve")
        except PersonasyncError:
            return None
        alive = (run for run in runs if run.state == "running" and is_alive(int(run.counts.get("process", 0))))
        return next(alive, None)

    def data_mark(self) -> Mark:
        """Return what changes when the warehouse does: its file, or on a server the commands that were run."""
        state = self.directory / STATE
        if (state / FILE).is_file():
            return _stat(state / FILE), _stat(state / f"{FILE}.wal")
        return self._runs_mark()

    def state_mark(self) -> Mark:
        """Return what changes when definitions, models or the control store do."""
        state = self.directory / STATE
        files = [self.directory / name for name in DEFINITIONS] + [state / name for name in (*CONTROL, *LEARNED)]
        known = tuple(map(_stat, files))
        return known if (state / CONTROL[0]).is_file() else (*known, self._runs_mark())

    def _runs_mark(self) -> Mark:
        """The newest runs and how they ended: each command that writes is one."""
        try:
            with self.stores() as stores:
                return tuple((run.run_id, run.state) for run in stores.control.runs.newest(RUNS_LOOKED_AT))
        except PersonasyncError:
            return ()


class Reader(WorkspaceReader):
    """Answers of one workspace: quick ones, and slow ones that others do not wait for.

    Args:
        directory: The workspace's folder.
        now: Clock, UTC.
        environment: Where secrets are looked up.
        first: What is read before anybody asks, at once and whenever data or state have changed.
    """

    def __init__(
        self,
        directory: Path,
        *,
        now: Callable[[], datetime],
        environment: Mapping[str, str],
        first: Sequence[Callable[[Session], object]] = (),
    ) -> None:
        super().__init__(directory, now=now, environment=environment)
        self._lanes = {name: Lane(self, name) for name in ("quick", "slow")}
        self.first = first
        self._lanes["quick"].read_first()
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="console-watch", daemon=True)
        self._watch.start()

    def ask(self, key: Hashable, function: Callable[[Session], Answer], *, slow: bool = False) -> Answer:
        """Return the answer of *function* to the session on the copy (`WorkspaceReader.ask`)."""
        return self.asked(key, function, slow=slow).result()

    def asked(self, key: Hashable, function: Callable[[Session], Answer], *, slow: bool = False) -> Future[Answer]:
        """Return the answer of `ask` to come."""
        return self._lanes["slow" if slow else "quick"].ask(key, function)

    def _watching(self) -> None:
        """An erasure must reach the copy too, although nobody asks a page."""
        while not self._ended.wait(WATCH_SECONDS):
            self.sweep()

    def sweep(self) -> None:
        """Delete copies that are out of date, unless a command runs, and those that nobody has asked for long."""
        if not self.running():
            data, state = self.data_mark(), self.state_mark()
            closing = [lane.close_if(data=data, state=state) for lane in self._lanes.values()]
            wait(closing, timeout=SWEEP_SECONDS)

    def end(self) -> None:
        """Delete the copies."""
        self._ended.set()
        self._watch.join()
        for lane in self._lanes.values():
            lane.end()
