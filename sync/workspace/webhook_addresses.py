"""Where platforms send their events: one address a connector, or one a connection where no delivery names its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.connector import NO_SECRET
from connectors.secret import Secret
from sync.workspace.definition_files import MAIN
from sync.workspace.manifest import Manifest
from sync.workspace.secrets import resolve_secret
from sync.workspace.settings import Workspace

WEBHOOKS, ACTIONS = "/webhooks", "/actions"


def connections_of(workspace: Workspace, connector: str) -> list[str]:
    """Return the connections of a connector.

    Args:
        workspace: The workspace.
        connector: Its name.

    Returns:
        Their names, in the order of the file.
    """
    return [name for name, part in workspace.connections.items() if part.connector == connector]


def webhook_path(workspace: Workspace, manifest: Manifest, name: str, *, door: str = WEBHOOKS) -> str:
    """Return the path to which the platform of connection *name* sends events, without the secret part.

    Args:
        workspace: The workspace.
        manifest: Its connectors.
        name: Of the connection.
        door: `WEBHOOKS`, or `ACTIONS` for calls of workflows.

    Returns:
        ``/webhooks/CONNECTOR``; with the connection's name behind it where a connector has several connections and its
        deliveries don't tell which one they are about.
    """
    connector = workspace.connections[name].connector
    alone = len(connections_of(workspace, connector)) == 1 or workspace.spec(name, manifest).deliveries.connection_by
    return f"{door}/{connector}" if alone else f"{door}/{connector}/{name}"


@dataclass(frozen=True, slots=True)
class Expected:
    """Who may send to an address.

    Attributes:
        connections: Those that a delivery may be about; none: nothing is expected there.
        place: The address behind its door, without what may be secret.
        rest: What is left of the path: the secret part, or "".
    """

    connections: Sequence[str]
    place: str
    rest: str


def expected_at(workspace: Workspace, manifest: Manifest, connector: str, rest: str) -> Expected:
    """Return who may send to an address of a connector.

    Args:
        workspace: The workspace.
        manifest: Its connectors.
        connector: From the path.
        rest: What stands behind it; "" for nothing.
    """
    names = connections_of(workspace, connector)
    if len(names) <= 1 or manifest.connectors[connector].deliveries.connection_by:
        return Expected(names, connector, rest)
    name, _, rest = rest.partition("/")
    return Expected([name] if name in names else [], f"{connector}/{name}", rest)


def serve_secret(workspace: Workspace, key: str, environment: Mapping[str, str], *, several: bool = False) -> Secret:
    """Return a secret of [serve]; `NO_SECRET` where it names none.

    Args:
        workspace: The workspace.
        key: Such as ``hubspot_secret``.
        environment: Environment variables.
        several: Whether it may be several secrets, with white space between.

    Raises:
        FixSettingsError: It is no reference.
        CredentialError: There is no such secret.
    """
    reference = workspace.serve.secret_at(key) if workspace.serve else ""
    if not reference:
        return NO_SECRET
    where, folder = f"{MAIN}, [serve] {key}", workspace.directory
    return resolve_secret(reference, where=where, environment=environment, directory=folder, several=several)
