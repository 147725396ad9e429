"""The workspace's id in the warehouse, which the control store has too, and the form of the warehouse's tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import pyarrow as pa
from ibis.backends.sql import SQLBackend

from sync.warehouse.damage import warehouse_newer

STAMP = "workspace_stamp"  # one row
FORMAT = 1  # of the tables; a larger one was written by a newer personasync


class WarehouseStamp:
    """Id and form.

    Args:
        engine: Of the warehouse.
        present: Its tables.

    Raises:
        FixSettingsError: A newer personasync wrote the warehouse.
    """

    def __init__(self, engine: SQLBackend, present: Collection[str]) -> None:
        self._engine, self._there = engine, STAMP in present
        if self._there and (self._asked("MAX(format)") or 0) > FORMAT:
            raise warehouse_newer()

    def get(self) -> str | None:
        """Return the id; None where the warehouse is new, or older than ids."""
        kept = self._asked("MAX(id)") if self._there else None
        return None if kept is None else str(kept)

    def set(self, workspace_id: str) -> None:
        """Keep the id in a warehouse that has none; where another process was first, its id stays."""
        row = pa.table({"id": pa.array([workspace_id]), "format": pa.array([FORMAT], pa.int64())})
        try:
            self._engine.create_table(STAMP, row)
        except Exception:
            # each engine has an error of its own for a table that is there by now
            if STAMP not in self._engine.list_tables():
                raise
        self._there = True

    def _asked(self, what: str) -> Any:
        return cast(Any, self._engine).raw_sql(f"SELECT {what} FROM {STAMP}").fetchone()[0]  # noqa: S608 - ours
