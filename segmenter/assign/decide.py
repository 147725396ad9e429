"""Assignment: the waterfall of sources gives each person a segment, hysteresis decides when it may change.

`decide_all` decides for everybody in Ibis, `decide_one` for one person in Python; both decide the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.records import ASSIGNMENTS
from segmenter.assign.definitions import Definitions
from segmenter.assign.hysteresis import followed, followed_one
from segmenter.assign.sources import chance_of, closed_to, with_answers
from segmenter.assign.sources_one import answer_one
from segmenter.late_ibis import ibis

if TYPE_CHECKING:
    from ibis import Table


def decide_one(
    person: Mapping[str, Any],
    definitions: Definitions,
    *,
    previous: Mapping[str, Any] | None,
    as_of: datetime,
    full: Collection[str] = (),
) -> dict[str, Any]:
    """Decide for one person.

    Args:
        person: Trait name -> value (None: nothing known), and ``person_id``.
        definitions: The sources.
        previous: The person's assignment in force, None where there is none.
        as_of: The moment for which the traits were measured, UTC. A previous assignment of a later one is ignored:
            looking back starts again.
        full: Segments with a cap that the person may not be in.

    Returns:
        The assignment, in the columns of `connectors.records.ASSIGNMENTS`; as *previous* where nothing changed.
    """
    closed = definitions.closed_to(full)
    answer = answer_one(person, definitions, closed)
    who = str(person["person_id"])
    return followed_one(who, answer, definitions, previous=previous, as_of=as_of, closed=closed)


def decide_all(
    people: Table, definitions: Definitions, *, previous: Table, as_of: datetime, full: Table | None = None
) -> Table:
    """Decide for everybody.

    Args:
        people: The trait table, with ``person_id``.
        definitions: The sources.
        previous: The assignments in force.
        as_of: As in `decide_one`.
        full: Columns ``person_id`` and ``segment``: segments with a cap that people may not be in; None: none.

    Returns:
        One row a person of *people*, in the schema of `connectors.records.ASSIGNMENTS`.
    """
    table, columns = with_answers(people, definitions, full)
    moment = ibis.literal(as_of).cast("timestamp('UTC', 6)")
    old = previous.select(**{f"_old_{name}": previous[name] for name in ASSIGNMENTS.columns.names})
    old = old.filter(old["_old_as_of"] <= moment).mutate(_old=ibis.literal(value=True))
    table = table.left_join(old, table.person_id == old["_old_person_id"]).view()
    before = table["_old_segment"]
    table = table.mutate(_chance_old=chance_of(table, columns, before), _shut=closed_to(table, before)).view()
    return followed(table, definitions, as_of)
