"""The lint of significant decisions: names and copy of fields, segments and personas, and what a workspace reviewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from segmenter.personalize.fields import TemplateField
from segmenter.personalize.personas import Persona
from segmenter.privacy.significant import Reviewed, refuse_significant
from segmenter.rules.segments import Segment
from sync.workspace.schema_parts import FilePart, Slug


class DecisionsPart(FilePart):
    """[decisions]: reviewed uses that sound like decisions about credit, housing, jobs, insurance or prices."""

    review: str = Field(default="", description="Who reviewed these uses, when, and on which legal basis.")
    allow: tuple[Slug, ...] = Field(default=(), description="Names of fields, segments and personas.")


def check_decisions(fields: Mapping[str, TemplateField], personas: Mapping[str, Persona], part: DecisionsPart) -> None:
    """Stop a field or a persona that would drive a significant decision (`segmenter.privacy.significant`).

    Args:
        fields: Of personas.toml.
        personas: Of personas.toml.
        part: What was reviewed.

    Raises:
        DefinitionError: A name or copy speaks of one, and nobody reviewed it.
    """
    names = {
        **{f"field {name!r}": (name, field.label, *field.targets.values()) for name, field in fields.items()},
        **{f"persona {slug!r}": (slug, persona.name, persona.alias) for slug, persona in personas.items()},
    }
    copy = {
        f"persona {slug!r}, field {name!r}": (text,)
        for slug, persona in personas.items()
        for name, _, text in persona.texts()
    }
    fallbacks = {f"field {name!r}": (field.fallback,) for name, field in fields.items()}
    refuse_significant(names, {**copy, **fallbacks}, Reviewed(part.review, part.allow))


def check_named(segments: Sequence[Segment], part: DecisionsPart) -> None:
    """Stop a segment, and so the tag or list that workflows read, whose name is about a significant decision.

    Args:
        segments: Of segments.toml.
        part: What was reviewed.

    Raises:
        DefinitionError: As `check_decisions`.
    """
    names = {f"segment {segment.name!r}": (segment.name, segment.title) for segment in segments}
    refuse_significant(names, {}, Reviewed(part.review, part.allow))
