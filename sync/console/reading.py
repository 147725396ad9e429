"""What the pages show, read from a copy of the warehouse, so that no command ever waits for the console.

The embedded engine's file has one user at a time. The console never opens it: it copies the file as the last commit
left it, and reads the copy until the file has changed. While a command runs, pages go on showing what was there before
it. The control store is opened for each question only. Answers are kept until something changes. The console asks in a
process of its own (`sync.console.calculator`), so that no page waits for a calculation of another.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.errors import PersonasyncError
from connectors.processes import is_alive
from sync.console.figures import Dated, KeptFigures
from sync.console.lane import Answer, Lane, Mark
from sync.control.reading import ReadControl, open_read_control
from sync.control.rows import Run
from sync.control.store import open_control
from sync.session import ReadStores, Session, refuse_lost_control
from sync.warehouse.damage import FILE
from sync.workspace.definition_files import MAIN, PERSONAS, SEGMENTS
from sync.workspace.experiments import EXPERIMENTS
from sync.workspace.settings import STATE, Workspace, load_workspace

FILES_KEPT = 8
"""Files of which the answer is kept."""
WATCH_SECONDS = 2.0
SWEEP_SECONDS = 5.0
"""How long a look after old copies waits for a calculation under way."""
DEFINITIONS = (MAIN, SEGMENTS, PERSONAS, EXPERIMENTS)
CONTROL = ("control.db", "control.db-wal")
RUNS_LOOKED_AT = 10
LEARNED = ("models", "tools")


def _stat(path: Path) -> Any:
    """What changes when a file is written; an empty one counts as none, since to open a store makes an empty log."""
    with suppress(OSError):
        known = path.stat()
        return (known.st_mtime_ns, known.st_size, known.st_ino) if known.st_size else None
    return None


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
    def figures(self, key: Hashable, function: Callable[[Session], Any], kind: Any) -> Dated:
        """Return the answer of *function*, which takes long; it is kept on disk for the next console too.

        Args:
            key: Of the answer, in the workspace.
            function: Only reads.
            kind: Type of the answer, which `sync.console.figures` can write and read.

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
        self.first, self.kept = first, KeptFigures(directory / STATE)
        self._swept: Mark = ()
        self._lanes["quick"].read_first()
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._watching, name="console-watch", daemon=True)
        self._watch.start()

    def ask(self, key: Hashable, function: Callable[[Session], Answer], *, slow: bool = False) -> Answer:
        """Return the answer of *function* to the session on the copy (`WorkspaceReader.ask`)."""
        answer: Answer = self.asked(key, function, slow=slow).result()
        return answer

    def figures(self, key: Hashable, function: Callable[[Session], Any], kind: Any) -> Dated:
        """Return the answer of *function*, and when it was calculated (`WorkspaceReader.figures`)."""
        dated: Dated = self.asked(key, function, slow=True, kind=kind).result()
        return dated

    def asked(
        self, key: Hashable, function: Callable[[Session], Any], *, slow: bool = False, kind: Any = None
    ) -> Future[Any]:
        """Return the answer of `ask` to come, or that of `figures` where it has a *kind*."""
        return self._lanes["slow" if slow else "quick"].ask(key, function, kind)

    def is_now(self, mark: Mark) -> bool:
        """Tell whether data and state are still those of *mark*, and no command runs."""
        return not self.running() and (self.data_mark(), self.state_mark()) == mark

    def _watching(self) -> None:
        """An erasure must reach the copy too, although nobody asks a page."""
        while not self._ended.wait(WATCH_SECONDS):
            self.sweep()

    def sweep(self) -> None:
        """Delete copies and figures that are out of date, unless a command runs, and copies that nobody asks."""
        if not self.running():
            data, state = self.data_mark(), self.state_mark()
            if (data, state) != self._swept:
                self.kept.drop_others((data, state))
                self._swept = data, state
            closing = [lane.close_if(data=data, state=state) for lane in self._lanes.values()]
            wait(closing, timeout=SWEEP_SECONDS)

    def end(self) -> None:
        """Delete the copies."""
        self._ended.set()
        self._watch.join()
        for lane in self._lanes.values():
            lane.end()
