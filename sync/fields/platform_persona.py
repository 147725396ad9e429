"""A platform's own personas (HubSpot's `hs_persona`), matched to ours.

People make those personas in the platform's settings, and see labels; what is stored is the option's value
(``persona_1``). So the label is looked up in the property's definition, each time anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from connectors.connector import Connector
from connectors.errors import FixSettingsError
from segmenter.personalize.personas import Persona
from sync.workspace.manifest import Manifest
from sync.workspace.settings import Workspace

PersonaValues = Mapping[str, Mapping[str, str]]
"""By connection: the option's value by slug of our persona."""


@dataclass(frozen=True, slots=True)
class UnmatchedPersona:
    """A persona of ours that is none of a platform's own, and which there are."""

    connection: str
    field: str
    slug: str
    label: str
    offered: str

    @property
    def message(self) -> str:
        """What is the case."""
        return (
            f"{self.connection} has no persona {self.label!r} ({self.field} has: {self.offered}) for "
            f"[personas.{self.slug}]; its contacts get none there."
        )

    @property
    def fix(self) -> str:
        """What to do."""
        return (
            "Create it in the platform's settings (Properties > Persona), or set "
            f'{self.field} = "its label" in [personas.{self.slug}]; personasync does not create personas there.'
        )


@dataclass(slots=True)
class PlatformPersonas:
    """The platforms' own personas.

    Attributes:
        values: By connection whose field can be written: the option's value by slug of our persona.
        skipped: Our personas that a platform does not have.
    """

    values: dict[str, dict[str, str]] = field(default_factory=dict)
    skipped: list[UnmatchedPersona] = field(default_factory=list)


class ConnectedWorkspace(Protocol):
    """A workspace whose platforms can be asked."""

    workspace: Workspace
    manifest: Manifest

    def connector(self, name: str) -> Connector:
        """Return the connector of a connection."""


def co_owned_fields(session: ConnectedWorkspace, name: str) -> dict[str, bool]:
    """Return the fields of connection *name* that people write as well, and whether theirs may be overwritten.

    Args:
        session: The workspace.
        name: Name of the connection.

    Returns:
        Field name -> whether it may be overwritten; empty: we share no field there.
    """
    pair = session.workspace.platform_persona(name, session.manifest)
    return dict([pair]) if pair else {}


def platform_personas(session: ConnectedWorkspace) -> PlatformPersonas:
    """Ask each platform whose own personas we write; one request each.

    Returns:
        By connection the option of each persona, and the personas that a platform does not offer.

    Raises:
        FixSettingsError: Two of our personas are the same one there.
    """
    platform_personas = PlatformPersonas()
    for name in session.workspace.connections:
        for own in co_owned_fields(session, name):
            offered = field_options(session.connector(name), own)
            platform_personas.skipped += unmatched_personas(session.workspace.personas, offered, own, name)
            if offered:
                platform_personas.values[name] = resolved(session.workspace.personas, offered, name)
    return platform_personas


def field_options(connector: Connector, field: str) -> dict[str, str]:
    """Return value by label of what people can choose in a platform's field; {} where there is no such field.

    Args:
        connector: The open connector, which is asked.
        field: Internal name of the field.

    Returns:
        Label -> value.
    """
    there = connector.fields().get(field)
    return {label: value for value, label in there.options} if there else {}


def resolved(personas: Mapping[str, Persona], offered: Mapping[str, str], connection: str) -> dict[str, str]:
    """Return the option's value of each persona that has one.

    A label is found as people read it: blanks around it and upper case make no difference.

    Args:
        personas: Ours, by slug.
        offered: The field's options, value by label.
        connection: For the message.

    Returns:
        Slug -> value of the option; personas without an option are left out.

    Raises:
        FixSettingsError: Two personas have the same option.
    """
    by_label = {_read(label): value for label, value in offered.items()}
    options: dict[str, str] = {}
    for slug, persona in personas.items():
        value = by_label.get(_read(platform_name(persona)))
        if value is None:
            continue
        if value in options.values():
            other = next(owner for owner, taken in options.items() if taken == value)
            raise FixSettingsError(
                f"The personas {other!r} and {slug!r} would both map to {platform_name(persona)!r} on {connection}.",
                fix="Give one of them another name of that platform in personas.toml.",
            )
        options[slug] = value
    return options


def unmatched_personas(
    personas: Mapping[str, Persona], offered: Mapping[str, str], field: str, connection: str
) -> list[UnmatchedPersona]:
    """Return our personas that are none of the options of a platform's field; see `resolved`.

    Args:
        personas: Ours, by slug.
        offered: The field's options, value by label.
        field: Internal name of the field.
        connection: Name of the connection.

    Returns:
        Each with the labels that there are, for the message.
    """
    labels = {_read(label) for label in offered}
    listed = ", ".join(offered) or "none"
    return [
        UnmatchedPersona(connection, field, slug, platform_name(persona), listed)
        for slug, persona in personas.items()
        if _read(platform_name(persona)) not in labels
    ]


def platform_name(persona: Persona) -> str:
    """Return what a persona of ours is called on the platforms."""
    return persona.alias or persona.name


def _read(label: str) -> str:
    return " ".join(label.split()).casefold()
