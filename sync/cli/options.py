"""Shared parts of the commands: the Typer app, common options, the session and the console."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli import names
from sync.cli.console import Console, put
from sync.clock import clock_of

if TYPE_CHECKING:
    from sync.assign.person_rows import PersonRows
    from sync.session import ReadStores, Session, Stores
    from sync.workspace.settings import Workspace

REJECTS = 4  # done, but some records were rejected
ALERT = 5  # `status --check`: something is wrong

app = typer.Typer(
    name="personasync",
    help="Segments and personas between your CRM and your email platform.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def not_ours(target: Path | None) -> Path | None:
    """Return what an option names to be written; the callback of every option that does.

    Raises:
        FixSettingsError: It is a file on which a workspace lives.
    """
    if target is not None:
        from sync.workspace.own_files import refuse_own_file  # noqa: PLC0415 - only where something is written

        refuse_own_file(target)
    return target


WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", metavar="DIR", help="The workspace's folder.", file_okay=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]
ConnectionOption = Annotated[
    str | None,
    typer.Option(
        "--connection",
        metavar="CONNECTION",
        help="Only this connection.",
        autocompletion=names.completing(names.connections),
    ),
]
HERE = Path()


@contextmanager
def session_of(
    workspace: Path,
    *,
    environment: Mapping[str, str] | None = None,
    reading: bool = False,
    healing: Collection[str] = (),
) -> Iterator[Session]:
    """Open the workspace with the real clock and environment; its warnings go to stderr.

    A command that only reads takes a copy of the warehouse while another one holds it.
    """
    from sync.session import open_session  # noqa: PLC0415 - heavy imports only where needed

    known = os.environ if environment is None else environment
    now = clock_of(workspace)
    with open_session(workspace, now=now, environment=known, reading=reading, healing=healing) as session:
        if session.copied:
            put("Another personasync command is running. This shows what it has saved so far.", sys.stderr)
        _remark(session.workspace)
        yield session


@contextmanager
def stores_of(workspace: Path) -> Iterator[Stores]:
    """Open the control store, but not the warehouse."""
    from sync.session import open_stores  # noqa: PLC0415

    with open_stores(workspace, now=clock_of(workspace)) as stores:
        _remark(stores.workspace)
        yield stores


@contextmanager
def read_stores_of(workspace: Path) -> Iterator[ReadStores]:
    """Open what `status` and `history` look at: the control store to read, but not the warehouse."""
    from sync.session import open_read_stores  # noqa: PLC0415

    with open_read_stores(workspace, now=clock_of(workspace)) as stores:
        _remark(stores.workspace)
        yield stores


@contextmanager
def person_rows_of(workspace: Path) -> Iterator[tuple[ReadStores, PersonRows]]:
    """Open what `explain` and `classify` look at: the control store, and what the warehouse says of one person."""
    from sync.assign.person_rows import open_person_rows  # noqa: PLC0415

    now = clock_of(workspace)
    with read_stores_of(workspace) as stores, open_person_rows(stores, now=now, environment=os.environ) as rows:
        yield stores, rows


def _remark(workspace: Workspace) -> None:
    for remark in workspace.remarks:
        put(f"Warning: {remark}", sys.stderr)


def console_of(*, as_json: bool) -> Console:
    """Return the console of one command."""
    return Console(as_json=as_json)


PeopleOption = Annotated[int, typer.Option("--people", help="Number of generated contacts.", min=1)]
SeedOption = Annotated[int, typer.Option("--seed", help="Random seed; the same seed gives the same contacts.")]
