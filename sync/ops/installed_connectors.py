"""The connectors that are installed, with what their specs say: what `personasync connectors` lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.installed import InstalledConnector, installed
from connectors.spec import ConnectorSpec
from sync.workspace.manifest import load_manifest


@dataclass(frozen=True, slots=True)
class ListedConnector:
    """A connector that is installed.

    Attributes:
        connector: Its name, package and version.
        spec: None where it can't be read.
        fault: Why the connector can't be used, in a sentence; "" where it can.
    """

    connector: InstalledConnector
    spec: ConnectorSpec | None
    fault: str = ""

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        known = {
            "name": self.connector.name,
            "package": self.connector.distribution,
            "version": self.connector.version,
            "fault": self.fault or None,
        }
        if self.spec is None:
            return known
        return {
            **known,
            "title": self.spec.title,
            "kind": self.spec.kind,
            "beta": self.spec.beta,
            "hosts": list(self.spec.hosts),
            "download_hosts": list(self.spec.download_hosts),
            "scopes": {scope.name: scope.why for scope in self.spec.scopes},
            "capabilities": self.spec.capabilities.model_dump(),
            "cost": self.spec.cost.model_dump(),
            "settings": list(self.spec.settings),
            "fields": {field.role: field.name for field in self.spec.fields},
        }


def list_connectors() -> list[ListedConnector]:
    """Return every connector that is installed: personasync's own first, then by name. Nothing of them is imported."""
    manifest = load_manifest()
    return [
        ListedConnector(connector, manifest.connectors.get(name), manifest.faulty.get(name, ""))
        for name, connector in installed().items()
    ]
