"""Command output: the result on stdout (one JSON document or text), everything else on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from connectors.visible import visible, visible_json
from sync.cli.layout import UNBOUNDED, Table, wrap
from sync.cli.where import with_workspace

if TYPE_CHECKING:
    from rich.progress import Progress


def no_budget(name: str) -> str:
    """Return no rate budget."""
    del name
    return ""


def width_of(stream: IO[str]) -> int:
    """Return how wide lines may be on *stream*: what goes into a file or a pipe is wrapped only where COLUMNS asks."""
    if stream.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return shutil.get_terminal_size().columns
    return UNBOUNDED


def put(text: str, stream: IO[str]) -> None:
    """Write prose to *stream*, broken between words; what a terminal would obey is spelled out.

    Commands that it names get the workspace that this command was given.
    """
    stream.write("\n".join(wrap(visible(with_workspace(text)), width_of(stream))) + "\n")
    stream.flush()


@dataclass(slots=True)
class Console:
    """Output of one command, for people and for scripts.

    Attributes:
        as_json: Whether stdout carries one JSON document and nothing else.
    """

    as_json: bool

    def say(self, text: str) -> None:
        """Print prose that is not the result: always on stderr."""
        put(text, sys.stderr)

    def result(self, document: Mapping[str, Any], *shown: str | Table) -> None:
        """Print the result: *document* for scripts, *shown* for people."""
        if self.as_json:
            indent = 2 if sys.stdout.isatty() else None
            put_json(document, indent)
            return
        for part in shown:
            if isinstance(part, str):
                put(part, sys.stdout)
            else:
                sys.stdout.write("".join(f"{line}\n" for line in part.lines(width_of(sys.stdout))))

    @contextmanager
    def progress(self, budget: Callable[[str], str] = no_budget) -> Iterator[Bars]:
        """Show bars on stderr while the block runs: done, rate, time left, budget in use. None where it is no terminal.

        Nothing may be asked meanwhile: the bars would be painted over the question.

        Args:
            budget: Returns how much of a connection's limit is in use, given a bar's name.
        """
        with _bars() as shown:
            yield Bars(shown, budget)


def put_json(document: Mapping[str, Any], indent: int | None = None) -> None:
    """Write one JSON document to stdout; values are exact, some characters written as JSON's escapes."""
    sys.stdout.write(visible_json(json.dumps(document, default=str, ensure_ascii=False, indent=indent)) + "\n")


def _bars() -> Progress:
    from rich.console import Console as Terminal  # noqa: PLC0415 - only who shows progress needs it
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    err = Terminal(file=sys.stderr, highlight=False, soft_wrap=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[budget]}"),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )


class Bars:
    """Progress by name: `bars("crm contacts", done, total)`, as often as one likes."""

    def __init__(self, shown: Progress, budget: Callable[[str], str] = no_budget) -> None:
        self.shown, self.budget = shown, budget
        self.tasks: dict[str, Any] = {}

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Set the bar *name* to *done* of *total* (None: unknown)."""
        if name not in self.tasks:
            self.tasks[name] = self.shown.add_task(name, total=total, rate="", budget="")
        task = self.shown.tasks[self.tasks[name]]
        rate = f"{done / task.elapsed:,.0f}/s" if task.elapsed else ""
        self.shown.update(self.tasks[name], completed=done, total=total, rate=rate, budget=self.budget(name))


def table(*columns: str, rows: Sequence[Sequence[object]], title: str | None = None) -> Table:
    """Return a plain table; numbers are right-aligned and grouped by thousands."""
    named = [[with_workspace(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    return Table(columns, named, title)
