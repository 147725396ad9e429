"""The command `help`: the documentation in the terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from sync.cli.console import put, table, width_of
from sync.cli.help_pages import find_topic, topic_text, topics
from sync.cli.names import completing
from sync.cli.options import JsonOption, app, console_of

WIDEST = 100


def named_topics(folder: Path) -> list[tuple[str, str]]:
    """Return the topics with their titles, whatever the workspace."""
    del folder
    return [(topic.name, topic.title) for topic in topics().values()]


@app.command("help")
def help_command(
    topic: Annotated[
        str | None,
        typer.Argument(metavar="[TOPIC]", help="Default: list the topics.", autocompletion=completing(named_topics)),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Read the documentation: list the topics, or show one."""
    console = console_of(as_json=as_json)
    if topic is None:
        listed = named_topics(Path())
        document = {"topics": [{"topic": name, "title": title} for name, title in listed]}
        console.result(document, table("Topic", "About", rows=listed), "Read one: `personasync help TOPIC`.")
        return
    page = find_topic(topic)
    text = topic_text(page)
    if as_json:
        console.result({"topic": page.name, "title": page.title, "text": text})
    elif sys.stdout.isatty():
        sys.stdout.write(_drawn(text))
    else:
        put(text, sys.stdout)


def _drawn(text: str) -> str:
    """Markdown as a terminal shows it."""
    from rich.console import Console as Terminal  # noqa: PLC0415 - only here
    from rich.markdown import Markdown  # noqa: PLC0415

    with io.StringIO() as written:
        terminal = Terminal(file=written, width=min(width_of(sys.stdout), WIDEST), force_terminal=True)
        terminal.print(Markdown(text, code_theme="ansi_dark"))
        return written.getvalue()
