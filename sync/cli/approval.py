"""The question before a plan goes out that an assistant asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from sync.cli.console import Console, width_of
from sync.cli.options import stores_of
from sync.cli.render import plan_again


def typed_code(workspace: Path, plan_file: Path | None, console: Console) -> str:
    """Show a plan that an assistant asked for, and ask for its code.

    Returns:
        As typed; "" where none is needed, or nobody can type.
    """
    from sync.apply.approval import proposed_by  # noqa: PLC0415
    from sync.plan.file import plan_code, read_header  # noqa: PLC0415

    if not sys.stdin.isatty():
        return ""
    with stores_of(workspace) as stores:
        record = stores.control.plans.latest()
        path = plan_file or (stores.workspace.directory / record.path if record else None)
        header = read_header(path) if path else None
        if header is None or not proposed_by(stores, header.plan_id):
            return ""
    for line in plan_again(header.plan_id, header.summary):
        console.say(line if isinstance(line, str) else "\n".join(line.lines(width_of(sys.stderr))))
    console.say(f"An assistant asked for this plan. Its code is {plan_code(header.plan_id)}.")
    typed: str = typer.prompt("Type the code to send it", err=True)
    return typed
