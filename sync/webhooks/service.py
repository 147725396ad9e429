"""Context of the webhook service: workspace, control store and platforms, never the warehouse."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from connectors.connector import NO_SECRET, Connector
from connectors.errors import CredentialError, FixSettingsError
from connectors.installed import find_connector
from connectors.secret import Secret
from sync.control.runs import Cursors
from sync.control.store import Control, open_control
from sync.fields.platform_persona import PersonaValues, platform_personas
from sync.session import refuse_lost_control
from sync.webhooks.logs import tell
from sync.workspace.definition_files import MAIN
from sync.workspace.manifest import Manifest, load_manifest
from sync.workspace.schema import ServePart
from sync.workspace.secrets import resolve_secret
from sync.workspace.settings import Workspace, load_workspace

TIMED = "signed with a time: "  # before a path, among the positions of our own
PERSONAS_HOLD = timedelta(minutes=10)
NO_SECTION = (
    'Add to personasync.toml: [serve] public_url = "https://..." and hubspot_secret = "env:NAME" or mailchimp_secret.'
)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What deliveries are checked with; `NO_SECRET` where the workspace names none."""

    hubspot: Secret = NO_SECRET
    mailchimp: Secret = NO_SECRET
    mailchimp_path: Secret = NO_SECRET


@dataclass(slots=True)
class Service:
    """A workspace as the service sees it.

    Attributes:
        settings: [serve].
        now: The wall clock, UTC.
        timed: Paths on which this process knows that deliveries carry a signature with a time.
    """

    workspace: Workspace
    settings: ServePart
    secrets: Secrets
    manifest: Manifest
    control: Control
    now: Callable[[], datetime]
    environment: Mapping[str, str]
    opened: dict[str, Connector] = field(default_factory=dict)
    timed: set[str] = field(default_factory=set)
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

    def is_timed(self, path: str) -> bool:
        """Tell whether the app that has our secret ever signed a delivery to *path* with a time (HubSpot's v3)."""
        if path not in self.timed and self.control.cursors.get(Cursors.EVERY, TIMED + path).get("app") == self._app():
            self.timed.add(path)
        return path in self.timed

    def note_timed(self, path: str) -> None:
        """Keep that the app signs deliveries to *path* with a time, for all processes; another secret begins anew."""
        if not self.is_timed(path):
            self.control.cursors.move(Cursors.EVERY, TIMED + path, {"app": self._app()}, "")
            self.timed.add(path)

    def _app(self) -> str:
        return hmac.digest(self.secrets.hubspot.reveal().encode("utf-8", "replace"), b"which app", "sha256").hex()[:16]

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

    @property
    def live(self) -> tuple[str, ...]:
        """The connections whose contacts can be read and written one by one."""
        kinds = self.workspace.connections.items()
        return tuple(name for name, part in kinds if self.manifest.connectors[part.connector].kind != "files")

    @property
    def hubspot(self) -> str | None:
        """The connection whose webhooks come from HubSpot."""
        return next(iter(self._of("hubspot")), None)

    @property
    def audiences(self) -> dict[str, str]:
        """Connection by Mailchimp audience."""
        parts = self.workspace.connections
        return {parts[name].settings().get("audience", ""): name for name in self._of("mailchimp")}

    def _of(self, connector: str) -> list[str]:
        return [name for name, part in self.workspace.connections.items() if part.connector == connector]

    def reload(self) -> None:
        """Read the workspace's files again, for definitions that changed; connections stay as they were opened.

        Raises:
            FixSettingsError: A file is wrong.
        """
        self.workspace = load_workspace(self.workspace.directory)
        self._personas = None


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
        FixSettingsError: There is no [serve], a secret can't be found, or HubSpot is connected twice.
    """
    workspace = load_workspace(directory)
    if workspace.serve is None:
        raise FixSettingsError(f"{MAIN} has no [serve] section.", fix=NO_SECTION)
    secrets = _secrets(workspace, workspace.serve, environment)
    control = open_control(workspace.state_url.reveal(), now=now)
    service = Service(workspace, workspace.serve, secrets, load_manifest(), control, now, environment)
    try:
        refuse_lost_control(workspace, control)
        if len(service._of("hubspot")) > 1:  # noqa: SLF001 - of this module
            raise FixSettingsError(
                "The webhook service supports one HubSpot connection only.", fix="Use a separate workspace for each."
            )
        yield service
    finally:
        for connector in service.opened.values():
            connector.close()
        control.close()


def _secrets(workspace: Workspace, settings: ServePart, environment: Mapping[str, str]) -> Secrets:
    def secret(key: str, *, several: bool = False) -> Secret:
        reference = getattr(settings, key)
        where, folder = f"{MAIN}, [serve] {key}", workspace.directory
        if not reference:
            return NO_SECRET
        return resolve_secret(reference, where=where, environment=environment, directory=folder, several=several)

    def not_made_yet() -> Secret:
        """Return Mailchimp's secret; it is made with the webhook, and for that the service has to answer already."""
        try:
            return secret("mailchimp_secret", several=True)
        except CredentialError as error:
            if settings.mailchimp_path:
                raise
            tell(
                "no_secret",
                level=logging.WARNING,
                reason=f"Mailchimp webhooks are rejected until it is set. {error}",
            )
            return NO_SECRET

    return Secrets(secret("hubspot_secret"), not_made_yet(), secret("mailchimp_path"))
