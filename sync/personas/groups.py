"""Groups of people to profile: by current assignment, or by an accepted proposal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import ibis
import pyarrow as pa
from ibis import Table

from connectors.errors import FixSettingsError
from segmenter.personalize.personas import UNCLASSIFIED
from sync.active_people import assigned_people
from sync.session import Session
from sync.workspace.proposals import accepted, load

SAID = ("source", "confidence", "expires_at")
"""What an assignment says of itself."""

PROPOSAL = "proposal"


@dataclass(frozen=True, slots=True)
class Grouping:
    """People in segments as of a moment.

    Attributes:
        people: Columns ``person_id, segment`` (null: in none) and those of `SAID`.
        as_of: UTC.
    """

    people: Table
    as_of: datetime

    def by_persona(self, session: Session) -> Table:
        """Return people by the persona that stands for their segment now: ``person_id, slug`` and `SAID`."""
        of = session.workspace.persona_of
        slug = self.people.segment.cases(*of.items(), else_=UNCLASSIFIED) if of else ibis.literal(UNCLASSIFIED)
        return self.people.select("person_id", *SAID, slug=slug)

    def sizes(self) -> dict[str, int]:
        """Return how many people each segment has."""
        members = self.people.filter(self.people.segment.notnull())
        rows = members.group_by("segment").aggregate(people=members.count()).to_pyarrow().to_pylist()
        return {row["segment"]: int(row["people"]) for row in rows}


def newest_moment(session: Session) -> datetime | None:
    """Return the moment of the newest assignments, UTC; None where nobody was ever assigned."""
    newest = session.control.runs.latest("assign", state="done")
    return datetime.fromisoformat(newest.counts["as_of"]) if newest else None


def assigned_groups(session: Session) -> Grouping:
    """Return the assignments in force.

    Raises:
        FixSettingsError: Nobody was ever assigned.
    """
    as_of = newest_moment(session)
    if as_of is None:
        raise FixSettingsError(
            "Nobody is assigned yet, so there are no people to describe.", fix="Run `personasync assign`."
        )
    people = assigned_people(session)
    return Grouping(people.select("person_id", "segment", *SAID), as_of)


def proposed(session: Session, name: str) -> Grouping:
    """Return the segments of an accepted proposal, as of when it was made.

    Raises:
        FixSettingsError: It was not accepted, or holds respondents of a file who are not contacts here.
    """
    directory = session.workspace.directory
    file, labels = load(directory, name), accepted(directory, name)
    rows = pa.table({"person_id": list(labels), "segment": list(labels.values())})
    known = set(session.control.links.load()["person_id"].to_pylist())
    if not known & set(labels):
        raise FixSettingsError(
            f"No respondent of the proposal {name!r} is a contact of this workspace.",
            fix="Describe respondents of a file with `personasync discover FILE --describe COLUMN`.",
        )
    people = session.warehouse.memtable(rows).mutate(
        source=ibis.literal(PROPOSAL), confidence=ibis.null("float64"), expires_at=ibis.null("timestamp('UTC')")
    )
    return Grouping(people, datetime.fromisoformat(file.proposal.made_at))


def as_they_were_assigned(session: Session) -> Table:
    """Return people by the persona that they were assigned, as `Grouping.by_persona` does by that of now.

    Returns:
        One row per active person; ``slug`` is "unclassified" for those without a persona.
    """
    people = assigned_people(session)
    return people.select("person_id", *SAID, slug=people.persona.fill_null(UNCLASSIFIED))
