"""Assignment: the waterfall of sources gives each person a segment, hysteresis decides when it may change.

`decide_all` decides for everybody in Ibis, `decide_one` for one person in Python; both decide the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.records import ASSIGNMENTS
from segmenter.assign.definitions import Definitions
from segmenter.assign.hysteresis import followed, followed_one
from segmenter.assign.sources import chance_of, with_answers
from segmenter.assign.sources_one import answer_one
from segmenter.late_ibis import ibis

if TYPE_CHECKING:
    from ibis import Table


def decide_one(
    person: Mapping[str, Any], definitions: Definitions, *, previous: Mapping[str, Any] | None, as_of: datetime
) -> dict[str, Any]:
    """Decide for one person.

    Args:
        person: Trait name -> value (None: nothing known), and ``person_id``.
        definitions: The sources.
        previous: The person's assignment in force, None where there is none.
        as_of: The moment for which the traits were measured, UTC. A previous assignment of a later one is ignored:
            looking back starts again.

    Returns:
        The assignment, in the columns of `connectors.records.ASSIGNMENTS`; as *previous* where nothing changed.
    """
    answer = answer_one(person, definitions)
    return followed_one(str(person["person_id"]), answer, definitions, previous=previous, as_of=as_of)


def decide_all(people: Table, definitions: Definitions, *, previous: Table, as_of: datetime) -> Table:
    """Decide for everybody.

    Args:
        people: The trait table, with ``person_id``.
        definitions: The sources.
        previous: The assignments in force.
        as_of: As in `decide_one`.

    Returns:
        One row a person of *people*, in the schema of `connectors.records.ASSIGNMENTS`.
    """
    told, columns = with_answers(people, definitions)
    moment = ibis.literal(as_of).cast("timestamp('UTC', 6)")
    old = previous.select(**{f"_old_{name}": previous[name] for name in ASSIGNMENTS.columns.names})
    old = old.filter(old["_old_as_of"] <= moment).mutate(_old=ibis.literal(value=True))
    told = told.left_join(old, told.person_id == old["_old_person_id"]).view()
    told = told.mutate(_chance_old=chance_of(told, columns, told["_old_segment"])).view()
    return followed(told, definitions, as_of)
