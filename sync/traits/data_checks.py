"""Data checks before an assignment (trait quality guardrail), and the reference distribution kept after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table

from segmenter.assign.definitions import Definitions
from segmenter.monitor.quality import TraitQuality, trait_figures, trait_qualities
from segmenter.personalize.fields import PROBABLE
from segmenter.stats.distribution import Distribution, distributions
from segmenter.traits.definitions import Trait
from sync.breach import Breach, GuardrailError, stale_connections
from sync.control.rows import Run
from sync.session import Session

ENOUGH = 20  # people: of fewer nobody can say that a trait is mostly missing
RECORD = "record"
"""Key in an assign run's counts: the reference distributions."""


def deciding(session: Session, definitions: Definitions) -> list[Trait]:
    """Return the traits that have a part in the decision, in the order of the catalogue.

    Args:
        session: The open workspace.
        definitions: Rules, tools and model in force.

    Returns:
        Traits that rules, typing tools or the model read.
    """
    names = {name for step in definitions.steps.steps for name in step.rule.names}
    scorers = [*definitions.tools, *([definitions.model] if definitions.model else [])]
    names |= {name for scorer in scorers for name in scorer.model.traits}
    if definitions.declared:
        names.add(definitions.declared)
    return [trait for name, trait in session.workspace.catalogue.traits.items() if name in names]


def is_present(session: Session, as_of: datetime) -> bool:
    """Whether *as_of* is about now: the checks apply to current data only."""
    return abs(session.now() - as_of) <= max_age(session)


def max_age(session: Session) -> timedelta:
    """Return the age above which data may not decide.

    Returns:
        `[guardrails] max_data_age_hours`.
    """
    return timedelta(hours=session.workspace.guardrails.max_data_age_hours)


def refuse_stale(session: Session, as_of: datetime, override: frozenset[str]) -> None:
    """Stop where a connection has not been read for too long; one that never was is what `plan` stops at.

    Args:
        session: The open workspace.
        as_of: UTC; data are stale only for decisions about now.
        override: Names of guardrails that are set aside.

    Raises:
        GuardrailError: It has not, and nobody sets the guardrail aside.
    """
    if is_present(session, as_of):
        _refuse(too_old_connections(session), override)


def too_old_connections(session: Session) -> list[Breach]:
    """Return the connections that were read too long ago for people to be classified now.

    Returns:
        One breach per connection; those that were never read are left out.
    """
    read = {name: session.control.cursors.read_at(name, "contacts") for name in session.workspace.connections}
    known = {name: moment for name, moment in read.items() if moment is not None}
    return stale_connections(max_age(session), known, session.now())


def refuse_unfit(
    session: Session, people: Table, definitions: Definitions, as_of: datetime, override: frozenset[str]
) -> bool:
    """Stop where traits that decide are mostly impossible, or have mostly gone since the reference.

    Args:
        session: The open workspace.
        people: The trait table of *as_of*.
        definitions: Rules, tools and model in force.
        as_of: UTC; only decisions about now are checked.
        override: Names of guardrails that are set aside.

    Returns:
        Whether they are, and somebody sets the guardrail aside: from now on that is what they are compared with.

    Raises:
        GuardrailError: They are, and nobody sets the guardrail aside.
    """
    traits = deciding(session, definitions)
    if not traits or not is_present(session, as_of):
        return False
    row = trait_figures(people, traits, as_of).to_pyarrow().to_pylist()[0]
    qualities = trait_qualities(row, traits)
    reference = kept(reference_of(session, definitions.version))
    breaches = [
        breach for trait_quality in qualities for breach in _unfit(trait_quality, reference.get(trait_quality.name))
    ]
    _refuse(breaches, override)
    return bool(breaches)


def _unfit(trait_quality: TraitQuality, before: Distribution | None) -> list[Breach]:
    if trait_quality.light == "red":
        invalid = trait_quality.share_impossible
        what = f"{trait_quality.name} is used for assignment, and {invalid:.0%} of its values are invalid"
    elif (
        before
        and trait_quality.people >= ENOUGH
        and before.known >= 2 * (1 - trait_quality.share_missing)
        and before.known >= 1 / 2
    ):
        what = (
            f"{trait_quality.name} decides segments, and only {1 - trait_quality.share_missing:.0%} of people have it, "
            "down from "
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
            fix=f"To classify anyway: `personasync assign {named}`, or `personasync run {named}`.",
        )


def reference_of(session: Session, version: str) -> Run | None:
    """Return the run with which people are compared under the definitions of *version*, None where there is none.

    It is the first one that kept a record, or the newest in which somebody set `trait_quality` aside.

    Args:
        session: The open workspace.
        version: Digest of the definitions.

    Returns:
        A finished run of `assign`.
    """
    newest = session.control.runs.latest("assign", state="done")
    record = newest.counts.get(RECORD) if newest else None
    return session.control.runs.get(record["reference"]) if record and record["version"] == version else None


def kept(run: Run | None) -> dict[str, Distribution]:
    """Return the distributions that *run* kept, by trait.

    Returns:
        Empty where it kept none, or *run* is None.
    """
    traits = run.counts.get(RECORD, {}).get("traits", {}) if run else {}
    return {name: Distribution(part["counts"], tuple(part.get("edges", ()))) for name, part in traits.items()}


def record(
    session: Session,
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
        session: The open workspace.
        people: The trait table of *as_of*.
        decided: Everybody's assignment.
        definitions: What decided.
        as_of: UTC.
        run_id: Of this run.
        accepted: Whether it begins a new reference: see `refuse_unfit`.

    Returns:
        Plain JSON: people by bin of each deciding trait, people by segment, confidence.
    """
    if not is_present(session, as_of) or not decided.num_rows:
        return {}
    reference = None if accepted else reference_of(session, definitions.version)
    edges = {name: distribution.edges for name, distribution in kept(reference).items() if distribution.edges}
    spread = distributions(people, deciding(session, definitions), edges)
    segments = pc.value_counts(pc.fill_null(decided["segment"], "unclassified")).to_pylist()
    return {
        "version": definitions.version,
        "reference": reference.run_id if reference else run_id,
        "people": decided.num_rows,
        "traits": {
            name: {"counts": distribution.counts, "edges": list(distribution.edges)}
            for name, distribution in spread.items()
        },
        "segments": {segment["values"]: segment["counts"] for segment in segments},
        "confidence": _confidence(decided),
    }


def _confidence(decided: pa.Table) -> dict[str, float]:
    confidences = decided.filter(pc.is_in(decided["source"], pa.array(PROBABLE)))["confidence"].drop_null()
    deviation = pc.stddev(confidences).as_py() if len(confidences) else 0.0
    return {"people": len(confidences), "mean": pc.mean(confidences).as_py() or 0.0, "deviation": deviation or 0.0}
