"""What `init` writes: three commented files that validate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class NewConnection:
    """One connection of a new workspace. `settings`: its keys in personasync.toml, secrets as references."""

    name: str
    connector: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` was told."""

    name: str
    connections: Sequence[NewConnection] = field(default_factory=tuple)


def write_workspace(directory: Path, answers: Answers) -> list[Path]:
    """Write the files of a new workspace that are not there yet, and return them. Never overwrites."""
    raise NotImplementedError
