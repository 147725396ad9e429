"""The commands about connectors: list, new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sync.cli.console import table
from sync.cli.options import JsonOption, app, console_of, not_ours
from sync.ops.installed_connectors import ListedConnector, list_connectors

connectors_app = typer.Typer(
    help="List the connectors that are installed, or write a new one.", invoke_without_command=True
)
app.add_typer(connectors_app, name="connectors")


@connectors_app.callback()
def connectors_group(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the connectors that are installed, or write a new one. Alone it lists, as `connectors list` does."""
    if context.invoked_subcommand is None:
        _listed(as_json=as_json)


@connectors_app.command("list")
def list_command(*, as_json: JsonOption = False) -> None:
    """List the connectors that are installed: version, hosts, scopes and capabilities."""
    _listed(as_json=as_json)


@connectors_app.command("new")
def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the connector: lower-case letters and digits.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", callback=not_ours, metavar="DIR", help="Where to. Default: personasync-NAME."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the package of a new connector. Its tests fail, law by law, until it is written."""
    from sync.ops.new_connector import write_connector  # noqa: PLC0415 - it loads Jinja

    folder = out or Path(f"personasync-{name}")
    written = write_connector(name, folder)
    console_of(as_json=as_json).result(
        {"folder": str(folder), "files": [str(path) for path in written]},
        *[str(path) for path in written],
        f"Next, run `pip install -e {folder}`, then `pytest {folder}`.",
    )


def _listed(*, as_json: bool) -> None:
    listed = list_connectors()
    rows = [(_name(entry), _package(entry), _hosts(entry), _scopes(entry), _abilities(entry)) for entry in listed]
    faults = [f"{entry.connector.name}: {entry.fault}" for entry in listed if entry.fault]
    console_of(as_json=as_json).result(
        {"connectors": [entry.document() for entry in listed]},
        table("Connector", "Package", "Hosts", "Scopes", "Capabilities", rows=rows),
        *faults,
    )


def _name(entry: ListedConnector) -> str:
    return f"{entry.connector.name} (beta)" if entry.spec and entry.spec.beta else entry.connector.name


def _package(entry: ListedConnector) -> str:
    return f"{entry.connector.distribution} {entry.connector.version}".strip()


def _hosts(entry: ListedConnector) -> str:
    return ", ".join(entry.spec.hosts) or "none" if entry.spec else "–"


def _scopes(entry: ListedConnector) -> str:
    return ", ".join(scope.name for scope in entry.spec.scopes) or "none" if entry.spec else "–"


def _abilities(entry: ListedConnector) -> str:
    return ", ".join(entry.spec.capabilities.words()) or "reads" if entry.spec else "–"
