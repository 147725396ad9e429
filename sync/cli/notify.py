"""The command notify, and what `run` does with it at its end."""

from __future__ import annotations

import os
from pathlib import Path

from sync.cli.console import Console
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, stores_of
from sync.clock import clock_of


@app.command("notify")
def notify_command(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> int:
    """Tell your team what is wrong, once, and once when it is right again. Sends what waits; writes metrics."""
    from sync.notify.job import notify  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with stores_of(workspace) as stores:
        done = notify(stores, clock_of(workspace)(), os.environ)
    document = {
        "wrong": [{"key": each.key, "title": each.title, "detail": each.detail} for each in done.wrong],
        "began": list(done.began),
        "ended": list(done.ended),
        "sent": done.sent,
        "waiting": done.waiting,
        "errors": list(done.errors),
    }
    lines = [f"{each.title}: {each.detail}" for each in done.wrong] or ["Nothing is wrong."]
    lines.append(f"{done.sent:,} messages sent, {done.waiting:,} waiting.")
    console.result(document, *lines, *(f"Not sent: {error}" for error in done.errors))
    return 1 if done.errors else 0


def notify_after_run(workspace: Path, console: Console) -> None:
    """Notify where [notify] asks for it, and never let that change how the run ended."""
    from connectors.errors import PersonasyncError  # noqa: PLC0415
    from sync.notify.job import notify  # noqa: PLC0415

    try:
        with stores_of(workspace) as stores:
            part = stores.workspace.notify
            if not (part.apprise or part.webhooks or part.metrics):
                return
            done = notify(stores, clock_of(workspace)(), os.environ)
    except PersonasyncError as error:
        console.say(f"Nobody was notified: {error}")
        return
    if done.errors:
        console.say(
            f"{done.waiting:,} messages wait and are sent with the next `personasync notify`: {done.errors[0]}."
        )
