"""The command that erases people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of

if TYPE_CHECKING:
    from sync.cli.console import Console
    from sync.erasure.job import Forgotten, MeantPeople
    from sync.session import Session

WHAT_IT_DOES = (
    "This can't be undone. Contacts, orders, answers, assignments, changes, plans, reports and exports lose these "
    "people; totals stay. The platforms are told nothing."
)


@app.command("forget")
def forget_command(
    email: Annotated[str | None, typer.Argument(metavar="[EMAIL]", help="Any email address of the person.")] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="A text or CSV file with one address a line.")
    ] = None,
    on_platforms: Annotated[
        bool, typer.Option("--on-platforms", help="Print what to do on the platforms. Sends nothing.")
    ] = False,
    erased_on_platforms: Annotated[
        bool,
        typer.Option(
            "--erased-on-platforms", help="Erase whom the platforms erased, when a pull found too many to do it itself."
        ),
    ] = False,
    workspace: WorkspaceOption = HERE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase people from everything that this workspace holds. Totals stay. Completes what a kill interrupted."""
    from sync.erasure import job  # noqa: PLC0415 - heavy imports only where needed

    console, emails = console_of(as_json=as_json), _emails(email, file)
    with session_of(workspace) as session:
        completed = _complete(session, console)
        meant = job.meant_people(session, emails)
        persons = _of_platforms(session) if erased_on_platforms else meant.persons
        if emails:
            job.refuse_unknown(emails, meant)
        steps = job.on_platforms(session, persons)
    if not emails and not erased_on_platforms:
        if not completed:
            raise FixSettingsError("Name whom to erase.", fix="Give an address, or --file with one address a line.")
        console.result({"completed": completed})
        return
    people = len(persons) + len(meant.alone)
    if people and not yes:
        _ask(people, [*steps] if on_platforms else [], console)
    if not people:
        console.result(_document(job.Forgotten(), meant, steps), *_unknown(meant, file), "Nobody to erase.")
        return
    with session_of(workspace) as session:
        reason = "erased on the platforms" if erased_on_platforms else "request"
        done = job.forget(session, persons, alone=meant.alone, reason=reason)
    printed = [*steps] if on_platforms else []
    console.result(
        _document(done, meant, steps if on_platforms else None), *_lines(done), *_unknown(meant, file), *printed
    )


def _emails(email: str | None, file: Path | None) -> list[str]:
    from sync.erasure.files import addresses_in  # noqa: PLC0415

    if email is not None and file is not None:
        raise FixSettingsError("Both an address and --file were given.", fix="Give one of them.")
    if file is not None:
        return addresses_in(file)
    return [] if email is None else [email]


def _of_platforms(session: Session) -> frozenset[str]:
    from sync.erasure.erased_there import erased_there  # noqa: PLC0415

    return erased_there(session).persons


def _complete(session: Session, console: Console) -> bool:
    """Complete an erasure that was killed, whoever is asked for now; tell whether there was one."""
    from sync.erasure import job  # noqa: PLC0415
    from sync.session import recorded  # noqa: PLC0415

    if not session.control.erasures.open_jobs():
        return False
    with recorded(session, job.COMMAND) as run:
        done = job.complete(session, run)
        run.counts.update(people=done.people, records=done.records)
    console.say("An erasure that was interrupted is complete now. " + " ".join(_lines(done)))
    return True


def _ask(people: int, steps: Sequence[str], console: Console) -> None:
    counted = "1 person" if people == 1 else f"{people:,} people"
    for line in (*steps, f"Erase {counted}. {WHAT_IT_DOES}"):
        console.say(line)
    if not sys.stdin.isatty():
        raise FixSettingsError("Confirmation needed: forget would do the above.", fix="Run it again with --yes.")
    typer.confirm("Erase them?", abort=True, err=True)


def _document(done: Forgotten, meant: MeantPeople, steps: list[str] | None) -> dict[str, Any]:
    return {
        **asdict(done),
        "unknown": list(meant.unknown),
        "erased_before": list(meant.erased_before),
        **({} if steps is None else {"on_platforms": steps}),
    }


def _lines(done: Forgotten) -> list[str]:
    counted = "1 person" if done.people == 1 else f"{done.people:,} people"
    lines = [f"Erased {counted}."] if done.people else []
    lines += [f"Rows deleted from {path}." for path in done.cleaned]
    lines += [f"Deleted {path}; write it again if you need it." for path in done.deleted]
    lines += [f"Warning: {where} still names somebody who was erased. Edit it by hand." for where in done.left]
    lines += [
        f"Warning: {copy} is of before and may hold them. Delete it when you can; `restore` erases them again."
        for copy in done.copies
    ]
    return [*lines, *(f"Receipt: {path}" for path in done.receipts)]


def _unknown(meant: MeantPeople, file: Path | None) -> list[str]:
    """Which addresses of a list nobody has; they are not repeated."""
    where = "address" if file is None else f"addresses of {file.name}: number"
    lines = [f"{where.capitalize()} {', '.join(map(str, meant.unknown))}: no contact has it."] if meant.unknown else []
    if meant.erased_before:
        lines.append(f"{len(meant.erased_before):,} of these addresses belong to people who were erased before.")
    return lines
