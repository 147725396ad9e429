"""Export commands: people, segment, plan, audience."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync.cli.names import completing, plans, segments
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, not_ours, session_of

if TYPE_CHECKING:
    from sync.cli.console import Console
    from sync.export.job import Exported

group = typer.Typer(name="export", help="Write people, a plan or an audience to a file, for other programs.")
app.add_typer(group)

OutOption = Annotated[
    Path,
    typer.Option(
        "--out", callback=not_ours, metavar="FILE", help="The file to write: .csv, .xlsx or .parquet; overwritten."
    ),
]
ForOption = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="PLATFORM",
        help="A connector: the columns that its importer takes, and only people whose consent allows a push.",
    ),
]
SegmentArgument = Annotated[
    str, typer.Argument(metavar="SEGMENT", help="A segment of segments.toml.", autocompletion=completing(segments))
]


@group.command("people")
def export_people_command(
    *, out: OutOption, target: ForOption = None, workspace: WorkspaceOption = HERE, as_json: JsonOption = False
) -> None:
    """Write everybody with segment, persona, confidence, reason and every template field."""
    _export_people(workspace, out, None, target, as_json=as_json)


@group.command("segment")
def export_segment_command(
    name: SegmentArgument,
    *,
    out: OutOption,
    target: ForOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write the people of one segment, and of those within it."""
    _export_people(workspace, out, name, target, as_json=as_json)


def _export_people(workspace: Path, out: Path, segment: str | None, target: str | None, *, as_json: bool) -> None:
    from sync.export import job  # noqa: PLC0415 - heavy imports only where needed

    with session_of(workspace) as session:
        exported = job.export_people(session, out, segment=segment, target=target)
    _tell(console_of(as_json=as_json), exported, "people")


@group.command("plan")
def export_plan_command(
    plan_file: Annotated[
        Path | None,
        typer.Argument(metavar="[PLAN]", help="Default: the newest plan.", autocompletion=completing(plans)),
    ] = None,
    *,
    out: OutOption,
    target: ForOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write the changes of a saved plan; with --for, a row per contact for the platform's importer."""
    from sync.export import job  # noqa: PLC0415

    with session_of(workspace) as session:
        exported = job.export_plan(session, out, plan=plan_file, target=target)
    _tell(console_of(as_json=as_json), exported, "contacts" if target else "changes")


@group.command("audience")
def export_audience_command(
    name: SegmentArgument, *, out: OutOption, workspace: WorkspaceOption = HERE, as_json: JsonOption = False
) -> None:
    """Write hashed addresses (SHA-256) of a segment's subscribers, for advertising platforms."""
    from sync.export import job  # noqa: PLC0415

    with session_of(workspace) as session:
        exported = job.export_audience(session, out, segment=name)
    _tell(console_of(as_json=as_json), exported, "hashed addresses")


@group.command("tables")
def export_tables_command(
    *,
    out: Annotated[
        Path,
        typer.Option("--out", callback=not_ours, metavar="FOLDER", help="Made if missing; its files are replaced."),
    ],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write assignments, lift and ledger as Parquet, with a dbt sources.yml and OpenLineage events, for other tools."""
    from sync.export import tables as job  # noqa: PLC0415

    with session_of(workspace) as session:
        written = job.export_tables(session, out)
    console_of(as_json=as_json).result(
        {"folder": str(written.folder), "rows": written.rows, "events": written.events},
        f"Wrote {', '.join(f'{n:,} rows of {name}' for name, n in written.rows.items())} to {out}.",
        f"Also sources.yml for dbt, and lineage.jsonl: {written.events:,} OpenLineage events.",
    )


@group.command("person")
def export_person_command(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Any email address of the person.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", callback=not_ours, metavar="FILE", help="The file to write. Default: print it.", dir_okay=False
        ),
    ] = None,
    letter: Annotated[bool, typer.Option("--letter", help="A letter in plain language instead of JSON.")] = False,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write everything that is held about one person: data, segments with reasons, consent, and what was written."""
    from sync.export import person  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        held = person.personal_data(session, email)
        if out is not None:
            session.control.erasures.note_file(out)  # first: a file that nobody knows of can't be erased
            person.write_personal_data(held, out, letter=letter)
    if out is not None:
        console.result({"path": str(out), "letter": letter}, f"Wrote {out}.")
    elif letter:
        console.result({**held.document, "letter": list(held.letter)}, *held.letter)
    else:
        console.result(held.document, person.data_as_text(held))


def _tell(console: Console, exported: Exported, what: str) -> None:
    document: dict[str, Any] = {
        "path": str(exported.path),
        "rows": exported.rows,
        "columns": list(exported.columns),
        "left_out": exported.left_out,
        "notes": exported.notes,
    }
    left_out = [f"Left out: {count:,} people: {why}." for why, count in exported.left_out.items()]
    console.result(document, f"Wrote {exported.rows:,} {what} to {exported.path}.", *left_out, *exported.notes)
