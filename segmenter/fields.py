"""What each person's fields shall show: persona copy, and facts about the assignment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal

import ibis
from ibis import Table

from segmenter.errors import DefinitionError
from segmenter.personas import UNCLASSIFIED, Persona

Role = Literal["persona", "segment", "confidence", "reason", "since"]
TEXT_BYTES = 255  # Mailchimp cuts text there (PLATFORMS: merge fields), so everybody gets what fits both platforms
REASON_CHARACTERS = 250

INJECTION = re.compile(r"\*\||\|\*|\{\{|\}\}|\{%|%\}|\{#|<\s*/?\s*[a-zA-Z!]")
"""Merge tags, HubL and HTML: what a template would execute instead of print."""


@dataclass(frozen=True, slots=True)
class TemplateField:
    """A value that an e-mail template prints, on each platform under that platform's name.

    Attributes:
        fallback: Shown for the unclassified, and for personas without copy of their own.
        targets: The field's name by connection.
    """

    name: str
    label: str
    type: Literal["text", "url"]
    fallback: str
    targets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OwnedField:
    """A field of plugin.toml that tells of the assignment itself."""

    connection: str
    name: str
    role: Role


def check_copy(personas: Sequence[Persona], fields: Mapping[str, TemplateField]) -> None:
    """Look at everything that people wrote for templates.

    Raises:
        DefinitionError: Copy for a field that does not exist, longer than a platform keeps, an address that is no
            address, or text that a template would execute.
    """
    for template in fields.values():
        _check_text(template.fallback, template, where=f"field {template.name!r}, fallback")
    for persona in personas:
        for name, text in persona.fields.items():
            where = f"persona {persona.slug!r}, field {name!r}"
            if name not in fields:
                listed = ", ".join(fields) or "none"
                raise DefinitionError(f"there is no such field; personas.toml defines: {listed}", where=where)
            _check_text(text, fields[name], where=where)


def _check_text(text: str, template: TemplateField, *, where: str) -> None:
    size = len(text.encode())
    if size > TEXT_BYTES:
        raise DefinitionError(f"the text has {size} bytes, Mailchimp keeps {TEXT_BYTES}", where=where)
    found = INJECTION.search(text)
    if found:
        raise DefinitionError(f"{found.group()!r} would be executed by a template instead of printed", where=where)
    if template.type == "url" and text and not re.fullmatch(r"https?://[^\s<>\"']+", text):
        raise DefinitionError(f"{text!r} is no web address (https://...)", where=where)


def values_wanted(
    assignments: Table,
    personas: Sequence[Persona],
    fields: Mapping[str, TemplateField],
    owned: Sequence[OwnedField],
    copies: Table | None = None,
) -> Table:
    """Return what every assigned or unclassified person's fields shall show, on every connection.

    Args:
        assignments: Versions in force (`connectors.records.ASSIGNMENTS`).
        personas: All personas.
        fields: Template fields by name.
        owned: The fields of plugin.toml, by connection.
        copies: Columns ``person_id``, ``copy_of``: people who get the copy of this persona instead of their own's, for
            an experiment. Fields that tell of the assignment itself stay true.

    Returns:
        Columns ``person_id, connection, name, value``; value "" clears the field.
    """
    told = assignments.mutate(slug=assignments.persona.fill_null(UNCLASSIFIED))
    if copies is not None:
        told = told.left_join(copies, "person_id").drop("person_id_right")
    told = told.mutate(copy_slug=told.slug if copies is None else told.copy_of.coalesce(told.slug))
    parts = [_column(told, o.connection, o.name, ROLES[o.role](told)) for o in owned]
    for template in fields.values():
        for connection, name in template.targets.items():
            parts.append(_column(told, connection, name, _copy(told, template, personas)))
    if not parts:
        empty = {"person_id": "string", "connection": "string", "name": "string", "value": "string"}
        return ibis.memtable([dict.fromkeys(empty)], schema=empty).limit(0)
    return reduce(lambda left, right: left.union(right), parts)


def _column(told: Table, connection: str, name: str, value: Any) -> Table:
    return told.select(
        "person_id", connection=ibis.literal(connection), name=ibis.literal(name), value=value.cast("string")
    )


def _copy(told: Table, template: TemplateField, personas: Sequence[Persona]) -> Any:
    own = [
        (told.copy_slug == persona.slug, persona.fields[template.name])
        for persona in personas
        if template.name in persona.fields
    ]
    return ibis.cases(*own, else_=template.fallback) if own else ibis.literal(template.fallback)


def _reason(told: Table) -> Any:
    """Reasons hold values that stem from contact data: what a template would execute is taken apart by blanks."""
    harmless = told.reasons.re_replace(r"\*\||\|\*|\{\{|\}\}|\{%|%\}|\{#", " ").re_replace(r"<([a-zA-Z/!])", r"< \1")
    return ibis.ifelse(told.persona.isnull(), "", harmless.substr(0, REASON_CHARACTERS))


ROLES: dict[Role, Any] = {
    "persona": lambda told: told.slug,
    "segment": lambda told: told.segment.fill_null(""),
    "confidence": lambda told: told.confidence.round(2).cast("string").fill_null(""),
    "reason": _reason,
    "since": lambda told: ibis.ifelse(told.persona.isnull(), "", told.since.strftime("%Y-%m-%d")),
}
