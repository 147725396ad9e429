"""Questions of `init`, and the defaults without a terminal."""

from __future__ import annotations

from pathlib import Path

import typer

from connectors.visible import visible
from sync.workspace.scaffold import Answers, NewConnection

NO_AUDIENCE = "your-audience-id"  # `doctor` then says that there is no such audience, and where to find its id
CRM = NewConnection("crm", "hubspot", {"access_token": "env:HUBSPOT_TOKEN"})


def email_platform(audience: str) -> NewConnection:
    """Return the Mailchimp connection for one audience."""
    return NewConnection("email", "mailchimp", {"api_key": "env:MAILCHIMP_API_KEY", "audience": audience})


def defaults(directory: Path) -> Answers:
    """Return the default connections, used without a terminal."""
    return Answers(name=directory.resolve().name, connections=(CRM, email_platform(NO_AUDIENCE)))


def ask(directory: Path) -> Answers:
    """Ask for the connections at a terminal."""
    name = typer.prompt("Company or brand name", default=visible(directory.resolve().name), err=True)
    connections: list[NewConnection] = []
    if typer.confirm("Are the contacts in HubSpot?", default=True, err=True):
        connections.append(CRM)
    if typer.confirm("Do you send email with Mailchimp?", default=True, err=True):
        where = "Audience id (Mailchimp: Audience > Settings > Audience name and defaults)"
        audience = typer.prompt(where, default=NO_AUDIENCE, err=True)
        connections.append(email_platform(audience))
    if typer.confirm("Do contacts or orders come from files (CSV, Excel, Parquet)?", default=not connections, err=True):
        contacts = typer.prompt("Contacts file", default="contacts.csv", err=True)
        orders = typer.prompt("Orders file (leave empty for none)", default="", err=True)
        files = {"contacts": contacts} | ({"orders": orders} if orders else {})
        connections.append(NewConnection("files", "files", files))
    return Answers(name=name, connections=tuple(connections))
