"""Evidence of the webhook service's decisions: what each rested on, for as long as its assignment is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select

from connectors.records import platform_key
from sync.control import schema
from sync.control.dialects import writing

AT_ONCE = 2000  # rows a statement
TABLE = schema.service_decision


@dataclass(frozen=True, slots=True)
class ServiceDecision:
    """One decision of the service.

    Attributes:
        definitions: Names the definitions in force (`sync.assign.evidence`).
        inputs: What it rested on (`sync.online.person_inputs.PersonInputs` as plain values).
        assignment: What was decided, as plain values.
        recorded_at: When, UTC; the assignment's version in the warehouse has the same moment.
    """

    entry: int
    person_id: str
    definitions: str
    inputs: Mapping[str, Any]
    assignment: Mapping[str, Any]
    recorded_at: datetime


class ServiceDecisions:
    """All that are kept; `sync.control.published.People.hand_over` adds to them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def of_persons(self, persons: Collection[str]) -> list[ServiceDecision]:
        """Return the decisions about some people, and about those who turned out to be one of them, oldest first.

        Returns:
            Empty where the service decided nothing about them, or it is not kept any more.
        """
        listed, decisions = sorted({*persons, *self._merged(persons)}), list[ServiceDecision]()
        with self.engine.connect() as connection:
            for start in range(0, len(listed), AT_ONCE):
                part = TABLE.c.person_id.in_(listed[start : start + AT_ONCE])
                decisions += [ServiceDecision(*row) for row in connection.execute(select(TABLE).where(part))]
        return sorted(decisions, key=lambda decision: decision.entry)

    def moments(self) -> list[tuple[int, str, datetime]]:
        """Return number, person and moment (UTC) of every decision.

        Returns:
            Oldest first.
        """
        query = select(TABLE.c.entry, TABLE.c.person_id, TABLE.c.recorded_at).order_by(TABLE.c.entry)
        with self.engine.connect() as connection:
            return [(row.entry, row.person_id, row.recorded_at) for row in connection.execute(query)]

    def drop(self, entries: Collection[int]) -> int:
        """Delete some decisions by their numbers.

        Returns:
            How many there were.
        """
        return self._delete(TABLE.c.entry, sorted(entries))

    def forget(self, persons: Collection[str]) -> int:
        """Delete every decision about some people, and about those who turned out to be one of them.

        Returns:
            How many there were.
        """
        return self._delete(TABLE.c.person_id, sorted({*persons, *self._merged(persons)}))

    def forget_withheld(self, denied: Mapping[str, Collection[str]]) -> int:
        """Delete the decisions that rest on what may not be kept any more.

        Args:
            denied: The purposes that each person's data may not be used for now.

        Returns:
            How many there were.
        """
        persons = {person for person, purposes in denied.items() if purposes}
        into = self._merged(persons) if persons else {}
        return self.drop(
            [
                each.entry
                for each in self.of_persons(persons)
                if set(denied[into.get(each.person_id, each.person_id)]) - set(each.inputs.get("denied", ()))
            ]
        )

    def forget_records(self, contact_keys: Collection[str], persons: Collection[str]) -> int:
        """Delete the decisions about some people that rest on one of some records.

        Args:
            contact_keys: Of records whose content may not be kept.
            persons: Whose they are, or were.

        Returns:
            How many there were.
        """
        keys = set(contact_keys)
        naming = [
            decision.entry
            for decision in self.of_persons(persons)
            for row in decision.inputs.get("contacts", ())
            if platform_key(row["connection"], row["platform_id"]) in keys
        ]
        return self.drop(naming)

    def _merged(self, persons: Collection[str]) -> dict[str, str]:
        """Those who were merged into some people, each with that person."""
        table, wanted = schema.merged_person, set(persons)
        with self.engine.connect() as connection:
            rows = connection.execute(select(table.c.person_id, table.c.into_person_id)).all()
        return {old: into for old, into in rows if into in wanted}

    def _delete(self, column: Any, values: list[Any]) -> int:
        count = 0
        for start in range(0, len(values), AT_ONCE):
            with writing(self.engine) as connection:
                count += connection.execute(delete(TABLE).where(column.in_(values[start : start + AT_ONCE]))).rowcount
        return count
