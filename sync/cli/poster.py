"""The command `personas poster`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from connectors.errors import FixSettingsError
from sync.cli import names
from sync.cli.options import HERE, JsonOption, WorkspaceOption, console_of, session_of

Shape = Literal["a4", "slide"]
Format = Literal["html", "pdf", "png"]


def personas_poster_command(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="A persona, or the segment it stands for.",
            autocompletion=names.completing(names.personas, names.segments),
        ),
    ] = None,
    *,
    workspace: WorkspaceOption = HERE,
    everybody: Annotated[bool, typer.Option("--all", help="A poster of every persona.")] = False,
    shapes: Annotated[
        list[Shape] | None, typer.Option("--shape", help="A4 page or 16:9 slide. Repeatable. Default: both.")
    ] = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option("--format", help="Repeatable. Default: all. PDF and PNG need Chromium or Chrome."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to write to. Default: .personasync/posters.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a one-page poster of a persona: to print, to hang up, or as a slide."""
    from sync.posters.job import make_posters  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    if (name is None) != everybody:
        raise FixSettingsError("No persona given.", fix="Name a persona, or use --all.")
    with session_of(workspace, reading=True) as session:
        made = make_posters(
            session,
            name,
            shapes=shapes or get_args(Shape),
            formats=formats or get_args(Format),
            folder=out or session.workspace.state_dir / "posters",
        )
    files = {slug: [str(path) for path in paths] for slug, paths in made.files.items()}
    lines = [f"{slug}: {path}" for slug, paths in files.items() for path in paths]
    console.result({"posters": files, "remark": made.remark}, *lines)
    if made.remark:
        raise FixSettingsError(made.remark.split(". ", 1)[0] + ".", fix=made.remark.split(". ", 1)[1])
