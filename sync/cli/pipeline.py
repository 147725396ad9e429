"""Pipeline commands: setup, pull, assign, plan, apply, undo, results, report, run."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli import render as words
from sync.cli.console import Console
from sync.cli.options import HERE, REJECTS, JsonOption, OnlyOption, WorkspaceOption, app, bench_of, console_of
from sync.session import Workbench

AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME", help="As-of time, ISO 8601 (UTC unless a time zone is given). Default: now."
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]
OverrideOption = Annotated[
    list[str] | None, typer.Option("--override", metavar="GUARDRAIL", help="Override a guardrail for this one plan.")
]


@app.command()
def setup(*, workspace: WorkspaceOption = HERE, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Create the fields, tags and lists that personasync owns. Registers webhooks too. Shows the changes first."""
    from sync.ops import setup as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        steps = [*job.missing(bench), *job.unheard(bench)]
        if steps and not yes:
            console.say(words.setup_shown(steps))
            if not sys.stdin.isatty():
                raise FixSettingsError(
                    "Confirmation needed: setup would create the above.",
                    mend="Run `personasync setup --yes` to create them.",
                )
            typer.confirm("Create these?", abort=True, err=True)
        notes = job.create(bench, steps)
    created = [{"connection": s.connection, "action": s.action, "name": s.name} for s in steps]
    console.result({"created": created, "notes": notes}, words.setup_done(steps), *notes)


@app.command()
def pull(
    *,
    workspace: WorkspaceOption = HERE,
    only: OnlyOption = None,
    full: Annotated[bool, typer.Option("--full", help="Read all records again, not only changes.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Pull new and changed contacts, orders and survey answers."""
    from sync.pull import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench, console.progress(bench.budget) as progress:
        pulled = job.pull(bench, only=only, full=full, progress=progress)
    console.result(words.as_document(pulled), *words.pulled(pulled))
    return REJECTS if pulled.rejects else 0


@app.command()
def assign(
    *,
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    what_if: Annotated[
        Path | None,
        typer.Option("--what-if", metavar="FILE", help="Only show who would move with this segments.toml."),
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="GUARDRAIL", help="Override a data guardrail for this run."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Recalculate everyone, not only people whose data changed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Assign every person to a segment and a persona."""
    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        at = moment(as_of) or bench.now()
        if what_if is not None:
            from sync.assign import what_if as thought  # noqa: PLC0415

            moves = thought.what_if(bench, what_if, as_of=at)
            console.result({"as_of": at, "moves": [asdict(move) for move in moves]}, *words.moves(moves))
            return
        from sync.assign import job  # noqa: PLC0415

        assigned = job.assign(bench, as_of=at, override=frozenset(override or ()), full=full)
    console.result(words.as_document(assigned), *words.assigned(assigned))


@app.command()
def plan(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> int:
    """Preview the changes on the platforms and save them as a plan. Nothing is sent."""
    from sync.plan import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        planned = job.plan(bench)
    console.result({"plan": planned.plan_id, "path": str(planned.path), **planned.summary}, *words.planned(planned))
    return 3 if planned.breaches else 0


@app.command()
def apply(
    plan_file: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="Default: the newest plan.")] = None,
    *,
    workspace: WorkspaceOption = HERE,
    override: OverrideOption = None,
    only: OnlyOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="Send to N people only, as a first sample.", min=1)
    ] = None,
    canary: Annotated[
        str | None, typer.Option("--canary", metavar="SHARE", help="Send to a share of the people only, like 1%.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Send a saved plan to the platforms, or a part of it. The rest stays for the next `apply`."""
    from sync.apply import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench, console.progress(bench.budget) as progress:
        names = frozenset(one.name for one in bench.connectors(only)) if only else frozenset()
        part = job.Part(names, limit, None if canary is None else share(canary))
        applied = job.apply(bench, plan_file, override=frozenset(override or ()), part=part, progress=progress)
    console.result(words.applied_document(applied), *words.applied(applied))
    return _status(applied)


@app.command()
def undo(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help='A run id from `history`, or "last" for the newest applied plan.')
    ],
    *,
    workspace: WorkspaceOption = HERE,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Undo a run: restore the values from before it. Values edited since are skipped. Shows the changes first."""
    from sync.apply import undo as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench, console.progress(bench.budget) as progress:
        found = job.intended(bench, run)
        if found.count and not yes:
            console.say(words.undo_shown(found))
            if not sys.stdin.isatty():
                raise FixSettingsError(
                    "Confirmation needed: undo would do the above.", mend="Run it again with --yes to confirm."
                )
            typer.confirm("Undo these changes?", abort=True, err=True)
        undone = job.undo(bench, found, progress=progress)
    console.result(words.undone_document(undone), *words.undone(undone))
    return _status(undone)


@app.command()
def results(*, workspace: WorkspaceOption = HERE, only: OnlyOption = None, as_json: JsonOption = False) -> None:
    """Import campaign results: deliveries, opens, clicks and orders."""
    from sync.results import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench, console.progress(bench.budget) as progress:
        imported = job.results(bench, only=only, progress=progress)
    console.result(words.as_document(imported), *words.pulled(imported))


@app.command()
def report(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Write the HTML report: personas and campaign results."""
    from sync.report import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        written = job.write_report(bench)
    console.result(
        {
            "report": str(written.path),
            "summary": written.summary,
            "advice": written.advice,
            "changes": written.changes,
        },
        *written.summary,
        *written.changes,
        *(f"{title}: {line}" for title, lines in written.advice.items() for line in lines),
        f"Report: {written.path}",
    )


@app.command(name="run")
def run_all(
    *,
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    override: OverrideOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run all steps in order, with guardrails. For cron."""
    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench, console.progress(bench.budget) as progress:
        document, shown, status = _loop(bench, console, moment(as_of), frozenset(override or ()), progress)
    console.result(document, *shown)
    return status


def _loop(
    bench: Workbench, console: Console, as_of: datetime | None, override: frozenset[str], progress: Any
) -> tuple[dict[str, Any], list[Any], int]:
    from sync.ops.run import run_loop  # noqa: PLC0415

    done = run_loop(bench, as_of=as_of, override=override, progress=progress, tell=console.say)
    return words.loop_document(done), words.loop(done), _status(done.applied)


def _status(applied: Any) -> int:
    if applied.failed:
        return 1
    return REJECTS if applied.rejected else 0


def share(text: str) -> float:
    """Return the share in *text*, 0 to 1.

    Raises:
        FixSettingsError: It is none.
    """
    try:
        found = float(text.rstrip("% ")) / (100 if text.rstrip().endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not 0 < found <= 1:
        raise FixSettingsError(f"{text!r} is not a percentage.", mend="Write a share like 1% or 0.01.")
    return found


def moment(text: str | None) -> datetime | None:
    """Return the time in *text*, UTC.

    Raises:
        FixSettingsError: It is no ISO 8601 time.
    """
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise FixSettingsError(
            f"{text!r} is not a valid time.", mend="Write a time like 2026-11-24 or 2026-11-24T09:00:00+01:00."
        ) from error
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
