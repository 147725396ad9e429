"""Field values of each person: persona copy, individual values, and assignment details."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

from connectors.limits import TEXT_BYTES
from segmenter.late_ibis import ibis
from segmenter.personalize.escaping import ADDRESS, bytes_at_most, harmless
from segmenter.personalize.personas import UNCLASSIFIED, Persona

if TYPE_CHECKING:
    from ibis import Table

Role = Literal["persona", "segment", "confidence", "reason", "since"]
FieldKind = Literal["text", "url", "number", "date", "choice"]
Level = Literal["none", "persona", "individual"]
REASON_CHARACTERS = 250
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

    @property
    def asked(self) -> str | None:
        """The trait that people's own values come from; None where nobody gets one."""
        return self.trait if self.level == "individual" else None


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
    told = _told(assignments, copies, known)
    held = known.held_back if known else ()
    parts = [_column(told, o.connection, o.name, _role(told, o)) for o in owned]
    for template in fields.values():
        for connection, name in template.targets.items():
            parts.append(_column(told, connection, name, _shown(told, template, personas, connection, held)))
    if not parts:
        empty = {"person_id": "string", "connection": "string", "name": "string", "value": "string"}
        return ibis.memtable([dict.fromkeys(empty)], schema=empty).limit(0)
    return reduce(lambda left, right: left.union(right), parts)


def creepy_values(
    assignments: Table, fields: Mapping[str, TemplateField], copies: Table | None, known: Known
) -> Table | None:
    """Return whose own values are creepy: columns ``person_id``, ``persona``, ``field``, ``reason``.

    Counted are those who would be shown the value, whether it is held back or not. The arguments are those of
    `values_wanted`. None: no field shows anybody's own value.

    Args:
        assignments: One row per person.
        fields: By name, as personas.toml defines them.
        copies: Columns ``person_id``, ``copy_of``; None: everybody gets their own persona's copy.
        known: The people's own traits, with ``creepy_TRAIT`` beside each.

    Returns:
        One row per person and field; ``persona`` is a slug.
    """
    told = _told(assignments, copies, known)
    parts = []
    for name, template in fields.items():
        if template.asked is None or not template.targets or f"of_{template.asked}" not in told.columns:
            continue
        reason = told[f"of_creepy_{template.asked}"]
        shown = told.may_individual & individual(told[f"of_{template.asked}"], template).notnull() & reason.notnull()
        mine = told.filter(shown)
        parts.append(mine.select("person_id", persona=mine.slug, field=ibis.literal(name), reason=reason))
    return reduce(lambda left, right: left.union(right), parts) if parts else None


def _told(assignments: Table, copies: Table | None, known: Known | None) -> Table:
    """Assignments with the persona whose copy people get, and their traits."""
    told = assignments.mutate(slug=assignments.persona.fill_null(UNCLASSIFIED))
    generic: Any = ibis.literal(False)  # noqa: FBT003 - an expression
    if copies is not None:
        told = told.left_join(copies, "person_id").drop("person_id_right")
        generic = (told.copy_of == UNCLASSIFIED).fill_null(False)  # noqa: FBT003
    told = told.mutate(
        copy_slug=told.slug if copies is None else told.copy_of.coalesce(told.slug),
        may_individual=ibis.literal(False),  # noqa: FBT003
        may_persona=ibis.literal(True),  # noqa: FBT003
        generic=generic,
    )
    return told if known is None else _with(told, known)


def _role(told: Table, owned: OwnedField) -> Any:
    value = ROLES[owned.role](told)
    if owned.values is None:
        return value
    listed = [(value == own, text) for own, text in owned.values.items()]
    return ibis.cases(*listed, else_="") if listed else ibis.literal("")


def _with(told: Table, known: Known) -> Table:
    """Join what is known of people under names of their own (``of_...``)."""
    named = known.people.rename({f"of_{name}": name for name in known.people.columns if name != "person_id"})
    joined = told.drop("may_individual", "may_persona").left_join(named, "person_id").drop("person_id_right")
    consent = joined.of_consent.fill_null("unknown")
    return joined.mutate(
        may_individual=consent.isin(list(known.individual)) & ~joined.generic,
        may_persona=consent.isin(list(known.persona)),
    )


def _column(told: Table, connection: str, name: str, value: Any) -> Table:
    return told.select(
        "person_id", connection=ibis.literal(connection), name=ibis.literal(name), value=value.cast("string")
    )


def _shown(
    told: Table, template: TemplateField, personas: Sequence[Persona], connection: str, held: Sequence[str]
) -> Any:
    """The person's own value where there may be and is one, else the persona's copy, else the fallback."""
    fallback = ibis.literal(_spelt(template.fallback, template))
    if template.level == "none":
        return fallback
    copy = ibis.ifelse(told.may_persona, _copy(told, template, personas, connection), fallback)
    column = f"of_{template.asked}"
    if template.asked is None or column not in told.columns:
        return copy
    may = told.may_individual
    if held:
        may &= ~told[f"of_creepy_{template.asked}"].fill_null("").isin(list(held))
    return ibis.ifelse(may, individual(told[column], template).coalesce(copy), copy)


def _copy(told: Table, template: TemplateField, personas: Sequence[Persona], connection: str) -> Any:
    copies = [(persona.slug, persona.copy(template.name, connection)) for persona in personas]
    own = [(told.copy_slug == slug, _spelt(text, template)) for slug, text in copies if text is not None]
    fallback = _spelt(template.fallback, template)
    return ibis.cases(*own, else_=fallback) if own else ibis.literal(fallback)


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


def _reason(told: Table) -> Any:
    """Reasons hold values that stem from contact data: what a template would execute is taken apart by blanks."""
    apart = told.reasons.re_replace(r"\*\||\|\*|\{\{|\}\}|\{%|%\}|\{#", " ").re_replace(r"<([a-zA-Z/!])", r"< \1")
    return ibis.ifelse(told.persona.isnull(), "", apart.substr(0, REASON_CHARACTERS))


ROLES: dict[Role, Any] = {
    "persona": lambda told: told.slug,
    "segment": lambda told: told.segment.fill_null(""),
    "confidence": lambda told: told.confidence.round(2).cast("string").re_replace(r"\.0$", "").fill_null(""),
    "reason": _reason,
    "since": lambda told: ibis.ifelse(told.persona.isnull(), "", told.since.strftime("%Y-%m-%d")),
}
