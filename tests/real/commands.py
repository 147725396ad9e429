"""Commands of personasync, each a process of its own that may be killed. What all import is imported once."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

KILLED = -9
MINUTES = 30  # of one command
LOOK = 0.005  # seconds between two looks whether it is to be killed
IMPORTED = (
    "sync.cli.main",
    "sync.ops.run",
    "sync.apply.undo",
    "sync.report.job",
    "connectors.bottlecrm",
    "connectors.ghost",
)


class CommandError(Exception):
    """A command failed; the message is what it said."""


@dataclass
class Commands:
    """A workspace, in which commands are run.

    Attributes:
        folder: The workspace.
        environment: With its secrets.
        said: What the last command said.
    """

    folder: Path
    environment: Mapping[str, str]
    said: str = ""
    _context: multiprocessing.context.ForkServerContext = field(
        default_factory=lambda: multiprocessing.get_context("forkserver"), repr=False
    )

    def __post_init__(self) -> None:
        self._context.set_forkserver_preload(list(IMPORTED))

    def run(self, *words: str, kill_when: Callable[[], bool] | None = None, allowed: Sequence[int] = (0,)) -> int:
        """Run a command, and kill it when something holds, where it has not ended by then.

        Raises:
            CommandError: It ended with another status than *allowed*.
        """
        log = self.folder / "said.txt"
        child = self._context.Process(
            target=work, args=(list(words), str(self.folder), dict(self.environment), str(log)), daemon=True
        )
        child.start()
        given_up = time.monotonic() + MINUTES * 60
        while child.is_alive() and time.monotonic() < given_up and not (kill_when and kill_when()):
            child.join(LOOK)
        late = child.is_alive()
        if late:
            child.kill()
        child.join()
        status = child.exitcode if child.exitcode is not None else KILLED
        child.close()
        self.said = log.read_text("utf-8", errors="replace") if log.exists() else ""
        if (late and kill_when is None) or (status not in allowed and status != KILLED):
            raise CommandError(f"{' '.join(words)}: status {status}: {self.said[-2000:]}")
        return status


def work(words: Sequence[str], folder: str, environment: Mapping[str, str], log: str) -> None:
    """Run one command in the process that was made for it."""
    from sync.cli.main import run  # noqa: PLC0415 - the process that starts others imports it, and not this one

    os.environ.update(environment)
    os.chdir(folder)
    with Path(log).open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.exit(run(list(words)))
