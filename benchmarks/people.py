"""People and their events for the benchmarks, made from a seed: Parquet files in the schemas of `records`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from string import Template

import duckdb

NOW = datetime(2026, 11, 24, tzinfo=UTC)
QUERIES = Path(__file__).with_suffix(".sql")


def write(folder: Path, *, people: int, events: int) -> None:
    """Write contacts, links and events as Parquet into *folder*.

    Args:
        folder: An existing folder.
        people: Persons, each with a contact in the CRM and one in the e-mail platform.
        events: Rows of orders, order lines, deliveries and engagements in sum.
    """
    rows = {"orders": events // 10, "deliveries": events * 45 // 100, "engagements": events * 35 // 100}
    _, *parts = re.split(r"^-- (\w+)$", QUERIES.read_text("utf-8"), flags=re.MULTILINE)
    with duckdb.connect(config={"threads": 2}) as engine:
        engine.execute("SELECT setseed(0.42)")
        for name, query in zip(parts[::2], parts[1::2], strict=True):
            filled = Template(query).substitute(people=people, **rows)
            engine.execute(f"COPY ({filled}) TO '{folder / name}.parquet'")
