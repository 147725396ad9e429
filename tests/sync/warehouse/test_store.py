"""The warehouse: versions are added, never changed, and what is in force reads the same however often it is written."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from connectors.errors import ContractError, FixSettingsError, TryLaterError
from connectors.records import CONTACTS, MEMBERSHIPS, ORDERS, TABLES
from sync.warehouse.embedded_file import columns_there, schemas_of, table_there
from sync.warehouse.opening import open_warehouse
from sync.warehouse.store import Warehouse
from tests.examples import examples

START = datetime(2026, 11, 24, 9, 30, 0, 123_456, tzinfo=UTC)
CONTACT: dict[str, object] = {
    "connection": "crm",
    "platform_id": "1",
    "email": "ada@people.test",
    "additional_emails": ["ada.old@people.test"],
    "merged_ids": [],
    "state": "active",
    "consent": "subscribed",
    "created_at": START,
    "updated_at": START,
    "properties": '{"city": "Zürich"}',
}


def contacts(*changed: Mapping[str, object]) -> pa.Table:
    return pa.Table.from_pylist([{**CONTACT, **change} for change in changed], schema=CONTACTS.columns)


def members(*rows: tuple[str, str]) -> pa.Table:
    memberships = [{"connection": "email", "group_name": g, "platform_id": p, "member": True} for g, p in rows]
    return pa.Table.from_pylist(memberships, schema=MEMBERSHIPS.columns)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    opened = open_warehouse("duckdb", tmp_path / "state")
    yield opened
    opened.close()


def in_force(warehouse: Warehouse, name: str = "contacts") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = warehouse.current(name).to_pyarrow().to_pylist()
    return rows


def test_every_table_is_there_and_empty_at_first(warehouse: Warehouse) -> None:
    for name, table in TABLES.items():
        rows = warehouse.current(name).to_pyarrow()
        assert rows.num_rows == 0
        assert rows.schema.names == table.columns.names


def test_what_is_written_comes_back_exactly(warehouse: Warehouse) -> None:
    bare = dict.fromkeys(CONTACT) | {"connection": "crm", "platform_id": "2"}
    warehouse.append("contacts", contacts({}, bare), recorded_at=START)

    rows = warehouse.current("contacts").order_by("platform_id").to_pyarrow()
    assert rows.to_pylist() == [CONTACT, bare]
    assert rows.schema.field("created_at").type == pa.timestamp("us", tz="UTC")


def test_an_amount_keeps_its_last_digit(warehouse: Warehouse) -> None:
    order = dict.fromkeys(ORDERS.columns.names) | {"connection": "crm", "order_id": "1", "amount": 0.1 + 0.2}
    warehouse.append("orders", pa.Table.from_pylist([order], schema=ORDERS.columns), recorded_at=START)

    assert in_force(warehouse, "orders")[0]["amount"] == 0.1 + 0.2


def test_the_same_rows_again_add_nothing(warehouse: Warehouse) -> None:
    rows = contacts({}, {"platform_id": "2", "email": None, "additional_emails": None})

    assert warehouse.append("contacts", rows, recorded_at=day(0)) == 2
    assert warehouse.append("contacts", rows, recorded_at=day(1)) == 0
    assert warehouse.history("contacts").count().to_pyarrow().as_py() == 2


@pytest.mark.parametrize(
    "change", [{"email": None}, {"additional_emails": []}, {"properties": "{}"}, {"updated_at": day(3)}]
)
def test_a_row_that_differs_in_anything_is_a_new_version(warehouse: Warehouse, change: dict[str, object]) -> None:
    warehouse.append("contacts", contacts({}), recorded_at=day(0))

    assert warehouse.append("contacts", contacts(change), recorded_at=day(1)) == 1
    assert in_force(warehouse) == [CONTACT | change]


def test_what_was_known_at_a_moment_stays_known(warehouse: Warehouse) -> None:
    warehouse.append("contacts", contacts({"consent": "subscribed"}), recorded_at=day(0))
    warehouse.append("contacts", contacts({"consent": "unsubscribed"}), recorded_at=day(2))

    def consent(moment: datetime) -> list[str]:
        consents: list[str] = warehouse.as_of("contacts", moment).to_pyarrow()["consent"].to_pylist()
        return consents

    assert consent(day(-1)) == []
    assert consent(day(0)) == ["subscribed"]
    assert consent(day(2) - timedelta(microseconds=1)) == ["subscribed"]
    assert consent(day(2)) == ["unsubscribed"]


def test_a_value_that_comes_back_is_a_version_again(warehouse: Warehouse) -> None:
    for number, consent in enumerate(["subscribed", "unsubscribed", "subscribed"]):
        warehouse.append("contacts", contacts({"consent": consent}), recorded_at=day(number))

    assert in_force(warehouse)[0]["consent"] == "subscribed"
    assert warehouse.history("contacts").count().to_pyarrow().as_py() == 3


def test_of_two_rows_of_one_batch_the_last_one_counts(warehouse: Warehouse) -> None:
    warehouse.append("contacts", contacts({"email": "a@people.test"}, {"email": "b@people.test"}), recorded_at=START)

    assert [row["email"] for row in in_force(warehouse)] == ["b@people.test"]


def test_of_two_versions_of_one_moment_the_later_one_counts(warehouse: Warehouse) -> None:
    for email in ("z@people.test", "a@people.test", "m@people.test"):
        warehouse.append("contacts", contacts({"email": email}), recorded_at=START)

    assert [row["email"] for row in in_force(warehouse)] == ["m@people.test"]


@pytest.mark.parametrize("reopened", [False, True])
def test_what_is_written_after_a_clock_went_back_some_minutes_is_in_force(tmp_path: Path, *, reopened: bool) -> None:
    first, second = day(1) + timedelta(minutes=4), day(1)
    warehouse = open_warehouse("duckdb", tmp_path)
    warehouse.append("contacts", contacts({"email": "old@people.test"}), recorded_at=first)
    warehouse.replace_snapshot(members(("buyers", "1")), connection="email", groups=["buyers"], recorded_at=first)
    if reopened:
        warehouse.close()
        warehouse = open_warehouse("duckdb", tmp_path)
    warehouse.append("contacts", contacts({"email": "new@people.test"}), recorded_at=second)
    warehouse.replace_snapshot(members(), connection="email", groups=["buyers"], recorded_at=second)
    rows, left = in_force(warehouse), in_force(warehouse, "memberships")
    warehouse.close()

    assert [row["email"] for row in rows] == ["new@people.test"]
    assert [row["member"] for row in left] == [False]


def test_no_rows_are_no_work(warehouse: Warehouse) -> None:
    assert warehouse.append("contacts", CONTACTS.columns.empty_table(), recorded_at=START) == 0


def test_columns_may_come_in_any_order(warehouse: Warehouse) -> None:
    rows = contacts({})
    warehouse.append("contacts", rows.select(rows.column_names[::-1]), recorded_at=START)

    assert in_force(warehouse) == [CONTACT]


def test_a_row_without_its_key_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ContractError, match="no platform_id"):
        warehouse.append("contacts", contacts({"platform_id": None}), recorded_at=START)


def test_whoever_is_missing_from_a_snapshot_is_no_member_any_more(warehouse: Warehouse) -> None:
    first = members(("champions", "a"), ("champions", "b"), ("buyers", "a"))
    warehouse.replace_snapshot(first, connection="email", groups=["champions", "buyers"], recorded_at=day(0))

    added = warehouse.replace_snapshot(
        members(("champions", "b"), ("champions", "c")), connection="email", groups=["champions"], recorded_at=day(1)
    )

    shown = {(row["group_name"], row["platform_id"]): row["member"] for row in in_force(warehouse, "memberships")}
    assert shown == {
        ("champions", "a"): False,
        ("champions", "b"): True,
        ("champions", "c"): True,
        ("buyers", "a"): True,
    }
    assert added == 2


def test_an_empty_snapshot_empties_its_group_once(warehouse: Warehouse) -> None:
    warehouse.append("memberships", members(("champions", "a")), recorded_at=day(0))
    empty = MEMBERSHIPS.columns.empty_table()

    added = [
        warehouse.replace_snapshot(empty, connection="email", groups=["champions"], recorded_at=day(number))
        for number in (1, 2)
    ]

    assert added == [1, 0]
    assert [row["member"] for row in in_force(warehouse, "memberships")] == [False]


def test_a_snapshot_of_one_connection_leaves_the_others_alone(warehouse: Warehouse) -> None:
    warehouse.append("memberships", members(("champions", "a")), recorded_at=day(0))
    empty = MEMBERSHIPS.columns.empty_table()
    warehouse.replace_snapshot(empty, connection="crm", groups=["champions"], recorded_at=day(1))

    assert [row["member"] for row in in_force(warehouse, "memberships")] == [True]


def test_given_rows_join_with_those_of_the_warehouse(warehouse: Warehouse) -> None:
    warehouse.append("contacts", contacts({}, {"platform_id": "2"}), recorded_at=START)
    links = warehouse.memtable(pa.table({"platform_id": ["2"], "person_id": ["p-2"]}))

    assert warehouse.current("contacts").inner_join(links, "platform_id").count().to_pyarrow().as_py() == 1


def test_versions_and_their_order_survive_a_restart(tmp_path: Path) -> None:
    for number, consent in enumerate(["unsubscribed", "subscribed"]):
        opened = open_warehouse("duckdb", tmp_path)
        opened.append("contacts", contacts({"consent": consent}), recorded_at=START)
        newest = opened.history("contacts").sequence.max().to_pyarrow().as_py()
        opened.close()
        assert newest == number + 1

    opened = open_warehouse("duckdb", tmp_path)
    records = in_force(opened)
    opened.close()
    assert [row["consent"] for row in records] == ["subscribed"]


def test_many_rows_are_written_at_once(warehouse: Warehouse) -> None:
    count = 50_000
    rows = members(*(("champions", str(number)) for number in range(count)))

    assert warehouse.append("memberships", rows, recorded_at=START) == count
    assert warehouse.append("memberships", rows, recorded_at=day(1)) == 0


def test_a_file_that_another_process_holds_is_told(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from sync.warehouse.opening import open_warehouse\n"
        "held = open_warehouse('duckdb', Path(sys.argv[1])); print('held', flush=True); sys.stdin.read(); held.close()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        with pytest.raises(TryLaterError, match="Another personasync command"):
            open_warehouse("duckdb", tmp_path)

        holder.communicate("")
    assert holder.returncode == 0


def test_a_file_that_is_no_warehouse_is_told(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_text("This is a letter to my aunt." * 200)

    with pytest.raises(FixSettingsError, match=r"warehouse\.duckdb is damaged"):
        open_warehouse("duckdb", tmp_path)


def test_an_engine_that_nobody_knows_is_told(tmp_path: Path) -> None:
    with pytest.raises(FixSettingsError, match="klingon://") as caught:
        open_warehouse("klingon://me:secret@host/db", tmp_path)

    assert "secret" not in str(caught.value)


def test_another_engine_by_its_url_holds_the_same_tables(tmp_path: Path) -> None:
    opened = open_warehouse(f"duckdb://{tmp_path / 'elsewhere.db'}", tmp_path)
    opened.append("contacts", contacts({}), recorded_at=START)
    records = in_force(opened)
    opened.close()

    assert records == [CONTACT]


writes = st.lists(
    st.lists(st.tuples(st.sampled_from("123"), st.none() | st.sampled_from("xyz")), min_size=1, max_size=4), max_size=4
)


@pytest.mark.long
@examples(8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes)
def test_what_is_in_force_is_what_was_written_last(
    tmp_path_factory: pytest.TempPathFactory, batches: Sequence[Sequence[tuple[str, str | None]]]
) -> None:
    opened = open_warehouse("duckdb", tmp_path_factory.mktemp("state"))
    expected: dict[str, str | None] = {}
    for number, batch in enumerate(batches):
        rows = contacts(*({"platform_id": key, "email": email} for key, email in batch))
        opened.append("contacts", rows, recorded_at=day(number))
        assert opened.append("contacts", rows, recorded_at=day(number) + timedelta(hours=1)) == 0
        expected.update(batch)
    addresses = {row["platform_id"]: row["email"] for row in in_force(opened)}
    opened.close()

    assert addresses == expected


def test_a_page_leaves_nothing_in_memory_once_it_is_written(warehouse: Warehouse) -> None:
    def write(turn: int) -> int:
        rows = contacts(*({"platform_id": f"{turn}.{number}"} for number in range(500)))
        return warehouse.append("contacts", rows, recorded_at=day(0))

    write(0)
    before = pa.total_allocated_bytes()
    written = [write(turn) for turn in range(1, 6)]

    assert written == [500] * 5
    assert pa.total_allocated_bytes() - before < 500  # one row of the first page alone holds more
    assert set(warehouse.engine.list_tables()) == {*TABLES, "last_sequence"}


def test_what_was_cached_is_given_back_before_the_engine_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error on its way out still holds tables in its frames: they must not be dropped from a closed engine."""
    failures: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", failures.append)
    opened = open_warehouse("duckdb", tmp_path / "closing")
    opened.append(CONTACTS.name, contacts({}), recorded_at=day(0))
    held = opened.current(CONTACTS.name).cache()
    count = held.count().to_pyarrow().as_py()
    opened.close()
    del held
    gc.collect()

    assert (count, failures) == (1, [])


def test_a_warehouse_that_was_made_before_a_column_came_gets_it(tmp_path: Path) -> None:
    opened = open_warehouse("duckdb", tmp_path)
    engine: Any = opened.engine
    for name in ("product", "value"):
        engine.raw_sql(f"ALTER TABLE engagements DROP COLUMN {name}")
    opened.close()

    opened = open_warehouse("duckdb", tmp_path)
    event = {"connection": "shop", "event_id": "1", "kind": "visit", "at": START, "product": "T-1", "value": 2.5}
    rows = pa.Table.from_pylist([event], schema=TABLES["engagements"].columns)
    kept = [opened.append("engagements", rows, recorded_at=START) for _ in range(2)]
    [row] = in_force(opened, "engagements")
    opened.close()

    assert (kept, row["product"], row["value"]) == ([1, 0], "T-1", 2.5)


def test_an_opened_warehouse_has_the_tables_that_the_engine_tells_of(tmp_path: Path) -> None:
    open_warehouse("duckdb", tmp_path).close()
    opened = open_warehouse("duckdb", tmp_path)
    engine: Any = opened.engine

    there = columns_there(engine)
    assert set(there) == set(engine.list_tables())
    for name, schema in schemas_of(engine, there).items():
        known, told = table_there(engine, name, schema), engine.table(name)
        assert known.equals(told)
        assert known.columns == told.columns

    opened.close()


def test_a_column_that_is_of_another_type_in_the_file_is_read_as_the_file_has_it(tmp_path: Path) -> None:
    opened = open_warehouse("duckdb", tmp_path)
    cast("Any", opened.engine).raw_sql("ALTER TABLE engagements ALTER value TYPE BIGINT")
    opened.close()

    opened = open_warehouse("duckdb", tmp_path)
    assert opened.current("engagements").schema()["value"].is_integer()
    opened.close()


@pytest.mark.parametrize(
    "kind", ["UNION(number INTEGER, word VARCHAR)", "BIT", "ENUM('a', 'b')", "MAP(INTEGER, VARCHAR)"]
)
def test_a_table_that_somebody_else_made_in_the_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    opened = open_warehouse("duckdb", tmp_path)
    cast("Any", opened.engine).raw_sql(f"CREATE TABLE analyst (own {kind})")
    opened.close()

    opened = open_warehouse("duckdb", tmp_path)
    assert opened.append(CONTACTS.name, contacts({}), recorded_at=day(0)) == 1
    opened.close()
