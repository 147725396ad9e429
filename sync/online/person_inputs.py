"""What the webhook service decides about one person by, and the decision itself: made at once, or again from evidence.

The same functions serve the running service and `explain EMAIL --on DATE`, which gives them what was kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa

from connectors.records import CONTACTS, TIME, platform_key
from segmenter.assign.decide import decide_one
from segmenter.assign.definitions import Definitions, Pinned
from segmenter.privacy.sensitive import Purpose, usable_traits
from segmenter.traits.builtin import Catalogue
from segmenter.traits.tracking import needs_tracking
from sync.active_people import not_profiled
from sync.control.identities import links_schema
from sync.online.compiled import PreparedTraits
from sync.online.handoff import as_assignment, plain_assignment
from sync.online.snapshot import with_base

PROFILING, TRACKING = "profiling", "tracking"
MOMENTS = tuple(field.name for field in CONTACTS.columns if field.type == TIME)


@dataclass(frozen=True, slots=True)
class PersonInputs:
    """What one decision rests on, besides the definitions in force.

    Attributes:
        as_of: UTC.
        contacts: All contacts of the person as their platforms showed them, columns of `connectors.records.CONTACTS`.
        base: Traits that contacts do not tell, as `assign` published them (`sync.online.snapshot.kept_traits`).
        previous: The assignment in force until then; None: none.
        denied: The purposes that the person's data may not be used for.
        pinned: The segment that was set by hand; None: none.
        full: Segments with a cap that were closed to the person.
    """

    person_id: str
    as_of: datetime
    contacts: Sequence[Mapping[str, Any]]
    base: Mapping[str, Any]
    previous: Mapping[str, Any] | None
    denied: frozenset[str]
    pinned: Pinned | None = None
    full: tuple[str, ...] = ()

    def plain(self, catalogue: Catalogue, properties: frozenset[str]) -> dict[str, Any]:
        """Return this as JSON keeps it, without what the decision may not use.

        Args:
            catalogue: The traits.
            properties: Those that may be kept: `properties_used`.

        Returns:
            Of a person who may not be profiled nothing but that; of others no property that no usable trait reads.
        """
        kept: dict[str, Any] = {"as_of": self.as_of.isoformat(), "denied": sorted(self.denied)}
        if PROFILING in self.denied:
            return kept
        tracked = TRACKING not in self.denied
        return {
            **kept,
            "contacts": [_plain_contact(row, properties) for row in self.contacts],
            "base": {name: v for name, v in self.base.items() if tracked or not needs_tracking(name, catalogue)},
            "previous": None if self.previous is None else plain_assignment(self.previous),
            "pinned": None if self.pinned is None else asdict(self.pinned),
            "full": list(self.full),
        }


def inputs_of_plain(person_id: str, plain: Mapping[str, Any]) -> PersonInputs:
    """Return what `PersonInputs.plain` gave.

    Args:
        person_id: Whose it is.
        plain: As JSON keeps it.

    Returns:
        Of a person who might not be profiled: without contacts.
    """
    previous, pinned = plain.get("previous"), plain.get("pinned")
    return PersonInputs(
        person_id,
        datetime.fromisoformat(plain["as_of"]),
        [_contact(row) for row in plain.get("contacts", ())],
        plain.get("base", {}),
        as_assignment(previous) if previous else None,
        frozenset(plain["denied"]),
        Pinned(**pinned) if pinned else None,
        tuple(plain.get("full", ())),
    )


def properties_used(catalogue: Catalogue, purpose: Purpose) -> frozenset[str]:
    """Return the properties of contacts that traits are read from which may be used.

    Args:
        catalogue: All traits.
        purpose: What sensitive traits are for.

    Returns:
        Names of properties, of whatever connection.
    """
    usable = {trait.name for trait in usable_traits(catalogue, purpose)}
    built_in = {
        name
        for trait, sources in catalogue.properties.items()
        if trait in usable
        for names in sources.values()
        for name in names
    }
    return frozenset(built_in | {mapped.property for name, mapped in catalogue.mapped.items() if name in usable})


def _plain_contact(row: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    plain = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in row.items()}
    shown = json.loads(row["properties"] or "{}")
    return {**plain, "properties": {name: shown[name] for name in sorted(names & shown.keys())}}


def _contact(plain: Mapping[str, Any]) -> dict[str, Any]:
    moments = {name: datetime.fromisoformat(plain[name]) for name in MOMENTS if plain.get(name)}
    return {**plain, **moments, "properties": json.dumps(plain["properties"])}


def trait_rows(
    prepared: PreparedTraits, catalogue: Catalogue, people: Sequence[PersonInputs], as_of: datetime
) -> dict[str, dict[str, Any]]:
    """Return the traits of people by which the service decides.

    Args:
        prepared: Of the same catalogue.
        catalogue: All traits.
        people: Whom to look at; who may not be profiled has no traits.
        as_of: UTC.

    Returns:
        Trait -> value by person id, with ``person_id``; people without an active contact are left out.
    """
    mine = {inputs.person_id: inputs for inputs in people if PROFILING not in inputs.denied}
    contacts = [row for inputs in mine.values() for row in inputs.contacts]
    if not contacts:
        return {}
    links = [
        {"contact_key": platform_key(row["connection"], row["platform_id"]), "person_id": inputs.person_id}
        for inputs in mine.values()
        for row in inputs.contacts
    ]
    tables = {
        "contacts": pa.Table.from_pylist([dict(row) for row in contacts], schema=CONTACTS.columns),
        "links": pa.Table.from_pylist(links, schema=links_schema()),
    }
    rows = {}
    for row in prepared.traits(tables, as_of).to_pylist():
        inputs = mine[row["person_id"]]
        traits = with_base(row, inputs.base, catalogue, as_of)
        rows[inputs.person_id] = untracked(traits, catalogue) if TRACKING in inputs.denied else traits
    return rows


def untracked(traits: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """Return a person's traits with what tracking tells made absent.

    Args:
        traits: Trait -> value.
        catalogue: All traits.

    Returns:
        The same names; None stands for what is absent.
    """
    return {name: None if needs_tracking(name, catalogue) else value for name, value in traits.items()}


def decide_again(inputs: PersonInputs, traits: Mapping[str, Any], definitions: Definitions) -> dict[str, Any]:
    """Decide about one person from what was kept.

    Args:
        inputs: What the decision rested on.
        traits: The person's row of `trait_rows`; of no use where the person may not be profiled.
        definitions: Those of then; their pins do not count, that of *inputs* does.

    Returns:
        Columns of `connectors.records.ASSIGNMENTS`.
    """
    if PROFILING in inputs.denied:
        return not_profiled(inputs.person_id, inputs.as_of)
    pinned = {inputs.person_id: inputs.pinned} if inputs.pinned else {}
    given = replace(definitions, pinned=pinned)
    return decide_one(traits, given, previous=inputs.previous, as_of=inputs.as_of, full=inputs.full)
