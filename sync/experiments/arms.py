"""Random assignment of people to experiment variants, and the platform groups of each.

Who was dealt in stays: a row is written once, with the persona of that day, and never again. The arm itself follows
from the experiment's salt and the person's id (`segmenter.lift.arms`), so that it could be found again without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce

import ibis
from ibis import Table

from connectors.records import ARMS
from segmenter.lift.randomization import HOLDOUT, Experiment, copy_of, with_arms
from segmenter.personalize.personas import UNCLASSIFIED
from sync.active_people import assigned_people
from sync.session import Workbench


def deal(bench: Workbench, as_of: datetime) -> dict[str, int]:
    """Randomly assign everyone without a variant to the running experiments and the global holdout.

    Args:
        bench: The open workspace.
        as_of: The moment, UTC: experiments that have not begun or have ended take nobody in.

    Returns:
        People dealt in now, by experiment.
    """
    dealt = {}
    everybody = bench.workspace.everybody
    if everybody is not None:
        dealt[HOLDOUT] = _deal(bench, everybody, as_of)
    for one in bench.workspace.experiments.values():
        if one.begins <= as_of and (one.ends is None or as_of < one.ends):
            dealt[one.name] = _deal(bench, one, as_of)
    return dealt


def _deal(bench: Workbench, experiment: Experiment, as_of: datetime) -> int:
    arms = bench.warehouse.current(ARMS.name)
    known = arms.filter(arms.experiment == experiment.name)
    held = arms.filter(arms.experiment == HOLDOUT, arms.arm == HOLDOUT)
    people = assigned_people(bench).select("person_id", "persona").anti_join(known, "person_id")
    free = people if experiment.name == HOLDOUT else people.anti_join(held, "person_id")
    told = with_arms(free, experiment)
    moment = ibis.literal(as_of).cast("timestamp('UTC', 6)")
    rows = told.select(experiment=ibis.literal(experiment.name), person_id="person_id", arm="arm", persona="persona")
    rows = rows.mutate(at=moment).to_pyarrow()
    return bench.warehouse.append(ARMS.name, rows, recorded_at=bench.now())


def arm_groups(bench: Workbench) -> Table:
    """Return which groups the arms put each person into. Columns ``person_id``, ``group_name``."""
    arms = bench.warehouse.current(ARMS.name)
    names: dict[tuple[str, str], str] = {
        (one.name, arm): group for one in bench.workspace.experiments.values() for arm, group in one.groups.items()
    }
    if bench.workspace.everybody is not None:
        names[HOLDOUT, HOLDOUT] = HOLDOUT
    cases = [((arms.experiment == name) & (arms.arm == arm), group) for (name, arm), group in names.items()]
    told = arms.mutate(group_name=ibis.cases(*cases) if cases else ibis.null("string"))
    return told.filter(told.group_name.notnull()).select("person_id", "group_name")


def copies(bench: Workbench) -> Table | None:
    """Return whose copy people get instead of their own persona's: see `segmenter.lift.randomization.copy_of`.

    Where a person is in several such arms, the experiment that begins last decides. None where no experiment asks.
    """
    asking = [one for one in bench.workspace.experiments.values() if one.generic or one.placebo]
    asking = [one for one in asking if one.ends is None or bench.now() < one.ends]
    if not asking:
        return None
    arms = bench.warehouse.current(ARMS.name)
    parts = [
        copy_of(
            arms.filter(arms.experiment == one.name), one, list(bench.workspace.personas), fallback=UNCLASSIFIED
        ).mutate(begins=ibis.literal(one.begins).cast("timestamp('UTC', 6)"))
        for one in asking
    ]
    every = reduce(lambda left, right: left.union(right), parts)
    place = ibis.row_number().over(group_by=every.person_id, order_by=[every.begins.desc(), every.copy_of])
    newest = every.mutate(place=place)
    return newest.filter(newest.place == 0).select("person_id", "copy_of")


def counts(bench: Workbench, name: str) -> Mapping[tuple[str | None, str], int]:
    """Return the people of an experiment by persona (of the day they were dealt in; None: unclassified) and arm."""
    arms = bench.warehouse.current(ARMS.name)
    mine = arms.filter(arms.experiment == name).group_by("persona", "arm").aggregate(n=lambda t: t.count())
    return {(row["persona"], row["arm"]): int(row["n"]) for row in mine.to_pyarrow().to_pylist()}
