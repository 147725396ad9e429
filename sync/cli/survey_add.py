"""`survey add`: what a workspace lacks of a typing tool, shown as a diff, and added once somebody agrees."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from connectors.errors import FixSettingsError
from sync.cli.options import HERE, JsonOption, WorkspaceOption, YesOption, console_of, session_of
from sync.cli.survey_options import ToolOption, survey_app

if TYPE_CHECKING:
    from sync.cli.console import Console


@survey_app.command("add")
def survey_add_command(
    *,
    tool: ToolOption = "short",
    workspace: WorkspaceOption = HERE,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add a typing tool's traits and segments to the workspace. Shows the diff first; nothing is added twice."""
    from sync.surveys.tool_parts import add_parts, parts_sentences  # noqa: PLC0415 - heavy imports only where needed
    from sync.workspace.typing_tools import load_tool  # noqa: PLC0415

    console = console_of(as_json=as_json)
    agreed = None if yes else _agreed(workspace, tool, console)
    with session_of(workspace) as session:
        parts = add_parts(session.workspace, load_tool(session.workspace.state_dir, tool), agreed)
        said = parts_sentences(parts, session.workspace)
    document = {"tool": tool, "traits": list(parts.traits), "segments": list(parts.segments), "diff": parts.lines()}
    console.result({**document, "code": parts.code}, *said)


def _agreed(workspace: Path, tool: str, console: Console) -> str:
    """Show what would be added, and ask. While the question waits, no store is open: other commands can run."""
    from sync.surveys.tool_parts import lacking_parts  # noqa: PLC0415
    from sync.workspace.typing_tools import load_tool  # noqa: PLC0415

    with session_of(workspace) as session:
        parts = lacking_parts(session.workspace, load_tool(session.workspace.state_dir, tool))
    if parts.texts:
        for line in parts.lines():
            console.say(line)
        if not sys.stdin.isatty():
            raise FixSettingsError(
                "Confirmation needed: this would be added.", fix=f"Run `personasync survey add --tool {tool} --yes`."
            )
        typer.confirm("Add this?", abort=True, err=True)
    return parts.code
