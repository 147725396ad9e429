"""A statement that the tests kept is the one that Ibis would compile anew."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
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


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (575, 31_000),
        (70_000, 2_000_000_000),
        (46355.686840743125, 6.812532937569445),
        ("p-01f1eda64303032f-d7bb7db3", "p-01f1eda642ba5314-c9e14034"),
    ],
)
def test_what_was_counted_measured_or_drawn_takes_its_place(
    engine: Any, statements: compiled.Statements, first: Any, second: Any
) -> None:
    engine.create_table("kept", pa.table({"x": [first, second]}))
    kept, translated = engine.table("kept"), []
    for value in (first, second):
        less = (kept.x < value) if isinstance(value, str) else (kept.x - value < 0)
        asked = kept.filter((kept.x == value) | kept.x.isin([value])).mutate(same=ibis.literal(value), less=less)

        assert engine.compile(asked) == TRANSLATE(engine.compiler, asked).sql("duckdb")
        assert asked.to_pyarrow()["same"].to_pylist() == [value]
        translated.append(statements.translated)

    assert translated[0] == translated[1]


def test_values_that_are_equal_to_python_alone_are_told_apart(engine: Any) -> None:
    table = ibis.table({"a": "int64"}, name="t")
    for values in ((200, 200.0), (200, 201), (200, 200), (200.0, 200)):
        asked = table.mutate(x=ibis.literal(values[0]), y=ibis.literal(values[1]))

        assert engine.compile(asked) == TRANSLATE(engine.compiler, asked).sql("duckdb")


def own_function(name: str, kind: str) -> Any:
    @ibis.udf.scalar.builtin(name=name, signature=((ibis.dtype("int64"),), ibis.dtype(kind)))
    def function(value: Any) -> Any:
        """Stand for the engine's own."""

    return function


def everything_alike_but_for_one_thing() -> list[ibis.Table]:
    table = ibis.table({"a": "int64", "b": "string", "at": "timestamp('UTC')"}, name="t")
    other, others = ibis.table(table.schema(), name="u"), ibis.table({**table.schema(), "a": "!int64"}, name="t")
    values = [1, 1.0, True, "1", None, b"1", Decimal(1), date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)]
    numbered = [ibis.row_number().over(order_by=key) for key in (table.a, table.a.desc(), table.b)]
    summed = [table.a.sum().over(rows=rows, order_by=table.at) for rows in ((None, 0), (-1, 0), (0, 1))]
    called = [own_function(name, kind)(table.a) for name, kind in (("f", "int64"), ("g", "int64"), ("f", "int32"))]
    lists = [table.a.isin(numbers) for numbers in ([1, 2], [2, 1], [1], [12])]
    return [
        *(table.mutate(x=ibis.literal(value)) for value in values),
        *(table.mutate(x=ibis.literal(1, type=kind)) for kind in ("int16", "int64", "!int64", "float32")),
        *(table.mutate(x=table["at"] - ibis.interval(days=days)) for days in (180, 365)),
        *(table.mutate(x=value) for value in (*numbered, *summed, *called, *lists, table.a, table.a.cast("string"))),
        *(table.join(right, "a", how=how) for right in (other, table.view()) for how in ("inner", "left", "semi")),
        *(table.limit(number, offset=offset) for number in (1, 2) for offset in (0, 1)),
        *(table.select(names) for names in (["a", "b"], ["b", "a"], ["a"])),
        *(some.distinct() for some in (table, other, others)),
        table.mutate(y=table.a),
        table.drop("a"),
        table.drop("a", "b"),
        table.union(other),
        table.union(other, distinct=True),
        table.group_by("b").agg(n=table.count()),
        table.group_by("b").agg(n=table.a.count()),
    ]


def test_two_expressions_share_a_digest_only_if_they_are_alike() -> None:
    digests = [compiled.digest_of(asked.op(), None, {}) for asked in everything_alike_but_for_one_thing()]
    again = [compiled.digest_of(asked.op(), None, {}) for asked in everything_alike_but_for_one_thing()]

    assert len(set(digests)) == len(digests)
    assert digests == again
    assert compiled.digest_of(everything_alike_but_for_one_thing()[0].op(), 1, {}) not in digests


def test_what_is_kept_is_what_is_compiled(engine: Any) -> None:
    for asked in everything_alike_but_for_one_thing():
        expected = TRANSLATE(engine.compiler, asked).sql("duckdb")

        assert engine.compile(asked) == expected
        assert engine.compile(asked) == expected


def test_a_function_in_python_is_not_kept() -> None:
    @ibis.udf.scalar.python(signature=((ibis.dtype("int64"),), ibis.dtype("int64")))
    def plus(value: int) -> int:
        return value + 1

    with pytest.raises(compiled.CanNotTellError):
        compiled.digest_of(plus(ibis.literal(1)).op(), None, {})


def test_an_expression_is_compiled_once(engine: Any, statements: compiled.Statements) -> None:
    first = datetime(2026, 11, 29, tzinfo=UTC)
    engine.compile(question(engine, first, [1]))
    before = statements.translated
    engine.compile(question(engine, first + timedelta(days=1), [1]))

    assert statements.translated == before


def test_another_process_reads_what_the_first_one_kept(tmp_path: Path) -> None:
    first, second = compiled.Statements(tmp_path), compiled.Statements(tmp_path)

    assert first.text("digest", lambda: "SELECT 1") == "SELECT 1"
    assert second.text("digest", lambda: "SELECT 2") == "SELECT 1"
    assert (first.translated, second.translated) == (1, 0)
    first.close()
    second.close()
