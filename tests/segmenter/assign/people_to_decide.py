"""People to decide about, and what decides: shared by the tests of the waterfall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest

from connectors.records import ASSIGNMENTS
from segmenter.assign.decide import decide_one
from segmenter.assign.definitions import Definitions, Scorer, declared_values
from segmenter.classifier.linear import LinearModel
from segmenter.personalize.personas import Persona
from segmenter.rules.segments import Segment, waterfall
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import MappedTrait

SEGMENTS = (
    Segment("champions", "Champions", "orders_365d >= 3 and days_since_order < 60", parent="buyers"),
    Segment("buyers", "Buyers", "orders_total >= 1 or revenue_total > 0"),
    Segment("lapsed", "Long gone", "days_since_order / orders_total > 20 and not country = 'de'"),
    Segment("hikers", "Hikers", "false"),
    Segment("campers", "Campers", "false"),
)
CATALOGUE = catalogue([MappedTrait("says", "crm", "persona"), MappedTrait("likes", "crm", "likes", "number")])
STEPS = waterfall(SEGMENTS, CATALOGUE)
PERSONAS = (Persona("rita", "Rita", ("champions", "buyers")), Persona("hugo", "Hugo", ("hikers",)))
PERSONA_OF = {"champions": "rita", "buyers": "rita", "hikers": "hugo"}
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def model(scale: float = 1.0, kind: Any = "logit") -> LinearModel:
    return LinearModel(
        kind,
        ("hikers", "campers", "buyers"),
        ("tenure_days", "likes", "country=de"),
        ((0.0, 0.0, 0.0), (scale, 0.0, -scale), (0.1 * scale, 0.2 * scale, 0.0)),
        (0.0, -1.0, 0.0),
        (1.0, 0.0, 0.3),
        (1.0, 0.0, 0.3),
    )


def tool() -> LinearModel:
    return LinearModel("lda", ("hikers", "campers"), ("likes",), ((0.0,), (2.0,)), (0.0, -1.0), (0.5,), (0.5,))


def made(**other: Any) -> Definitions:
    given: dict[str, Any] = {
        "declared": "says",
        "declared_values": declared_values(PERSONAS, SEGMENTS, PERSONA_OF),
        "tools": (Scorer(tool(), "tool-1"),),
        "model": Scorer(model(), "model-1"),
    }
    return Definitions(STEPS, PERSONA_OF, **{**given, **other})


SCHEMA = pa.schema(
    [("person_id", pa.string())]
    + [(n, pa.float64()) for n in ("orders_365d", "days_since_order", "orders_total", "revenue_total")]
    + [("country", pa.string()), ("says", pa.string()), ("likes", pa.float64()), ("tenure_days", pa.float64())]
)


def table(people: Sequence[Mapping[str, Any]]) -> ibis.Table:
    return ibis.memtable(pa.Table.from_pylist(list(people), schema=SCHEMA))


def assignments(rows: Sequence[Mapping[str, Any]]) -> ibis.Table:
    return ibis.memtable(pa.Table.from_pylist(list(rows), schema=ASSIGNMENTS.columns))


def person(**traits: Any) -> dict[str, Any]:
    return {"person_id": "p1", **traits}


def decide(
    traits: dict[str, Any], definitions: Definitions, previous: dict[str, Any] | None, at: datetime
) -> dict[str, Any]:
    return decide_one(person(**traits), definitions, previous=previous, as_of=at)


def same(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    exact = all(left[n] == right[n] for n in ASSIGNMENTS.columns.names if n != "confidence")
    return exact and left["confidence"] == pytest.approx(right["confidence"], abs=1e-12)
