"""Clause funnel of a segment: how many people each part of its rule keeps and drops, and who is in it at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

from ibis import Table

from connectors.errors import FixSettingsError
from segmenter.rules.evaluate import as_ibis
from segmenter.rules.rules import describe, rule_text
from segmenter.rules.segments import Checked
from segmenter.value.focus import with_subsegments
from sync.active_people import assigned_people
from sync.session import Session
from sync.traits.compute import measured
from sync.workspace.settings import Workspace, load_workspace


@dataclass(frozen=True, slots=True)
class FunnelClause:
    """A part of a rule.

    Attributes:
        within: The segment whose rule it is a part of: the segment itself, or one around it.
        alone: People that it holds for, whatever the other parts say.
        kept: People that this and all parts before it hold for.
        dropped: People that all parts before it hold for, but not this one.
        unknown: Those of the dropped for whom a trait that it asks is unknown.
    """

    clause: str
    within: str
    alone: int
    kept: int
    dropped: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """How a segment's people are found.

    Attributes:
        as_of: The moment of the traits, UTC.
        people: Everybody with traits.
        matching: People whom the whole rule holds for.
        earlier: Those of them who go to a segment that is tried before.
        left: Who would be in it by rules alone: *matching* less *earlier*.
        assigned: Who is in it now, those in segments within it too; also by pins, surveys, models, caps and hysteresis.
    """

    segment: str
    rule: str
    as_of: datetime
    people: int
    clauses: Sequence[FunnelClause]
    matching: int
    earlier: int
    left: int
    assigned: int


def funnel(session: Session, segment: str, *, segments: Path | None = None) -> Funnel:
    """Return how many people each part of a segment's rule keeps.

    Args:
        session: The open workspace.
        segment: Its name.
        segments: Another segments.toml to ask; None: the workspace's.

    Returns:
        A figure for each part of the rule, those of the segments around it first.

    Raises:
        FixSettingsError: There is no such segment, the other file is wrong, or nobody was assigned yet.
    """
    newest = session.control.runs.latest("assign", state="done")
    if newest is None:
        raise FixSettingsError("Nobody is assigned yet.", fix="Run `personasync assign`.")
    as_of = datetime.fromisoformat(newest.counts["as_of"])
    workspace = session.workspace
    if segments is not None:
        workspace = load_workspace(session.workspace.directory, segments_path=segments)
    steps = workspace.steps.by_name()
    if segment not in steps:
        raise FixSettingsError(f"There is no segment {segment!r}.", fix=f"There are: {', '.join(steps) or 'none'}.")
    own = workspace is session.workspace
    people = _traits_of_rules(session, as_of) if own else measured(session, as_of, workspace.catalogue)
    parts = [
        (name, clause) for name in (*reversed(steps[segment].ancestors), segment) for clause in _clauses(steps[name])
    ]
    counted = _counted(people, [clause for _, clause in parts], workspace, segment)
    clauses, before = [], int(counted["people"])
    for number, (name, clause) in enumerate(parts):
        kept = int(counted[f"kept_{number}"] or 0)
        figures = int(counted[f"alone_{number}"] or 0), kept, before - kept, int(counted[f"unknown_{number}"] or 0)
        clauses.append(FunnelClause(rule_text(clause), name, *figures))
        before = kept
    earlier = int(counted["earlier"] or 0)
    now = _assigned_now(session, segment)
    rule = steps[segment].segment.rule
    return Funnel(segment, rule, as_of, int(counted["people"]), clauses, before, earlier, before - earlier, now)


def open_funnels(session: Session) -> None:
    """Read what each `funnel` asks, for who goes on to ask for some while the session only reads."""
    newest = session.control.runs.latest("assign", state="done")
    if newest is not None:
        _traits_of_rules(session, datetime.fromisoformat(newest.counts["as_of"]))


def _traits_of_rules(session: Session, as_of: datetime) -> Table:
    """Everybody's traits that rules use, read once for all segments: ``person_id``, and a column a trait."""
    workspace = session.workspace
    names = dict.fromkeys(name for step in workspace.steps.by_name().values() for name in step.rule.names)
    return session.warehouse.read_once.get(
        ("traits of rules", as_of, *names), lambda: measured(session, as_of).select("person_id", *names)
    )


def _assigned_now(session: Session, segment: str) -> int:
    """People in the segment as the workspace defines it; 0 for one that only the other file has."""
    if segment not in session.workspace.steps.by_name():
        return 0
    in_force, assigned = with_subsegments([segment], session.workspace.steps), assigned_people(session)
    return int(assigned.filter(assigned.segment.isin(sorted(in_force))).count().to_pyarrow().as_py())


def _clauses(step: Checked) -> list[Any]:
    return list(describe(step.rule))


def _counted(people: Table, clauses: Sequence[Any], workspace: Workspace, segment: str) -> Mapping[str, Any]:
    """All counts in one statement."""
    everybody = people.person_id.notnull()  # a rule such as `true` is no column by itself
    conditions = [everybody & as_ibis(clause, people) for clause in clauses]
    known = [condition.fill_null(False) for condition in conditions]  # noqa: FBT003 - an expression
    sums: dict[str, Any] = {"people": people.count()}
    for number, condition in enumerate(conditions):
        so_far = reduce(and_, known[: number + 1])
        before = reduce(and_, known[:number]) if number else None
        unknown = condition.isnull() if before is None else before & condition.isnull()
        sums |= {
            f"alone_{number}": known[number].sum(),
            f"kept_{number}": so_far.sum(),
            f"unknown_{number}": unknown.sum(),
        }
    taken = _taken_before(people, workspace, segment)
    whole = reduce(and_, known)
    sums["earlier"] = (whole & taken).sum() if taken is not None else people.count() - people.count()
    [row] = people.aggregate(**sums).to_pyarrow().to_pylist()
    return dict(row)


def _taken_before(people: Table, workspace: Workspace, segment: str) -> Any:
    """Whether a segment that is tried before matches; those within the segment count as the segment itself."""
    steps = workspace.steps.by_name()
    own = with_subsegments([segment], workspace.steps)
    names = list(steps)
    before = [name for name in names[: names.index(segment)] if name not in own]
    inside = []
    for name in before:
        chain = [as_ibis(steps[link].rule.tree, people).fill_null(False) for link in (name, *steps[name].ancestors)]  # noqa: FBT003
        inside.append(reduce(and_, chain))
    return reduce(or_, inside) if inside else None
