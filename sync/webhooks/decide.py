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

from connectors.records import ASSIGNMENTS, platform_key
from segmenter.assign.decide import decide_one
from segmenter.assign.definitions import Definitions
from segmenter.traits.definitions import TraitType
from segmenter.traits.next_best_offer import NEXT
from segmenter.value.focus import focused_one
from sync.assign.caps import closed_for_one
from sync.assign.evidence import keep_definitions, learned_files
from sync.assign.exclusions import exclusion_reason, named_persons
from sync.assign.job import fields_wanted
from sync.assign.pins import definitions_in_force
from sync.control.published import DecisionEvidence, Published
from sync.fields import privacy_checks as creepiness
from sync.fields.individual import asked, measured_for
from sync.fields.platform_persona import PersonaValues
from sync.fields.pushed_segments import in_focus, shown_instead
from sync.online.compiled import PreparedTraits
from sync.online.handoff import as_assignment
from sync.online.person_inputs import PersonInputs, properties_used, trait_rows
from sync.warehouse.memory import Memory
from sync.webhooks.allowed import Allowed
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
        denied: The purposes that their data may not be used for.
        evidence: What the decision rested on; None: it was not decided.
    """

    person_id: str
    assignment: Mapping[str, Any]
    shown: Mapping[str, Any]
    new: bool
    values: Mapping[tuple[str, str], str]
    groups: frozenset[str]
    excluded: str | None = None
    denied: frozenset[str] = frozenset()
    evidence: DecisionEvidence | None = None


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
        inputs = _inputs(contacts, person_of, published, allowed, as_of)
        rows = list(trait_rows(self._prepared, self._service.workspace.catalogue, inputs, as_of).values())
        digest, definitions = self._definitions(as_of)
        rests = {each.person_id: each for each in inputs}
        assigned = self._assigned(rows, rests, definitions, as_of)
        before: dict[str, Mapping[str, Any]] = {
            person: each.previous for person, each in rests.items() if each.previous is not None
        }
        unprofiled = allowed.without_profiling(self._service.workspace.catalogue, everybody, as_of)
        rows, assigned = [*rows, *unprofiled.rows], [*assigned, *unprofiled.assigned]
        before |= unprofiled.before
        decisions = self._wanted(assigned, before, published, self._known(rows, published))
        workspace = self._service.workspace
        named = named_persons(workspace, self._service.control)
        properties = properties_used(workspace.catalogue, workspace.sensitive)
        return [
            replace(
                decision,
                excluded=exclusion_reason(workspace, named, decision.person_id, row)
                or allowed.unmailed(decision.person_id),
                denied=rests[decision.person_id].denied,
                evidence=DecisionEvidence(digest, rests[decision.person_id].plain(workspace.catalogue, properties)),
            )
            for decision, row in zip(decisions, rows, strict=True)
        ]

    def _definitions(self, as_of: datetime) -> tuple[str, Definitions]:
        """What decides now, and what names it: the settings as they were read, the model and the tools as they are."""
        service = self._service
        state_dir = service.workspace.state_dir
        while True:
            learned = learned_files(state_dir)
            definitions = definitions_in_force(service.workspace, service.control, as_of)
            if learned_files(state_dir) == learned:
                return keep_definitions(state_dir, {**service.texts, **learned}), definitions

    def _assigned(
        self,
        rows: Sequence[ContactRow],
        rests: dict[str, PersonInputs],
        definitions: Definitions,
        as_of: datetime,
    ) -> list[dict[str, Any]]:
        """Decide for one after the other: a free place of a segment with a cap goes to the first one.

        What decided besides, pins and closed segments, is added to *rests*.
        """
        control = self._service.control
        named = definitions.steps.by_name()
        free = {
            name: (named[name].segment.cap or 0) - control.people.holding(names)
            for name, names in definitions.capped.items()
        }
        assigned = []
        for row in rows:
            person, old = row["person_id"], rests[row["person_id"]].previous
            was = old["segment"] if old else None
            full = closed_for_one(definitions, was, free)
            rests[person] = replace(rests[person], full=tuple(full), pinned=definitions.pinned.get(person))
            assigned.append(decide_one(row, definitions, previous=old, as_of=as_of, full=full))
            for name, names in definitions.capped.items():
                free[name] += (was in names) - (assigned[-1]["segment"] in names)
        return assigned

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
        before: Mapping[str, Mapping[str, Any]],
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


def _inputs(
    contacts: Sequence[ContactRow],
    person_of: Mapping[str, str],
    published: Mapping[str, Published],
    allowed: Allowed,
    as_of: datetime,
) -> list[PersonInputs]:
    """What is known of each person who has contacts."""
    rows_of: dict[str, list[ContactRow]] = {}
    for row in contacts:
        if (person := person_of.get(platform_key(row["connection"], row["platform_id"]))) is not None:
            rows_of.setdefault(person, []).append(row)
    people = []
    for person, rows in rows_of.items():
        known = published.get(person)
        previous = as_assignment(known.assignment) if known and known.assignment else None
        base = known.base if known else {}
        people.append(PersonInputs(person, as_of, rows, base, previous, allowed.denied.get(person, frozenset())))
    return people
