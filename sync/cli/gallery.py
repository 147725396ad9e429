"""The command `gallery`: ready segments to read and to add."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.names import completing, segments
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of


def named_pieces(folder: Path) -> list[tuple[str, str]]:
    """Return what the gallery has, with what it is, whatever the workspace."""
    from sync.workspace.gallery import gallery_pieces  # noqa: PLC0415 - help and completion of others need none

    del folder
    return [(piece.name, piece.about) for piece in gallery_pieces().values()]


@app.command("gallery")
def gallery_command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Default: list all.", autocompletion=completing(named_pieces)),
    ] = None,
    *,
    add: Annotated[bool, typer.Option("--add", help="Write it into segments.toml, before all other segments.")] = False,
    before: Annotated[
        str | None,
        typer.Option(metavar="SEGMENT", help="With --add: before this segment.", autocompletion=completing(segments)),
    ] = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List ready segments (RFM, VIP, win back ...), show one, or add it to your segments."""
    from sync.workspace.gallery import add_piece, gallery_piece  # noqa: PLC0415

    console = console_of(as_json=as_json)
    if (add and name is None) or (before is not None and not add):
        raise FixSettingsError("--add needs a NAME, and --before needs --add.", fix="See `personasync gallery`.")
    if name is None:
        listed = named_pieces(workspace)
        document = {"gallery": [{"name": known, "about": about} for known, about in listed]}
        console.result(document, table("Name", "Who they are", rows=listed), "Read one: `personasync gallery NAME`.")
        return
    piece = gallery_piece(name)
    shown = {"name": piece.name, "about": piece.about, "segments": list(piece.segments), "text": piece.text}
    if not add:
        console.result(shown, piece.text, f"Add it to segments.toml: `personasync gallery {name} --add`.")
        return
    path = add_piece(workspace, piece, before=before)
    done = f"{path} has {', '.join(piece.segments)} now. Read the comments there: they say what to adapt to your shop."
    console.result({**shown, "path": str(path)}, done)
