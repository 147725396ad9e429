"""What people of segments that are not pushed are shown: for everybody and for one person the same."""

from __future__ import annotations

import ibis
import pyarrow as pa

from connectors.records import ASSIGNMENTS
from segmenter.rules.segments import Segment, Waterfall, waterfall
from segmenter.traits.builtin import catalogue
from segmenter.value.focus import focused, focused_one, instead_of, sizes_with_subsegments

PERSONAS = {"buyers": "bea", "champions": "bea", "stars": "sue", "others": "olga"}


def steps() -> Waterfall:
    rule = "orders_total >= 1"
    return waterfall(
        [
            Segment("buyers", "Buyers", rule),
            Segment("champions", "Champions", rule, parent="buyers"),
            Segment("stars", "Stars", rule, parent="champions"),
            Segment("others", "Others", rule),
        ],
        catalogue(),
    )


def test_a_segment_holds_the_people_of_the_segments_within_it() -> None:
    sizes = sizes_with_subsegments({"stars": 3, "champions": 5, "others": 2, "gone": 9}, steps())

    assert sizes == {"stars": 3, "champions": 8, "buyers": 8, "others": 2}


def test_people_are_shown_the_nearest_segment_around_theirs_that_is_pushed_or_none() -> None:
    instead = instead_of({"buyers"}, steps(), PERSONAS)
    names = ["stars", "champions", "buyers", "others", None]
    rows = [
        {"person_id": str(n), "segment": name, "persona": PERSONAS.get(name or ""), "confidence": 0.9, "runner_up": "x"}
        for n, name in enumerate(names)
    ]
    table = pa.Table.from_pylist(rows, schema=ASSIGNMENTS.columns)

    shown = focused(ibis.memtable(table), instead).order_by("person_id").to_pyarrow().to_pylist()

    assert shown == [focused_one(row, instead) for row in table.to_pylist()]
    triples = [(row["segment"], row["persona"], row["confidence"]) for row in shown]
    assert triples == [("buyers", "bea", 0.9)] * 3 + [(None, None, None), (None, None, 0.9)]
