"""State of the local platforms: tables of JSON documents in memory, written behind to one SQLite file.

Reads never touch the file; `flush` writes what changed since the last flush in one transaction, so a
server that is killed between two requests comes back as it was after the first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class DocumentTable(MutableMapping[str, Row]):
    """Documents by key, in order of insertion. A document changed in place must be put back to be saved."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[str, Row] = {}
        self.dirty: dict[str, None] = {}  # a set that keeps its order

    def __getitem__(self, key: str) -> Row:
        return self.rows[key]

    def __setitem__(self, key: str, row: Row) -> None:
        self.rows[key] = row
        self.dirty[key] = None

    def __delitem__(self, key: str) -> None:
        del self.rows[key]
        self.dirty[key] = None

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Store:
    """All tables of both platforms. `table(name)` makes one on first use."""

    def __init__(self, path: Path | None = None) -> None:
        self.tables: dict[str, DocumentTable] = {}
        self.file: sqlite3.Connection | None = None
        if path is not None:
            self._open(path)

    def table(self, name: str) -> DocumentTable:
        """Return the table *name*, empty on first use."""
        return self.tables.setdefault(name, DocumentTable(name))

    def next_id(self, sequence: str, start: int = 1) -> int:
        """Return the next number of *sequence*; survives a restart."""
        numbers = self.table("sequences")
        value = int(numbers[sequence]["next"]) if sequence in numbers else start
        numbers[sequence] = {"next": value + 1}
        return value

    def flush(self) -> None:
        """Write what changed since the last flush. Does nothing without a file."""
        changed = [table for table in self.tables.values() if table.dirty]
        if self.file is not None and changed:
            with self.file:
                for table in changed:
                    self._write(self.file, table)
        for table in changed:
            table.dirty.clear()

    def close(self) -> None:
        """Flush and give the file back."""
        self.flush()
        if self.file is not None:
            self.file.close()
            self.file = None

    def _open(self, path: Path) -> None:
        self.file = sqlite3.connect(path, check_same_thread=False)
        self.file.execute("PRAGMA journal_mode=WAL")
        self.file.execute(
            "CREATE TABLE IF NOT EXISTS document "
            "(place INTEGER PRIMARY KEY, name TEXT, key TEXT, body TEXT, UNIQUE (name, key))"
        )
        for name, key, body in self.file.execute("SELECT name, key, body FROM document ORDER BY place"):
            self.table(name).rows[key] = json.loads(body)

    @staticmethod
    def _write(file: sqlite3.Connection, table: DocumentTable) -> None:
        gone = [(table.name, key) for key in table.dirty if key not in table.rows]
        kept = [(table.name, key, json.dumps(table.rows[key])) for key in table.dirty if key in table.rows]
        file.executemany("DELETE FROM document WHERE name = ? AND key = ?", gone)
        file.executemany(
            "INSERT INTO document (name, key, body) VALUES (?, ?, ?) "
            "ON CONFLICT (name, key) DO UPDATE SET body = excluded.body",
            kept,
        )
