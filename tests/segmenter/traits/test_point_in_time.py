"""Whatever comes after a moment is not seen from it, for any trait, however traits are computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from segmenter.traits.builtin import catalogue
from segmenter.traits.traits import traits
from sync.online.compiled import ROWS, PreparedTraits
from tests.examples import examples
from tests.segmenter.traits.trait_rows import BASE_RATES, DAY, NOW, OWN, Rows, contact, happened, history, inputs


@pytest.fixture(scope="module")
def prepared() -> Iterator[PreparedTraits]:
    made = PreparedTraits(catalogue(OWN))
    yield made
    made.close()


def asked(prepared: PreparedTraits, rows: dict[str, Rows], as_of: datetime) -> Rows:
    links = [
        {"contact_key": key, "person_id": row["platform_id"]}
        for row in rows["contacts"]
        for key in (f"crm:{row['platform_id']}", f"mailto:{row['email']}")
    ]
    tables = {name: pa.Table.from_pylist(rows, schema=ROWS[name]) for name, rows in rows.items()}
    tables["links"] = pa.Table.from_pylist(links, schema=ROWS["links"])
    tables["base"] = pa.Table.from_pylist([BASE_RATES])
    records = prepared.traits(tables, as_of).to_pylist()
    return sorted(records, key=lambda row: str(row["person_id"]))


@pytest.mark.long
@examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened, st.integers(0, 600).map(lambda halves: halves / 2))
def test_nothing_after_the_moment_counts_for_any_trait(
    prepared: PreparedTraits, found: list[tuple[str, float, str, int]], days_ago: float
) -> None:
    as_of = NOW - timedelta(days=days_ago)
    people = [contact("a", properties='{"tier": "3", "vip": "yes"}'), contact("b")]
    late = contact("late", created_at=as_of + DAY)
    everything = {"contacts": [*people, late], **history(found)}
    known_then = {"contacts": people, **history([event for event in found if event[1] >= days_ago])}

    now, then = asked(prepared, everything, as_of), asked(prepared, known_then, as_of)

    assert set(now[0]) == {"person_id", *catalogue(OWN).traits}
    assert now == then


@pytest.mark.slow
def test_a_prepared_question_answers_as_the_whole_computation_does(prepared: PreparedTraits) -> None:
    events = [("a", 3.0, "order", 2), ("a", 3.0, "order", 2), ("a", 9.0, "delivery", 1), ("a", 8.0, "open", 3)]
    rows = {"contacts": [contact("a"), contact("b")], **history([*events, ("b", 1.0, "answer", 2)])}
    tables = replace(inputs(**rows), base=ibis.memtable(pa.Table.from_pylist([BASE_RATES])))
    whole = traits(tables, catalogue(OWN), NOW).to_pyarrow().to_pylist()

    answered = asked(prepared, rows, NOW)

    assert answered == sorted(whole, key=lambda row: str(row["person_id"]))
    assert asked(prepared, {"contacts": []}, NOW) == []
