"""The workspace: personasync.toml, segments.toml and personas.toml, read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.connector import Connection
from sync.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder's settings, checked.

    Attributes:
        directory: The folder.
        state_dir: ``.personasync`` in it.
        name: [workspace] name.
        engine: [workspace] engine: "duckdb" or an Ibis URL.
        state_url: An SQLAlchemy URL for `sync.control.open_control`.
        connections: By name, in order of the file; `.connector` is the connector's name, `.settings` its keys
            (secrets still references).
        traits: [traits.NAME]: `.connection`, `.property`, `.type`, `.meaning`.
        guardrails: `.max_changed`, `.max_removed`, `.max_unclassified`, `.min_segment`, `.max_data_age_hours`.
        consent: `.push`: consents that may be pushed to.
        segments: segmenter.rules.Segment, in the waterfall's order.
        personas: The segmenter's Persona by key.
        fields: The segmenter's TemplateField by name.
        digest: SHA-256 of segments.toml and personas.toml: the definitions that decide.
    """

    directory: Path
    state_dir: Path
    name: str
    engine: str
    state_url: str
    connections: Mapping[str, Any]
    traits: Mapping[str, Any]
    guardrails: Any
    consent: Any
    segments: tuple[Any, ...]
    personas: Mapping[str, Any]
    fields: Mapping[str, Any]
    digest: str

    def connection(self, name: str, manifest: Manifest, environment: Mapping[str, str]) -> Connection:
        """Return what the connector of connection *name* is told, secrets resolved.

        Raises:
            FixSettingsError: There is no such connection, or its secret can't be found.
        """
        raise NotImplementedError

    def place(self, file: str, *path: str | int) -> str:
        """Return where a key stands, for messages: ``place("segments", "segments", 0, "rule")``."""
        raise NotImplementedError


def load_workspace(directory: Path) -> Workspace:
    """Read and check the workspace in *directory*.

    Raises:
        FixSettingsError: Names the file, the line and the key.
    """
    raise NotImplementedError
