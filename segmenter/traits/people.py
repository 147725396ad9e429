"""Contact and survey aggregates per person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from segmenter.late_ibis import ibis
from segmenter.traits.builtin import ANY, READ_FROM_CONTACTS, Catalogue, Precedence, TraitProperties
from segmenter.traits.definitions import Inputs, MappedTrait, SurveyTrait
from segmenter.traits.windows import DATED, Windows, by_person, dated, typed

if TYPE_CHECKING:
    from ibis import Table

STRICTEST_FIRST = ("unsubscribed", "cleaned", "pending", "transactional", "subscribed", "none", "unknown")
"""Of several consents of one person the first of these decides; "unknown" says nothing, so anything known beats it."""
NO_CONSENT = "none"
"""The consent of who is in no source that tells one."""
PLACED = 3  # digits of a place in an order
STAGED = "has_lifecycle_stage"
OUTLIVES = ("unsubscribed", "cleaned", "pending", "transactional")
"""These count for a person also when the record that shows them is archived, deleted or merged: see ADR 19."""


def contact_aggregates(inputs: Inputs, catalogue: Catalogue, windows: Windows) -> Table:
    """Return one row for everybody with an active contact: consent, the moment of the first contact, properties.

    Where contacts disagree about a text, the catalogue's precedence decides: see `_standing`. The order of rows does
    not matter.
    """
    known = inputs.contacts.filter(inputs.contacts.created_at.isnull() | (inputs.contacts.created_at <= windows.moment))
    key = known.connection.concat(":", known.platform_id)
    contacts, text = _read_once(by_person(known.mutate(contact_key=key), inputs.links), catalogue)
    standing = _standing(contacts, catalogue.precedence)
    texts = {trait: told_text(contacts, text, catalogue.properties, trait) for trait in READ_FROM_CONTACTS}
    texts |= {name: _mapped(contacts, text(trait.property), trait) for name, trait in catalogue.mapped.items()}
    named = {f"has_{name}": standing.concat(text) for name, text in texts.items()}
    named[STAGED] = _stage(texts["lifecycle_stage"], catalogue.precedence).concat(named[STAGED])
    rank = contacts.consent.cases(*((c, n) for n, c in enumerate(STRICTEST_FIRST)), else_=len(STRICTEST_FIRST))
    rows = contacts.mutate(**named, strictness=rank, active=contacts.state == "active")
    active = rows.active
    grouped = rows.group_by("person_id").aggregate(
        active=rows.count(where=active),
        first_seen=rows.created_at.min(),
        platforms=rows.connection.nunique(where=active),
        strictest=rows.strictness.min(where=consent_counts(rows)),
        **{name.removeprefix("has_"): rows[name].max(where=active) for name in named},
    )
    living = grouped.filter(grouped.active > 0)
    living = living.mutate(**_decided(living, texts, catalogue))
    consent = living.strictest.cases(*((n, c) for n, c in enumerate(STRICTEST_FIRST)), else_=NO_CONSENT)
    employees = living.employees.re_replace("[,.' ]", "").re_extract("[0-9]+", 0).try_cast("float64")
    return living.mutate(consent=consent, employees=employees).drop("active", "strictest")


def _standing(contacts: Table, precedence: Precedence) -> Any:
    """What stands in front of a contact's texts, so that the largest is the one that counts.

    The connection's place comes first, then the moment at which the contact last changed. Of one moment, the last text
    in the alphabet counts.
    """
    listed = list(enumerate(reversed(precedence.connections), 1))
    place: Any = contacts.connection.cases(*((name, n) for n, name in listed), else_=0) if listed else ibis.literal(0)
    changed: Any = contacts.updated_at.coalesce(contacts.created_at)
    return place.cast("string").lpad(PLACED, "0").concat(dated(changed, ibis.literal("")))


def first_text(contacts: Table, text: Any, precedence: Precedence) -> Any:
    """Return the text that counts of the contacts in use, as an aggregate of a person's contacts; see `_standing`.

    Args:
        contacts: Of many persons.
        text: A column of them.
        precedence: What decides where they disagree.
    """
    winner = _standing(contacts, precedence).concat(text).max(where=contacts.state == "active")
    return winner.substr(PLACED + DATED)


def _stage(stage: Any, precedence: Precedence) -> Any:
    """What stands in front of a lifecycle stage: a person who has become a customer is no lead for an old record."""
    stages = [(plain_stage(name), n) for n, name in enumerate(precedence.lifecycle_stages, 1)]
    plain: Any = stage.lower().re_replace("[ _-]", "")
    place: Any = plain.cases(*stages, else_=0) if stages else ibis.literal(0)
    return place.cast("string").lpad(PLACED, "0")


def plain_stage(stage: str) -> str:
    """Return a lifecycle stage as we compare it: "Sales Qualified Lead" is "salesqualifiedlead"."""
    return stage.lower().translate(dict.fromkeys(map(ord, " _-")))


def _decided(living: Table, texts: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """The texts that count, without what stands in front of them; those of mapped traits as values."""
    decided: dict[str, Any] = {}
    for name in texts:
        in_front = PLACED + DATED + (PLACED if f"has_{name}" == STAGED else 0)
        decided[name] = living[name].substr(in_front)
        if name in catalogue.mapped:
            trait = catalogue.mapped[name]
            decided[name] = typed(decided[name], trait.type, trait.words)
    return decided


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
    replies = given.mutate(dated=dated(given.at, given.value))
    latest = {
        name: replies.dated.max(where=(replies.survey == trait.survey) & (replies["item"] == trait.item))
        for name, trait in surveyed.items()
    }
    grouped = replies.group_by("person_id").aggregate(
        answers_total=replies.count(), last_answer=replies.at.max(), **latest
    )
    return grouped.mutate(**{name: typed(grouped[name].substr(DATED), t.type, t.words) for name, t in surveyed.items()})


def texts_of(contacts: Table) -> Callable[[str], Any]:
    """Return what gives a property of *contacts* as text, null where it is missing or empty.

    Args:
        contacts: Column ``properties``, JSON as text.

    Returns:
        From the property's name to an Ibis column.
    """
    properties: Any = contacts.properties.cast("json")
    return lambda name: properties[name].str.nullif("")


def _read_once(contacts: Table, catalogue: Catalogue) -> tuple[Table, Callable[[str], Any]]:
    """Contacts with a column for each property that a trait reads, and what gives that column.

    Engines share nothing within conditions, and DuckDB holds the parsed JSON of 2,048 contacts for every place that
    reads from it: without this 2,500 people with eight own traits took 920 MB.
    """
    fed = (name for sources in catalogue.properties.values() for names in sources.values() for name in names)
    wanted = sorted({*fed, *(trait.property for trait in catalogue.mapped.values())})
    columns, text = {name: f"text_{place}" for place, name in enumerate(wanted)}, texts_of(contacts)
    # a view, since Ibis puts the expression of a plain column back into each place where the column is used
    flat = contacts.mutate(**{column: text(name) for name, column in columns.items()}).view()
    return flat, lambda name: flat[columns[name]]


def told_text(contacts: Table, text: Callable[[str], Any], sources: TraitProperties, trait: str) -> Any:
    """Return the text that a contact tells for a built-in trait.

    Args:
        contacts: Column ``connection``.
        text: Gives a property as text, as `texts_of` does.
        sources: Which properties tell it, by connection.
        trait: The trait's name.

    Returns:
        Of the properties of the contact's connection the first that holds something; null where none does.
    """
    alike: dict[tuple[str, ...], list[str]] = {}
    for connection, names in sources.get(trait, {}).items():
        alike.setdefault(names, []).append(connection)
    texts = [(connections, ibis.coalesce(*map(text, names))) for names, connections in alike.items() if names]
    cases = [(contacts.connection.isin(connections), text) for connections, text in texts if ANY not in connections]
    rest = next((text for connections, text in texts if ANY in connections), ibis.null("string"))
    return ibis.cases(*cases, else_=rest) if cases else rest


def _mapped(contacts: Table, text: Any, trait: MappedTrait) -> Any:
    """The property as text, where it can be a value of the trait."""
    mine = contacts.connection == trait.connection
    return ibis.ifelse(mine & typed(text, trait.type, trait.words).notnull(), text, ibis.null("string"))
