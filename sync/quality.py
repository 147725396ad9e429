"""Are the data fit to decide, and have people, their answers or the segments changed since the reference?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.records import CONTACTS, DELIVERIES, ENGAGEMENTS, ORDERS, SURVEY_ANSWERS
from segmenter.drift import Answered, Drift, Response, Spread, drift, mean_moved, responses, share_moved, slow_change
from segmenter.lift.counting import BEFORE_ANY
from segmenter.personas import UNCLASSIFIED
from segmenter.quality import (
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
from sync.assign import measured
from sync.definitions import definitions_of
from sync.fitness import RECORD, deciding, kept, max_age, reference_of
from sync.reporting import campaigns, freshness
from sync.structure import Held, held
from sync.workbench import Workbench

NEW_SHARE = 0.01
"""From this share of people on a value that the reference never had is told."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of the workspace's data, and what changed.

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
    """Look at the newest traits and rows, and compare the newest assignments with the reference; nothing is written."""
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
        [*moved, *answered(bench)],
        held(bench),
    )


def _row(table: Any) -> dict[str, Any]:
    row: dict[str, Any] = table.to_pyarrow().to_pylist()[0]
    return row


def faults(bench: Workbench) -> list[Fault]:
    """Return rows with moments, amounts, properties that can't be, and people who are twice there."""
    warehouse = bench.warehouse
    found: list[Fault] = []
    for name in (CONTACTS.name, ORDERS.name, DELIVERIES.name, ENGAGEMENTS.name, SURVEY_ANSWERS.name):
        found += moment_faults(name, _row(moment_figures(warehouse.current(name), MOMENTS[name], bench.now())))
    found += amount_faults(_row(amount_figures(warehouse.current(ORDERS.name))))
    contacts = warehouse.current(CONTACTS.name)
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
                f"{line.connection}: {line.stream} were last read {hours:,.0f} hours ago; run `personasync {step}`."
            )
    return told


def population(bench: Workbench, version: str) -> tuple[dict[str, Drift], list[str]]:
    """Compare the newest assignments with the first under the same definitions (*version*).

    Returns:
        Drift by trait, and sentences about the share of unclassified people and about confidence.
    """
    newest, reference = bench.control.runs.latest("assign", state="done"), reference_of(bench, version)
    if newest is None or reference is None or newest.run_id == reference.run_id:
        return {}, []
    before, now = kept(reference), kept(newest)
    found = {name: drift(one.counts, one.matched(now[name].counts)) for name, one in before.items() if name in now}
    first, last = reference.counts[RECORD], newest.counts[RECORD]
    found["segment"] = drift(first["segments"], last["segments"])
    return found, _sureness(first, last)


def _sureness(first: Mapping[str, Any], last: Mapping[str, Any]) -> list[str]:
    told = []
    before, now = (Answered(one["people"], one["segments"].get(UNCLASSIFIED, 0)) for one in (first, last))
    if share_moved(before, now):
        told.append(f"{now.rate:.0%} of people are unclassified; it was {before.rate:.0%}.")
    one, two = Spread(**first["confidence"]), Spread(**last["confidence"])
    if mean_moved(one, two):
        told.append(f"Mean confidence is {two.mean:.2f}; it was {one.mean:.2f}.")
    return told


def answered(bench: Workbench) -> list[str]:
    """Return sentences about personas whose share of clickers is another in the newest campaign, or drifts slowly."""
    measured_so_far = [_clicks(result.rows) for result in reversed(campaigns(bench))]
    if len(measured_so_far) < 2:  # noqa: PLR2004 - a change has a before
        return []
    *earlier, newest = measured_so_far
    told = [_changed(one) for one in responses(_pooled(earlier), newest) if one.stands]
    first, *later = measured_so_far
    for persona, reference in first.items():
        place = slow_change(reference, [one[persona] for one in later if persona in one])
        if place is not None:
            told.append(
                f"{persona}: the share that clicks has drifted since the first campaign ({reference.rate:.1%})."
            )
    return told


def _changed(one: Response) -> str:
    return f"{one.segment}: {one.now.rate:.1%} clicked in the newest campaign, {one.before.rate:.1%} in those before."


def _clicks(rows: Sequence[Any]) -> dict[str, Answered]:
    found: dict[str, Answered] = {}
    for row in rows:
        if row.persona != BEFORE_ANY and row.delivered:
            before = found.get(row.persona, Answered(0, 0))
            found[row.persona] = Answered(before.people + row.delivered, before.answers + row.clicked)
    return found


def _pooled(several: Sequence[Mapping[str, Answered]]) -> dict[str, Answered]:
    found: dict[str, Answered] = {}
    for one in several:
        for persona, answers in one.items():
            before = found.get(persona, Answered(0, 0))
            found[persona] = Answered(before.people + answers.people, before.answers + answers.answers)
    return found
