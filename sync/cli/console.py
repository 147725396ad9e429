"""Command output: the result on stdout (one JSON document or text), everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text


def no_budget(name: str) -> str:
    """Return no rate budget."""
    del name
    return ""


@dataclass(slots=True)
class Console:
    """Output of one command, for people and for scripts.

    Attributes:
        as_json: Whether stdout carries one JSON document and nothing else.
    """

    as_json: bool
    out: Terminal = field(default_factory=lambda: Terminal(file=sys.stdout, highlight=False, soft_wrap=True))
    err: Terminal = field(default_factory=lambda: Terminal(file=sys.stderr, highlight=False, soft_wrap=True))

    def say(self, text: str) -> None:
        """Print prose that is not the result: always on stderr."""
        self.err.print(text, markup=False)

    def result(self, document: Mapping[str, Any], *shown: str | Table) -> None:
        """Print the result: *document* for scripts, *shown* for people."""
        if self.as_json:
            self.out.print_json(json.dumps(document, default=str)) if self.out.is_terminal else self._plain(document)
            return
        for part in shown:
            if isinstance(part, str):
                self.out.print(part, markup=False)
            else:
                self.out.print(part)

    def _plain(self, document: Mapping[str, Any]) -> None:
        sys.stdout.write(json.dumps(document, default=str, ensure_ascii=False) + "\n")

    @contextmanager
    def progress(self, budget: Callable[[str], str] = no_budget) -> Iterator[Bars]:
        """Show bars on stderr while the block runs: done, rate, time left, budget in use. None where it is no terminal.

        Args:
            budget: Returns how much of a connection's limit is in use, given a bar's name.
        """
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[budget]}"),
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
        ) as shown:
            yield Bars(shown, budget)


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
    shown = Table(title=title, box=None, pad_edge=False, title_justify="left", header_style="bold")
    numeric = [all(isinstance(row[place], int | float) for row in rows) and bool(rows) for place in range(len(columns))]
    for name, right in zip(columns, numeric, strict=True):
        shown.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        # as Text: brackets in what people wrote are no markup
        shown.add_row(*(Text(f"{cell:,}" if isinstance(cell, int | float) else str(cell)) for cell in row))
    return shown
