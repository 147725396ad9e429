"""plugin.toml: one reader, no key that nobody knows, and the connectors that are installed."""

from __future__ import annotations

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.connector import Connection
from connectors.installed import ENTRY_POINTS
from sync.workspace.manifest import Manifest, plugin_manifest

FILE = Path(__file__).parents[3] / "plugin.toml"


def test_the_connectors_of_plugin_toml_are_those_that_are_installed() -> None:
    ours = {p.name for p in entry_points(group=ENTRY_POINTS) if p.dist is not None and p.dist.name == "personasync"}

    assert set(plugin_manifest().connectors) == ours


def test_every_scope_says_why() -> None:
    scopes = [scope for spec in plugin_manifest().connectors.values() for scope in spec.scopes]

    assert scopes
    assert all(scope.why for scope in scopes)


def test_a_connector_gets_plain_values() -> None:
    spec = plugin_manifest().connectors["hubspot"].as_mapping()
    connection = Connection(name="crm", settings={}, manifest=spec)

    assert connection.manifest["scopes"][0]["name"] == "crm.objects.contacts.read"
    assert connection.manifest["fields"][0]["role"] == "persona"
    assert connection.manifest["limits"]["batch"] == 100


@pytest.mark.parametrize("path", [(), ("plugin",), ("connectors", "hubspot"), ("connectors", "hubspot", "fields", 0)])
def test_a_key_that_nobody_knows_is_refused(path: tuple[str | int, ...]) -> None:
    spec = tomllib.loads(FILE.read_text("utf-8"))
    part = spec
    for step in path:
        part = part[step]  # type: ignore[index]
    part["surprise"] = "!"

    with pytest.raises(ValidationError, match="surprise"):
        Manifest.model_validate(spec)


def test_every_connector_that_needs_a_secret_has_a_setting_for_it() -> None:
    for spec in plugin_manifest().connectors.values():
        assert not spec.secret or spec.secret in spec.settings
