"""Names for shell completion, read from the workspace's files as they stand: a file that is wrong gives none."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

from sync.control.names import newest_runs

STATE = ".personasync"
Names = Callable[[Path], Iterable[str | tuple[str, str]]]
"""Given a workspace's folder: names, or names with what a shell shows beside them."""


def completing(*sources: Names) -> Callable[[typer.Context, str], list[Any]]:
    """Return what Typer asks when somebody presses Tab at a value: the names of *sources* in the chosen workspace."""

    def complete(ctx: typer.Context, incomplete: str) -> list[Any]:
        folder = Path(ctx.params.get("workspace") or ".")
        candidates = [candidate for source in sources for candidate in source(folder)]
        return [
            candidate
            for candidate in candidates
            if (candidate if isinstance(candidate, str) else candidate[0]).startswith(incomplete)
        ]

    return complete


def segments(folder: Path) -> list[tuple[str, str]]:
    """Return the segments with their titles."""
    listed = _read(folder / "segments.toml").get("segments", [])
    return [
        (str(segment["name"]), str(segment.get("title", "")))
        for segment in listed
        if isinstance(segment, dict) and "name" in segment
    ]


def personas(folder: Path) -> list[tuple[str, str]]:
    """Return the personas' short names, with their names for people."""
    return _tables(folder / "personas.toml", "personas", "name")


def experiments(folder: Path) -> list[tuple[str, str]]:
    """Return the experiments with what decides them."""
    return _tables(folder / "experiments.toml", "experiments", "metric")


def connections(folder: Path) -> list[tuple[str, str]]:
    """Return the connections with their kind of platform."""
    return _tables(folder / "personasync.toml", "connections", "connector")


def runs(folder: Path) -> list[tuple[str, str]]:
    """Return the newest runs with their commands; none of a store that is a server."""
    return newest_runs(folder / STATE / "control.db")


def plans(folder: Path) -> list[str]:
    """Return the saved plans, newest first, as paths."""
    files = sorted((folder / STATE / "plans").glob("*.jsonl"), reverse=True)
    return [os.fspath(path) for path in files]


def _tables(file: Path, name: str, label: str) -> list[tuple[str, str]]:
    listed = _read(file).get(name, {})
    if not isinstance(listed, dict):
        return []
    return [(slug, str(entry.get(label, ""))) for slug, entry in listed.items() if isinstance(entry, dict)]


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
