"""Field values of each person: persona copy, individual values, and assignment details."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, Literal

from connectors.limits import TEXT_BYTES
from segmenter.late_ibis import ibis
from segmenter.personalize.escaping import ADDRESS, bytes_at_most, harmless
from segmenter.personalize.interpolation import Placeholder, parts_of, placeholders, without_traits
from segmenter.personalize.personas import NO_PERSONA, UNCLASSIFIED, Persona
from segmenter.traits.people import NO_CONSENT

if TYPE_CHECKING:
    from ibis import Table

    from segmenter.rules.segments import Waterfall

Role = Literal["persona", "segment", "confidence", "reason", "since", "runner_up", "version", "memberships"]
FieldKind = Literal["text", "url", "number", "date", "choice"]
Level = Literal["none", "persona", "individual"]
REASON_CHARACTERS = 250
SEVERAL = "; "
PROBABLE = ("survey", "model")
"""Sources whose confidence is a probability: calibrated on people who were not used to fit them."""
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class TemplateField:
    """A value that an e-mail template prints, on each platform under that platform's name.

    Attributes:
        fallback: Shown for the unclassified, and for personas without copy of their own.
        targets: The field's name by connection.
        trait: The trait whose value is shown to the person it is about; None: persona copy only.
        level: How personal it may get: the fallback for everybody, persona copy, or the person's own value.
        options: Of a choice: what may be shown.
        max_length: Most characters that the template has room for.
        mentioned: Traits that its fallback or a persona's copy names in placeholders.
    """

    name: str
    label: str
    type: FieldKind
    fallback: str
    targets: Mapping[str, str] = field(default_factory=dict)
    trait: str | None = None
    level: Level = "persona"
    options: tuple[str, ...] = ()
    max_length: int = TEXT_BYTES
    mentioned: tuple[str, ...] = ()

    @property
    def asked(self) -> str | None:
        """The trait whose value takes the place of the copy; None where none does."""
        return self.trait if self.level == "individual" else None

    @property
    def all_asked(self) -> tuple[str, ...]:
        """The traits that people's own values come from: `asked` and those mentioned; empty: nobody gets one."""
        named = (self.trait, *self.mentioned) if self.level == "individual" else ()
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def plain_fallback(self) -> str:
        """The fallback as somebody is shown it of whom nothing is known."""
        return without_traits(self.fallback) or ""


@dataclass(frozen=True, slots=True)
class OwnedField:
    """A field of plugin.toml that tells of the assignment itself.

    Attributes:
        values: What the field holds in place of the role's own values, where it has a list of its own; others clear it.
    """

    connection: str
    name: str
    role: Role
    values: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """People's traits for individual values, and the limits on them.

    Attributes:
        people: Columns ``person_id``, ``consent``, and the traits that fields ask for; beside each ``creepy_TRAIT``:
            why its value is creepy (`segmenter.personalize.creepiness.with_creepiness`), or null. Who is missing gets
            no
            value of their own.
        individual: Consents with which somebody's own values may be shown; the others get their persona's copy.
        persona: Consents with which a persona's copy may be shown; the others get the fallback.
        held_back: Reasons for which a value is not shown.
    """

    people: Table
    individual: tuple[str, ...]
    persona: tuple[str, ...]
    held_back: tuple[str, ...] = ()


def values_wanted(
    assignments: Table,
    personas: Sequence[Persona],
    fields: Mapping[str, TemplateField],
    owned: Sequence[OwnedField],
    copies: Table | None = None,
    known: Known | None = None,
) -> Table:
    """Return the field values of every assigned or unclassified person, on every connection.

    Args:
        assignments: Versions in force (`connectors.records.ASSIGNMENTS`).
        personas: All personas.
        fields: Template fields by name.
        owned: The fields of plugin.toml, by connection.
        copies: Columns ``person_id``, ``copy_of``: people who get the copy of this persona instead of their own's, for
            an experiment. Fields that tell of the assignment itself stay true. Who gets the copy of "unclassified"
            gets no value of their own either: the arm is the one without personalization.
        known: What individual values come from, and who may get what; None: persona copy for everybody.

    Returns:
        Columns ``person_id, connection, name, value``; value "" clears the field.
    """
    people = _told(assignments, copies, known)
    held = known.held_back if known else ()
    parts = [_column(people, o.connection, o.name, _role(people, o)) for o in owned]
    for template in fields.values():
        for connection, name in template.targets.items():
            parts.append(_column(people, connection, name, _shown(people, template, personas, connection, held)))
    if not parts:
        empty = {"person_id": "string", "connection": "string", "name": "string", "value": "string"}
        return ibis.memtable([dict.fromkeys(empty)], schema=empty).limit(0)
    return reduce(lambda left, right: left.union(right), parts)


def creepy_values(
    assignments: Table,
    fields: Mapping[str, TemplateField],
    copies: Table | None,
    known: Known,
    personas: Sequence[Persona] = (),
) -> Table | None:
    """Return whose own values are creepy: columns ``person_id``, ``persona``, ``field``, ``trait``, ``reason``.

    Counted are those who would be shown the value, whether it is held back or not. The arguments are those of
    `values_wanted`. None: no field shows anybody's own value.

    Args:
        assignments: One row per person.
        fields: By name, as personas.toml defines them.
        copies: Columns ``person_id``, ``copy_of``; None: everybody gets their own persona's copy.
        known: The people's own traits, with ``creepy_TRAIT`` beside each.
        personas: All personas: their copy may name traits.

    Returns:
        One row per person, field and trait; ``persona`` is a slug.
    """
    people = _told(assignments, copies, known)
    parts = []
    for name, template in fields.items():
        for trait in template.all_asked if template.targets else ():
            if f"of_{trait}" not in people.columns:
                continue
            reason = people[f"of_creepy_{trait}"]
            shown = people.may_individual & individual(people[f"of_{trait}"], template).notnull() & reason.notnull()
            mine = people.filter(shown & _says(people, template, personas, trait))
            columns = {"persona": mine.slug, "field": ibis.literal(name), "trait": ibis.literal(trait)}
            parts.append(mine.select("person_id", **columns, reason=reason))
    return reduce(lambda left, right: left.union(right), parts) if parts else None


def _says(people: Table, template: TemplateField, personas: Sequence[Persona], trait: str) -> Any:
    """Whether what a person is shown is made from *trait*: as its value, or in the copy of their persona."""
    if trait == template.asked:
        return ibis.literal(True)  # noqa: FBT003 - an expression
    saying = [
        persona.slug
        for persona in personas
        for place in template.targets
        if trait in _mentions(persona.copy(template.name, place), template)
    ]
    if trait in _mentions(None, template):
        return ~people.copy_slug.isin([persona.slug for persona in personas if persona.slug not in saying])
    return people.copy_slug.isin(saying)


def _mentions(copy: str | None, template: TemplateField) -> set[str]:
    return {placeholder.trait for placeholder in placeholders(template.fallback if copy is None else copy)}


def _told(assignments: Table, copies: Table | None, known: Known | None) -> Table:
    """Assignments with the persona whose copy people get, and their traits."""
    people = assignments.mutate(slug=assignments.persona.fill_null(UNCLASSIFIED))
    generic: Any = ibis.literal(False)  # noqa: FBT003 - an expression
    if copies is not None:
        people = people.left_join(copies, "person_id").drop("person_id_right")
        generic = (people.copy_of == UNCLASSIFIED).fill_null(False)  # noqa: FBT003
    people = people.mutate(
        copy_slug=people.slug if copies is None else people.copy_of.coalesce(people.slug),
        may_individual=ibis.literal(False),  # noqa: FBT003
        may_persona=ibis.literal(True),  # noqa: FBT003
        generic=generic,
    )
    return people if known is None else _with(people, known)


def _role(people: Table, owned: OwnedField) -> Any:
    value = ROLES[owned.role](people)
    if owned.values is None:
        return value
    listed = [(value == own, text) for own, text in owned.values.items()]
    return ibis.cases(*listed, else_="") if listed else ibis.literal("")


def _with(people: Table, known: Known) -> Table:
    """Join what is known of people under names of their own (``of_...``)."""
    named = known.people.rename({f"of_{name}": name for name in known.people.columns if name != "person_id"})
    joined = people.drop("may_individual", "may_persona").left_join(named, "person_id").drop("person_id_right")
    consent = joined.of_consent.fill_null(NO_CONSENT)
    return joined.mutate(
        may_individual=consent.isin(list(known.individual)) & ~joined.generic,
        may_persona=consent.isin(list(known.persona)),
    )


def _column(people: Table, connection: str, name: str, value: Any) -> Table:
    return people.select(
        "person_id", connection=ibis.literal(connection), name=ibis.literal(name), value=value.cast("string")
    )


def _shown(
    people: Table, template: TemplateField, personas: Sequence[Persona], connection: str, held: Sequence[str]
) -> Any:
    """The person's own value where there may be and is one, else the persona's copy, else the fallback."""
    fallback = _filled(people, template.fallback, template, held)
    if template.level == "none":
        return ibis.literal(_spelt(template.plain_fallback, template))
    copy = ibis.ifelse(people.may_persona, _copy(people, template, personas, connection, held), fallback)
    if template.asked is None or f"of_{template.asked}" not in people.columns:
        return copy
    return _own(people, template.asked, template, held).coalesce(copy)


def _own(people: Table, trait: str, template: TemplateField, held: Sequence[str]) -> Any:
    """The person's value of a trait as text; null where there is none, or it may not be shown."""
    may = people.may_individual
    if held:
        may &= ~people[f"of_creepy_{trait}"].fill_null("").isin(list(held))
    return ibis.ifelse(may, individual(people[f"of_{trait}"], template), ibis.null("string"))


def _copy(
    people: Table, template: TemplateField, personas: Sequence[Persona], connection: str, held: Sequence[str]
) -> Any:
    fallback = _filled(people, template.fallback, template, held)
    copies = [(persona.slug, persona.copy(template.name, connection)) for persona in personas]
    own = [
        (people.copy_slug == slug, _filled(people, text, template, held)) for slug, text in copies if text is not None
    ]
    return ibis.cases(*own, else_=fallback) if own else fallback


def _filled(people: Table, text: str, template: TemplateField, held: Sequence[str]) -> Any:
    """A text with each person's traits in it; what is unknown, or too long as a whole, gives way to fallbacks."""
    parts = parts_of(text)
    plain = without_traits(text)
    static = ibis.literal(_spelt(template.plain_fallback if plain is None else plain, template))
    if not any(isinstance(part, Placeholder) and f"of_{part.trait}" in people.columns for part in parts):
        return static
    shown = [part if isinstance(part, str) else _value(people, part, template, held) for part in parts]
    fixed = sum(len(part.encode()) for part in shown if isinstance(part, str))
    varied = reduce(add, (bytes_at_most(part) for part in shown if not isinstance(part, str)))
    whole: Any = reduce(add, (ibis.literal(part) if isinstance(part, str) else part for part in shown))
    fits = (varied + fixed <= TEXT_BYTES) & (whole.length() <= template.max_length)
    return ibis.ifelse(fits.fill_null(False), whole, static)  # noqa: FBT003 - an expression


def _value(people: Table, part: Placeholder, template: TemplateField, held: Sequence[str]) -> Any:
    known = f"of_{part.trait}" in people.columns
    value = _own(people, part.trait, template, held) if known else ibis.null("string")
    return value if part.fallback is None else value.coalesce(ibis.literal(part.fallback))


def _spelt(text: str, template: TemplateField) -> str:
    """Return a text as platforms show it again: a number without zeros that mean nothing."""
    if template.type != "number" or not NUMBER.fullmatch(text):
        return text
    return format(Decimal(text).normalize() + 0, "f")  # + 0: never "-0"


def individual(value: Any, template: TemplateField) -> Any:
    """Return a trait's value as the field shows it; null where the field can't show it, or there is none.

    Text that stems from contacts is made harmless first. What is too long is not cut: half a name is worse than none.

    Args:
        value: An Ibis column of a trait.
        template: The field, whose type and length it must fit.

    Returns:
        An Ibis column of text.
    """
    text = value.round(2).cast("string").re_replace(r"\.0$", "") if value.type().is_floating() else value.cast("string")
    if template.type == "url":
        fits = text.re_search(ADDRESS) & (text.length() <= TEXT_BYTES)
    elif template.type == "number":
        fits = text.re_search(f"^{NUMBER.pattern}$")
    elif template.type == "date":
        fits = text.re_search("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    elif template.type == "choice":
        fits = text.isin(list(template.options))
    else:
        text = harmless(text).nullif("")
        fits = (bytes_at_most(text) <= TEXT_BYTES) & (text.length() <= template.max_length)
    return ibis.ifelse(fits, text, ibis.null("string"))


def _reason(people: Table) -> Any:
    """Reasons hold values that stem from contact data: what a template would execute is taken apart by blanks."""
    apart = people.reasons.re_replace(r"\*\||\|\*|\{\{|\}\}|\{%|%\}|\{#", " ").re_replace(r"<([a-zA-Z/!])", r"< \1")
    return ibis.ifelse(people.segment.isnull(), "", apart.substr(0, REASON_CHARACTERS))


def probability(assignments: Table) -> Any:
    """Return how likely each assignment is right, as an Ibis column; null where nothing measured that.

    Args:
        assignments: What a rule gives as confidence is the share of its traits that are known.
    """
    return ibis.ifelse(assignments.source.isin(list(PROBABLE)), assignments.confidence, ibis.null("float64"))


def probability_one(assignment: Mapping[str, Any]) -> float | None:
    """Return of one assignment what `probability` does of all."""
    chance: float | None = assignment["confidence"] if assignment["source"] in PROBABLE else None
    return chance


def title_of_others(assignments: Table) -> str:
    """Return what people without a persona are called together: some may be in a segment that has none."""
    placed = assignments.filter(assignments.persona.isnull() & assignments.segment.notnull())
    return NO_PERSONA.capitalize() if placed.limit(1).count().to_pyarrow().as_py() else UNCLASSIFIED.capitalize()


def memberships_of(steps: Waterfall) -> dict[str, str]:
    """Return by segment all that its people are in: itself and those around it, from the inside out.

    Args:
        steps: All segments.

    Returns:
        Names with "; " between them; what a platform has no room for is left out, the outermost first.
    """
    memberships = {}
    for name, step in steps.by_name().items():
        names = [name, *step.ancestors]
        while len(SEVERAL.join(names)) > TEXT_BYTES:
            names.pop()
        memberships[name] = SEVERAL.join(names)
    return memberships


ROLES: dict[Role, Any] = {
    # who is in a segment that no persona stands for has none, and is not unclassified
    "persona": lambda people: ibis.ifelse(people.persona.isnull() & people.segment.notnull(), "", people.slug),
    "segment": lambda people: people.segment.fill_null(""),
    "confidence": lambda people: probability(people).round(2).cast("string").re_replace(r"\.0$", "").fill_null(""),
    "reason": _reason,
    "since": lambda people: ibis.ifelse(people.segment.isnull(), "", people.since.strftime("%Y-%m-%d")),
    "runner_up": lambda people: people.runner_up.fill_null(""),
    "version": lambda people: ibis.ifelse(people.segment.isnull(), "", people.version.fill_null("")),
    "memberships": lambda people: people.segment.fill_null(""),
}
