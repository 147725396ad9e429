"""The `quality` job: data quality, drift and structural stability, with an overall light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.records import CONTACTS, DELIVERIES, ENGAGEMENTS, ORDERS, SURVEY_ANSWERS
from segmenter.monitor.drift import Drift
from segmenter.monitor.quality import (
    MOMENTS,
    Fault,
    Light,
    TraitQuality,
    amount_faults,
    amount_figures,
    duplicate_faults,
    duplicate_figures,
    moment_faults,
    moment_figures,
    trait_figures,
    trait_qualities,
    unreadable_faults,
    unreadable_figures,
    worst,
)
from sync.assign.sources import definitions_of
from sync.monitor.drift import answered, lifted, population
from sync.monitor.stability import Held, held
from sync.results.campaigns import campaigns, freshness
from sync.session import Workbench
from sync.traits.compute import measured
from sync.traits.data_checks import deciding, max_age

NEW_SHARE = 0.01
"""Share of people with values new since the reference, from which they are reported."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Result of a quality check: data quality, drift, stability.

    Attributes:
        deciding: Names of the traits that have a part in the decision.
        stale: Streams that were not read for too long, as sentences.
        drifts: By trait that decides; "segment" is the segments themselves. Empty without a reference.
        concept: Sentences about segments that answer otherwise, and about how sure the answers are.
        structural: How the segments that were found and accepted hold among the people of now.
    """

    traits: Sequence[TraitQuality]
    deciding: frozenset[str]
    faults: Sequence[Fault]
    stale: Sequence[str]
    drifts: Mapping[str, Drift]
    concept: Sequence[str]
    structural: Sequence[Held]

    @property
    def light(self) -> Light:
        """Red: a trait that decides is mostly impossible, or data are stale. Amber: anything else to look at."""
        lights: list[Light] = [one.light for one in self.traits if one.name in self.deciding]
        lights += ["red" for _ in self.stale]
        lights += ["amber" for one in self.drifts.values() if one.alarm or one.share_new >= NEW_SHARE]
        lights += ["amber" for _ in (*self.faults, *self.concept)]
        lights += ["amber" for one in self.structural if one.found.segment_anew]
        return worst(lights)


def judge(bench: Workbench) -> Judged:
    """Check data quality and drift against the reference; writes nothing."""
    now, definitions = bench.now(), definitions_of(bench.workspace)
    traits = list(bench.workspace.catalogue.traits.values())
    row = _row(trait_figures(measured(bench, now), traits, now))
    names = frozenset(trait.name for trait in deciding(bench, definitions))
    drifts, moved = population(bench, definitions.version)
    return Judged(
        trait_qualities(row, traits),
        names,
        faults(bench),
        stale(bench),
        drifts,
        [*moved, *answered(campaigns(bench)), *lifted(bench)],
        held(bench),
    )


def _row(table: Any) -> dict[str, Any]:
    row: dict[str, Any] = table.to_pyarrow().to_pylist()[0]
    return row


def faults(bench: Workbench) -> list[Fault]:
    """Return impossible dates, amounts and properties, and duplicates."""
    warehouse = bench.warehouse
    found: list[Fault] = []
    for name in (CONTACTS.name, ORDERS.name, DELIVERIES.name, ENGAGEMENTS.name, SURVEY_ANSWERS.name):
        found += moment_faults(name, _row(moment_figures(warehouse.current(name), MOMENTS[name], bench.now())))
    found += amount_faults(_row(amount_figures(warehouse.current(ORDERS.name))))
    contacts = warehouse.current(CONTACTS.name)
    contacts = contacts.filter(contacts.state == "active")
    mapped = list(bench.workspace.catalogue.mapped.values())
    if mapped:
        found += unreadable_faults(_row(unreadable_figures(contacts, mapped)), mapped)
    twice = duplicate_figures(contacts, warehouse.memtable(bench.control.links.load()))
    return found + duplicate_faults(*(int(_row(table)["n"] or 0) for table in twice))


def stale(bench: Workbench) -> list[str]:
    """Return a sentence for each stream that was not read for too long."""
    oldest, told = bench.now() - max_age(bench), []
    for line in freshness(bench):
        if line.at is not None and line.at < oldest:
            step = "results" if line.stream in {"campaigns", "activity"} else "pull"
            hours = (bench.now() - line.at).total_seconds() / 3600
            told.append(
                f"{line.connection}: {line.stream} were last pulled {hours:,.0f} hours ago; run `personasync {step}`."
            )
    return told
