"""Status commands: status, history, explain."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli import render as words
from sync.cli.console import Console, table
from sync.cli.names import completing, runs
from sync.cli.options import (
    ALERT,
    HERE,
    JsonOption,
    WorkspaceOption,
    app,
    console_of,
    not_ours,
    person_rows_of,
    read_stores_of,
    session_of,
    stores_of,
)
from sync.clock import clock_of


@app.command("status")
def status_command(
    *,
    workspace: WorkspaceOption = HERE,
    check: Annotated[
        bool, typer.Option("--check", help="For monitors: exit with 5 if something is wrong, and say what.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Show data freshness, the newest plan, and unconfirmed changes."""
    from sync.ops import history as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    if check:
        return _check(workspace, console)
    with read_stores_of(workspace) as session:
        status = job.workspace_status(session)
    fresh = [
        (line.connection, line.stream, "" if line.rows is None else f"{line.rows:,}", line.shown)
        for line in status.streams
    ]
    shown: list[Any] = [table("Connection", "Stream", "Rows", "Last pulled", rows=fresh), *status.sentences]
    if status.compared:
        shown.append(table("Connection", "Request type (last apply)", "Predicted", "Sent", rows=status.compared))
    console.result(status.document, *shown)
    return 0


def _check(workspace: Path, console: Console) -> int:
    """The state for a monitor: 0 and one line, or 5 and a line for each thing that is wrong."""
    from sync.notify.conditions import conditions, conditions_document  # noqa: PLC0415

    with read_stores_of(workspace) as looked:
        wrong = conditions(looked, clock_of(workspace)())
    lines = [f"{each.title}: {each.detail}" for each in wrong] or ["OK"]
    console.result(conditions_document(wrong), *lines)
    return ALERT if wrong else 0


@app.command("history")
def history_command(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Show only this run.", autocompletion=completing(runs))
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    limit: Annotated[int, typer.Option(help="Number of runs to show.", min=1)] = 20,
    rejects: Annotated[
        Path | None,
        typer.Option(
            callback=not_ours,
            metavar="FILE",
            help="Export RUN's rejected changes to FILE (.csv or .json).",
            dir_okay=False,
        ),
    ] = None,
    service: Annotated[bool, typer.Option("--service", help="Include the runs of the webhook service (many).")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the latest runs and what each did."""
    from sync.ops import history as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with read_stores_of(workspace) as session:
        if run is None and rejects is not None:
            raise FixSettingsError("--rejects needs a run.", fix="See `personasync history`.")
        if run is not None and rejects is not None:
            _note_file(workspace, rejects)
            console.say(f"{job.rejects(session, run, rejects):,} rejected changes saved to {rejects}")
        shown = job.past(session, limit=limit, service=service) if run is None else [job.past_run(session, run)]
    rows = [
        (
            past_run.run.run_id,
            f"{past_run.run.started_at:%Y-%m-%d %H:%M}",
            past_run.run.command,
            past_run.state,
            words.render_counts(past_run.run.counts),
        )
        for past_run in shown
    ]
    kept = [past_run.run.counts["manifest"] for past_run in shown if run and "manifest" in past_run.run.counts]
    console.result(
        job.history_document(shown),
        table("Run", "Started (UTC)", "Command", "State", "What", rows=rows),
        *map(words.render_manifest, kept),
    )


def _note_file(workspace: Path, path: Path) -> None:
    """Note a file with personal data before it is written: an erasure could not clean one that nobody knows of."""
    with stores_of(workspace) as stores:
        stores.control.erasures.note_file(path)


@app.command("explain")
def explain_command(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    *,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="DATE", help="Rebuild the decision that was in force on this day (or at this time, UTC)."
        ),
    ] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Show instead what happened to the person, newest first.")
    ] = False,
    page: Annotated[int, typer.Option(metavar="N", help="Page of the timeline.", min=1)] = 1,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Explain why a contact has its persona. Shows every segment tried, and the values that decided."""
    console = console_of(as_json=as_json)
    if timeline:
        if on is not None:
            raise FixSettingsError("--on and --timeline can't be combined.", fix="Use only one of them.")
        _timeline(workspace, console, email, page)
        return
    if on is not None:
        from sync.assign import explain_past  # noqa: PLC0415

        with session_of(workspace, reading=True) as session:
            explanation = explain_past.explain_on(session, email, explain_past.end_of_day(on))
        console.result(explanation.document, *explanation.sentences)
        return
    from sync.assign import explain as job  # noqa: PLC0415

    with person_rows_of(workspace) as (stores, rows):
        explanation = job.explain(stores, rows, email)
    console.result(explanation.document, *explanation.sentences)


def _timeline(workspace: Path, console: Console, email: str, page: int) -> None:
    from sync.assign import timeline as job  # noqa: PLC0415

    with session_of(workspace, reading=True) as session:
        shown = job.timeline(session, email, page=page)
    rows = [(f"{entry.at:%Y-%m-%d %H:%M}", entry.kind, entry.text, entry.by) for entry in shown.shown]
    more = f" Page {page} of {shown.pages:,}." if shown.pages > 1 else ""
    listed = table("At (UTC)", "", "What", "By", rows=rows)
    console.result(asdict(shown), listed, f"{shown.entries:,} entries about {shown.email}.{more}")
