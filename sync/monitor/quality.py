"""The `quality` job: data quality, drift and structural stability, with an overall light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.records import CONTACTS, DELIVERIES, ENGAGEMENTS, ORDERS, SURVEY_ANSWERS
from segmenter.monitor.drift import Drift
from segmenter.monitor.own_traits import TraitFinding
from segmenter.monitor.quality import (
    MOMENTS,
    DataFault,
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
from segmenter.privacy.sensitive import usable_traits
from segmenter.value.rfm_summary import purchase_history
from sync.assign.sources import definitions_of
from sync.monitor.drift import lifted, population, response_drift
from sync.monitor.own_traits import trait_findings, twins
from sync.monitor.stability import Held, held
from sync.monitor.weighted import weighted_model
from sync.results.campaigns import newest_campaigns
from sync.results.freshness import freshness
from sync.session import Session
from sync.traits.compute import measured
from sync.traits.data_checks import deciding, max_age
from sync.value.backtest import Backtest, backtest

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
        own: What is doubtful about the workspace's own traits, used or not.
        value: How wrong the value model was in the last quarter.
        weighted: Sentences about the weights of the model in use.
    """

    traits: Sequence[TraitQuality]
    deciding: frozenset[str]
    faults: Sequence[DataFault]
    stale: Sequence[str]
    drifts: Mapping[str, Drift]
    concept: Sequence[str]
    structural: Sequence[Held]
    own: Sequence[TraitFinding]
    value: Backtest
    weighted: Sequence[str] = ()

    @property
    def light(self) -> Light:
        """The worst of all uses."""
        return worst([self.assign_light, self.model_light, self.value_light])

    @property
    def value_light(self) -> Light:
        """For segments by value. Amber: the value model missed by more than chance."""
        return "amber" if self.value.misses else "green"

    @property
    def model_light(self) -> Light:
        """For discover, fit and personas. Red: a trait of the workspace's own is mostly impossible. Amber: doubts."""
        mapped = {finding.trait for finding in self.own}
        lights: list[Light] = [trait.light for trait in self.traits if trait.name in mapped]
        lights += ["amber" for _ in (*self.own, *self.faults)]
        return worst(lights)

    @property
    def assign_light(self) -> Light:
        """For assign. Red: a trait that decides is mostly impossible, or data are stale. Amber: anything to look at."""
        lights: list[Light] = [trait.light for trait in self.traits if trait.name in self.deciding]
        lights += ["amber" for finding in self.own if finding.trait in self.deciding]
        lights += ["red" for _ in self.stale]
        lights += ["amber" for drift in self.drifts.values() if drift.alarm or drift.share_new >= NEW_SHARE]
        lights += ["amber" for _ in (*self.faults, *self.concept)]
        lights += ["amber" for check in self.structural if check.result.segment_anew]
        return worst(lights)


def judge_quality(session: Session) -> Judged:
    """Check data quality and drift against the reference; writes nothing.

    Returns:
        Figures by trait, faults, stale streams, drift, and stability of the segments.
    """
    now, definitions = session.now(), definitions_of(session.workspace)
    traits = usable_traits(session.workspace.catalogue, session.workspace.sensitive)
    with measured(session, now).cache() as people:  # asked twice, and costly to measure
        row, own = _row(trait_figures(people, traits, now)), trait_findings(session, people)
    names = frozenset(trait.name for trait in deciding(session, definitions))
    drifts, moved = population(session, definitions.version)
    return Judged(
        trait_qualities(row, traits),
        names,
        faults(session),
        stale_streams(session),
        drifts,
        [*moved, *response_drift(newest_campaigns(session)), *lifted(session)],
        held(session),
        own,
        _value(session, now),
        weighted_model(session),
    )


def _value(session: Session, now: datetime) -> Backtest:
    links = session.links()
    return backtest(session, links, purchase_history(session.warehouse.current(ORDERS.name), links, now), now)


def _row(table: Any) -> dict[str, Any]:
    row: dict[str, Any] = table.to_pyarrow().to_pylist()[0]
    return row


def faults(session: Session) -> list[DataFault]:
    """Return impossible dates, amounts and properties, and duplicates.

    Returns:
        One per table and kind of fault, each with an example and the fix.
    """
    warehouse = session.warehouse
    problems: list[DataFault] = []
    for name in (CONTACTS.name, ORDERS.name, DELIVERIES.name, ENGAGEMENTS.name, SURVEY_ANSWERS.name):
        problems += moment_faults(name, _row(moment_figures(warehouse.current(name), MOMENTS[name], session.now())))
    problems += amount_faults(_row(amount_figures(warehouse.current(ORDERS.name))))
    contacts = warehouse.current(CONTACTS.name)
    contacts = contacts.filter(contacts.state == "active")
    mapped = list(session.workspace.catalogue.mapped.values())
    if mapped:
        problems += unreadable_faults(_row(unreadable_figures(contacts, mapped)), mapped)
    twice = duplicate_figures(contacts, session.links())
    return problems + twins(contacts) + duplicate_faults(*(int(_row(table)["n"] or 0) for table in twice))


def stale_streams(session: Session) -> list[str]:
    """Return a sentence for each stream that was not read for too long.

    Returns:
        Empty while every stream is younger than the guardrail's limit.
    """
    oldest, sentences = session.now() - max_age(session), []
    for line in freshness(session.workspace.connections, session.control.cursors):
        if line.at is not None and line.at < oldest:
            step = "results" if line.stream in {"campaigns", "activity"} else "pull"
            hours = (session.now() - line.at).total_seconds() / 3600
            sentences.append(
                f"{line.connection}: {line.stream} were last pulled {hours:,.0f} hours ago; run `personasync {step}`."
            )
    return sentences
