"""The process beside the console's that reads the warehouse and calculates: pages never wait for each other's figures.

A question goes to it as a function that can be pickled, with its arguments (`functools.partial`), and the answer comes
back as a value. It opens what a page asks first as soon as data are new. It ends with the console, however that ends.
"""

from __future__ import annotations

import inspect
import logging
import signal
import sys
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError, PersonasyncError, TryLaterError
from connectors.secret import hide
from sync.console.figures import Dated
from sync.console.lane import Answer, NoDataError
from sync.console.reading import Reader, WorkspaceReader
from sync.control.damage import control_trouble
from sync.session import Session
from sync.warehouse.damage import warehouse_trouble

END_SECONDS = 10.0
"""How long the process may take to delete its copies."""
KINDS: tuple[tuple[str, type[PersonasyncError]], ...] = (
    ("fix", FixSettingsError),
    ("later", TryLaterError),
    ("other", PersonasyncError),
)
log = logging.getLogger(__name__)


class TroubleError(Exception):
    """The calculation failed in a way that nobody foresaw; its text is for people."""


@dataclass(slots=True)
class Waited:
    """How far the calculation that a page waits for is: what is done, how much of it, and of how much."""

    step: tuple[str, int, int | None] | None = None

    def tell(self, step: tuple[str, int, int | None]) -> None:
        """Note how far it is."""
        self.step = step


WAITED: ContextVar[Waited | None] = ContextVar("waited", default=None)
"""Of the page that is made."""


class Calculator(WorkspaceReader):
    """Answers of one workspace, calculated in a process of its own; arguments as of `Reader`, to be pickled."""

    def __init__(
        self,
        directory: Path,
        *,
        now: Callable[[], datetime],
        environment: Mapping[str, str],
        first: Sequence[Callable[[Session], object]] = (),
    ) -> None:
        super().__init__(directory, now=now, environment=environment)
        self._first = tuple(first)
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._asked: dict[int, tuple[Future[Any], Waited | None]] = {}
        self._process: BaseProcess | None = None
        self._questions: Connection | None = None
        self._ended = False
        with self._lock:
            self._running_process()

    def ask(self, key: Hashable, function: Callable[[Session], Answer], *, slow: bool = False) -> Answer:
        """Return the answer of *function*, which can be pickled (`WorkspaceReader.ask`).

        Raises:
            PersonasyncError: Whatever *function* raises, by its kind; `NoDataError` before the first pull.
            TroubleError: What nobody foresaw.
        """
        answer: Answer = self._answer(key, function, slow, None)
        return answer

    def figures(self, key: Hashable, function: Callable[[Session], Any], kind: Any) -> Dated:
        """Return the answer of *function*, which can be pickled, as *kind* can (`WorkspaceReader.figures`).

        Raises:
            PersonasyncError: Whatever *function* raises, by its kind; `NoDataError` before the first pull.
            TroubleError: What nobody foresaw.
        """
        dated: Dated = self._answer(key, function, True, kind)  # noqa: FBT003 - it is slow
        return dated

    def _answer(self, key: Hashable, *asked: Any) -> Any:
        answer: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            self._asked[number] = answer, WAITED.get()
            self._running_process().send((number, key, *asked))
        return answer.result()

    def _running_process(self) -> Connection:
        """The connection to the process; it is started where there is none, or it was killed."""
        if self._process is not None and self._process.is_alive() and self._questions is not None:
            return self._questions
        if self._ended:
            raise TryLaterError("The console is ending.", fix="Start it again.")
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self.directory, self.now, dict(self.environment), self._first)
        process = context.Process(target=calculate, args=arguments, name="console-calculator", daemon=True)
        process.start()
        theirs.close()
        self._process, self._questions = process, ours
        threading.Thread(target=self._listen, args=(ours,), name="console-answers", daemon=True).start()
        return ours

    def _listen(self, connection: Connection) -> None:
        """Hand answers to those who wait, until the process ends."""
        with suppress(EOFError, OSError):
            while True:
                number, kind, content = connection.recv()
                self._told(number, kind, content)
        with self._lock:
            if connection is not self._questions:
                return
            self._questions = None
            lost, self._asked = list(self._asked.values()), {}
        for answer, _ in lost:
            with suppress(InvalidStateError):
                answer.set_exception(TryLaterError("The calculation was ended.", fix="Load the page again."))

    def _told(self, number: int, kind: str, content: Any) -> None:
        if kind == "progress":
            waited = self._asked.get(number, (None, None))[1]
            if waited is not None:
                waited.tell(content)
            return
        with self._lock:
            answer, _ = self._asked.pop(number, (None, None))
        if answer is not None and kind == "answer":
            answer.set_result(content)
        elif answer is not None:
            answer.set_exception(_error_of(kind, content))

    def end(self) -> None:
        """End the process, which deletes its copies; what it calculates is broken off."""
        with self._lock:
            self._ended = True
            process, questions = self._process, self._questions
            if questions is not None:
                with suppress(OSError):
                    questions.send(None)
        if process is not None:
            process.join(END_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()


def _error_of(kind: str, content: tuple[str, str]) -> Exception:
    what, fix = content
    if kind == "no data":
        return NoDataError()
    known = next((error for name, error in KINDS if name == kind), None)
    return known(what, fix=fix) if known else TroubleError(what)


def _told_of(error: BaseException) -> tuple[str, tuple[str, str]]:
    """Kind and text of an error: those of connectors and drivers are not all made again from what is pickled."""
    if isinstance(error, NoDataError):
        return "no data", ("", "")
    for name, kind in KINDS:
        if isinstance(error, kind):
            return name, (error.what, error.fix)
    known = warehouse_trouble(error) or control_trouble(error) if isinstance(error, Exception) else None
    log.warning("%s", hide(repr(error)))
    return "trouble", (hide(str(known) if known else f"Unexpected error: {error!r}."), "")


def calculate(
    connection: Connection,
    directory: Path,
    now: Callable[[], datetime],
    environment: Mapping[str, str],
    first: Sequence[Callable[[Session], object]],
) -> None:
    """Answer questions until the console ends; this is what the process runs.

    Args:
        connection: Questions come from it (number, key, function, slow, type of figures), answers go to it (number,
            kind, content).
        directory: The workspace's folder.
        now: Clock, UTC.
        environment: Where secrets are looked up.
        first: What is read before anybody asks.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group, and the console says when to end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # copies are deleted then
    reader = Reader(directory, now=now, environment=environment, first=first)
    sending = threading.Lock()

    def send(number: int, kind: str, content: Any) -> None:
        with sending, suppress(OSError):
            connection.send((number, kind, content))

    def give(number: int, answer: Future[Any]) -> None:
        if answer.cancelled():
            return
        error = answer.exception()
        if error is not None:
            send(number, *_told_of(error))
            return
        try:
            send(number, "answer", answer.result())
        except Exception as unlike:  # noqa: BLE001 - what can't be pickled is told, so that nobody waits for it
            send(number, *_told_of(unlike))

    try:
        with suppress(EOFError, OSError):
            while (asked := connection.recv()) is not None:
                number, key, function, slow, kind = asked
                work = _with_progress(function, partial(send, number, "progress"))
                reader.asked(key, work, slow=slow, kind=kind).add_done_callback(partial(give, number))
    finally:
        reader.end()


def _with_progress(
    function: Callable[..., Answer], tell: Callable[[tuple[str, int, int | None]], None]
) -> Callable[[Session], Answer]:
    """Tell how far a function is that can tell it."""
    if "progress" not in inspect.signature(function).parameters:
        return function
    return partial(function, progress=lambda name, done, total: tell((name, done, total)))
