"""The option that says where the workspace is: whoever gave it gets it again in each command that a text names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sync.cli.commands import ENTRIES, GROUPS, NO_WORKSPACE

NAMED = re.compile(r"(`?)personasync ([a-z-]+)(?: ([a-z-]+))?")


@dataclass(slots=True)
class Where:
    """What this process was told; "" for the current folder."""

    option: str = ""


GIVEN = Where()


def workspace_option(given: Mapping[str, Any]) -> str:
    """Return the option that names the workspace of a command, with a space before it; "" for the current folder.

    Args:
        given: The command's parameters by their names.
    """
    directory = Path(given.get("workspace") or given.get("directory") or ".")
    return "" if directory == Path() else f" --workspace {shlex.quote(str(directory))}"


def with_workspace(text: str) -> str:
    """Return *text* with the option in each command that it names, takes the option and lacks it.

    In backticks it stands last, otherwise right behind the command's name.
    """
    if not GIVEN.option or "personasync " not in text:
        return text
    parts, at = [], 0
    for match in NAMED.finditer(text):
        place = _place(text, match)
        if place is not None and place >= at:
            parts += [text[at:place], GIVEN.option]
            at = place
    return "".join([*parts, text[at:]])


def _place(text: str, match: re.Match[str]) -> int | None:
    """Where the option goes; None where there is none to add."""
    name, below = match[2], match[3]
    group = name in GROUPS
    path = f"{name} {below}" if group else name
    if name not in ENTRIES or path in NO_WORKSPACE or (group and below not in GROUPS[name]):
        return None
    end = text.find("`" if match[1] else "\n", match.end())
    end = len(text) if end < 0 else end
    if re.search(r"\s(?:--workspace|-w)\b", text[match.start() : end]):
        return None
    return end if match[1] else match.end(3 if group else 2)
