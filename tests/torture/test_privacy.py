"""What `make privacy` counts: a trace that is planted anywhere is found, and so is a figure that changed."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import duckdb
import pytest

from tests.torture.privacy import came_back, differences, identities, traces
from tests.torture.stage import refuse_open_stores

WHO = "ada@people.test"
MANY = 5000  # rows of one column, so that the engine compresses them


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace whose stores know other people only."""
    state = tmp_path / "workspace" / ".personasync"
    state.mkdir(parents=True)
    with sqlite3.connect(state / "control.db") as control:
        control.execute("CREATE TABLE link (contact_key TEXT, person_id TEXT)")
        control.execute("INSERT INTO link VALUES ('mailto:bea@people.test', 'p-2')")
    control.close()
    with duckdb.connect(str(state / "warehouse.duckdb")) as warehouse:
        warehouse.execute("CREATE TABLE contacts (email VARCHAR, platform_id VARCHAR)")
        warehouse.execute(f"INSERT INTO contacts SELECT 'p' || i || '@people.test', i::VARCHAR FROM range({MANY}) t(i)")  # noqa: S608 - a number of ours
    return tmp_path / "workspace"


def found(workspace: Path, tmp_path: Path) -> list[str]:
    return traces(workspace, {WHO.encode()}, tmp_path / "copy")


def test_nobody_is_found_who_is_not_there(workspace: Path, tmp_path: Path) -> None:
    assert found(workspace, tmp_path) == []
    assert came_back(workspace, {WHO.encode()}) == []


def test_a_trace_in_a_file_is_found_in_any_case(workspace: Path, tmp_path: Path) -> None:
    (workspace / ".personasync" / "notes.log").write_text(f"told {WHO.upper()}\n", "utf-8")

    assert found(workspace, tmp_path) == [f"workspace/.personasync/notes.log: {WHO}"]


def test_a_trace_in_the_name_of_a_file_is_found(workspace: Path, tmp_path: Path) -> None:
    (workspace / f"{WHO}.json").write_text("{}", "utf-8")

    assert found(workspace, tmp_path) == [f"name of a file: {WHO}"]


def test_a_trace_in_a_compressed_column_is_found_and_counts_as_come_back(workspace: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(workspace / ".personasync" / "warehouse.duckdb")) as warehouse:
        warehouse.execute("UPDATE contacts SET email = ? WHERE platform_id = '77'", [WHO])

    assert any(line.startswith("copy/warehouse.duckdb") for line in found(workspace, tmp_path))
    assert came_back(workspace, {WHO.encode()}) == [WHO]


def test_a_trace_in_the_control_store_is_found(workspace: Path, tmp_path: Path) -> None:
    with sqlite3.connect(workspace / ".personasync" / "control.db") as control:
        control.execute("INSERT INTO link VALUES (?, 'p-1')", [f"mailto:{WHO}"])

    assert len(found(workspace, tmp_path)) >= 2  # in the store, and in its compacted copy
    assert came_back(workspace, {WHO.encode()}) == [f"mailto:{WHO}"]


def test_no_store_stays_open_in_a_process_that_forks(workspace: Path, tmp_path: Path) -> None:
    """`with sqlite3.connect(...)` closes nothing, and the connection is in a cycle: it lived until some collection."""
    with sqlite3.connect(workspace / ".personasync" / "control.db") as control:
        control.execute("INSERT INTO link VALUES ('mailto:cid@people.test', 'p-3')")
    with pytest.raises(RuntimeError, match=r"control\.db is open"):
        refuse_open_stores(tmp_path)
    control.close()
    identities(workspace, 1, random.Random(1))  # noqa: S311 - people, not secrets
    came_back(workspace, {WHO.encode()})
    found(workspace, tmp_path)

    refuse_open_stores(tmp_path)


def test_a_figure_that_changed_is_told_and_one_that_is_rounded_is_not() -> None:
    before = {"rows": [{"clicked": 5, "revenue": 10.0}], "name": "worth"}

    assert list(differences(before, {"rows": [{"clicked": 5, "revenue": 10.0 + 1e-12}], "name": "worth"})) == []
    assert list(differences(before, {"rows": [{"clicked": 4, "revenue": 10.0}], "name": "worth"})) == [
        ".rows[0].clicked: 5 -> 4"
    ]
    assert len(list(differences(before, {"rows": [], "name": "other"}))) == 2
