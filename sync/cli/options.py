"""Shared parts of the commands: the Typer app, common options, the session and the console."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sync.cli.console import Console
from sync.clock import now
from sync.session import Workbench, open_workbench

REJECTS = 4  # done, but some records were rejected

app = typer.Typer(
    name="personasync",
    help="Segments and personas between your CRM and your email platform.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", metavar="DIR", help="The workspace's folder.", file_okay=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
OnlyOption = Annotated[str | None, typer.Option("--only", metavar="CONNECTION", help="Only this connection.")]
HERE = Path()


@contextmanager
def bench_of(workspace: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Workbench]:
    """Open the workspace with the real clock and environment; its warnings go to stderr."""
    with open_workbench(workspace, now=now, environment=os.environ if environment is None else environment) as bench:
        for remark in bench.workspace.remarks:
            sys.stderr.write(f"Warning: {remark}\n")
        yield bench


def console_of(*, as_json: bool) -> Console:
    """Return the console of one command."""
    return Console(as_json=as_json)
