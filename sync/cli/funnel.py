"""The command `funnel`: what each part of a segment's rule keeps and drops."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync.cli.console import table
from sync.cli.names import completing, segments
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of

if TYPE_CHECKING:
    from sync.assign.funnel import Funnel


@app.command("funnel")
def funnel_command(
    segment: Annotated[
        str, typer.Argument(metavar="SEGMENT", help="Name of the segment.", autocompletion=completing(segments))
    ],
    *,
    what_if: Annotated[
        Path | None, typer.Option("--what-if", metavar="FILE", help="Ask this segments.toml instead.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show how many people each part of a segment's rule keeps and drops."""
    from sync.assign import funnel as job  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    with session_of(workspace, reading=True) as session:
        shown = job.funnel(session, segment, segments=what_if)
    console.result(asdict(shown), *_lines(shown))


def _lines(shown: Funnel) -> list[Any]:
    rows = [(part.clause, part.within, part.alone, part.kept, part.dropped, part.unknown) for part in shown.clauses]
    return [
        f"{shown.people:,} people as of {shown.as_of:%Y-%m-%d %H:%M} UTC.",
        table("Part of the rule", "Of segment", "Alone", "Left", "Dropped", "Unknown", rows=rows),
        f"{shown.matching:,} match; {shown.earlier:,} of them go to a segment that is tried before.",
        f"{shown.left:,} are left by rules alone; {shown.assigned:,} are in it now, by all that decides.",
    ]
