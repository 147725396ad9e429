"""Checks of template fields and of their copy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches

from connectors.limits import TEXT_BYTES
from segmenter.errors import DefinitionError
from segmenter.personalize.fields import FieldKind, TemplateField
from segmenter.personalize.interpolation import Placeholder, parts_of, placeholders
from segmenter.personalize.personas import Persona
from segmenter.privacy.sensitive import Purpose, refuse_sensitive
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import TraitType
from segmenter.traits.next_best_offer import NEXT

INJECTION = re.compile(r"\*\||\|\*|\{\{|\}\}|\{%|%\}|\{#|<\s*(?:/\s*)?[a-zA-Z!]")
"""Merge tags, HubL and HTML: what a template would execute instead of print."""

FROM: Mapping[FieldKind, frozenset[TraitType]] = {
    "text": frozenset({"text", "number", "date", "boolean"}),
    "url": frozenset({"text"}),
    "choice": frozenset({"text"}),
    "number": frozenset({"number"}),
    "date": frozenset({"date"}),
}
"""Which traits a field of each type can show."""


def check_fields(fields: Mapping[str, TemplateField], catalogue: Catalogue, purpose: Purpose) -> None:
    """Validate the sources of template fields.

    Args:
        fields: By name, as personas.toml defines them.
        catalogue: The workspace's traits.
        purpose: Which sensitive traits may be used.

    Raises:
        DefinitionError: A trait that does not exist, that the field's type can't show, or that is sensitive and has no
            purpose; a level that nothing stands behind; a choice without options, with one twice, or options of
            something else.
    """
    for template in fields.values():
        where = f"field {template.name!r}"
        if template.level == "individual" and not template.all_asked:
            raise DefinitionError(
                'personalize = "individual" needs a trait: trait = "favourite_category", or a placeholder in the copy',
                where=where,
            )
        if (template.type == "choice") != bool(template.options):
            raise DefinitionError('options go with type = "choice", which needs at least one', where=where)
        if twice := next((option for option in template.options if template.options.count(option) > 1), None):
            raise DefinitionError(f"the option {twice!r} stands there twice", where=where)
        if template.trait is not None:
            _check_trait(template, template.trait, catalogue, purpose, where=where)


def _check_trait(template: TemplateField, name: str, catalogue: Catalogue, purpose: Purpose, *, where: str) -> None:
    if name not in NEXT and name not in catalogue.traits:
        listed = ", ".join(sorted({*NEXT, *catalogue.traits}))
        raise DefinitionError(f"there is no trait {name!r}; known: {listed}", where=where)
    kind: TraitType = "text" if name in NEXT else catalogue.traits[name].type
    if kind not in FROM[template.type]:
        fitting = next(field for field, kinds in FROM.items() if kind in kinds)
        raise DefinitionError(
            f"the trait {name!r} is a {kind}, which a field of type {template.type} can't show; use "
            f'type = "{kind if kind in FROM else fitting}"',
            where=where,
        )
    refuse_sensitive([name], catalogue, purpose, where=where)


def check_copy(
    personas: Sequence[Persona], fields: Mapping[str, TemplateField], catalogue: Catalogue, purpose: Purpose
) -> None:
    """Validate the copy of template fields.

    Args:
        personas: With their copy.
        fields: By name; their types and lengths limit the copy.
        catalogue: The workspace's traits, which placeholders may name.
        purpose: Which sensitive traits may be used.

    Raises:
        DefinitionError: Copy for a field that does not exist, longer than a platform keeps or the template has room
            for, of another type than the field, or text that a template would execute; a placeholder that can't be
            filled.
    """
    for template in fields.values():
        where = f"field {template.name!r}, fallback"
        _check_text(template.fallback, template, catalogue, purpose, where=where)
        missing = next(
            (placeholder for placeholder in placeholders(template.fallback) if placeholder.fallback is None), None
        )
        if missing is not None:
            message = f"the fallback is shown to everybody, so write {{{missing.trait}|what is shown without it}}"
            raise DefinitionError(message, where=where)
    for persona in personas:
        for name, connection, text in persona.texts():
            on = f" on {connection!r}" if connection else ""
            where = f"persona {persona.slug!r}, field {name!r}{on}"
            if name not in fields:
                listed = ", ".join(fields) or "none"
                raise DefinitionError(f"there is no such field; personas.toml defines: {listed}", where=where)
            if connection and connection not in fields[name].targets:
                listed = ", ".join(fields[name].targets) or "none"
                raise DefinitionError(f"the field is not on connection {connection!r}; it is on: {listed}", where=where)
            _check_text(text, fields[name], catalogue, purpose, where=where)


def _check_text(text: str, template: TemplateField, catalogue: Catalogue, purpose: Purpose, *, where: str) -> None:
    match = INJECTION.search(text)
    if match:
        raise DefinitionError(f"{match.group()!r} would run as template code instead of being printed", where=where)
    _check_placeholders(text, template, catalogue, purpose, where=where)
    text = "".join(part if isinstance(part, str) else part.fallback or "" for part in parts_of(text))
    size = len(text.encode())
    if size > TEXT_BYTES:
        raise DefinitionError(f"the text has {size} bytes; platforms keep {TEXT_BYTES}. Shorten it", where=where)
    if len(text) > template.max_length:
        most = template.max_length
        raise DefinitionError(
            f"the text has {len(text)} characters, max_length is {most}; shorten it or raise max_length", where=where
        )
    problem = _bad_value(text, template) if text else ""
    if problem:
        raise DefinitionError(problem, where=where)


def _check_placeholders(
    text: str, template: TemplateField, catalogue: Catalogue, purpose: Purpose, *, where: str
) -> None:
    try:
        parts = [part for part in parts_of(text) if isinstance(part, Placeholder)]
    except ValueError as error:
        raise DefinitionError(str(error), where=where) from error
    for placeholder in parts:
        if template.type != "text":
            message = f"{placeholder.written()} stands in a field of type {template.type}; only text fields are filled"
            raise DefinitionError(message, where=where)
        if template.level != "individual":
            message = (
                f'{placeholder.written()} shows people their own data, which personalize = "{template.level}" rules out'
            )
            raise DefinitionError(message, where=where)
        if placeholder.trait not in NEXT and placeholder.trait not in catalogue.traits:
            names = sorted({*NEXT, *catalogue.traits})
            near = ", ".join(get_close_matches(placeholder.trait, names, n=3)) or ", ".join(names)
            raise DefinitionError(
                f"{placeholder.written()}: there is no trait {placeholder.trait!r}; known: {near}", where=where
            )
        refuse_sensitive([placeholder.trait], catalogue, purpose, where=where)


def _bad_value(text: str, template: TemplateField) -> str:
    if template.type == "url" and not re.fullmatch(r"https?://[^\s<>\"']+", text):
        return f"{text!r} is not a URL (https://...)"
    if template.type == "number" and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return f"{text!r} is not a number (digits and one decimal point)"
    if template.type == "date" and not _is_date(text):
        return f"{text!r} is not a date (2027-01-31)"
    if template.type == "choice" and text not in template.options:
        return f"{text!r} is not one of the options: {', '.join(template.options)}"
    return ""


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
