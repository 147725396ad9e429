"""Random assignment of people to experiment variants, and the platform groups of each.

Who was dealt in stays: a row is written once, with the persona of that day, and never again. The arm itself follows
from the experiment's salt and the person's id (`segmenter.lift.arms`), so that it could be found again without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import reduce

import ibis
import pyarrow as pa
from ibis import Table

from connectors.records import ARMS
from segmenter.lift.randomization import HOLDOUT, Experiment, copy_of, with_arms
from segmenter.personalize.personas import UNCLASSIFIED
from sync.active_people import assigned_people
from sync.experiments.definitions import keep_definition, refuse_edited
from sync.session import Session


def randomize(session: Session, as_of: datetime, *, without: Collection[str] = ()) -> dict[str, int]:
    """Randomly assign everyone without a variant to the running experiments and the global holdout.

    Args:
        session: The open workspace.
        as_of: The moment, UTC: experiments that have not begun or have ended take nobody in.
        without: Persons to whom nothing is written: they would only dilute what is measured.

    Returns:
        People dealt in now, by experiment.

    Raises:
        EditedExperimentError: One of them was edited after its start.
    """
    everybody = session.workspace.everybody
    running = [
        experiment
        for experiment in session.workspace.experiments.values()
        if experiment.begins <= as_of and (experiment.ends is None or as_of < experiment.ends)
    ]
    asking = [*([everybody] if everybody is not None else []), *running]
    refuse_edited(session, asking)
    allocated = {}
    for experiment in asking:
        allocated[experiment.name] = _randomize(session, experiment, as_of, without)
        keep_definition(session, experiment)
    return allocated


def _randomize(session: Session, experiment: Experiment, as_of: datetime, without: Collection[str]) -> int:
    arms = session.warehouse.current(ARMS.name)
    known = arms.filter(arms.experiment == experiment.name)
    held = arms.filter(arms.experiment == HOLDOUT, arms.arm == HOLDOUT)
    people = assigned_people(session).select("person_id", "persona").anti_join(known, "person_id")
    if without:
        people = people.anti_join(session.warehouse.memtable(_persons(without)), "person_id")
    free = people if experiment.name == HOLDOUT else people.anti_join(held, "person_id")
    allocation = with_arms(free, experiment)
    moment = ibis.literal(as_of).cast("timestamp('UTC', 6)")
    rows = allocation.select(
        experiment=ibis.literal(experiment.name), person_id="person_id", arm="arm", persona="persona"
    )
    rows = rows.mutate(at=moment).to_pyarrow()
    return session.warehouse.append(ARMS.name, rows, recorded_at=session.now())


def ended_groups(session: Session) -> frozenset[str]:
    """Return the groups of experiments, and of the global holdout, that have ended or are defined no more.

    Nobody is in them any more by what we want; that they empty is what their end means.
    """
    rows = session.warehouse.current(ARMS.name).select("experiment", "arm").distinct().to_pyarrow().to_pylist()
    once = {row["arm"] if row["experiment"] == HOLDOUT else f"{row['experiment']}_{row['arm']}" for row in rows}
    running = {group for experiment in _running(session) for group in experiment.groups.values()}
    return frozenset(once - running - ({HOLDOUT} if session.workspace.everybody else set()))


def _running(session: Session) -> list[Experiment]:
    return [
        experiment
        for experiment in session.workspace.experiments.values()
        if experiment.ends is None or session.now() < experiment.ends
    ]


def _persons(persons: Collection[str]) -> pa.Table:
    return pa.table({"person_id": pa.array(sorted(persons), pa.string())})


def arm_groups(session: Session) -> Table:
    """Return which groups the arms put each person into. Columns ``person_id``, ``group_name``.

    Returns:
        One row per person and experiment; people of arms without a group are left out, and experiments that have ended.
    """
    arms = session.warehouse.current(ARMS.name)
    names: dict[tuple[str, str], str] = {
        (experiment.name, arm): group for experiment in _running(session) for arm, group in experiment.groups.items()
    }
    if session.workspace.everybody is not None:
        names[HOLDOUT, HOLDOUT] = HOLDOUT
    cases = [((arms.experiment == name) & (arms.arm == arm), group) for (name, arm), group in names.items()]
    members = arms.mutate(group_name=ibis.cases(*cases) if cases else ibis.null("string"))
    return members.filter(members.group_name.notnull()).select("person_id", "group_name")


def copies(session: Session, *, ended: bool = False) -> Table | None:
    """Return whose copy people get instead of their own persona's: see `segmenter.lift.randomization.copy_of`.

    Where a person is in several such arms, the experiment that begins last decides. None where no experiment asks.

    Args:
        session: The open workspace.
        ended: Whether it is about experiments that have ended: whose copy people got by them.

    Returns:
        Columns ``person_id``, ``copy_of`` (a persona's slug, or "unclassified" for the fallback); others get their own.
    """
    asking = [
        experiment for experiment in session.workspace.experiments.values() if experiment.generic or experiment.placebo
    ]
    asking = [
        experiment
        for experiment in asking
        if ended == (experiment.ends is not None and experiment.ends <= session.now())
    ]
    if not asking:
        return None
    arms = session.warehouse.current(ARMS.name)
    parts = [
        copy_of(
            arms.filter(arms.experiment == experiment.name),
            experiment,
            list(session.workspace.personas),
            fallback=UNCLASSIFIED,
        ).mutate(begins=ibis.literal(experiment.begins).cast("timestamp('UTC', 6)"))
        for experiment in asking
    ]
    every = reduce(lambda left, right: left.union(right), parts)
    place = ibis.row_number().over(group_by=every.person_id, order_by=[every.begins.desc(), every.copy_of])
    newest = every.mutate(place=place)
    return newest.filter(newest.place == 0).select("person_id", "copy_of")


def people_by_arm(session: Session, name: str) -> Mapping[tuple[str | None, str], int]:
    """Return the people of an experiment by persona (of the day they were assigned; None: unclassified) and arm.

    Args:
        session: The open workspace.
        name: Name of the experiment.

    Returns:
        (persona, arm) -> number of people; pairs without people are left out.
    """
    arms = session.warehouse.current(ARMS.name)
    mine = arms.filter(arms.experiment == name).group_by("persona", "arm").aggregate(n=lambda t: t.count())
    return {(row["persona"], row["arm"]): int(row["n"]) for row in mine.to_pyarrow().to_pylist()}
