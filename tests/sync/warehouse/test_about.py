"""Rows about some contacts are those in force, whomever their other versions are about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connectors.records import TABLES
from sync.warehouse.store import Warehouse, open_warehouse

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
ADA, BO = "crm:1", "crm:2"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    opened = open_warehouse("duckdb", tmp_path / "state")
    yield opened
    opened.close()


def put(warehouse: Warehouse, name: str, day: int, *rows: dict[str, Any]) -> None:
    schema = TABLES[name].columns
    table = pa.Table.from_pylist([{**dict.fromkeys(schema.names), **row} for row in rows], schema=schema)
    warehouse.append(name, table, recorded_at=START + timedelta(days=day))


def ids(table: Any, column: str) -> list[Any]:
    return sorted(table.to_pyarrow()[column].to_pylist())


def test_an_order_that_went_to_somebody_else_is_theirs_alone(warehouse: Warehouse) -> None:
    order = {"connection": "crm", "state": "placed"}
    put(warehouse, "orders", 0, *({**order, "order_id": id_, "contact_key": ADA} for id_ in ("a", "b")))
    put(warehouse, "orders", 1, {**order, "order_id": "b", "contact_key": BO})
    put(warehouse, "order_lines", 1, *({"connection": "crm", "order_id": n, "line_id": "1"} for n in ("a", "b", "c")))
    adas = warehouse.about("orders", warehouse.memtable(pa.table({"contact_key": [ADA]})))
    bos = warehouse.about("orders", warehouse.memtable(pa.table({"contact_key": [BO]})))

    assert ids(adas.filter(adas.contact_key == ADA), "order_id") == ["a"]
    assert ids(bos, "order_id") == ["b"]
    assert ids(warehouse.among("order_lines", bos, TABLES["orders"].key), "order_id") == ["b"]


def test_contacts_and_mails_are_found_by_their_keys(warehouse: Warehouse) -> None:
    put(warehouse, "contacts", 0, *({"connection": "crm", "platform_id": id_, "state": "active"} for id_ in "12"))
    put(warehouse, "contacts", 1, {"connection": "crm", "platform_id": "1", "state": "archived"})
    put(warehouse, "deliveries", 0, *({"connection": "crm", "campaign_id": "c", "contact_key": k} for k in (ADA, BO)))
    keys = warehouse.memtable(pa.table({"contact_key": [ADA]}))

    assert ids(warehouse.about("contacts", keys), "state") == ["archived"]
    assert ids(warehouse.about("deliveries", keys), "contact_key") == [ADA]


@pytest.mark.parametrize("name", ["contacts", "orders"])
def test_while_a_command_reads_the_same_is_in_force(warehouse: Warehouse, name: str) -> None:
    column = TABLES[name].key[1]
    for day, state in enumerate(("one", "two", "one")):
        put(warehouse, name, day, *({"connection": "crm", column: n, "state": state} for n in ("a", "b")[: day + 1]))
    expected = warehouse.current(name).order_by(column).to_pyarrow()

    with warehouse.reading():
        assert warehouse.current(name).order_by(column).to_pyarrow() == expected
        put(warehouse, name, 9, {"connection": "crm", column: "b", "state": "three"})
        assert "three" in ids(warehouse.current(name), "state")
    assert expected.num_rows == 2
