"""Questions of `init`, and the defaults without a terminal."""

from __future__ import annotations

from pathlib import Path

import typer

from connectors.visible import visible
from sync.workspace.manifest import load_manifest, plugin_manifest
from sync.workspace.scaffold import Answers, NewConnection


def defaults(directory: Path) -> Answers:
    """Return the default connections, used without a terminal."""
    proposed = [(name, spec.init) for name, spec in plugin_manifest().connectors.items() if spec.init]
    connections = [NewConnection(init.name, name, {**init.settings, **init.defaults}) for name, init in proposed]
    return Answers(name=directory.resolve().name, connections=tuple(connections))


def ask(directory: Path) -> Answers:
    """Ask for the connections at a terminal."""
    name = typer.prompt("Company or brand name", default=visible(directory.resolve().name), err=True)
    connections: list[NewConnection] = []
    ours = plugin_manifest().connectors
    for connector, spec in load_manifest().connectors.items():
        init = spec.init
        if init is not None and typer.confirm(init.question, default=connector in ours, err=True):
            answers = {
                key: typer.prompt(question, default=init.defaults.get(key, ""), err=True)
                for key, question in init.asks.items()
            }
            connections.append(NewConnection(init.name, connector, {**init.settings, **answers}))
    if typer.confirm("Do contacts or orders come from files (CSV, Excel, Parquet)?", default=not connections, err=True):
        contacts = typer.prompt("Contacts file", default="contacts.csv", err=True)
        orders = typer.prompt("Orders file (leave empty for none)", default="", err=True)
        files = {"contacts": contacts} | ({"orders": orders} if orders else {})
        connections.append(NewConnection("files", "files", files))
    return Answers(name=name, connections=tuple(connections))
