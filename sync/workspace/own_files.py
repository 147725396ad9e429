"""Files of a workspace that no command writes to because a person named them: its settings, stores and sources."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError
from sync.workspace.definition_files import MAIN

STATE = ".personasync"
LONGEST = 500  # characters of what may be a path
OTHER = "Choose another file: this one would be lost."


def refuse_own_file(target: Path) -> None:
    """See that a file or folder that somebody named to be written is none that a workspace lives on.

    Args:
        target: As it was named; it need not be there.

    Raises:
        FixSettingsError: It is a file of settings or definitions, lies among the stores, or is a source of a connection
            or a secret that personasync.toml names.
    """
    path = target.resolve()
    for root in (path, *path.parents):
        if (root / MAIN).is_file():
            inside = path.relative_to(root)
            if inside.parts[:1] == (STATE,) or inside.suffix == ".toml" or path in _named(root):
                raise FixSettingsError(f"{target} belongs to the workspace {root}.", fix=OTHER)


def _named(root: Path) -> set[Path]:
    """Files that personasync.toml names: sources of connections, secrets, a store elsewhere."""
    try:
        texts = list(_texts(tomllib.loads((root / MAIN).read_text("utf-8"))))
    except (OSError, ValueError):  # what is wrong with it, the next command says
        return set()
    named = [text.removeprefix("file:").removeprefix("sqlite:///") for text in texts if len(text) < LONGEST]
    return {path.resolve() for text in named if "\0" not in text and (path := root / text).is_file()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
