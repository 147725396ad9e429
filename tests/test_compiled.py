"""A statement that the tests kept is the one that Ibis would compile anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

from tests import compiled

TRANSLATE = DuckDBCompiler.to_sqlglot


@pytest.fixture
def engine() -> Any:
    return ibis.duckdb.connect()


def question(engine: Any, moment: datetime, numbers: list[int]) -> ibis.Table:
    engine.create_table("orders", pa.table({"id": [1, 2], "at": [moment, moment]}), overwrite=True)
    orders, wanted = engine.table("orders"), ibis.memtable(pa.table({"id": numbers}))
    late = orders.filter(orders["at"] > ibis.literal(moment) - ibis.interval(days=3))
    return late.semi_join(wanted, "id").mutate(
        since=ibis.literal(moment), before=ibis.literal(moment.replace(year=2020))
    )


@pytest.mark.parametrize("second", [0, 0.25, 59.123457])
def test_other_moments_and_made_up_names_take_their_places(engine: Any, second: float) -> None:
    first = datetime(2026, 11, 29, 12, tzinfo=UTC)
    for moment, numbers in ((first, [1]), (first + timedelta(days=40, seconds=second), [2])):
        asked = question(engine, moment, numbers)

        assert engine.compile(asked) == TRANSLATE(engine.compiler, asked).sql("duckdb")
        assert asked.to_pyarrow()["id"].to_pylist() == numbers


def test_what_differs_in_anything_else_is_compiled_anew(engine: Any) -> None:
    engine.create_table("orders", pa.table({"id": [1, 2]}))
    orders = engine.table("orders")

    answers = [orders.filter(orders.id == number).to_pyarrow()["id"].to_pylist() for number in (1, 2)]

    assert answers == [[1], [2]]


def test_an_expression_is_compiled_once(engine: Any) -> None:
    first = datetime(2026, 11, 29, tzinfo=UTC)
    engine.compile(question(engine, first, [1]))
    before = len(compiled._kept)
    engine.compile(question(engine, first + timedelta(days=1), [1]))

    assert len(compiled._kept) == before
