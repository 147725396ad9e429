"""Real-time classification: traits, segment and persona of a few people, with the batch expressions.

What decides between sources has a form for one person that decides the same (`segmenter.assign.decide`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
from ibis import Table

from connectors.records import ASSIGNMENTS, CONTACTS, platform_key
from segmenter.assign.decide import decide_one
from segmenter.traits.definitions import TraitType
from segmenter.traits.next_best_offer import NEXT
from segmenter.value.focus import focused_one
from sync.assign.caps import closed_for_one
from sync.assign.exclusions import exclusion_reason, named_persons
from sync.assign.job import fields_wanted
from sync.assign.pins import definitions_in_force
from sync.control.identities import links_schema
from sync.control.published import Published
from sync.fields import privacy_checks as creepiness
from sync.fields.individual import asked, measured_for
from sync.fields.platform_persona import PersonaValues
from sync.fields.pushed_segments import in_focus, shown_instead
from sync.online.compiled import PreparedTraits
from sync.online.handoff import as_assignment
from sync.online.snapshot import with_base
from sync.warehouse.memory import Memory
from sync.webhooks.allowed import Allowed, untracked
from sync.webhooks.fetch import ContactRow
from sync.webhooks.service import Service

COPIES = pa.schema([("person_id", pa.string()), ("copy_of", pa.string())])
KINDS: Mapping[TraitType, pa.DataType] = {
    "number": pa.float64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person is given.

    Attributes:
        assignment: Columns of `connectors.records.ASSIGNMENTS`.
        shown: The same as the platforms are shown it: out of focus nobody has a segment.
        new: Whether it differs from the one before.
        values: What fields shall show, by connection and name.
        groups: The groups they shall be in.
        excluded: Why nothing is written to them; None: it is.
    """

    person_id: str
    assignment: Mapping[str, Any]
    shown: Mapping[str, Any]
    new: bool
    values: Mapping[tuple[str, str], str]
    groups: frozenset[str]
    excluded: str | None = None


class Decider:
    """Decides for a few persons at a time; of one thread.

    Attributes:
        platform: The platforms' own personas, as of the last decision.
    """

    def __init__(self, service: Service, memory: Memory) -> None:
        self._service, self._memory = service, memory
        self._prepared = PreparedTraits(service.workspace.catalogue)
        self.platform: PersonaValues = {}

    def close(self) -> None:
        """Give back the memory."""
        self._prepared.close()

    def decide(
        self,
        contacts: Sequence[ContactRow],
        person_of: Mapping[str, str],
        published: Mapping[str, Published],
        as_of: datetime,
    ) -> list[Decision]:
        """Return a decision for each person who has a contact in use.

        Args:
            contacts: All contacts of the persons.
            person_of: Person by contact key.
            published: What is known of them besides.
            as_of: UTC.
        """
        self.platform = self._service.platform_personas(as_of)
        allowed = Allowed.of(self._service, contacts, person_of, published)
        everybody, published = published, allowed.profiled(published)
        rows = self._traits(contacts, person_of, published, as_of, allowed)
        before = {
            person: as_assignment(published.assignment)
            for person, published in published.items()
            if published.assignment
        }
        assigned = self._assigned(rows, before, as_of)
        unprofiled = allowed.without_profiling(self._service.workspace.catalogue, everybody, as_of)
        rows, assigned = [*rows, *unprofiled.rows], [*assigned, *unprofiled.assigned]
        before |= unprofiled.before
        decisions = self._wanted(assigned, before, published, self._known(rows, published))
        workspace = self._service.workspace
        named = named_persons(workspace, self._service.control)
        return [
            replace(
                decision,
                excluded=exclusion_reason(workspace, named, decision.person_id, row)
                or allowed.unmailed(decision.person_id),
            )
            for decision, row in zip(decisions, rows, strict=True)
        ]

    def _traits(
        self,
        contacts: Sequence[ContactRow],
        person_of: Mapping[str, str],
        published: Mapping[str, Published],
        as_of: datetime,
        allowed: Allowed,
    ) -> list[dict[str, Any]]:
        """Trait rows of those who may be profiled; what tracking tells is absent of those who may not be tracked."""
        catalogue = self._service.workspace.catalogue
        mine = {key: person for key, person in person_of.items() if allowed.of_person(person, "profiling")}
        theirs = [row for row in contacts if platform_key(row["connection"], row["platform_id"]) in mine]
        if not theirs:
            return []
        rows = []
        for row in self._measured(theirs, mine, as_of).to_pylist():
            person = row["person_id"]
            traits = with_base(row, published[person].base if person in published else {}, catalogue, as_of)
            rows.append(traits if allowed.of_person(person, "tracking") else untracked(traits, catalogue))
        return rows

    def _assigned(
        self, rows: Sequence[ContactRow], before: Mapping[str, ContactRow], as_of: datetime
    ) -> list[dict[str, Any]]:
        """Decide for one after the other: a free place of a segment with a cap goes to the first one."""
        control = self._service.control
        definitions = definitions_in_force(self._service.workspace, control, as_of)
        named = definitions.steps.by_name()
        free = {
            name: (named[name].segment.cap or 0) - control.people.holding(names)
            for name, names in definitions.capped.items()
        }
        assigned = []
        for row in rows:
            old = before.get(row["person_id"])
            was = old["segment"] if old else None
            full = closed_for_one(definitions, was, free)
            assigned.append(decide_one(row, definitions, previous=old, as_of=as_of, full=full))
            for name, names in definitions.capped.items():
                free[name] += (was in names) - (assigned[-1]["segment"] in names)
        return assigned

    def _measured(self, contacts: Sequence[ContactRow], person_of: Mapping[str, str], as_of: datetime) -> pa.Table:
        links = [{"contact_key": key, "person_id": person} for key, person in person_of.items()]
        tables = {
            "contacts": pa.Table.from_pylist(list(contacts), schema=CONTACTS.columns),
            "links": pa.Table.from_pylist(links, schema=links_schema()),
        }
        return self._prepared.traits(tables, as_of)

    def _known(self, rows: Sequence[ContactRow], published: Mapping[str, Published]) -> Table:
        """What fields show of these people themselves, and whether it is creepy; `assign` published suggestions."""
        traits = self._service.workspace.catalogue.traits
        names = list(dict.fromkeys((*asked(self._service), *measured_for(self._service))))
        schema = pa.schema(
            [
                ("person_id", pa.string()),
                ("consent", pa.string()),
                *((name, pa.string() if name in NEXT else KINDS[traits[name].type]) for name in names),
            ]
        )
        people = [
            {
                "person_id": row["person_id"],
                "consent": row["consent"],
                **{name: row[name] for name in names if name not in NEXT},
                **{
                    name: published[row["person_id"]].base.get(name)
                    for name in names
                    if name in NEXT
                    if row["person_id"] in published
                },
            }
            for row in rows
        ]
        return creepiness.with_privacy_reasons(
            self._service, self._memory.keep("known", pa.Table.from_pylist(people, schema=schema))
        )

    def _wanted(
        self,
        assigned: Sequence[ContactRow],
        before: Mapping[str, ContactRow],
        published: Mapping[str, Published],
        known: Table,
    ) -> list[Decision]:
        workspace, control = self._service.workspace, self._service.control
        instead = shown_instead(workspace, control, in_focus(workspace, control))
        shown = [focused_one(row, instead) for row in assigned]
        table = self._memory.keep("assignments", pa.Table.from_pylist(shown, schema=ASSIGNMENTS.columns))
        values: dict[str, dict[tuple[str, str], str]] = {}
        copied = [
            {"person_id": published.person_id, "copy_of": published.base["copy_of"]}
            for published in published.values()
            if "copy_of" in published.base
        ]
        copies = self._memory.keep("copies", pa.Table.from_pylist(copied, schema=COPIES)) if copied else None
        for row in self._memory.rows(fields_wanted(self._service, table, copies, known, self.platform)).to_pylist():
            values.setdefault(row["person_id"], {})[row["connection"], row["name"]] = row["value"] or ""
        within = {name: (name, *step.ancestors) for name, step in self._service.workspace.steps.by_name().items()}
        return [
            Decision(
                row["person_id"],
                row,
                seen,
                row != before.get(row["person_id"]),
                values.get(row["person_id"], {}),
                frozenset(within.get(seen["segment"], ())),
            )
            for row, seen in zip(assigned, shown, strict=True)
        ]
