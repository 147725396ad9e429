"""The command `personas poster`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from connectors.errors import FixSettingsError
from sync.cli import names
from sync.cli.options import HERE, JsonOption, WorkspaceOption, console_of, not_ours, session_of

Shape = Literal["a4", "slide", "both"]
Format = Literal["html", "pdf", "png", "all"]


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
    shape: Annotated[Shape, typer.Option(help="A4 page, or 16:9 slide.")] = "both",
    kind: Annotated[Format, typer.Option("--format", help="PDF and PNG need an installed Chromium or Chrome.")] = "all",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", callback=not_ours, metavar="DIR", help="Folder to write to. Default: .personasync/posters."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a one-page poster of a persona: to print, to hang up, or as a slide."""
    from sync.posters.job import FORMATS, SIZES, make_posters  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    if (name is None) != everybody:
        raise FixSettingsError("No persona given.", fix="Name a persona, or use --all.")
    with session_of(workspace, reading=True) as session:
        made = make_posters(
            session,
            name,
            shapes=tuple(SIZES) if shape == "both" else (shape,),
            formats=FORMATS if kind == "all" else (kind,),
            folder=out or session.workspace.state_dir / "posters",
        )
    files = {slug: [str(path) for path in paths] for slug, paths in made.files.items()}
    lines = [f"{slug}: {path}" for slug, paths in files.items() for path in paths]
    console.result({"posters": files, "remark": made.remark}, *lines)
    if made.remark:
        raise FixSettingsError(made.remark.split(". ", 1)[0] + ".", fix=made.remark.split(". ", 1)[1])
