"""Rows that are erased for good: versions replaced or deleted in one transaction, and the file without their bytes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import ibis
import pyarrow as pa
from ibis import Table

from connectors.errors import TryLaterError
from connectors.records import TABLES
from sync.warehouse.damage import FILE
from sync.warehouse.embedded_file import COPIES
from sync.warehouse.latest_rows import every_overtaken
from sync.warehouse.opening import open_warehouse
from sync.warehouse.store import VERSION_COLUMNS, Warehouse

ERASED = "erased_rows"
GONE, COME = "versions_gone", "versions_come"
FRESH = ".fresh"  # what the name of an unfinished compacted file ends with
PATIENCE, LOOK_AGAIN = 20.0, 0.05  # seconds to wait for the file after it was replaced


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What becomes of versions of one table.

    Attributes:
        gone: The ``sequence`` of versions that are deleted.
        come: Versions in their place: the table's columns, ``recorded_at`` and ``sequence``.
    """

    gone: Collection[int]
    come: Sequence[Mapping[str, Any]] = ()


def versions_naming(warehouse: Warehouse, name: str, column: str, values: Collection[str]) -> list[dict[str, Any]]:
    """Return every version of a table whose *column* has one of *values*, oldest first.

    Args:
        warehouse: The open warehouse; rows that consent withholds are read as well.
        name: Of the table.
        column: Of texts.
        values: What it may hold; of none, there are no versions.

    Returns:
        Rows with ``recorded_at`` and ``sequence``.
    """
    table = warehouse.everything(name)
    wanted = warehouse.memtable(pa.table({column: pa.array(sorted(values), pa.string())}))
    rows = table.semi_join(wanted, column).order_by(["recorded_at", "sequence"])
    versions: list[dict[str, Any]] = rows.to_pyarrow().to_pylist()
    return versions


def versions_of_keys(
    warehouse: Warehouse, name: str, pairs: Collection[tuple[str, str]], of: Sequence[str]
) -> list[dict[str, Any]]:
    """Return every version whose two columns *of* have one of *pairs*, as `versions_naming`.

    Args:
        warehouse: The open warehouse; rows that consent withholds are read as well.
        name: Of the table.
        pairs: Values of the two columns, such as connection and platform id.
        of: The names of two columns of texts.

    Returns:
        Rows with ``recorded_at`` and ``sequence``, oldest first.
    """
    table, listed = warehouse.everything(name), sorted(pairs)
    columns = {column: pa.array([pair[place] for pair in listed], pa.string()) for place, column in enumerate(of)}
    rows = table.semi_join(warehouse.memtable(pa.table(columns)), list(of)).order_by(["recorded_at", "sequence"])
    versions: list[dict[str, Any]] = rows.to_pyarrow().to_pylist()
    return versions


def rewrite(warehouse: Warehouse, rewrites: Mapping[str, Rewrite], *, drop: Collection[str] = ()) -> None:
    """Delete and replace versions, and drop tables, all at once or not at all.

    Args:
        warehouse: The open warehouse.
        rewrites: By table.
        drop: Names of tables that are made of others and go with them; those that are missing do no harm.
    """
    run, engine = cast("Any", warehouse.engine).raw_sql, warehouse.engine
    present = sorted(set(drop) & set(engine.list_tables()))
    changed = {name: each for name, each in rewrites.items() if each.gone or each.come}
    made = []
    try:
        for name, each in changed.items():
            made += [f"{GONE}_{name}", f"{COME}_{name}"]
            gone = pa.table({"sequence": pa.array(sorted(each.gone), pa.int64())})
            engine.create_table(f"{GONE}_{name}", gone, temp=True, overwrite=True)
            come = pa.Table.from_pylist([dict(row) for row in each.come], schema=_stored(name))
            engine.create_table(f"{COME}_{name}", come, temp=True, overwrite=True)
        run("BEGIN")
        try:
            for name in changed:
                columns = ", ".join(f'"{column}"' for column in _stored(name).names)
                run(f"DELETE FROM {name} WHERE sequence IN (SELECT sequence FROM {GONE}_{name})")  # noqa: S608 - ours
                run(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {COME}_{name}")  # noqa: S608 - ours
            for name in present:
                run(f"DROP TABLE {name}")
        except BaseException:
            run("ROLLBACK")
            raise
        run("COMMIT")
    finally:
        for name in made:
            engine.drop_table(name, force=True)
    warehouse.read_once.forget()


def erase_rows(warehouse: Warehouse, name: str, keys: pa.Table, *, up_to: int = 0) -> int:
    """Delete every version of the rows that *keys* name, for good.

    Args:
        warehouse: Where the table is.
        name: Of the table.
        keys: Columns of the table; rows that are equal in all of them go.
        up_to: A sequence.

    Returns:
        How many of the versions that went had a sequence up to *up_to*.
    """
    if not keys.num_rows:
        return 0
    named = warehouse.engine.create_table(ERASED, keys, temp=True, overwrite=True)
    try:
        gone = warehouse.everything(name).semi_join(named, keys.column_names)
        [row] = gone.aggregate(n=gone.count(), old=gone.count(where=gone.sequence <= up_to)).to_pyarrow().to_pylist()
        if row["n"]:
            on = " AND ".join(f"{name}.{column} = {ERASED}.{column}" for column in keys.column_names)
            statement = f"DELETE FROM {name} WHERE EXISTS (SELECT 1 FROM {ERASED} WHERE {on})"  # noqa: S608 - ours
            cast(Any, warehouse.engine).raw_sql(statement)
            warehouse.read_once.forget()
        return int(row["old"])
    finally:
        warehouse.engine.drop_table(ERASED, force=True)


def _stored(name: str) -> pa.Schema:
    return pa.schema([*TABLES[name].columns, *(pa.field(column, kind) for column, kind in VERSION_COLUMNS)])


def compacted(warehouse: Warehouse, directory: Path) -> Warehouse:
    """Write the embedded engine's file anew, without the bytes of what was deleted, and open it.

    DuckDB leaves deleted rows in free blocks of the file and in the log beside it; only a copy has none of them.
    What killed readers and an earlier compaction left in the folder goes as well. Other engines free their files
    by themselves.

    Args:
        warehouse: Open, and nothing else in this process asks it; closed afterwards.
        directory: The workspace's state directory.

    Returns:
        The open warehouse, of the new file.

    Raises:
        TryLaterError: Another process took the file first.
    """
    if not warehouse.embedded:
        return warehouse
    path, run = directory / FILE, cast("Any", warehouse.engine).raw_sql
    fresh = path.with_name(path.name + FRESH)
    for leftover in (fresh, _log(fresh)):
        leftover.unlink(missing_ok=True)
    own = cast("Any", warehouse.engine).current_catalog
    run("CHECKPOINT")
    run(f"ATTACH '{_quoted(fresh)}' AS fresh")
    run(f'COPY FROM DATABASE "{own}" TO fresh')
    run("CHECKPOINT fresh")
    run("DETACH fresh")
    # What closes the old file must not touch the log of the new one, which another process may have opened by then.
    run("PRAGMA disable_checkpoint_on_shutdown")
    _log(path).unlink(missing_ok=True)
    fresh.replace(path)
    warehouse.close()
    _clear(directory)
    return _opened(directory)


def _opened(directory: Path) -> Warehouse:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return open_warehouse("duckdb", directory)
        except TryLaterError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_AGAIN)


def _clear(directory: Path) -> None:
    """Remove copies of the old file: of readers, which keep what they opened, and what the engine wrote beside it."""
    for folder in (*directory.glob(f"{COPIES}*"), directory / f"{FILE}.tmp"):
        with suppress(OSError):
            shutil.rmtree(folder)


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def old_sequences(warehouse: Warehouse, name: str, column: str, before: datetime) -> set[int]:
    """Return the ``sequence`` of every version of a table whose *column* lies before a moment (UTC).

    Args:
        warehouse: The open warehouse.
        name: Of the table.
        column: Of moments.
        before: What lies at this moment stays.

    Returns:
        Sequences; versions without a moment are not among them.
    """
    table = warehouse.everything(name)
    return _numbers(table.filter(table[column] < _moment(before)).select("sequence"))


def old_versions(warehouse: Warehouse, name: str, before: datetime) -> set[int]:
    """Return the ``sequence`` of versions that were recorded before a moment (UTC) and are not in force.

    Args:
        warehouse: The open warehouse.
        name: Of the table.
        before: What was recorded at this moment stays.

    Returns:
        Sequences of versions that a newer one of the same row replaced.
    """
    table = warehouse.everything(name)
    overtaken = every_overtaken(table, TABLES[name])
    return _numbers(table.filter(table.recorded_at < _moment(before)).semi_join(overtaken, "sequence"))


def sequences_without(warehouse: Warehouse, name: str, other: str, gone: Collection[int]) -> set[int]:
    """Return the ``sequence`` of versions of a table that belong to no row of another one, once *gone* are deleted.

    Args:
        warehouse: The open warehouse.
        name: Of the table.
        other: The table whose key its rows name.
        gone: Sequences of the *other* table.

    Returns:
        Sequences of table *name*.
    """
    table, kept = warehouse.everything(name), warehouse.everything(other)
    away = warehouse.memtable(pa.table({"sequence": pa.array(sorted(gone), pa.int64())}))
    return _numbers(table.anti_join(kept.anti_join(away, "sequence"), list(TABLES[other].key)))


def _numbers(rows: Table) -> set[int]:
    return set(rows.select("sequence").to_pyarrow()["sequence"].to_pylist())


def _moment(at: datetime) -> Any:
    return ibis.literal(at).cast("timestamp('UTC', 6)")
