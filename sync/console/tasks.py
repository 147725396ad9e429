"""What the console does to the workspace: one command at a time, in a thread, with its progress for all to see."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.errors import PersonasyncError, TryLaterError
from connectors.secret import hide
from sync.clock import duration
from sync.session import Progress, Session, open_session

KEPT = 50
"""Tasks that are remembered."""
LEAST_SECONDS = 1.0
"""Before, the speed of a step tells nothing."""
AGAIN = "Wait until it has ended, then try again."


@dataclass(frozen=True, slots=True)
class Finished:
    """What a task ended with.

    Attributes:
        sentences: What was done.
        rows: Name and count.
        place: The page to go on with, and what its link says; "" for none.
        outcome: For the next page, such as what an undo would do.
    """

    sentences: Sequence[str]
    rows: Sequence[tuple[str, int]] = ()
    place: str = ""
    text: str = ""
    outcome: Any = None


Work = Callable[[Session, Progress], Finished]


@dataclass(slots=True)
class Task:
    """Something that was started from a page.

    Attributes:
        title: As the page says it.
        back: The page that it was started from.
        steps: What is read or written: how much is done, and of how much (None: unknown).
        state: "working", "done" or "failed".
        message: Why it failed.
    """

    task_id: str
    title: str
    back: str
    started_at: datetime
    steps: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    state: str = "working"
    message: str = ""
    finished: Finished | None = None
    changed: int = 0
    clock: Callable[[], float] = time.monotonic
    _began: dict[str, tuple[float, int]] = field(default_factory=dict)

    def progress(self, name: str, done: int, total: int | None) -> None:
        """Note how far it is."""
        self._began.setdefault(name, (self.clock(), done))
        self.steps[name] = (done, total)
        self.changed += 1

    def left(self, name: str) -> str:
        """Return how long a step still takes if it goes on as so far, in words; "" where that is not known."""
        done, total = self.steps[name]
        began, at_first = self._began[name]
        took = self.clock() - began
        if total is None or not at_first < done < total or took < LEAST_SECONDS:
            return ""
        return f"about {duration(took / (done - at_first) * (total - done))} left"


class Tasks:
    """The tasks of one console.

    Args:
        directory: The workspace's folder.
        now: Clock, UTC.
        environment: Where secrets are looked up.
    """

    def __init__(self, directory: Path, *, now: Callable[[], datetime], environment: Mapping[str, str]) -> None:
        self._directory, self._now, self._environment = directory, now, environment
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, title: str, back: str, work: Work) -> Task:
        """Start something, in a session that holds the workspace as the command of the same name does.

        Args:
            title: As the page says it.
            back: The page to come back to.
            work: What is done.

        Raises:
            TryLaterError: Another task of this console works still.
        """
        with self._lock:
            working = next((task for task in self._tasks.values() if task.state == "working"), None)
            if working is not None:
                raise TryLaterError(f"“{working.title}” is still running.", fix=AGAIN)
            task = Task(secrets.token_hex(8), title, back, self._now())
            self._tasks[task.task_id] = task
            while len(self._tasks) > KEPT:
                del self._tasks[next(iter(self._tasks))]
            # a second Ctrl-C ends the process at once; the command goes on where it stopped when it is run again
            thread = threading.Thread(target=self._do, args=(task, work), name=f"console-{title}", daemon=True)
            self._threads = [*(each for each in self._threads if each.is_alive()), thread]
            thread.start()
        return task

    def _do(self, task: Task, work: Work) -> None:
        try:
            with open_session(self._directory, now=self._now, environment=self._environment) as session:
                task.finished = work(session, task.progress)
            task.state = "done"
        except PersonasyncError as error:
            task.message, task.state = hide(str(error)), "failed"
        except Exception as error:  # noqa: BLE001 - the edge of a thread: the page says what happened
            task.message, task.state = hide(f"Unexpected error: {error!r}."), "failed"
        task.changed += 1

    def get(self, task_id: str) -> Task | None:
        """Return a task; None where there is none of that id."""
        return self._tasks.get(task_id)

    def working(self) -> Task | None:
        """Return the task that works now; None: none."""
        return next((task for task in list(self._tasks.values()) if task.state == "working"), None)

    def end(self) -> None:
        """Wait for what is under way."""
        for thread in self._threads:
            thread.join()
