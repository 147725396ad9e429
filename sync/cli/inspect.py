"""What happened, and why: status, history, explain."""

from __future__ import annotations

from typing import Annotated

import typer

from sync.cli import words
from sync.cli.console import table
from sync.cli.main import HERE, JsonOption, WorkspaceOption, app, bench_of, console_of


@app.command()
def status(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Show how fresh the data are, what the newest plan is, and what has no outcome yet."""
    from sync import history as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        found = job.status(bench)
    fresh = [(line.connection, line.stream, line.rows, line.shown) for line in found.streams]
    console.result(
        found.document,
        table("Connection", "Stream", "Rows", "Last read", rows=fresh),
        found.plan_sentence,
        found.ledger_sentence,
    )


@app.command()
def history(
    *,
    workspace: WorkspaceOption = HERE,
    limit: Annotated[int, typer.Option(help="How many runs.", min=1)] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the newest runs, with what each did."""
    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        runs = bench.control.runs.newest(limit)
    document = {
        "runs": [
            {
                "run": r.run_id,
                "command": r.command,
                "state": r.state,
                "started_at": r.started_at,
                "counts": dict(r.counts),
            }
            for r in runs
        ]
    }
    rows = [(r.run_id, f"{r.started_at:%Y-%m-%d %H:%M}", r.command, r.state, words.counts(r.counts)) for r in runs]
    console.result(document, table("Run", "Started (UTC)", "Command", "State", "What", rows=rows))


@app.command()
def explain(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    *,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say why one contact has their persona: every segment that was tried, with the values that decided."""
    from sync import explain as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        found = job.explain(bench, email)
    console.result(found.document, *found.sentences)
