"""The data plane: append-only versions of every table, through Ibis."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import ibis
import pyarrow as pa


class Warehouse:
    """Tables of `connectors.records.TABLES`, each row a version."""

    def append(self, name: str, rows: pa.Table, *, recorded_at: datetime) -> int:
        """Add *rows* as versions of *recorded_at*, except those equal to the version in force.

        Returns:
            How many rows were new.
        """
        raise NotImplementedError

    def replace_snapshot(
        self, rows: pa.Table, *, connection: str, groups: Collection[str], recorded_at: datetime
    ) -> int:
        """Make *rows* (schema memberships) the whole truth about *groups* of *connection*.

        Members in force that *rows* lack get a version with ``member`` false.

        Returns:
            How many versions were added.
        """
        raise NotImplementedError

    def current(self, name: str) -> ibis.Table:
        """Return the version in force of each row; the columns of the table's schema only."""
        raise NotImplementedError

    def as_of(self, name: str, moment: datetime) -> ibis.Table:
        """Return each row as it was known at *moment* (UTC); the columns of the table's schema only."""
        raise NotImplementedError

    def history(self, name: str) -> ibis.Table:
        """Return every version, with ``recorded_at`` and ``sequence`` (later versions have larger ones)."""
        raise NotImplementedError

    def memtable(self, rows: pa.Table) -> ibis.Table:
        """Return Arrow rows as a table that joins with those of this warehouse."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back the file."""
        raise NotImplementedError


def open_warehouse(engine: str, directory: Path) -> Warehouse:
    """Open the warehouse; tables that are missing are created.

    Args:
        engine: "duckdb" for the file ``warehouse.duckdb`` in *directory*, else an Ibis URL.
        directory: The workspace's state directory; created when missing.

    Raises:
        FixSettingsError: The engine is unknown, or can't be reached.
        TryLaterError: Another process holds the file.
    """
    raise NotImplementedError
