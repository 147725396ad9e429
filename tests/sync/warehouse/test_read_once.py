"""While a command only reads, the engine is asked once for what is asked again; what is written is seen at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from connectors.records import ORDERS
from sync.warehouse.opening import open_warehouse
from sync.warehouse.store import Warehouse

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    opened = open_warehouse("duckdb", tmp_path / "state")
    opened.append("orders", orders(10.0, 20.0), recorded_at=AT)
    yield opened
    opened.close()


def orders(*amounts: float) -> pa.Table:
    rows = [{"connection": "shop", "order_id": str(n), "amount": amount, "at": AT} for n, amount in enumerate(amounts)]
    return pa.Table.from_pylist(rows, schema=ORDERS.columns)


def amounts(warehouse: Warehouse) -> list[float]:
    found: list[float] = warehouse.current("orders").order_by("order_id").amount.to_pyarrow().to_pylist()
    return found


def kept(warehouse: Warehouse) -> list[str]:
    return [name for name in warehouse.engine.list_tables() if name.startswith("read_once")]


def test_what_is_asked_again_is_one_table_until_the_outermost_block_ends(warehouse: Warehouse) -> None:
    asked = []

    def made() -> ibis.Table:
        asked.append(1)
        return warehouse.current("orders").filter(ibis._.amount > 15)

    with warehouse.reading():
        with warehouse.reading():
            assert amounts(warehouse) == amounts(warehouse) == [10.0, 20.0]
        answers: list[Any] = [warehouse.read_once.get("large", made).count().to_pyarrow().as_py() for _ in range(3)]
        inside = kept(warehouse)
    outside: list[Any] = [warehouse.read_once.get("large", made).count().to_pyarrow().as_py() for _ in range(2)]

    assert (answers, outside) == ([1, 1, 1], [1, 1])
    assert len(asked) == 3  # once inside, each time outside
    assert len(inside) == 2
    assert kept(warehouse) == []


def test_what_is_written_meanwhile_is_seen_and_older_answers_still_hold(warehouse: Warehouse) -> None:
    with warehouse.reading():
        before = warehouse.current("orders")
        assert before.amount.sum().to_pyarrow().as_py() == 30.0
        warehouse.append("orders", orders(10.0, 99.0), recorded_at=AT.replace(hour=10))

        assert amounts(warehouse) == [10.0, 99.0]
        assert before.amount.sum().to_pyarrow().as_py() == 30.0
    assert amounts(warehouse) == [10.0, 99.0]


def test_memory_is_bounded_while_a_command_reads_and_free_again_after_it_failed(warehouse: Warehouse) -> None:
    def limit() -> str:
        engine: Any = warehouse.engine
        return str(engine.raw_sql("SELECT current_setting('memory_limit')").fetchone()[0])

    inside = []

    def failing() -> None:
        with warehouse.reading():
            inside.append(limit())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()

    assert inside == ["488.2 MiB"]
    assert limit().endswith("GiB")  # a share of this machine's, rounded
