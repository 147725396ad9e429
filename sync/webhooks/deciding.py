"""Traits, segment and persona of a few persons at a time: the expressions of the batch, on an engine in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from connectors.records import ASSIGNMENTS, CONTACTS, DELIVERIES, ENGAGEMENTS, ORDER_LINES, ORDERS, SURVEY_ANSWERS
from segmenter.trait import Inputs
from segmenter.traits import traits
from sync.assign import DECIDING, decide, values_wanted
from sync.control.people import Published
from sync.warehouse import Memory
from sync.webhooks.bases import with_base
from sync.webhooks.gathering import Row
from sync.webhooks.service import Service

LINKS = pa.schema([("contact_key", pa.string()), ("person_id", pa.string())])
WITHOUT = (ORDERS, ORDER_LINES, DELIVERIES, ENGAGEMENTS, SURVEY_ANSWERS)


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person is given.

    Attributes:
        assignment: Columns of `connectors.records.ASSIGNMENTS`.
        new: Whether it differs from the one before.
        values: What fields shall show, by connection and name.
        groups: The groups they shall be in.
    """

    person_id: str
    assignment: Mapping[str, Any]
    new: bool
    values: Mapping[tuple[str, str], str]
    groups: frozenset[str]


class Decider:
    """Decides for a few persons at a time; of one thread."""

    def __init__(self, service: Service, memory: Memory) -> None:
        self._service, self._memory = service, memory

    def decide(
        self,
        contacts: Sequence[Row],
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
        catalogue = self._service.workspace.catalogue
        measured = self._measured(contacts, person_of, as_of)
        rows = [
            with_base(row, published[row["person_id"]].base if row["person_id"] in published else {}, catalogue, as_of)
            for row in measured.to_pylist()
        ]
        people = self._memory.keep("people", pa.Table.from_pylist(rows, schema=measured.schema))
        decided = self._memory.rows(decide(self._service, people, as_of))
        before = {person: one.assignment for person, one in published.items() if one.assignment}
        assigned = [_kept(row, before.get(row["person_id"])) for row in decided.to_pylist()]
        return self._wanted(assigned)

    def _measured(self, contacts: Sequence[Row], person_of: Mapping[str, str], as_of: datetime) -> pa.Table:
        keep = self._memory.keep
        links = [{"contact_key": key, "person_id": person} for key, person in person_of.items()]
        inputs = Inputs(
            keep("contacts", pa.Table.from_pylist(list(contacts), schema=CONTACTS.columns)),
            keep("links", pa.Table.from_pylist(links, schema=LINKS)),
            *(keep(table.name, table.columns.empty_table()) for table in WITHOUT),
        )
        return self._memory.rows(traits(inputs, self._service.workspace.catalogue, as_of))

    def _wanted(self, assigned: Sequence[tuple[Row, bool]]) -> list[Decision]:
        rows = [row for row, _ in assigned]
        table = self._memory.keep("assignments", pa.Table.from_pylist(rows, schema=ASSIGNMENTS.columns))
        values: dict[str, dict[tuple[str, str], str]] = {}
        for one in self._memory.rows(values_wanted(self._service, table)).to_pylist():
            values.setdefault(one["person_id"], {})[one["connection"], one["name"]] = one["value"] or ""
        within = {name: (name, *one.ancestors) for name, one in self._service.workspace.steps.by_name().items()}
        return [
            Decision(
                row["person_id"],
                row,
                new,
                values.get(row["person_id"], {}),
                frozenset(within.get(row["segment"], ())),
            )
            for row, new in assigned
        ]


def _kept(row: Row, before: Mapping[str, Any] | None) -> tuple[Row, bool]:
    """Return the assignment that shall stand, and whether it is another one than before, as `sync.assign.changed`."""
    if before is None:
        return row, True
    old = as_assignment(before)
    if all(old[name] == row[name] for name in DECIDING):
        return old, False
    return ({**row, "since": old["since"]} if old["segment"] == row["segment"] else row), True


def as_assignment(plain: Mapping[str, Any]) -> Row:
    """Return an assignment that was kept as JSON: its moments are text there."""
    return {**plain, **{name: datetime.fromisoformat(plain[name]) for name in ("as_of", "since") if plain[name]}}


def plain_assignment(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an assignment as JSON keeps it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
