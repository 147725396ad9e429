"""What a command ends with: the next sensible one, on stderr; not for scripts (`--json`, `--quiet`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.errors import PersonasyncError
from sync.cli.console import put
from sync.cli.where import workspace_option
from sync.clock import clock_of

SILENT = {
    "serve",
    "console",
    "mcp",
    "demo",
    "help",
    "notify",
    "sandbox up",
    "connectors list",
    "connectors new",
    "campaign",
}
"""They run until they are ended, are for machines, end with a screen of their own, or have no workspace."""
SAY_THEMSELVES = {"discover", "fit", "survey design", "survey score", "survey import", "personas draft"}
"""Their last lines name a command that follows from the result."""
ENDED = (0, 4)  # done; done with rejects


def advise(command: str, given: Mapping[str, Any], status: int) -> None:
    """Print the next sensible command.

    Args:
        command: What was run, such as "sandbox send".
        given: Its parameters by their names.
        status: Its exit status.
    """
    if command in SILENT | SAY_THEMSELVES or given.get("as_json") or given.get("check"):
        return
    if status in ENDED or command == "doctor":
        directory = Path(given.get("workspace") or given.get("directory") or ".")
        sentence = _sentence(directory, command, status, workspace_option(given))
        if sentence:
            put(sentence, sys.stderr)


def _sentence(directory: Path, command: str, status: int, where: str) -> str:
    from sync.ops.next_step import next_step, workspace_standing  # noqa: PLC0415 - help and completion need none of it
    from sync.session import open_read_stores  # noqa: PLC0415

    now = clock_of(directory)
    try:
        with open_read_stores(directory, now=now) as looked:
            standing = workspace_standing(looked, now=now())
    except (PersonasyncError, OSError):  # the command is done; what is wrong, the next one says
        return ""
    return next_step(standing, command=command, status=status).sentence(where)
