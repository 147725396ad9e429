"""Email preview command: `preview`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sync.cli.console import table
from sync.cli.names import completing, personas
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, not_ours, session_of
from sync.cli.render import creepy


@app.command("preview")
def preview_command(
    template: Annotated[
        Path, typer.Argument(metavar="TEMPLATE", help="An HTML email template in the language of one of the platforms.")
    ],
    *,
    workspace: WorkspaceOption = HERE,
    contact: Annotated[str | None, typer.Option("--contact", metavar="EMAIL", help="Preview for this person.")] = None,
    persona: Annotated[
        str | None,
        typer.Option("--persona", metavar="P", help="Preview for this persona.", autocompletion=completing(personas)),
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Preview for all personas side by side (default).")] = False,
    connection: Annotated[
        str | None, typer.Option("--connection", metavar="NAME", help="The platform of the template.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", callback=not_ours, metavar="FILE", help="The HTML file to write.")
    ] = Path("preview.html"),
    as_json: JsonOption = False,
) -> None:
    """Preview an email as recipients would see it. Checks the template too. Nothing is sent."""
    from sync.preview import job  # noqa: PLC0415 - heavy imports only where needed
    from sync.preview.page import share_text  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        chosen = None if everybody else persona
        preview = job.preview(
            session, template, contact=None if everybody else contact, persona=chosen, only=connection
        )
        session.control.erasures.note_file(out)
    out.write_text(preview.page(), "utf-8")
    rows = [
        (
            mail.title,
            mail.people,
            share_text(mail.share),
            ", ".join(f"{name} {share_text(share)}" for name, share in mail.fallbacks.items()),
        )
        for mail in preview.shown
    ]
    shown = table("Persona or person", "People", "Get this mail", "Fallback for", rows=rows)
    notes = [*preview.notes, *([preview.focus] if preview.focus else [])]
    console.result(
        {**asdict(preview), "page": str(out)},
        *preview.problems,
        *creepy(preview.concerns),
        *notes,
        shown,
        f"Preview: {out}",
    )
