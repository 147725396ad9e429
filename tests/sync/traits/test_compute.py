"""Aggregates followed through changes are those that measuring everybody gives; nothing after the moment counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete
from sqlalchemy.pool import StaticPool

from connectors.records import TABLES, VALUES
from segmenter.identity import IdentityChanges
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import MappedTrait, SurveyTrait
from segmenter.traits.traits import traits_of
from sync.control import schema
from sync.control.identities import Links
from sync.traits.aggregates import KeptAggregates
from sync.traits.compute import Measuring
from sync.warehouse.store import Warehouse
from tests.examples import examples

START = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
ZONE = "Asia/Kolkata"
OWN = (MappedTrait("tier", "crm", "tier", "number"), SurveyTrait("why", "needs", "q1"))
PERSONS = [f"p{number}" for number in range(5)]
KEYS = [f"crm:{number}" for number in range(5)] + [f"mailto:u{number}@people.test" for number in range(5)]
SLOW: dict[str, Any] = {
    "deadline": None,
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],  # a try takes seconds: shrinking would take an hour
    "suppress_health_check": list(HealthCheck),
}
WINDOWS = (7, 30, 90, 180, 365)

ago = st.one_of(
    st.integers(-120, 900).map(lambda halves: timedelta(days=halves / 2)),
    st.builds(
        lambda days, step, more: timedelta(days=days - step, microseconds=more),
        st.sampled_from([0, *WINDOWS]),
        st.sampled_from([0, 1, 2, 30]),
        st.sampled_from([-1, 0, 1]),
    ),
)
"""How long before `START` something was; often when it enters or leaves a window within a microsecond."""

row = st.tuples(
    st.sampled_from(["contact", "order", "line", "delivery", "open", "click", "visit", "bounce", "answer", "value"]),
    st.integers(0, 9),  # which row: of one number, the later is another version
    st.integers(0, len(KEYS) - 1),
    ago,
    st.integers(0, 5),  # amount, state, currency, campaign, answer
    st.booleans(),  # whether the version was recorded before those that are there
)
link = st.tuples(st.integers(0, len(KEYS) - 1), st.sampled_from([*PERSONS, None]))
step = st.tuples(
    st.sampled_from([0.0, 0.5, 1.0, 2.0, 30.0, 50.0, -1.0]),  # days to the next moment
    st.lists(row, max_size=8),
    st.lists(link, max_size=2),
    st.sampled_from([""] * 5 + ["orders", "engagements"]),  # where all rows of one contact are erased
)


def table_row(event: tuple[str, int, int, timedelta, int, bool]) -> tuple[str, dict[str, Any]]:
    kind, number, key, before, pick, _ = event
    at = START - before
    common = {"connection": "email", "contact_key": KEYS[key], "at": at}
    match kind:
        case "contact":
            zone = ["Europe/Berlin", "us_slash_pacific", ""][pick % 3]
            fields = {"tier": str(pick), "country": "SE", "numemployees": str(number), "hs_timezone": zone}
            properties = json.dumps(fields)
            state = ["active", "active", "active", "archived", "deleted"][pick % 5]
            consent = ["subscribed", "unsubscribed", "unknown"][pick % 3]
            names = {"connection": "crm", "platform_id": str(key % 5), "email": f"u{key % 5}@people.test"}
            return "contacts", {**names, "state": state, "consent": consent, "created_at": at, "properties": properties}
        case "order":
            money = {"amount": pick * 7.35, "currency": [None, "USD", "EUR"][pick % 3]}
            return "orders", {**common, **money, "order_id": f"o{number}", "state": ["placed", "cancelled"][pick == 5]}
        case "line":
            names = {"connection": "email", "order_id": f"o{number}", "line_id": "1", "product_id": f"s{pick}"}
            return "order_lines", {**names, "category": f"c{pick % 3}", "quantity": float(pick)}
        case "delivery":
            return "deliveries", {**common, "campaign_id": f"c{number}", "status": ["sent", "soft"][pick == 5]}
        case "answer":
            return "survey_answers", {**common, "survey": "needs", "item": f"q{1 + pick % 2}", "value": str(number)}
        case "value":
            who = {"person_id": PERSONS[key % 5], "clv": pick * 3.3, "expected_orders_365d": pick / 3}
            return VALUES.name, {**who, "currency": "USD", "as_of": at, "version": "v"}
        case _:
            pass
    campaign = None if kind == "visit" or pick == 5 else f"c{pick % 3}"
    return "engagements", {**common, "event_id": f"e{number}", "kind": kind, "campaign_id": campaign}


class World:
    """A warehouse and an identity map in memory, which change."""

    def __init__(self) -> None:
        self.engine = ibis.duckdb.connect(threads=1)
        self.warehouse = Warehouse(self.engine)
        control = create_engine("sqlite://", poolclass=StaticPool)
        schema.metadata.create_all(control)
        self.links = Links(control)
        self.measuring = Measuring(self.warehouse, self.links, catalogue(OWN), ZONE, most_changed=2.0)
        self.number = 0
        self.measuring.refresh(START)

    def clear(self) -> None:
        for name in TABLES:
            self.engine.con.execute(f"TRUNCATE {name}")
        with self.links.engine.begin() as connection:
            for table in (schema.link, schema.link_writing, schema.link_past):
                connection.execute(delete(table))

    def add(self, rows: list[Any]) -> None:
        """Append versions; in one statement a table, since `Warehouse.append` compiles some for each."""
        tables: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            self.number += 1
            name, values = table_row(row)
            recorded = START + timedelta(seconds=-self.number if row[-1] else self.number)
            tables.setdefault(name, []).append({**values, "recorded_at": recorded, "sequence": self.number})
        for name, table in tables.items():
            incoming = pa.Table.from_pylist(table, schema=self.engine.table(name).schema().to_pyarrow())
            self.engine.con.register("incoming", incoming)
            self.engine.con.table("incoming").insert_into(name)

    def link(self, changes: list[tuple[int, str | None]]) -> None:
        for key, person in changes:
            if person is None:
                self.links.drop([KEYS[key]])
            else:
                self.links.write(IdentityChanges({KEYS[key]: person}, {}), "test")

    def erase(self, name: str) -> None:
        if name:
            self.engine.con.table(name).filter("contact_key <> 'crm:1'").create("left_over")
            self.engine.con.execute(f"TRUNCATE {name}; INSERT INTO {name} FROM left_over; DROP TABLE left_over")

    def kept(self) -> list[dict[str, Any]]:
        return rows_of(KeptAggregates(self.warehouse).aggregates)


def rows_of(table: ibis.Table) -> list[dict[str, Any]]:
    return sorted(table.to_pyarrow().to_pylist(), key=lambda record: (str(record["person_id"]), str(record)))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.warehouse.close()
    made.links.engine.dispose()


def follows(world: World, first: list[Any], steps: list[Any]) -> None:
    """Go through *steps*, and compare with measuring everybody at each."""
    world.clear()
    world.link([(key, PERSONS[key % 5]) for key in range(len(KEYS))])
    world.add([("contact", n, n, timedelta(days=400), n, False) for n in range(4)])
    world.add(first)
    as_of = START - timedelta(days=35)
    world.measuring.refresh(as_of, full=True)
    for days, rows, links, erased in steps:
        as_of += timedelta(days=days)
        world.add(rows)
        world.link(links)
        world.erase(erased)

        result = world.measuring.refresh(as_of)
        followed = world.kept()
        traits = rows_of(world.measuring.traits(as_of))
        world.measuring.refresh(as_of, full=True)

        assert followed == world.kept(), result
        assert traits == rows_of(traits_of(KeptAggregates(world.warehouse).aggregates, catalogue(OWN), as_of))


@pytest.mark.long
@examples(3, **SLOW)
@given(st.lists(row, min_size=10, max_size=30), st.lists(step, min_size=1, max_size=3))
def test_following_changes_gives_what_measuring_everybody_gives(
    world: World, first: list[Any], steps: list[Any]
) -> None:
    follows(world, first, steps)


@pytest.mark.proof
@examples(8, **SLOW)
@given(st.lists(row, min_size=10, max_size=60), st.lists(step, min_size=1, max_size=5))
def test_following_changes_gives_what_measuring_everybody_gives_in_many_tries(
    world: World, first: list[Any], steps: list[Any]
) -> None:
    follows(world, first, steps)


FIRST = [("order", 1, 1, timedelta(days=6, hours=12), 1, False), ("open", 1, 6, timedelta(days=29), 1, False)]


def settled(world: World) -> dict[str, dict[str, Any]]:
    """Begin with two persons, measured at `START`; return their aggregates."""
    world.clear()
    world.link([(key, PERSONS[key % 5]) for key in range(len(KEYS))])
    world.add([("contact", n, n, timedelta(days=400), 1, False) for n in (1, 2)])
    world.add(FIRST)
    world.measuring.refresh(START, full=True)
    return {record["person_id"]: record for record in world.kept()}


@pytest.mark.slow
def test_a_day_without_changes_measures_nobody_and_still_lets_counts_age(world: World) -> None:
    before = settled(world)["p1"]

    done = world.measuring.refresh(START + timedelta(days=1))
    after = next(record for record in world.kept() if record["person_id"] == "p1")

    assert (done.persons, done.whole) == (0, "")
    assert (before["opens_30d"], after["opens_30d"], after["opens_90d"]) == (1, 0, 1)
    assert after["last_order"] == before["last_order"]


@pytest.mark.slow
def test_only_whom_something_concerns_is_measured_anew(world: World) -> None:
    settled(world)
    world.add([("visit", 7, 2, timedelta(days=-0.5), 1, False)])

    done = world.measuring.refresh(START + timedelta(days=1))

    assert done.persons == 1
    assert [record["visits_30d"] for record in world.kept()] == [0, 1]


@pytest.mark.slow
def test_a_row_that_named_somebody_else_concerns_both(world: World) -> None:
    settled(world)
    world.add([("order", 1, 2, timedelta(days=6), 1, False)])

    done = world.measuring.refresh(START)

    assert done.persons == 2
    assert [record["orders_total"] for record in world.kept()] == [0, 1]


@pytest.mark.long
def test_everybody_is_measured_when_what_is_kept_can_not_be_followed(world: World) -> None:
    settled(world)
    others = Measuring(world.warehouse, world.links, catalogue(()), ZONE, most_changed=2.0)
    few = Measuring(world.warehouse, world.links, catalogue(OWN), ZONE, most_changed=0.4)
    world.add([("visit", 7, 2, timedelta(days=-0.5), 1, False)])

    reasons = [
        world.measuring.refresh(START, full=True).whole,
        world.measuring.refresh(START - timedelta(days=1)).whole,
        few.refresh(START + timedelta(days=1)).whole,
        world.measuring.refresh(START + timedelta(days=60)).whole,
        others.refresh(START + timedelta(days=60)).whole,
    ]

    assert reasons == [
        "requested",
        "the last calculation was for a later date",
        "1 people changed or are new, of 2 known before",
        "the last calculation was as of 2026-11-25",
        "trait definitions changed",
    ]


@pytest.mark.long
def test_what_stops_in_the_middle_of_keeping_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(world)
    world.add([("visit", 7, 2, timedelta(days=-0.5), 1, False)])
    kept = KeptAggregates(world.warehouse)
    before = (world.kept(), kept.mark(), rows_of(kept.links))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KeptAggregates, "_set", stop)  # the last step of the transaction
        with pytest.raises(KeyboardInterrupt):
            world.measuring.refresh(START + timedelta(days=1))

    assert (world.kept(), kept.mark(), rows_of(kept.links)) == before
    assert world.measuring.refresh(START + timedelta(days=1)).persons == 1


@pytest.mark.slow
def test_traits_of_another_moment_are_not_read_from_what_is_kept(world: World) -> None:
    settled(world)
    world.add([("visit", 7, 2, timedelta(days=3), 1, False)])

    [_, visited] = rows_of(world.measuring.traits(START))

    assert visited["visits_30d"] == 1
