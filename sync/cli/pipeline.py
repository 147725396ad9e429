"""Pipeline commands: setup, pull, assign, plan, apply, undo, results, report, run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.breach import may_be_overridden
from sync.cli import render as words
from sync.cli.approval import typed_code
from sync.cli.console import Console
from sync.cli.names import completing, plans, runs
from sync.cli.options import (
    HERE,
    REJECTS,
    ConnectionOption,
    JsonOption,
    WorkspaceOption,
    YesOption,
    app,
    console_of,
    read_stores_of,
    session_of,
)

if TYPE_CHECKING:
    from connectors.records import SetupStep
    from sync.apply.undo import Intended
    from sync.report.job import Written
    from sync.session import Session

AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="TIME", help="As-of time, ISO 8601 (UTC unless a time zone is given). Default: now."
    ),
]
OverrideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--override", metavar="GUARDRAIL", help="Override a guardrail or a broken assumption for this one plan."
    ),
]


@app.command("setup")
def setup_command(*, workspace: WorkspaceOption = HERE, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Create the fields, tags and lists that personasync owns. Registers webhooks too. Shows the changes first."""
    from sync.ops import setup as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    agreed = None if yes else _agreed_setup(workspace, console)
    with session_of(workspace) as session:
        steps = [step for step in job.needed(session) if agreed is None or step in agreed]
        notes = job.create_missing(session, steps)
    created = [{"connection": s.connection, "action": s.action, "name": s.name} for s in steps]
    console.result({"created": created, "notes": notes}, words.setup_done(steps), *notes)


def _agreed_setup(workspace: Path, console: Console) -> list[SetupStep]:
    """Show what setup would do, and ask. While the question waits, no store is open: other commands can run."""
    from sync.ops import setup as job  # noqa: PLC0415

    with session_of(workspace) as session:
        steps = job.needed(session)
    if steps:
        console.say(words.render_setup(steps))
        if not sys.stdin.isatty():
            raise FixSettingsError(
                "Confirmation needed: setup would create the above.",
                fix="Run `personasync setup --yes` to create them.",
            )
        typer.confirm("Create these?", abort=True, err=True)
    return steps


@app.command("pull")
def pull_command(
    *,
    workspace: WorkspaceOption = HERE,
    connection: ConnectionOption = None,
    full: Annotated[bool, typer.Option("--full", help="Read all records again, not only changes.")] = False,
    override: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="NAME", help="Set a broken assumption, or `clock`, aside for this run."),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Pull new and changed contacts, orders, events and survey answers."""
    from sync.pull import job  # noqa: PLC0415

    console, overridden = console_of(as_json=as_json), parse_overrides(override)
    with (
        session_of(workspace, healing=("warehouse",)) as session,
        console.progress(session.budget) as progress,
    ):
        pulled = job.pull(session, only=connection, full=full, override=overridden, progress=progress)
    console.result(words.as_document(pulled), *words.pulled(pulled))
    return REJECTS if pulled.rejects or pulled.strangers else 0


@app.command("assign")
def assign_command(
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
    console, overridden = console_of(as_json=as_json), parse_overrides(override)
    with session_of(workspace) as session:
        at = parse_moment(as_of) or session.now()
        if what_if is not None:
            from sync.assign import what_if as thought  # noqa: PLC0415

            moves = thought.what_if(session, what_if, as_of=at)
            console.result(thought.moves_document(moves, at), *words.render_moves(moves))
            return
        from sync.assign import job  # noqa: PLC0415

        assigned = job.assign(session, as_of=at, override=overridden, full=full)
    console.result(words.as_document(assigned), *words.render_assigned(assigned))


@app.command("plan")
def plan_command(
    *,
    workspace: WorkspaceOption = HERE,
    show: Annotated[bool, typer.Option("--show", help="Show the newest plan again; make none.")] = False,
    requests: Annotated[
        bool, typer.Option("--requests", help="Also list how many requests of each kind the plan takes.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Preview the changes on the platforms and save them as a plan. Nothing is sent."""
    from sync.plan import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if show:
        return _newest_plan(workspace, console, requests=requests)
    with session_of(workspace) as session:
        planned = job.plan(session)
    console.result(planned.document, *words.planned(planned, requests=requests))
    return 3 if planned.breaches else 0


def _newest_plan(workspace: Path, console: Console, *, requests: bool) -> int:
    """Show what the newest plan would do, without reading it whole."""
    from sync.plan.job import newest_plan_document  # noqa: PLC0415

    with read_stores_of(workspace) as stores:
        document = newest_plan_document(stores)
    console.result(document, *words.plan_again(document["plan"], document, requests=requests))
    return 3 if document["breaches"] else 0


@app.command("apply")
def apply_command(
    plan_file: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="Default: the newest plan.", autocompletion=completing(plans)),
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    override: OverrideOption = None,
    connection: ConnectionOption = None,
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
    from sync.results.new_experiment import parse_share  # noqa: PLC0415

    console, overridden = console_of(as_json=as_json), parse_overrides(override)
    code = typed_code(workspace, plan_file, console)
    with session_of(workspace) as session, console.progress(session.budget) as progress:
        names = frozenset(connector.name for connector in session.connectors(connection)) if connection else frozenset()
        part = job.PlanSelection(names, limit, None if canary is None else parse_share(canary))
        applied = job.apply(session, plan_file, override=overridden, part=part, progress=progress, code=code)
    console.result(words.applied_document(applied), *words.applied(applied))
    return _status(applied)


@app.command("undo")
def undo_command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help='A run id from `history`, or "last" for the newest plan that wrote something.',
            autocompletion=completing(runs),
        ),
    ],
    *,
    workspace: WorkspaceOption = HERE,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> int:
    """Undo a run: restore the values from before it. Values edited since are skipped. Shows the changes first."""
    from sync.apply import undo as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    agreed = None if yes else _agreed_undo(workspace, run, console)
    with session_of(workspace) as session, console.progress(session.budget) as progress:
        intended = job.intended(session, run) if agreed is None else job.still_intended(session, agreed)
        undone = job.undo(session, intended, progress=progress)
    console.result(words.undone_document(undone), *words.undone(undone))
    return _status(undone)


def _agreed_undo(workspace: Path, run: str, console: Console) -> Intended:
    """Show what the undo would do, and ask. While the question waits, no store is open: other commands can run."""
    from sync.apply import undo as job  # noqa: PLC0415

    with session_of(workspace) as session:
        intended = job.intended(session, run)
    if intended.count:
        console.say(words.render_undo(intended))
        if not sys.stdin.isatty():
            raise FixSettingsError(
                "Confirmation needed: undo would do the above.", fix="Run it again with --yes to confirm."
            )
        typer.confirm("Undo these changes?", abort=True, err=True)
    return intended


@app.command("results")
def results_command(
    *,
    workspace: WorkspaceOption = HERE,
    connection: ConnectionOption = None,
    show: Annotated[
        bool, typer.Option("--show", help="Show the newest campaigns that were imported; import none.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import campaign results: deliveries, opens, clicks and orders."""
    from sync.results import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if show:
        _imported(workspace, console)
        return
    with session_of(workspace) as session, console.progress(session.budget) as progress:
        imported = job.results(session, only=connection, progress=progress)
    console.result(words.as_document(imported), *words.pulled(imported))


def _imported(workspace: Path, console: Console) -> None:
    """The newest campaigns, as the report has them."""
    from sync.results.campaigns import newest_campaigns  # noqa: PLC0415
    from sync.results.documents import campaigns_document  # noqa: PLC0415

    with session_of(workspace, reading=True) as session:
        campaigns = newest_campaigns(session)
    console.result(campaigns_document(campaigns), words.campaigns(campaigns))


@app.command("report")
def report_command(
    *,
    workspace: WorkspaceOption = HERE,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print a subject line and three bullet points to paste into an email.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the HTML report: personas and campaign results."""
    from sync.report import job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace) as session, console.progress() as progress:
        written = job.write_report(session, progress)
    console.result(
        {
            "report": str(written.path),
            "summary": written.summary,
            "advice": written.advice,
            "changes": written.changes,
            "mail": {"subject": written.mail.subject, "bullets": list(written.mail.bullets)},
        },
        *_report_lines(written, summary=summary),
    )


def _report_lines(written: Written, *, summary: bool) -> Iterator[str]:
    """The report on the terminal: for pasting, or with all findings."""
    if summary:
        yield f"Subject: {written.mail.subject}"
        yield ""
        yield from (f"- {bullet}" for bullet in written.mail.bullets)
        return
    yield from written.summary
    yield from written.changes
    yield from (f"{title}: {line}" for title, lines in written.advice.items() for line in lines)
    yield f"Report: {written.path}"


@app.command(name="run")
def run_command(
    *,
    workspace: WorkspaceOption = HERE,
    as_of: AsOfOption = None,
    override: OverrideOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run all steps in order, with guardrails. For cron."""
    from sync.cli.notify import notify_after_run  # noqa: PLC0415

    console, overridden = console_of(as_json=as_json), parse_overrides(override)
    try:
        with (
            session_of(workspace, healing=("warehouse",)) as session,
            console.progress(session.budget) as progress,
        ):
            document, shown, status = _loop(session, console, parse_moment(as_of), overridden, progress)
    finally:
        notify_after_run(workspace, console)
    console.result(document, *shown)
    return status


def _loop(
    session: Session, console: Console, as_of: datetime | None, override: frozenset[str], progress: Any
) -> tuple[dict[str, Any], list[Any], int]:
    from sync.ops.run import run_loop  # noqa: PLC0415

    done = run_loop(session, as_of=as_of, override=override, progress=progress, tell=console.say)
    return words.loop_document(done), words.loop(done), _status(done.applied)


def _status(applied: Any) -> int:
    if applied.failed:
        return 1
    return REJECTS if applied.rejected else 0


def parse_overrides(named: list[str] | None) -> frozenset[str]:
    """Return the guardrails that `--override` names.

    Raises:
        FixSettingsError: One that does not exist would override nothing.
    """
    for name in named or ():
        known = may_be_overridden()
        if name not in known:
            near = get_close_matches(name, known, n=1)
            fix = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
            raise FixSettingsError(f"There is no guardrail {name!r}.", fix=fix)
    return frozenset(named or ())


def parse_moment(text: str | None) -> datetime | None:
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
            f"{text!r} is not a valid time.", fix="Write a time like 2026-11-24 or 2026-11-24T09:00:00+01:00."
        ) from error
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
