"""The command `mcp`: tools for an assistant."""

from __future__ import annotations

import os
import sys

from connectors.errors import FixSettingsError
from sync.cli.options import HERE, WorkspaceOption, app
from sync.clock import clock_of


@app.command("mcp")
def mcp_command(*, workspace: WorkspaceOption = HERE) -> None:
    """Serve tools to an assistant (MCP): it reads and proposes, and never applies. An assistant's program starts it."""
    from sync.assistant import server  # noqa: PLC0415 - only who has the extra can

    if sys.stdin.isatty():
        raise FixSettingsError(
            "An assistant's program starts `personasync mcp`, and talks to it over standard input and output.",
            fix="Put the command, with --workspace, into the settings of that program.",
        )
    server.serve_assistant(workspace, now=clock_of(workspace), environment=os.environ)
