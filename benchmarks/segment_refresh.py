"""A day's refresh against measuring everybody: a warehouse with versions, links in the control store, new events."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from people import NOW

from connectors.records import CONTACTS, DELIVERIES, ENGAGEMENTS, ORDER_LINES, ORDERS, SURVEY_ANSWERS, TABLES
from segmenter.identity import IdentityChanges
from segmenter.traits.builtin import catalogue
from sync.control.store import open_control
from sync.traits.aggregates import KeptAggregates
from sync.traits.compute import Measuring
from sync.warehouse.opening import open_warehouse

GENERATED = (CONTACTS, ORDERS, ORDER_LINES, DELIVERIES, ENGAGEMENTS, SURVEY_ANSWERS)
TOMORROW = NOW + timedelta(days=1)
ACTIVE = 100  # one person in so many has new events


def prepare(folder: Path, count: int) -> dict[str, Any]:
    """Fill a warehouse and a control store with what was generated."""
    del count
    warehouse = open_warehouse("duckdb", folder)
    run, sequence = warehouse.engine.con.execute, 0  # type: ignore[attr-defined]
    for table in GENERATED:
        path = folder / f"{table.name}.parquet"
        known = pq.read_schema(path).names
        columns = ", ".join(f'"{name}"' if name in known else f'NULL AS "{name}"' for name in table.columns.names)
        stamped = f"TIMESTAMPTZ '{NOW}' AS recorded_at, {sequence} + row_number() OVER () AS sequence"
        run(f"INSERT INTO {table.name} BY NAME SELECT {columns}, {stamped} FROM '{path}'")  # noqa: S608 - ours
        sequence += pq.read_metadata(path).num_rows
    warehouse.close()
    control = open_control(f"sqlite:///{folder / 'control.db'}", now=lambda: NOW)
    links = pq.read_table(folder / "links.parquet")
    pairs = zip(links["contact_key"].to_pylist(), links["person_id"].to_pylist(), strict=True)
    control.links.write(IdentityChanges(dict(pairs), {}), "session")
    control.close()
    return {}


def day(folder: Path, count: int) -> dict[str, Any]:
    """Let one person in a hundred get a mail, open it and visit, and every fourth of them order."""
    rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in GENERATED}
    for number in range(count // ACTIVE):
        at, who = NOW + timedelta(seconds=number % 70_000), f"mailto:u{number * ACTIVE}@people.test"
        common = {"connection": "email", "contact_key": who}
        mail = {**common, "campaign_id": "today"}
        event = {**mail, "kind": "open", "event_id": f"today-open-{number}", "at": at + timedelta(hours=1)}
        rows["deliveries"].append({**mail, "status": "sent", "at": at})
        rows["engagements"] += [event, {**event, "kind": "visit", "campaign_id": None, "event_id": f"visit-{number}"}]
        if number % 4 == 0:
            order = {"connection": "crm", "order_id": f"today-{number}"}
            money = {"amount": 49.9, "currency": "USD", "state": "placed"}
            rows["orders"].append({**order, **money, "contact_key": who, "at": at + timedelta(hours=2)})
            line = {"line_id": "1", "product_id": "s1", "title": "Product 1", "category": "category 1"}
            rows["order_lines"].append({**order, **line, "quantity": 1.0, "price": 49.9})
    warehouse = open_warehouse("duckdb", folder)
    for name, row in rows.items():
        warehouse.append(name, pa.Table.from_pylist(row, schema=TABLES[name].columns), recorded_at=TOMORROW)
    warehouse.close()
    return {}


def _measure(folder: Path, *, everybody: bool, out: str) -> dict[str, Any]:
    control = open_control(f"sqlite:///{folder / 'control.db'}", now=lambda: NOW)
    started = time.perf_counter()
    warehouse = open_warehouse("duckdb", folder)
    passed = warehouse.history(ORDERS.name)["at"].max().to_pyarrow().as_py() > NOW
    measuring = Measuring(warehouse, control.links, catalogue())
    done = measuring.refresh(TOMORROW if passed else NOW, full=everybody)
    warehouse.close()  # what is kept is on disk then
    seconds = time.perf_counter() - started
    if passed:
        warehouse = open_warehouse("duckdb", folder)
        KeptAggregates(warehouse).aggregates.to_parquet(folder / f"{out}.parquet")
        warehouse.close()
    control.close()
    return {"seconds": round(seconds, 2), "persons": done.persons, "whole": done.whole}


def full(folder: Path, count: int) -> dict[str, Any]:
    """Measure everybody: before the day, and after it."""
    del count
    return _measure(folder, everybody=True, out="facts_full")


def refresh(folder: Path, count: int) -> dict[str, Any]:
    """Follow what the day changed.

    Raises:
        SystemExit: Everybody was measured.
    """
    del count
    done = _measure(folder, everybody=False, out="facts_refreshed")
    if done["whole"]:
        raise SystemExit(f"everybody was measured: {done['whole']}")
    return done


def mismatches(folder: Path, count: int) -> dict[str, Any]:
    """Count the rows of aggregates that only one of both made."""
    del count
    with duckdb.connect(config={"threads": 2}) as engine:
        first, other = (engine.read_parquet(f"{folder / name}.parquet") for name in ("facts_full", "facts_refreshed"))
        return {"found": {"refresh_mismatches": len(first.except_(other)) + len(other.except_(first))}}
