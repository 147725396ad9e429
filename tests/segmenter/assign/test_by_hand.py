"""Pins and segments that are full, decided for everybody and for one person alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ibis
import pyarrow as pa
import pytest

from connectors.records import ASSIGNMENTS
from segmenter.assign.decide import decide_all, decide_one
from segmenter.assign.definitions import Definitions, Pinned
from segmenter.rules.segments import waterfall
from tests.segmenter.assign.people_to_decide import (
    CATALOGUE,
    DAY,
    NOON,
    PERSONA_OF,
    SEGMENTS,
    assignments,
    made,
    same,
    table,
)

PIN = Pinned("hikers", "set by hand until 2027-01-31", "pin 1")
BUYER: dict[str, Any] = {"orders_365d": 4.0, "days_since_order": 3.0, "orders_total": 5.0, "revenue_total": 90.0}
PEOPLE = [{"person_id": f"p{i}", **BUYER, "likes": 3.0 if i == 2 else None} for i in range(4)]
CAPPED = waterfall(
    [replace(segment, cap=2, cap_by="orders_total") if segment.name == "buyers" else segment for segment in SEGMENTS],
    CATALOGUE,
)


def both_ways(
    definitions: Definitions, previous: dict[str, dict[str, Any]], day: int, full: dict[str, list[str]] | None = None
) -> dict[str, dict[str, Any]]:
    """Decide on a day about all, as a table and one by one."""
    rows = [{"person_id": who, "segment": name} for who, names in (full or {}).items() for name in names]
    schema = pa.schema([("person_id", pa.string()), ("segment", pa.string())])
    closed = ibis.memtable(pa.Table.from_pylist(rows, schema=schema)) if rows else None
    at = NOON + day * DAY
    decisions = decide_all(
        table(PEOPLE), definitions, previous=assignments([*previous.values()]), as_of=at, full=closed
    )
    answers = {row["person_id"]: row for row in decisions.to_pyarrow().cast(ASSIGNMENTS.columns).to_pylist()}
    for person in PEOPLE:
        who = person["person_id"]
        known, shut = previous.get(who), (full or {}).get(who, ())
        answer = decide_one(person, definitions, previous=known, as_of=at, full=shut)
        assert same(answers[who], answer), who
    return answers


@pytest.mark.long
def test_a_pin_goes_before_every_source_and_ends_by_itself_at_once() -> None:
    before = both_ways(made(), {}, 0)
    pinned = both_ways(made(pinned={"p1": PIN}), before, 1)
    kept = both_ways(made(pinned={"p1": PIN}), pinned, 2)
    ended = both_ways(made(), kept, 3)  # within the days in which nobody moves twice

    assert [row["p1"]["segment"] for row in (before, pinned, kept, ended)] == [
        "champions",
        "hikers",
        "hikers",
        "champions",
    ]
    assert pinned["p1"]["confidence"] is None
    assert (pinned["p1"]["source"], pinned["p1"]["version"], pinned["p1"]["reasons"]) == (
        "pinned",
        "pin 1",
        PIN.reasons,
    )
    assert kept["p1"] == pinned["p1"]
    assert pinned["p0"]["segment"] == "champions"
    nothing = made(order=(), pinned={"p1": PIN})
    assert both_ways(made(order=()), both_ways(nothing, {}, 0), 1)["p1"]["segment"] is None


@pytest.mark.slow
def test_who_may_not_be_in_a_full_segment_leaves_it_at_once_for_what_comes_next() -> None:
    definitions = Definitions(CAPPED, PERSONA_OF, tools=made().tools, order=("rules", "survey"))
    before = both_ways(definitions, {}, 0)
    full = both_ways(definitions, before, 1, {"p1": ["buyers"], "p2": ["buyers"]})
    again = both_ways(definitions, full, 2, {"p1": ["buyers"], "p2": ["buyers"]})
    survey = both_ways(replace(definitions, order=("survey", "rules")), {}, 0)

    assert {row["segment"] for row in before.values()} == {"champions"}  # a part of buyers
    assert [full[who]["segment"] for who in ("p0", "p1", "p2", "p3")] == ["champions", None, "campers", "champions"]
    assert again["p2"]["segment"] == "campers"
    assert survey["p2"]["segment"] == "campers"
