"""Conversion of workspace settings to the segmenter's definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segmenter.personalize.fields import TemplateField
from segmenter.personalize.interpolation import placeholders
from segmenter.personalize.personas import Persona
from segmenter.rules.rules import counted_in
from segmenter.rules.segments import Segment
from segmenter.traits.builtin import Precedence
from segmenter.traits.counts import CountedTrait
from segmenter.traits.definitions import MappedTrait, SurveyTrait, TraitType
from segmenter.traits.trait_families import Family
from sync.workspace.personas_file import FieldPart, PersonaPart, PersonasFile
from sync.workspace.schema import MainFile, SegmentsFile, TraitPart


def own_traits(main: MainFile) -> list[MappedTrait | SurveyTrait]:
    """Return the workspace's own traits."""
    return [
        SurveyTrait(name, part.survey, part.item, *_told(part))
        if part.survey and part.item
        else MappedTrait(name, part.connection or "", part.property or "", *_told(part))
        for name, part in main.traits.items()
    ]


def precedence_of(main: MainFile) -> Precedence:
    """Return what decides where contacts disagree: named connections first, then the others in the file's order."""
    connections = dict.fromkeys((*main.precedence.connections, *main.connections))
    return Precedence(tuple(connections), main.precedence.lifecycle_stages)


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


def fields_of(file: PersonasFile, personas: Mapping[str, Persona]) -> dict[str, TemplateField]:
    """Return the template fields by name, with the traits that their texts mention."""
    texts: dict[str, list[str]] = {name: [part.fallback] for name, part in file.fields.items()}
    for persona in personas.values():
        for name, _, text in persona.texts():
            texts.setdefault(name, []).append(text)
    return {
        name: _field(name, part, tuple(dict.fromkeys(one.trait for text in texts[name] for one in placeholders(text))))
        for name, part in file.fields.items()
    }


def _field(name: str, part: FieldPart, mentioned: tuple[str, ...]) -> TemplateField:
    return TemplateField(
        name,
        part.label or name,
        part.type,
        part.fallback,
        part.targets(),
        trait=part.trait,
        level=part.personalize or ("individual" if part.trait or mentioned else "persona"),
        options=part.options,
        max_length=part.max_length,
        mentioned=mentioned,
    )


def counted_by(segments: Sequence[Segment]) -> list[CountedTrait]:
    """Return the counts that the rules of segments ask for."""
    return [trait for one in segments for trait in counted_in(one.rule, where=f"segment {one.name!r}")]


def counted_in_main(main: MainFile) -> list[CountedTrait]:
    """Return the counts that typing tools and [exclude] ask for."""
    rules = {f"tool {name!r}": part.who for name, part in main.tools.items()}
    rules |= {"exclude 'rule'": main.exclude.rule} if main.exclude.rule else {}
    return [trait for where, rule in rules.items() for trait in counted_in(rule, where=where)]


def property_types(traits: Mapping[str, TraitPart], connection: str) -> dict[str, str]:
    """Return the types of the properties of a connection that traits read as something else than text."""
    mine = [part for part in traits.values() if part.connection == connection and part.type != "text"]
    return {part.property: part.type for part in mine if part.property}
