"""Conversion of workspace settings to the segmenter's definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from connectors.spec import ConnectorSpec
from segmenter.lift.randomization import HOLDOUT, Experiment
from segmenter.personalize.fields import TemplateField
from segmenter.personalize.interpolation import placeholders
from segmenter.personalize.personas import Persona
from segmenter.privacy.sensitive import Purpose, refuse_sensitive
from segmenter.rules.exclusion import Exclusion
from segmenter.rules.rules import Rule, counted_in, parse_rule
from segmenter.rules.segments import Segment, Waterfall
from segmenter.traits.builtin import READ_FROM_CONTACTS, Catalogue, Precedence, TraitProperties
from segmenter.traits.counts import CountedTrait
from segmenter.traits.definitions import Limits, MappedTrait, SurveyTrait, TraitType
from segmenter.traits.trait_families import Family
from sync.workspace.manifest import Manifest
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


def specs_of(main: MainFile, manifest: Manifest) -> dict[str, ConnectorSpec]:
    """Return the spec of each connection's connector."""
    return {name: manifest.connectors[part.connector] for name, part in main.connections.items()}


def properties_of(main: MainFile, manifest: Manifest) -> TraitProperties:
    """Return what built-in traits are read from: by connection, as its connector's spec says."""
    specs = specs_of(main, manifest)
    return {
        trait: {name: spec.traits[trait] for name, spec in specs.items() if spec.traits.get(trait)}
        for trait in READ_FROM_CONTACTS
    }


def _told(part: TraitPart) -> tuple[TraitType, str, bool, tuple[tuple[str, float], ...], Family | None, Limits]:
    limits = Limits(part.least, part.most, part.allowed)
    return part.type, part.meaning, part.sensitive, tuple(part.words.items()), part.family, limits


def everybody_of(main: MainFile) -> Experiment | None:
    """Return the global holdout as an experiment with one arm; None where nobody is held out."""
    held, begins = main.holdout, datetime(1970, 1, 1, tzinfo=UTC)
    return (
        Experiment(HOLDOUT, held.salt, {"mailed": 1.0}, begins, holdout=held.share, metric="ordered")
        if held.share
        else None
    )


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
    alias = next(iter(part.extra().values()), "")  # `sync.workspace.checks` lets platforms' own personas pass alone
    values = (part.name, part.segments, part.story, everywhere, on, str(alias), part.quote, part.picture)
    return Persona(slug, *values)


def fields_of(
    file: PersonasFile, personas: Mapping[str, Persona], specs: Mapping[str, ConnectorSpec]
) -> dict[str, TemplateField]:
    """Return the template fields by name, with the traits that their texts mention.

    Args:
        file: personas.toml.
        personas: By slug.
        specs: By connection: a field is no longer than the text that each of its platforms keeps.

    Returns:
        By name.
    """
    texts: dict[str, list[str]] = {name: [part.fallback] for name, part in file.fields.items()}
    for persona in personas.values():
        for name, _, text in persona.texts():
            texts.setdefault(name, []).append(text)
    return {
        name: _field(
            name,
            part,
            tuple(dict.fromkeys(placeholder.trait for text in texts[name] for placeholder in placeholders(text))),
            [specs[connection].capabilities.longest_text for connection in part.targets()],
        )
        for name, part in file.fields.items()
    }


def _field(name: str, part: FieldPart, mentioned: tuple[str, ...], longest: Sequence[int]) -> TemplateField:
    return TemplateField(
        name,
        part.label or name,
        part.type,
        part.fallback,
        part.targets(),
        trait=part.trait,
        level=part.personalize or ("individual" if part.trait or mentioned else "persona"),
        options=part.options,
        max_length=min(part.max_length, *(most for most in longest if most), part.max_length),
        mentioned=mentioned,
    )


def counted_in_main(main: MainFile) -> list[CountedTrait]:
    """Return the counts that rules of typing tools and of [exclude] ask for."""
    rules = {f"tool {name!r}": part.who for name, part in main.tools.items()}
    rules |= {"exclude 'rule'": main.exclude.rule} if main.exclude.rule else {}
    return [trait for where, rule in rules.items() for trait in counted_in(rule, where=where)]


def exclusion_of(main: MainFile, known: Catalogue, steps: Waterfall) -> Exclusion:
    """Return who is excluded from every push, by address and by rule.

    A sensitive trait may keep people from being written to, so no purpose is asked for.
    """
    rule = main.exclude.rule
    checked = parse_rule(rule, known, where="exclude 'rule'", segments=steps.rules()) if rule else None
    return Exclusion(frozenset(main.exclude.addresses), checked)


def tools_of(main: MainFile, known: Catalogue, purpose: Purpose, steps: Waterfall) -> dict[str, Rule]:
    """Return the rule of each typing tool that says whom to ask."""
    rules, segments = {}, steps.rules()
    for name, part in main.tools.items():
        where = f"tool {name!r}"
        rules[name] = parse_rule(part.who, known, where=where, segments=segments)
        refuse_sensitive(rules[name].names, known, purpose, where=where)
    return rules
