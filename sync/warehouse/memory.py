"""Engines in memory, for a few rows at a time: the webhook service's decisions, prepared statements."""

from __future__ import annotations

import ibis
import pyarrow as pa
from ibis import Table
from ibis.backends.duckdb import Backend as DuckDB
from ibis.backends.sql import SQLBackend


class Memory:
    """An engine of its own for a few rows at a time, with nothing on disk; of one thread."""

    def __init__(self) -> None:
        self._engine: SQLBackend = ibis.duckdb.connect(threads=1)  # noqa: TID251 - this is the door

    def keep(self, name: str, rows: pa.Table) -> Table:
        """Return Arrow rows as a table of the engine, in place of those that had the *name* before."""
        return self._engine.create_table(name, rows, temp=True, overwrite=True)

    def rows(self, wanted: Table) -> pa.Table:
        """Return the rows of an expression over kept tables."""
        return self._engine.to_pyarrow(wanted)

    def close(self) -> None:
        """Give back the memory."""
        self._engine.disconnect()


def open_memory() -> DuckDB:
    """Return an engine in memory with one thread, for a few rows at a time."""
    opened: DuckDB = ibis.duckdb.connect(threads=1)  # noqa: TID251 - this is the door
    return opened
