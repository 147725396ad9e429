"""Contact and survey aggregates per person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segmenter.late_ibis import ibis
from segmenter.traits.builtin import PROPERTIES, Catalogue
from segmenter.traits.definitions import Inputs, MappedTrait, SurveyTrait
from segmenter.traits.windows import DATED, Windows, by_person, dated, typed

if TYPE_CHECKING:
    from ibis import Table

STRICTEST_FIRST = ("unsubscribed", "cleaned", "pending", "transactional", "subscribed", "unknown")
"""Of several consents of one person the first of these decides; "unknown" says nothing, so anything known beats it."""
OUTLIVES = ("unsubscribed", "cleaned", "pending", "transactional")
"""These count for a person also when the record that shows them is archived, deleted or merged: see ADR 19."""


def contact_aggregates(inputs: Inputs, catalogue: Catalogue, windows: Windows) -> Table:
    """Return one row for everybody with an active contact: consent, the moment of the first contact, properties.

    Of contacts that tell different things the largest value counts, so that the order of rows does not matter.
    """
    known = inputs.contacts.filter(inputs.contacts.created_at.isnull() | (inputs.contacts.created_at <= windows.moment))
    key = known.connection.concat(":", known.platform_id)
    contacts = by_person(known.mutate(contact_key=key), inputs.links)
    properties = contacts.properties.cast("json")
    named = {f"has_{name}": _text(properties, names) for name, names in PROPERTIES.items()}
    mapped = {f"has_{name}": _mapped(contacts, properties, trait) for name, trait in catalogue.mapped.items()}
    rank = contacts.consent.cases(*((c, n) for n, c in enumerate(STRICTEST_FIRST)), else_=len(STRICTEST_FIRST) - 1)
    told = contacts.mutate(**named, **mapped, strictness=rank, active=contacts.state == "active")
    active = told.active
    grouped = told.group_by("person_id").aggregate(
        active=told.count(where=active),
        first_seen=told.created_at.min(),
        platforms=told.connection.nunique(where=active),
        strictest=told.strictness.min(where=consent_counts(told)),
        **{name.removeprefix("has_"): told[name].max(where=active) for name in (*named, *mapped)},
    )
    living = grouped.filter(grouped.active > 0)
    consent = living.strictest.cases(*((n, c) for n, c in enumerate(STRICTEST_FIRST)), else_="unknown")
    employees = living.employees.re_replace("[,.' ]", "").re_extract("[0-9]+", 0).try_cast("float64")
    return living.mutate(consent=consent, employees=employees).drop("active", "strictest")


def consent_counts(contacts: Table) -> Any:
    """Return the condition under which the consent that a contact shows counts for its person.

    Returns:
        A boolean Ibis column of *contacts*.
    """
    return (contacts.state == "active") | contacts.consent.isin(OUTLIVES)


def answer_aggregates(inputs: Inputs, surveyed: Mapping[str, SurveyTrait], windows: Windows) -> Table:
    """Return the latest answers until the moment; one without a time came before all others."""
    answers = by_person(inputs.answers, inputs.links)
    given = answers.filter(answers.at.isnull() | (answers.at <= windows.moment), answers.value.nullif("").notnull())
    told = given.mutate(dated=dated(given.at, given.value))
    latest = {
        name: told.dated.max(where=(told.survey == trait.survey) & (told["item"] == trait.item))
        for name, trait in surveyed.items()
    }
    grouped = told.group_by("person_id").aggregate(answers_total=told.count(), last_answer=told.at.max(), **latest)
    return grouped.mutate(**{name: typed(grouped[name].substr(DATED), t.type, t.words) for name, t in surveyed.items()})


def _text(properties: Any, names: Sequence[str]) -> Any:
    """The first of several properties that holds something."""
    return ibis.coalesce(*(properties[name].str.nullif("") for name in names))


def _mapped(contacts: Table, properties: Any, trait: MappedTrait) -> Any:
    text: Any = ibis.ifelse(
        contacts.connection == trait.connection, properties[trait.property].str.nullif(""), ibis.null("string")
    )
    return typed(text, trait.type, trait.words)
