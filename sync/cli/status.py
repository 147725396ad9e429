"""Status commands: status, history, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli import render as words
from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, bench_of, console_of


@app.command()
def status(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Show data freshness, the newest plan, and unconfirmed changes."""
    from sync.ops import history as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        found = job.status(bench)
    fresh = [
        (line.connection, line.stream, "" if line.rows is None else f"{line.rows:,}", line.shown)
        for line in found.streams
    ]
    shown: list[Any] = [table("Connection", "Stream", "Rows", "Last pulled", rows=fresh), *found.sentences]
    if found.compared:
        shown.append(table("Connection", "Request type (last apply)", "Predicted", "Sent", rows=found.compared))
    console.result(found.document, *shown)


@app.command()
def history(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Show only this run.")] = None,
    *,
    workspace: WorkspaceOption = HERE,
    limit: Annotated[int, typer.Option(help="Number of runs to show.", min=1)] = 20,
    rejects: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Export RUN's rejected changes to FILE (.csv or .json).", dir_okay=False),
    ] = None,
    service: Annotated[bool, typer.Option("--service", help="Include the runs of the webhook service (many).")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the latest runs and what each did."""
    from sync.ops import history as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        if run is None and rejects is not None:
            raise FixSettingsError("--rejects needs a run.", mend="See `personasync history`.")
        if run is not None and rejects is not None:
            console.say(f"{job.rejects(bench, run, rejects):,} rejected changes saved to {rejects}")
        runs = job.past(bench, limit=limit, service=service) if run is None else [job.past_run(bench, run)]
    document = {
        "runs": [
            {
                "run": one.run.run_id,
                "command": one.run.command,
                "state": one.state,
                "started_at": one.run.started_at,
                "counts": {name: told for name, told in one.run.counts.items() if name != "record"},
            }
            for one in runs
        ]
    }
    rows = [
        (
            one.run.run_id,
            f"{one.run.started_at:%Y-%m-%d %H:%M}",
            one.run.command,
            one.state,
            words.counts(one.run.counts),
        )
        for one in runs
    ]
    console.result(document, table("Run", "Started (UTC)", "Command", "State", "What", rows=rows))


@app.command()
def explain(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    *,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Explain why a contact has its persona. Shows every segment tried, and the values that decided."""
    from sync.assign import explain as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        found = job.explain(bench, email)
    console.result(found.document, *found.sentences)
