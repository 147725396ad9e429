"""Pydantic models of personas.toml: personas with their copy, and template fields."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from connectors.limits import TEXT_BYTES
from sync.workspace.schema_parts import ConnectionName, FilePart, OpenPart, Slug


class PersonaPart(OpenPart):
    """[personas.SLUG]: the profile of a persona, written by your team. Facts are stored elsewhere."""

    name: str
    segments: tuple[Slug, ...] = ()
    story: str = ""
    quote: str = Field(default="", description="A quote of the persona.")
    picture: str = Field(default="", description="Picture for the report: a .png, .jpg or .svg file in the workspace.")
    fields: dict[Slug, str | dict[ConnectionName, str]] = Field(
        default_factory=dict,
        description='Copy for the template fields; {crm = "...", email = "..."} where it differs by connection. '
        'A text may name traits: "More {favourite_category|for you}".',
    )


class FieldPart(OpenPart):
    """[fields.NAME]: a template field. Additional keys are connections, with the field's name there."""

    label: str = ""
    type: Literal["text", "url", "number", "date", "choice"] = "text"
    fallback: str = Field(
        description="Shown to people without a persona, and for personas without their own copy. A text may name "
        'traits: "News for {city|you}", with what others read behind the bar.'
    )
    trait: Slug | None = Field(
        default=None, description="The trait whose value is shown to the person; next_category and next_product too."
    )
    personalize: Literal["none", "persona", "individual"] | None = Field(
        default=None,
        description=(
            "Level of personalization: fallback for everyone, persona copy, or the individual trait. "
            "Default: the highest the field allows."
        ),
    )
    options: tuple[str, ...] = Field(default=(), description="Options of a choice field.")
    max_length: int = Field(default=TEXT_BYTES, ge=1, le=TEXT_BYTES, description="Maximum number of characters.")

    def targets(self) -> dict[str, str]:
        """Return the field's name on each connection."""
        return {connection: str(name) for connection, name in self.extra().items()}


class PersonasFile(FilePart):
    """personas.toml."""

    personas: dict[Slug, PersonaPart] = Field(default_factory=dict)
    fields: dict[Slug, FieldPart] = Field(default_factory=dict)
