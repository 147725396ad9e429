"""Counts of rules, followed through days and changes, on both engines, and shown by every command that decides."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from connectors.errors import FixSettingsError
from connectors.records import TABLES
from segmenter.identity import IdentityChanges
from segmenter.rules.rules import counted_in
from segmenter.traits.builtin import catalogue
from segmenter.traits.counts import count_aggregates
from segmenter.traits.windows import Windows
from sync.assign.explain import classify, explain
from sync.assign.job import assign
from sync.assign.person_rows import StatementRows, open_person_rows
from sync.assign.what_if import what_if
from sync.control import schema
from sync.control.identities import Links
from sync.pull.job import pull
from sync.session import open_session, open_stores
from sync.traits.aggregates import KeptAggregates
from sync.traits.compute import Measuring, everything
from sync.warehouse.opening import open_warehouse
from sync.warehouse.store import Warehouse
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from tests.webhook_torture import postgres

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = (
    "count(clicks, days = 14) > 0",
    "count(clicks, days = 20, campaign = 'Spring*') > 0",
    "count(visits, days = 3, address = '*/tea*') > 0",
    "count(orders, days = 11, product = '?(T)*-1') > 0",
    "count(events, kind = 'webinar') > 0",
)
KNOWN = catalogue((), counted=[count for rule in RULES for count in counted_in(rule, where="x")])
CLICKS, SPRING, TEA, ORDERS, WEBINARS = KNOWN.counted


def rows() -> dict[str, list[dict[str, Any]]]:
    def about(who: int, days: float, **more: Any) -> dict[str, Any]:
        return {"connection": "email", "contact_key": f"mailto:{who}@people.test", "at": NOW - days * DAY, **more}

    contacts = [
        {"connection": "crm", "platform_id": str(n), "email": f"{n}@people.test", "state": "active", "created_at": NOW}
        for n in range(8)
    ]
    return {
        "contacts": [{**contact, "consent": "unknown", "properties": "{}"} for contact in contacts],
        "campaigns": [{"connection": "email", "campaign_id": "c1", "name": "spring 2026", "state": "sent"}],
        "orders": [about(0, 10.5, order_id="o1", state="placed", amount=1.0)],
        "order_lines": [{"connection": "email", "order_id": "o1", "line_id": "1", "product_id": "?(t)X-1"}],
        "engagements": [
            about(0, 13.5, event_id="1", kind="click", campaign_id="c1"),
            about(0, 1.5, event_id="2", kind="visit", url="https://shop.test/Tea/1"),
            about(1, 1, event_id="3", kind="visit", url="https://shop.test/cups"),
            about(1, 900, event_id="4", kind="webinar"),
        ],
    }


def measuring(warehouse: Warehouse) -> Measuring:
    control = create_engine("sqlite://", poolclass=StaticPool)
    schema.metadata.create_all(control)
    links = Links(control)
    keys = {f"{kind}{n}{end}": f"p{n}" for n in range(8) for kind, end in (("crm:", ""), ("mailto:", "@people.test"))}
    links.write(IdentityChanges(keys, {}), "test")
    for name, table in rows().items():
        add(warehouse, name, table)
    return Measuring(warehouse, links, KNOWN, most_changed=2.0)


def add(warehouse: Warehouse, name: str, table: list[dict[str, Any]]) -> None:
    warehouse.append(name, pa.Table.from_pylist(table, schema=TABLES[name].columns), recorded_at=NOW)


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    opened = Warehouse(ibis.duckdb.connect(threads=1))
    yield opened
    opened.close()


def counts(warehouse: Warehouse, person: str) -> list[int]:
    [kept] = [
        row for row in KeptAggregates(warehouse).aggregates.to_pyarrow().to_pylist() if row["person_id"] == person
    ]
    return [kept[name] for name in KNOWN.counted]


def test_whose_count_changes_because_time_passes_is_measured_anew(warehouse: Warehouse) -> None:
    people = measuring(warehouse)
    people.refresh(NOW)
    before = counts(warehouse, "p0")

    done = people.refresh(NOW + DAY)

    assert before == [1, 1, 1, 1, 0]
    assert counts(warehouse, "p0") == [0, 1, 1, 0, 0]
    assert counts(warehouse, "p1") == [0, 0, 0, 0, 1]
    assert (done.persons, done.whole) == (1, "")


@pytest.mark.long
def test_a_campaign_that_is_renamed_changes_the_counts_of_those_whom_it_reached(warehouse: Warehouse) -> None:
    people = measuring(warehouse)
    people.refresh(NOW)
    add(warehouse, "campaigns", [{**rows()["campaigns"][0], "name": "Autumn"}])

    done = people.refresh(NOW)

    assert counts(warehouse, "p0") == [1, 0, 1, 1, 0]
    assert (done.persons, done.whole) == (1, "")
    assert people.refresh(NOW).persons == 0


@pytest.mark.long
def test_postgresql_counts_what_duckdb_counts(
    warehouse: Warehouse, postgresql_programs: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    del postgresql_programs
    expected = counted(measuring(warehouse))
    with postgres(tmp_path_factory.mktemp("server")) as url:
        server = url.replace("+psycopg", "").removesuffix("/postgres")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE counts")
        other = open_warehouse(f"{server}/counts", tmp_path_factory.mktemp("none"))
        try:
            result = counted(measuring(other))
        finally:
            other.close()

    assert result == expected
    assert ("p0", SPRING, 1) in result


def counted(people: Measuring) -> list[tuple[str, str, int]]:
    """Person, count and number of every count that is not 0."""
    warehouse = people.warehouse
    links = warehouse.memtable(people.links.load())
    tables = count_aggregates(
        everything(warehouse, links=links, zones=links), list(KNOWN.counted.values()), Windows(NOW)
    )
    entries = [row for table in tables for row in table.to_pyarrow().to_pylist()]
    return sorted(
        (row["person_id"], name, n) for row in entries for name, n in row.items() if name != "person_id" and n
    )


EVENTS = (
    "email,event,when,page\n"
    "ada@people.test,visit,22.11.2026,https://shop.test/tea\n"
    "ada@people.test,visit,23.11.2026,https://shop.test/tea\n"
    "bob@people.test,visit,23.11.2026,https://shop.test/cups\n"
)
SEGMENTS = """\
[[segments]]
name = "drinkers"
rule = 'count(visits, days = 14, address = "*/tea*") >= {}'

[[segments]]
name = "nobody"
rule = "country = 'XX'"
"""


@pytest.mark.long
def test_every_command_that_decides_counts_by_the_rule(tmp_path: Path) -> None:
    folder = tmp_path / "ws"
    settings = {"events": "events.csv", "events_at": "when"}
    write_workspace(folder, Answers("Files", (NewConnection("shop", "files", settings),)))
    (folder / "events.csv").write_text(EVENTS)
    (folder / "segments.toml").write_text(SEGMENTS.format(2))
    (folder / "personas.toml").write_text("")
    (tmp_path / "other.toml").write_text(SEGMENTS.format(3).replace("/tea", "/cups").replace("= 14", "= 1"))
    with open_session(folder, now=lambda: NOW, environment=os.environ) as session:
        with pytest.raises(FixSettingsError, match=r"There are no contacts to assign.*personasync pull"):
            assign(session, as_of=NOW)
        pull(session)
        assert assign(session, as_of=NOW).segments == {"drinkers": 1, "nobody": 0}
        assert [
            (move.before, move.after, move.persons) for move in what_if(session, tmp_path / "other.toml", as_of=NOW)
        ] == [("drinkers", "unclassified", 1)]
    with (
        open_stores(folder, now=lambda: NOW) as stores,
        open_person_rows(stores, now=lambda: NOW, environment=os.environ) as asked,
    ):
        explained = explain(stores, asked, "ada@people.test")
        later = classify(stores, asked, "ada@people.test", as_of=NOW + 13 * DAY)

    assert isinstance(asked, StatementRows)
    assert "count(visits, days = 14, address = '*/tea*') >= 2 (count is 2)" in " ".join(explained.sentences)
    assert (explained.document["segment"], later.document["segment"]) == ("drinkers", None)
    with open_session(folder, now=lambda: NOW, environment=os.environ) as session:
        assert assign(session, as_of=NOW + 13 * DAY).segments == {"drinkers": 0, "nobody": 0}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("visits_30d > 2", "nothing fills visits_30d: no connection provides visits"),
        ("replies_365d > 2", "no connection provides replies"),
        ("count(forms, days = 3) > 1", "nothing fills count(forms, days = 3): no connection provides forms"),
        ("orders_total = 0 or clicks_90d > 1", "no connection provides clicks"),
    ],
)
def test_a_rule_on_what_no_connection_provides_names_who_would(tmp_path: Path, rule: str, told: str) -> None:
    write_workspace(tmp_path, Answers("Files", (NewConnection("shop", "files", {"orders": "orders.csv"}),)))
    (tmp_path / "segments.toml").write_text(f'[[segments]]\nname = "x"\nrule = "{rule}"\n')
    (tmp_path / "personas.toml").write_text("")

    with pytest.raises(FixSettingsError) as caught, open_stores(tmp_path, now=lambda: NOW):
        pass

    assert told in str(caught.value)
    assert "segments.toml, line 3" in str(caught.value)
    assert 'files with events = "FILE"' in str(caught.value)
