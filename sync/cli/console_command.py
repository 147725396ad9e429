"""The command `console`: the local web pages."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated

import typer

from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of
from sync.clock import clock_of

PORT = 8500


@app.command("console")
def console_command(
    *,
    workspace: WorkspaceOption = HERE,
    port: Annotated[int, typer.Option("--port", help="Port on this computer; 0 picks a free one.")] = PORT,
    as_json: JsonOption = False,
) -> None:
    """Open local web pages: people, segments, plans, campaigns, data. For this computer only; Ctrl-C ends them."""
    from sync.console import server  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)

    def ready(link: str, end: Callable[[], None]) -> None:
        del end
        console.result(
            {"link": link},
            "The console runs on this computer only. Open this link; it works once, within 15 minutes:",
            link,
            "Press Ctrl-C to end it.",
        )

    listening = server.listen_locally(port)
    with listening:
        server.serve_console(
            workspace,
            now=clock_of(workspace),
            environment=os.environ,
            listening=listening,
            ready=ready,
            tell=console.say,
        )
