"""A platform's own personas (HubSpot's `hs_persona`): which of its options each of ours is.

People make those personas in the platform's settings, and see labels; what is stored is the option's value
(``persona_1``). So the label is looked up in the property's definition, each time anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from connectors.connector import Connector
from connectors.errors import FixSettingsError
from segmenter.personalize.personas import Persona
from sync.workspace.manifest import Manifest
from sync.workspace.settings import Workspace

Values = Mapping[str, Mapping[str, str]]
"""By connection: the option's value by slug of our persona."""


class Connected(Protocol):
    """A workspace whose platforms can be asked."""

    workspace: Workspace
    manifest: Manifest

    def connector(self, name: str) -> Connector:
        """Return the connector of a connection."""


def shared(bench: Connected, name: str) -> dict[str, bool]:
    """Return the fields of connection *name* that people write as well, and whether theirs may be overwritten."""
    found = bench.workspace.platform_persona(name, bench.manifest)
    return dict([found]) if found else {}


def platform_personas(bench: Connected) -> dict[str, dict[str, str]]:
    """Ask each platform whose own personas we write; one request each.

    Raises:
        FixSettingsError: It has no persona of one of our names.
    """
    found = {}
    for name in bench.workspace.connections:
        for field in shared(bench, name):
            found[name] = resolved(bench.workspace.personas, options(bench.connector(name), field), field, name)
    return found


def options(connector: Connector, field: str) -> dict[str, str]:
    """Return value by label of what people can choose in a platform's field; {} where there is no such field."""
    there = connector.fields().get(field)
    return {label: value for value, label in there.options} if there else {}


def resolved(
    personas: Mapping[str, Persona], offered: Mapping[str, str], field: str, connection: str
) -> dict[str, str]:
    """Return the option's value of each persona.

    A label is found as people read it: blanks around it and upper case make no difference.

    Args:
        personas: Ours, by slug.
        offered: The field's options, value by label.
        field: Its name, for the message.
        connection: For the message.

    Raises:
        FixSettingsError: A persona has no option, or two have the same one.
    """
    by_label = {_read(label): value for label, value in offered.items()}
    listed = ", ".join(offered) or "none"
    found: dict[str, str] = {}
    for slug, persona in personas.items():
        label = persona.alias or persona.name
        value = by_label.get(_read(label))
        if value is None:
            raise FixSettingsError(
                f"{connection} has no persona {label!r} ({field} has: {listed}), which [personas.{slug}] would be.",
                mend=f"Make it in the platform's settings (Properties, Persona), or write {field} = "
                f'"its label" into [personas.{slug}]; personasync makes no personas there.',
            )
        if value in found.values():
            other = next(one for one, taken in found.items() if taken == value)
            raise FixSettingsError(
                f"The personas {other!r} and {slug!r} would both be {label!r} on {connection}.",
                mend=f"Give one of them another {field} in personas.toml.",
            )
        found[slug] = value
    return found


def _read(label: str) -> str:
    return " ".join(label.split()).casefold()
