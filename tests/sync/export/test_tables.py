"""Tables for other tools: their rows are those of the stores, without addresses; events and sources have their form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq
import pytest
import yaml  # type: ignore[import-untyped] # it brings no types

from connectors.errors import FixSettingsError
from connectors.records import ASSIGNMENTS
from sync.assign.job import assign
from sync.erasure.job import forget
from sync.export.tables import export_tables
from sync.session import Session

pytestmark = pytest.mark.slow
ADDRESS = re.compile(rb"[\w.]+@[\w.]+\.test")


@pytest.fixture
def pushed(session: Session, applied: str) -> Session:
    """A workspace whose first plan was applied."""
    del applied
    return session


def test_tables_hold_what_the_stores_hold_and_no_address(pushed: Session, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "tables"
    written = export_tables(pushed, folder)

    assignments = pq.read_table(folder / "assignments.parquet")
    in_force = pushed.warehouse.current(ASSIGNMENTS.name).to_pyarrow()
    assert set(assignments["person_id"].to_pylist()) == set(in_force["person_id"].to_pylist())
    ledger = pq.read_table(folder / "ledger.parquet").to_pylist()
    runs = pushed.control.runs.newest(100)
    counted = {run.run_id: sum(pushed.control.ledger.counts(run.run_id).values()) for run in runs}
    assert sum(counted.values()) == len(ledger) > 0
    assert {row["state"] for row in ledger} == {"applied"}
    assert written.rows == {"assignments": assignments.num_rows, "lift": 0, "ledger": len(ledger)}
    for name in ("assignments", "ledger"):
        text = json.dumps(pq.read_table(folder / f"{name}.parquet").to_pylist(), default=str).encode()
        assert not ADDRESS.search(text)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_sources_name_every_table_and_column(pushed: Session, tmp_path: Path) -> None:
    export_tables(pushed, tmp_path)
    [source] = yaml.safe_load((tmp_path / "sources.yml").read_text("utf-8"))["sources"]

    described = {table["name"]: [column["name"] for column in table["columns"]] for table in source["tables"]}
    assert described == {name: pq.read_schema(tmp_path / f"{name}.parquet").names for name in described}
    assert "{name}.parquet" in source["config"]["external_location"]


def test_each_run_has_a_start_and_an_end_with_its_manifest(pushed: Session, tmp_path: Path) -> None:
    assign(pushed, as_of=pushed.now())
    written = export_tables(pushed, tmp_path)
    events = [json.loads(line) for line in (tmp_path / "lineage.jsonl").read_text("utf-8").splitlines()]

    assert written.events == len(events)
    kinds: dict[str, list[str]] = {}
    for event in events:
        kinds.setdefault(str(UUID(event["run"]["runId"])), []).append(event["eventType"])
        assert event.keys() == {"eventType", "eventTime", "run", "job", "inputs", "outputs", "producer", "schemaURL"}
    assert set(map(tuple, kinds.values())) == {("START", "COMPLETE")}
    assert {event["job"]["name"] for event in events} >= {"pull", "assign", "plan", "apply", "export tables"}
    newest = next(event for event in reversed(events) if event["job"]["name"] == "assign")
    manifest = newest["run"]["facets"]["personasync_manifest"]
    assert manifest["settings"].keys() == {path.name for path in pushed.workspace.directory.glob("*.toml")}
    assert manifest["version"]
    assert newest["outputs"] == [{"namespace": f"personasync.{pushed.workspace.name}.warehouse", "name": "assignments"}]


@pytest.mark.long
def test_who_is_erased_is_erased_from_the_tables(pushed: Session, tmp_path: Path) -> None:
    export_tables(pushed, tmp_path)
    person = pq.read_table(tmp_path / "ledger.parquet")["person_id"][0].as_py()
    forget(pushed, {person})

    for path in tmp_path.glob("*.parquet"):
        assert person not in json.dumps(pq.read_table(path).to_pylist(), default=str)


def test_a_folder_that_cannot_be_made_is_named(ready: Session, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(FixSettingsError, match=re.escape(str(tmp_path / "file"))):
        export_tables(ready, tmp_path / "file" / "tables")
