"""What mailing adds goes from an experiment's lift into the ranking of segments, and into the drift that is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
import pytest

from connectors.records import ARMS, ORDERS
from segmenter.lift.randomization import HOLDOUT, Experiment
from sync.experiments import job as experiments
from sync.monitor.drift import lifted
from sync.monitor.quality import judge_quality
from sync.report.job import write_report
from sync.results.lift import lift_of_experiment
from sync.results.order_responses import orders_in_experiment
from sync.session import Session
from sync.value.ranking import rank_segments, supported

SPRING = Experiment("spring", "", {"good": 0.6, "poor": 0.4}, None, holdout=0.2, metric="ordered")  # type: ignore[arg-type]


def arms(session: Session, name: str) -> list[dict[str, str]]:
    table = session.warehouse.current(ARMS.name)
    rows: list[dict[str, str]] = table.filter(table.experiment == name).order_by("person_id").to_pyarrow().to_pylist()
    return rows


def buy(session: Session, name: str, one_in: Mapping[tuple[str, str], int]) -> None:
    """Let one in so many people of a persona's arm order, and let their orders be known."""
    keys = {person: key for key, person in session.control.links.mapping().items() if key.startswith("crm:")}
    seen: dict[tuple[str, str], int] = {}
    rows = []
    for arm in arms(session, name):
        cell = (arm["persona"], arm["arm"])
        seen[cell] = seen.get(cell, 0) + 1
        often = one_in.get(cell)
        if often and arm["person_id"] in keys and seen[cell] % often == 0:
            rows.append(
                {
                    "connection": "crm",
                    "order_id": f"{name} {arm['person_id']}",
                    "contact_key": keys[arm["person_id"]],
                    "at": session.now(),
                    "amount": 20.0,
                    "currency": "USD",
                    "state": "placed",
                }
            )
    session.warehouse.append(ORDERS.name, pa.Table.from_pylist(rows, schema=ORDERS.columns), recorded_at=session.now())


def run(session: Session, name: str, one_in: Mapping[tuple[str, str], int], **changes: object) -> None:
    """Deal people into an experiment, let them order, and end it."""
    experiments.create_experiment(session, replace(SPRING, name=name, salt=name, begins=session.now(), **changes))  # type: ignore[arg-type]
    session.reload()
    buy(session, name, one_in)
    before = session.now
    session.now = lambda: before() + timedelta(days=30)
    experiments.end_experiment(session, name, session.now())
    session.reload()


@pytest.mark.long
def test_the_ranking_takes_the_shrunken_lift_of_the_best_supported_arm_over_the_holdout(ready: Session) -> None:
    slugs = list(ready.workspace.personas)
    run(ready, "spring", {(slug, "good"): place for place, slug in enumerate(slugs, 1)})
    run(ready, "words", {(slugs[0], "good"): 1}, holdout=0.0, arms={"good": 0.5, "poor": 0.5})
    segment_values = rank_segments(ready)

    best = supported(lift_of_experiment(ready, "spring").comparisons)
    assert best is not None
    alone = supported(orders_in_experiment(ready, "spring"))  # orders alone, without what people did in mails
    assert alone is not None
    assert (alone.question, alone.everyone.interval) == (best.question, best.everyone.interval)
    assert [(each.persona, each.shrunken) for each in alone.personas] == [
        (each.persona, each.shrunken) for each in best.personas
    ]
    assert (best.question.treated, best.question.control) == ("good", HOLDOUT)
    by_name = {persona.persona: max(persona.shrunken, 0.0) for persona in best.personas}
    of = {name: ready.workspace.personas[slug].name for name, slug in ready.workspace.persona_of.items()}
    assert {segment.name: segment.gain for segment in segment_values.ranking} == pytest.approx(
        {segment.name: by_name[of[segment.name]] for segment in segment_values.ranking}
    )
    assert len({round(segment.gain or 0.0, 6) for segment in segment_values.ranking}) > 1
    assert any(note.startswith("Response: incremental orders per contact, spring") for note in segment_values.notes)


@pytest.mark.long
def test_a_change_of_what_mailing_adds_is_told_by_quality_and_by_the_report(ready: Session) -> None:
    slug = "gus_gift"
    run(ready, "spring", {(slug, "good"): 1, (slug, "poor"): 1})
    alone = lifted(ready)
    run(ready, "autumn", {(slug, HOLDOUT): 1})
    sentences = lifted(ready)
    page = write_report(ready).path.read_text("utf-8")

    assert alone == []
    assert [sentence.split(":")[0] for sentence in sentences] == ["Gus Gift"]
    assert re.search(r"incremental orders -[0-9.]+ pp in autumn, were \+[0-9.]+ pp\.", sentences[0])
    assert sentences[0] in judge_quality(ready).concept
    assert sentences[0] in page
