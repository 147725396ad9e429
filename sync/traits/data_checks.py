"""Data checks before an assignment (trait quality guardrail), and the reference distribution kept after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table

from segmenter.assign.definitions import Definitions
from segmenter.monitor.quality import TraitQuality, trait_figures, trait_qualities
from segmenter.stats.distribution import Distribution, distributions
from segmenter.traits.definitions import Trait
from sync.breach import Breach, GuardrailError, stale
from sync.control.runs import Run
from sync.session import Workbench

ENOUGH = 20  # people: of fewer nobody can say that a trait is mostly missing
RECORD = "record"
"""Key in an assign run's counts: the reference distributions."""


def deciding(bench: Workbench, definitions: Definitions) -> list[Trait]:
    """Return the traits that have a part in the decision, in the order of the catalogue."""
    names = {name for step in definitions.steps.steps for name in step.rule.names}
    scorers = [*definitions.tools, *([definitions.model] if definitions.model else [])]
    names |= {name for scorer in scorers for name in scorer.model.traits}
    if definitions.declared:
        names.add(definitions.declared)
    return [trait for name, trait in bench.workspace.catalogue.traits.items() if name in names]


def is_present(bench: Workbench, as_of: datetime) -> bool:
    """Whether *as_of* is about now: the checks apply to current data only."""
    return abs(bench.now() - as_of) <= max_age(bench)


def max_age(bench: Workbench) -> timedelta:
    """Return the age above which data may not decide."""
    return timedelta(hours=bench.workspace.guardrails.max_data_age_hours)


def refuse_stale(bench: Workbench, as_of: datetime, override: frozenset[str]) -> None:
    """Stop where a connection has not been read for too long; one that never was is what `plan` stops at.

    Raises:
        GuardrailError: It has not, and nobody sets the guardrail aside.
    """
    if is_present(bench, as_of):
        _refuse(too_old(bench), override)


def too_old(bench: Workbench) -> list[Breach]:
    """Return the connections that were read too long ago for people to be classified now."""
    read = {name: bench.control.cursors.read_at(name, "contacts") for name in bench.workspace.connections}
    known = {name: moment for name, moment in read.items() if moment is not None}
    return stale(max_age(bench), known, bench.now())


def refuse_unfit(
    bench: Workbench, people: Table, definitions: Definitions, as_of: datetime, override: frozenset[str]
) -> bool:
    """Stop where traits that decide are mostly impossible, or have mostly gone since the reference.

    Returns:
        Whether they are, and somebody sets the guardrail aside: from now on that is what they are compared with.

    Raises:
        GuardrailError: They are, and nobody sets the guardrail aside.
    """
    traits = deciding(bench, definitions)
    if not traits or not is_present(bench, as_of):
        return False
    row = trait_figures(people, traits, as_of).to_pyarrow().to_pylist()[0]
    found = trait_qualities(row, traits)
    reference = kept(reference_of(bench, definitions.version))
    breaches = [breach for one in found for breach in _unfit(one, reference.get(one.name))]
    _refuse(breaches, override)
    return bool(breaches)


def _unfit(one: TraitQuality, before: Distribution | None) -> list[Breach]:
    if one.light == "red":
        what = f"{one.name} is used for assignment, and {one.share_impossible:.0%} of its values are invalid"
    elif before and one.people >= ENOUGH and before.known >= 2 * (1 - one.share_missing) and before.known >= 1 / 2:
        what = (
            f"{one.name} decides segments, and only {1 - one.share_missing:.0%} of people have it, down from "
            f"{before.known:.0%}"
        )
    else:
        return []
    return [Breach("trait_quality", f"{what}; check `personasync quality` and fix the source.")]


def _refuse(breaches: list[Breach], override: frozenset[str]) -> None:
    standing = [breach for breach in breaches if breach.guardrail not in override]
    if standing:
        named = " ".join(f"--override {name}" for name in dict.fromkeys(breach.guardrail for breach in standing))
        raise GuardrailError(
            " ".join(breach.message for breach in standing),
            mend=f"To classify anyway: `personasync assign {named}`, or `personasync run {named}`.",
        )


def reference_of(bench: Workbench, version: str) -> Run | None:
    """Return the run with which people are compared under the definitions of *version*, None where there is none.

    It is the first one that kept a record, or the newest in which somebody set `trait_quality` aside.
    """
    newest = bench.control.runs.latest("assign", state="done")
    record = newest.counts.get(RECORD) if newest else None
    return bench.control.runs.get(record["reference"]) if record and record["version"] == version else None


def kept(run: Run | None) -> dict[str, Distribution]:
    """Return the distributions that *run* kept, by trait."""
    told = run.counts.get(RECORD, {}).get("traits", {}) if run else {}
    return {name: Distribution(one["counts"], tuple(one.get("edges", ()))) for name, one in told.items()}


def record(
    bench: Workbench,
    people: Table,
    decided: pa.Table,
    definitions: Definitions,
    as_of: datetime,
    run_id: str,
    *,
    accepted: bool,
) -> dict[str, Any]:
    """Return what is kept of this run for later runs to be compared with; {} where it is not about now.

    Args:
        bench: The open workspace.
        people: The trait table of *as_of*.
        decided: Everybody's assignment.
        definitions: What decided.
        as_of: UTC.
        run_id: Of this run.
        accepted: Whether it begins a new reference: see `refuse_unfit`.
    """
    if not is_present(bench, as_of) or not decided.num_rows:
        return {}
    reference = None if accepted else reference_of(bench, definitions.version)
    edges = {name: one.edges for name, one in kept(reference).items() if one.edges}
    spread = distributions(people, deciding(bench, definitions), edges)
    segments = pc.value_counts(pc.fill_null(decided["segment"], "unclassified")).to_pylist()
    return {
        "version": definitions.version,
        "reference": reference.run_id if reference else run_id,
        "people": decided.num_rows,
        "traits": {name: {"counts": one.counts, "edges": list(one.edges)} for name, one in spread.items()},
        "segments": {one["values"]: one["counts"] for one in segments},
        "confidence": _confidence(decided),
    }


def _confidence(decided: pa.Table) -> dict[str, float]:
    told = decided["confidence"].drop_null()
    deviation = pc.stddev(told).as_py() if len(told) else 0.0
    return {"people": len(told), "mean": pc.mean(told).as_py() or 0.0, "deviation": deviation or 0.0}
