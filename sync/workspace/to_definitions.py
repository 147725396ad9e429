"""Conversion of workspace settings to the segmenter's definitions."""

from __future__ import annotations

from segmenter.personalize.fields import TemplateField
from segmenter.personalize.personas import Persona
from segmenter.rules.segments import Segment
from segmenter.traits.definitions import MappedTrait, SurveyTrait, TraitType
from segmenter.traits.trait_families import Family
from sync.workspace.schema import FieldPart, MainFile, PersonaPart, PersonasFile, SegmentsFile, TraitPart


def own_traits(main: MainFile) -> list[MappedTrait | SurveyTrait]:
    """Return the workspace's own traits."""
    return [
        SurveyTrait(name, part.survey, part.item, *_told(part))
        if part.survey and part.item
        else MappedTrait(name, part.connection or "", part.property or "", *_told(part))
        for name, part in main.traits.items()
    ]


def _told(part: TraitPart) -> tuple[TraitType, str, bool, tuple[tuple[str, float], ...], Family | None]:
    return part.type, part.meaning, part.sensitive, tuple(part.words.items()), part.family


def segments_of(file: SegmentsFile) -> tuple[Segment, ...]:
    """Return the segments in the order of the file."""
    return tuple(
        Segment(part.name, part.title or part.name, part.rule, part.parent, part.priority, part.cap, part.cap_by)
        for part in file.segments
    )


def personas_of(file: PersonasFile) -> dict[str, Persona]:
    """Return the personas by slug."""
    return {slug: _persona(slug, part) for slug, part in file.personas.items()}


def _persona(slug: str, part: PersonaPart) -> Persona:
    everywhere = {name: copy for name, copy in part.fields.items() if isinstance(copy, str)}
    on = {name: copy for name, copy in part.fields.items() if isinstance(copy, dict)}
    told = (part.name, part.segments, part.story, everywhere, on, part.hs_persona, part.quote, part.picture)
    return Persona(slug, *told)


def fields_of(file: PersonasFile) -> dict[str, TemplateField]:
    """Return the template fields by name."""
    return {name: _field(name, part) for name, part in file.fields.items()}


def _field(name: str, part: FieldPart) -> TemplateField:
    return TemplateField(
        name,
        part.label or name,
        part.type,
        part.fallback,
        part.targets(),
        trait=part.trait,
        level=part.personalize or ("individual" if part.trait else "persona"),
        options=part.options,
        max_length=part.max_length,
    )
