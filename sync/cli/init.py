"""Getting started commands: init, demo."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, PeopleOption, SeedOption, app, console_of


@app.command("init")
def init_command(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", file_okay=False)] = HERE,
    *,
    as_json: JsonOption = False,
) -> None:
    """Create a workspace with commented settings. Asks questions at a terminal."""
    from sync.cli.prompts import ask, defaults  # noqa: PLC0415
    from sync.workspace.scaffold import Answers, write_workspace  # noqa: PLC0415 - heavy imports only where needed

    console = console_of(as_json=as_json)
    asked = sys.stdin.isatty() and not as_json
    answers: Answers = ask(directory) if asked else defaults(directory)
    written = write_workspace(directory, answers)
    lines = [f"Wrote {path}" for path in written] or ["All files exist already; nothing was overwritten."]
    console.result({"written": [str(path) for path in written]}, *lines)


@app.command("demo")
def demo_command(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", file_okay=False)] = Path("demo-workspace"),
    *,
    people: PeopleOption = 3000,
    seed: SeedOption = 20261124,
    orders: Annotated[
        Path | None,
        typer.Option("--orders", help="A real order history (CSV or Parquet) instead of generated contacts."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the whole loop on local platforms, without accounts. Runs it twice: the second run changes nothing."""
    from sync.ops import demo as job  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with console.progress() as progress:
        shown = job.demo(directory, people=people, seed=seed, orders=orders, tell=console.say, progress=progress)
    here = "personasync" if shutil.which("personasync") else shlex.quote(sys.argv[0])
    console.result(
        shown.document,
        table("Persona", "People", "Share", rows=shown.rows),
        "",
        *shown.sentences,
        "",
        table(
            "Look at it",
            "",
            rows=[
                ("The report", str(shown.report)),
                ("Each persona's email", str(shown.preview)),
                ("All of it, in your browser", f"{here} console --workspace {shlex.quote(str(directory))}"),
                ("Posters to print", f"{here} personas poster --all --workspace {shlex.quote(str(directory))}"),
                ("Your own workspace", f"{here} init my-shop"),
            ],
        ),
    )
