"""Context of the webhook service: workspace, control store and platforms, never the warehouse."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.connector import NO_SECRET, Connector
from connectors.errors import CredentialError, FixSettingsError
from connectors.events import EventSource, NumberedAccount
from connectors.installed import find_connector
from connectors.secret import Secret
from sync.assign.evidence import settings_files
from sync.control.runs import Cursors
from sync.control.store import Control, open_control
from sync.fields.platform_persona import PersonaValues, platform_personas
from sync.session import refuse_lost_control
from sync.webhooks.logs import tell
from sync.workspace.definition_files import MAIN
from sync.workspace.manifest import Manifest, load_manifest
from sync.workspace.schema import ServePart
from sync.workspace.settings import Workspace, load_workspace
from sync.workspace.webhook_addresses import serve_secret

TIMED = "signed with a time: "  # before a path, among the positions of our own
PERSONAS_HOLD = timedelta(minutes=10)
NO_SECTION = 'Add to personasync.toml: [serve] public_url = "https://..." and CONNECTOR_secret = "env:NAME".'


@dataclass(frozen=True, slots=True)
class Sender:
    """A connector whose platform sends events.

    Attributes:
        connector: Its name.
        source: Its class, which follows `EventSource`.
        secret: What deliveries are signed with; `NO_SECRET` where the workspace names none.
        path: Secret last part of the address; `NO_SECRET` where it has none.
        may_be_unsigned: Whether the secret of the address is enough.
        spec: Of the connector, as `connectors.connector.Connection` carries it.
    """

    connector: str
    source: Any
    secret: Secret = NO_SECRET
    path: Secret = NO_SECRET
    may_be_unsigned: bool = False
    spec: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Service:
    """A workspace as the service sees it.

    Attributes:
        settings: [serve].
        senders: By connector.
        now: The wall clock, UTC.
        texts: The settings as they were read, by file; what names the definitions that decide is made of them.
        timed: Paths on which this process knows that deliveries carry a signature with a time.
        accounts: Number of the account, by connection, as far as it was asked for.
    """

    workspace: Workspace
    settings: ServePart
    senders: Mapping[str, Sender]
    manifest: Manifest
    control: Control
    now: Callable[[], datetime]
    environment: Mapping[str, str]
    opened: dict[str, Connector] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)
    timed: set[str] = field(default_factory=set)
    accounts: dict[str, str] = field(default_factory=dict)
    _personas: tuple[datetime, PersonaValues] | None = None

    def platform_personas(self, now: datetime) -> PersonaValues:
        """Return the platforms' own personas, asked for again after some minutes.

        Where they can't be told, their field is left alone and the log says why: everything else goes on.
        """
        if self._personas is None or now - self._personas[0] > PERSONAS_HOLD:
            try:
                self._personas = (now, platform_personas(self).values)
            except FixSettingsError as error:
                tell("no_platform_personas", level=logging.WARNING, reason=str(error))
                self._personas = (now, {})
        return self._personas[1]

    def is_timed(self, place: str, sender: Sender) -> bool:
        """Tell whether a platform that has our secret ever signed a delivery to *place* with a time."""
        if place not in self.timed:
            known = self.control.cursors.get(Cursors.EVERY, TIMED + place).get("app")
            if known == _whose(sender):
                self.timed.add(place)
        return place in self.timed

    def note_timed(self, place: str, sender: Sender) -> None:
        """Keep that deliveries to *place* are signed with a time, for all processes; another secret starts again."""
        if not self.is_timed(place, sender):
            self.control.cursors.move(Cursors.EVERY, TIMED + place, {"app": _whose(sender)}, "")
            self.timed.add(place)

    def connector(self, name: str) -> Connector:
        """Return the connector of a connection, opened on first use as the account's service.

        Returns:
            The same object each time.
        """
        if name not in self.opened:
            connection = self.workspace.connection(name, self.manifest, self.environment)
            made: Connector = find_connector(self.workspace.connections[name].connector)(
                replace(connection, service=True)
            )
            self.opened[name] = made
        return self.opened[name]

    def account(self, name: str) -> str:
        """Return the number of a connection's account, asked for once; "" where nobody knows it.

        Raises:
            PersonasyncError: The platform does not answer.
        """
        if name not in self.accounts:
            connector = self.connector(name)
            known = connector.account_number() if isinstance(connector, NumberedAccount) else ""
            if not known:
                reason = "the token can't read the account's number: events of other accounts can't be told apart"
                tell("no_account", level=logging.WARNING, connection=name, reason=reason)
            self.accounts[name] = known
        return self.accounts[name]

    @property
    def live(self) -> tuple[str, ...]:
        """The connections whose contacts can be read and written one by one."""
        kinds = self.workspace.connections.items()
        return tuple(name for name, part in kinds if self.manifest.connectors[part.connector].kind != "files")

    def reload(self) -> None:
        """Read the workspace's files again, for definitions that changed; connections stay as they were opened.

        Raises:
            FixSettingsError: A file is wrong.
        """
        self.workspace, self.texts = _read(self.workspace.directory)
        self._personas = None


def _read(directory: Path) -> tuple[Workspace, dict[str, bytes]]:
    """Read a workspace, and its settings as text: the same ones, also where somebody saves a file meanwhile."""
    while True:
        before = settings_files(directory)
        workspace = load_workspace(directory)
        if settings_files(directory) == before:
            return workspace, before


@contextmanager
def open_service(directory: Path, *, now: Callable[[], datetime], environment: Mapping[str, str]) -> Iterator[Service]:
    """Open the workspace in *directory* for the service, and close all of it when the block ends.

    Args:
        directory: The workspace's folder.
        now: Clock, UTC.
        environment: Environment variables, for secrets.

    Yields:
        The service; it never opens the warehouse.

    Raises:
        FixSettingsError: There is no [serve], or a secret can't be found.
    """
    workspace, texts = _read(directory)
    if workspace.serve is None:
        raise FixSettingsError(f"{MAIN} has no [serve] section.", fix=NO_SECTION)
    manifest = load_manifest()
    senders = {sender.connector: sender for sender in _senders(workspace, manifest, environment)}
    control = open_control(workspace.state_url.reveal(), now=now)
    service = Service(workspace, workspace.serve, senders, manifest, control, now, environment, texts=texts)
    try:
        refuse_lost_control(workspace, control)
        yield service
    finally:
        for connector in service.opened.values():
            connector.close()
        control.close()


def _senders(workspace: Workspace, manifest: Manifest, environment: Mapping[str, str]) -> Iterator[Sender]:
    """Yield the connectors of the workspace whose platforms send events; their code is imported now, not later."""
    for connector in dict.fromkeys(part.connector for part in workspace.connections.values()):
        spec = manifest.connectors[connector]
        if not spec.capabilities.events:
            continue
        source = find_connector(connector)
        if not isinstance(source, EventSource):
            tell("no_events", level=logging.WARNING, connector=connector, reason="its class has no verify and parse")
            continue
        path = serve_secret(workspace, f"{connector}_path", environment)
        secret = _signing(workspace, connector, environment, made_by_setup=not spec.deliveries.project and not path)
        yield Sender(connector, source, secret, path, bool(spec.deliveries.path), spec.as_mapping())


def _signing(workspace: Workspace, connector: str, environment: Mapping[str, str], *, made_by_setup: bool) -> Secret:
    """Return a connector's signing secret; one that `setup` makes needs a service that answers already."""
    try:
        return serve_secret(workspace, f"{connector}_secret", environment, several=True)
    except CredentialError as error:
        if not made_by_setup:
            raise
        reason = f"Webhooks of {connector} are rejected until it is set. {error}"
        tell("no_secret", level=logging.WARNING, reason=reason)
        return NO_SECRET


def _whose(sender: Sender) -> str:
    secret = sender.secret.reveal().encode("utf-8", "replace")
    return hmac.digest(secret, b"which app", "sha256").hex()[:16]
