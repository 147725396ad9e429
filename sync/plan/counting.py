"""What happens to contacts by a plan: counted for its guardrails and its readers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import ibis
import pyarrow as pa

from connectors.records import Change
from sync.plan.state import Counts, State, Target


def replaces(change: Change, explaining: Collection[str]) -> bool:
    """Return whether a contact would show other words than now: no first value, no tag, no explanation.

    Args:
        change: Any.
        explaining: The fields that only tell why and how sure.
    """
    return change.kind == "field" and change.before is not None and change.name not in explaining


def count_contacts(changes: Sequence[Change], state: State, target: Target, counts: Counts) -> None:
    """Count contacts by what happens to them; an experiment's own words and groups, at its start and end, are none.

    Nor does a segment that is skipped: who is in it still would lose its tag and copy because it is small, the same
    every day, and all of them are fewer than its limit. Whoever left the segment counts.
    """
    name, few = target.connection, _skipped_people(state)
    replacing = [change for change in changes if replaces(change, target.explaining)]
    meant = _meant(replacing, state, target)
    everybody = {change.platform_id for change in changes}
    counted = [
        change for change in replacing if (change.person_id, change.name) not in meant and change.person_id not in few
    ]
    other = {change.platform_id for change in changes if change.name not in target.explaining or change.before is None}
    counts.changed[name] = len(everybody)
    counts.replaced[name] = len({change.platform_id for change in counted})
    counts.moved[name] = len({change.platform_id for change in counted if change.name in target.assigning})
    counts.explained[name] = len(everybody - other)
    leaving = [change for change in changes if change.kind == "group" and change.after is None]
    counts.removed[name] = len(leaving)
    losing = [change for change in leaving if change.name not in state.ended]
    counts.leaving[name] = len(
        {
            change.platform_id
            for change in losing
            if change.person_id not in few or change.name not in state.skipped_segments
        }
    )


def _skipped_people(state: State) -> set[str]:
    """Persons whose segment is skipped."""
    if not state.skipped_segments:
        return set()
    people = state.assigned.filter(state.assigned.segment.isin(sorted(state.skipped_segments))).select("person_id")
    return set(people.to_pyarrow()["person_id"].to_pylist())


def _meant(replacing: Sequence[Change], state: State, target: Target) -> set[tuple[str, str]]:
    """Person and field of those changes that an experiment makes: now the field shows what it would without it."""
    if state.own is None or not replacing:
        return set()
    rows = {
        "person_id": [change.person_id for change in replacing],
        "name": [change.name for change in replacing],
        "value": [change.before for change in replacing],
    }
    now = ibis.memtable(pa.table({name: pa.array(row, pa.string()) for name, row in rows.items()}))
    mine = state.own.filter(state.own.connection == target.connection)
    same = mine.semi_join(now, ["person_id", "name", "value"]).select("person_id", "name").to_pyarrow()
    return set(zip(same["person_id"].to_pylist(), same["name"].to_pylist(), strict=True))
