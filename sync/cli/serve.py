"""Webhook service commands: serve, inbox."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of
from sync.clock import now

PortOption = Annotated[
    int | None, typer.Option("--port", help="Port to listen on, instead of [serve] port; 0 picks a free one.")
]


@app.command("serve")
def serve_command(
    *,
    workspace: WorkspaceOption = HERE,
    worker: Annotated[bool, typer.Option("--worker", help="Only process queued events; accept no webhooks.")] = False,
    port: PortOption = None,
) -> None:
    """Run the webhook service. Contacts get their persona within seconds. Ctrl-C or SIGTERM stops it cleanly."""
    from sync.webhooks import logs, server  # noqa: PLC0415 - heavy imports only where needed
    from sync.webhooks.service import open_service  # noqa: PLC0415

    logs.to_stderr()
    with open_service(workspace, now=now, environment=os.environ) as service:
        settings = service.settings
        chosen = (0 if worker else settings.port) if port is None else port
        listening = server.listen(settings.host, chosen)
        workers = max(settings.workers, 1) if worker else settings.workers
        server.serve(service, takes=not worker, workers=workers, listening=listening)


@app.command("inbox")
def inbox_command(
    *,
    workspace: WorkspaceOption = HERE,
    retry: Annotated[bool, typer.Option("--retry", help="Retry the contacts that failed (dead letters).")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the webhook queue and failed contacts (dead letters)."""
    from sync.control.store import open_control  # noqa: PLC0415
    from sync.workspace.settings import load_workspace  # noqa: PLC0415

    console = console_of(as_json=as_json)
    control = open_control(load_workspace(workspace).state_url.reveal(), now=now)
    try:
        released = control.inbox.release() if retry else 0
        backlog, dead_letters = control.inbox.backlog(), control.inbox.dead_letters()
    finally:
        control.close()
    document = {
        "waiting": backlog.waiting,
        "oldest_at": backlog.oldest_at.isoformat() if backlog.oldest_at else None,
        "released": released,
        "dead_letters": [
            {
                "contact": entry.contact,
                "tries": entry.tries,
                "since": entry.first_at.isoformat(),
                "reason": entry.reason,
            }
            for entry in dead_letters
        ],
    }
    since = f", the oldest since {backlog.oldest_at:%Y-%m-%d %H:%M:%S} UTC" if backlog.oldest_at else ""
    sentences = [f"{backlog.waiting:,} contacts are queued{since}; {len(dead_letters):,} failed and were set aside."]
    if released:
        sentences.insert(0, f"{released:,} contacts will be retried.")
    rows = [(entry.contact, str(entry.tries), entry.reason) for entry in dead_letters]
    console.result(document, *sentences, *([table("Contact", "Tries", "Reason", rows=rows)] if rows else []))
