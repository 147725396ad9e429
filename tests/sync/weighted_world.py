"""A workspace in which a quarter of the people stands for half of the population, and commands in it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sync.cli.main import run

Told = Callable[..., dict[str, Any]]


def weighted_kinds(people: int) -> tuple[np.ndarray, np.ndarray]:
    """Return who is of the second kind, every fourth, and everybody's weight: three times as much for them."""
    kind = np.arange(people) % 4 == 3
    return kind, np.where(kind, 3.0, 1.0)


def yes_chances(kind: np.ndarray) -> np.ndarray:
    """Return each person's chance to say yes to each of six items: the first three are of the first kind."""
    return np.where(kind[:, None], [0.1] * 3 + [0.9] * 3, [0.9] * 3 + [0.1] * 3)


def write_rows(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def settings(folder: Path, main: str) -> None:
    """Write settings without segments and personas."""
    for name, text in (("personasync.toml", main), ("segments.toml", ""), ("personas.toml", "")):
        (folder / name).write_text(text, "utf-8")


def number_traits(names: Sequence[str]) -> str:
    """Return settings of traits that read the property of their name."""
    return "".join(f'[traits.{name}]\nconnection = "shop"\nproperty = "{name}"\ntype = "number"\n' for name in names)


def entered(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of a workspace, which a test may change; commands run in it."""
    own = tmp_path / "workspace"
    shutil.copytree(world, own)
    monkeypatch.chdir(own)
    return own


def documents(capsys: pytest.CaptureFixture[str], *, statuses: Collection[int] = (0,)) -> Told:
    """Return what runs a command, and gives what it prints for scripts."""

    def answer(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        assert run([*arguments, "--json"]) in statuses, capsys.readouterr().err
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return answer
