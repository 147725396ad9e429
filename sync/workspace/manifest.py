"""The manifest: plugin.toml, and the specs that lie beside connectors, ours and those of other packages."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from connectors.declared import SpecPart
from connectors.errors import FixSettingsError
from connectors.installed import InstalledConnector, installed, spec_file
from connectors.spec import ConnectorSpec, parse_spec


class Plugin(SpecPart):
    """[plugin]."""

    name: str
    title: str
    description: str


class Manifest(SpecPart):
    """plugin.toml, together with the specs of other packages.

    Attributes:
        faulty: Connectors of other packages that can't be used, and why, in a sentence.
    """

    plugin: Plugin
    connectors: Mapping[str, ConnectorSpec]
    faulty: Mapping[str, str] = {}

    def unusable(self, connector: str) -> str:
        """Return why no connection can use *connector*, in a sentence that names what there is."""
        listed = ", ".join(sorted(self.connectors))
        return self.faulty.get(connector, f"unknown connector {connector!r}; known: {listed}.")

    @property
    def explaining(self) -> frozenset[str]:
        """Fields that only explain an assignment: reason, confidence, date, runner-up and version."""
        return self._named(EXPLAINING)

    @property
    def assigning(self) -> frozenset[str]:
        """Fields that show the assignment itself: persona and segment."""
        return self._named(ASSIGNING)

    @property
    def persona_properties(self) -> dict[str, str]:
        """The platforms' own persona fields, which [personas.NAME] may name, and what to write there."""
        specs = [spec for spec in self.connectors.values() if spec.persona_property]
        return {spec.persona_property: f"Name of the matching {spec.title} persona, if different." for spec in specs}

    @property
    def serve_keys(self) -> dict[str, str]:
        """The keys of [serve] that are secrets of connectors, and what each is."""
        return {key: text for name, spec in self.connectors.items() for key, text in spec.serve_keys(name).items()}

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
    """Return plugin.toml with the specs of every connector that other packages brought, read once.

    A spec that can't be read makes its own connector unusable, and no other.

    Returns:
        Connectors with hosts, scopes, limits and fields, by name; personasync's own first.
    """
    own, others, faulty = plugin_manifest(), {}, {}
    for connector in installed().values():
        if not connector.is_ours:
            try:
                others[connector.name] = _brought(connector)
            except FixSettingsError as error:
                faulty[connector.name] = str(error)
    return own.model_copy(update={"connectors": {**own.connectors, **others}, "faulty": faulty})


def _brought(connector: InstalledConnector) -> ConnectorSpec:
    if connector.fault:
        raise FixSettingsError(connector.fault)
    path = spec_file(connector)
    try:
        return parse_spec(path.read_text("utf-8"), where=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise FixSettingsError(f"{path} can't be read: {error}.") from None


@cache
def plugin_manifest() -> Manifest:
    """Return plugin.toml with the specs beside personasync's own connectors, read once.

    It lies in the installed package, or at the top of a checkout.

    Returns:
        The connectors that personasync itself brings.
    """
    packaged = resources.files("sync.workspace") / "plugin.toml"
    text = packaged.read_text("utf-8") if packaged.is_file() else _checkout().read_text("utf-8")
    own = Manifest.model_validate(tomllib.loads(text))
    ours = [connector for connector in installed().values() if connector.is_ours]
    beside = {connector.name: _brought(connector) for connector in ours if connector.name not in own.connectors}
    return own.model_copy(update={"connectors": {**own.connectors, **beside}})


def _checkout() -> Path:
    return Path(__file__).parents[2] / "plugin.toml"
