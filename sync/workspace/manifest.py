"""Reader of plugin.toml, as validated values."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from connectors.records import FieldType


class PluginSpec(BaseModel):
    """Section of plugin.toml; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Plugin(PluginSpec):
    """[plugin]."""

    name: str
    title: str
    description: str


class Scope(PluginSpec):
    """An API scope that the plugin needs, with the reason."""

    name: str
    why: str


class DeclaredField(PluginSpec):
    """A field of the assignment that the plugin writes."""

    name: str
    role: Literal["persona", "segment", "confidence", "reason", "since", "runner_up", "version", "memberships"]
    label: str
    type: FieldType
    optional: bool = False  # only where the connection's `extra_fields` names the role


class WebhookSpec(PluginSpec):
    """A webhook subscription."""

    type: str
    property: str = ""


class ActionSpec(PluginSpec):
    """The custom workflow action of HubSpot."""

    uid: str
    name: str
    description: str
    outputs: tuple[str, ...]


class ConnectorSpec(PluginSpec):
    """[connectors.NAME]."""

    title: str
    kind: Literal["crm", "email", "files"]
    base_url: str = ""
    hosts: tuple[str, ...] = ()
    download_hosts: tuple[str, ...] = ()
    api_version: str = ""
    api_versions: Mapping[str, date] = {}  # when the platform ends each, the newest last
    paths_end: Mapping[str, date] = {}  # of paths that end at another time, by what they begin with
    secret: str = ""
    settings: tuple[str, ...] = ()
    provides: Mapping[str, tuple[str, ...]] = {}  # data that traits are made of, by the setting that brings them
    choices: Mapping[str, tuple[str, ...]] = {}  # what may stand in a setting; the first is its default
    persona_property: str = ""  # the platform's own persona, and the setting that lets us write it
    paths: tuple[str, ...] = ()  # settings that are files, meant from the workspace
    group_prefix: str = ""
    field_group: str = ""
    skip_merge_validation: bool = False
    scopes: tuple[Scope, ...] = ()
    fields: tuple[DeclaredField, ...] = ()
    properties: tuple[str, ...] = ()  # that every contact has beside the fields that the platform lists
    webhooks: tuple[WebhookSpec, ...] = ()
    webhook_sources: tuple[str, ...] = ()
    action: ActionSpec | None = None
    limits: Mapping[str, int] = {}

    @property
    def optional_roles(self) -> tuple[str, ...]:
        """Roles of the fields that a connection may switch on."""
        return tuple(field.role for field in self.fields if field.optional)

    def as_mapping(self) -> dict[str, Any]:
        """Return plain values, as a `connectors.connector.Connection` carries them."""
        return self.model_dump()


class Manifest(PluginSpec):
    """plugin.toml."""

    plugin: Plugin
    connectors: Mapping[str, ConnectorSpec]

    @property
    def explaining(self) -> frozenset[str]:
        """Fields that only explain an assignment: reason, confidence, date, runner-up and version."""
        return self._named(EXPLAINING)

    @property
    def assigning(self) -> frozenset[str]:
        """Fields that show the assignment itself: persona and segment."""
        return self._named(ASSIGNING)

    def _named(self, roles: Collection[str]) -> frozenset[str]:
        fields = (field for connector in self.connectors.values() for field in connector.fields)
        return frozenset(field.name for field in fields if field.role in roles)


EXPLAINING = ("confidence", "reason", "since", "runner_up", "version")
ASSIGNING = ("persona", "segment")


def roles_in(extra: str) -> tuple[str, ...]:
    """Return the words of a connection's `extra_fields`."""
    return tuple(word.strip() for word in extra.split(",") if word.strip())


@cache
def load_manifest() -> Manifest:
    """Return plugin.toml, read once: from the installed package, or from the top of a checkout.

    Returns:
        Connectors with hosts, scopes, limits and fields, by name.
    """
    packaged = resources.files("sync.workspace") / "plugin.toml"
    text = packaged.read_text("utf-8") if packaged.is_file() else _checkout().read_text("utf-8")
    return Manifest.model_validate(tomllib.loads(text))


def _checkout() -> Path:
    return Path(__file__).parents[2] / "plugin.toml"
