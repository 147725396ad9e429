"""What a command asks of the warehouse again and again, made once while it only reads."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar, cast

from ibis import Table
from ibis.backends.sql import SQLBackend

from connectors.table_schema import TableSchema
from sync.warehouse.latest_rows import every_overtaken

Made = TypeVar("Made")

MEMORY = "512MB"
"""Of the embedded engine while a command reads; what does not fit lies on disk."""


class ReadOnce:
    """Tables and values by key, kept while a block runs; tables as temporary ones, on DuckDB and PostgreSQL.

    Whatever is written in the meantime makes all of them be made again.
    """

    def __init__(self, engine: SQLBackend) -> None:
        self._engine = engine
        self._known: dict[Hashable, Any] = {}
        self._numbers = count(1)
        self._tables: list[str] = []
        self._depth = 0

    @property
    def keeps(self) -> bool:
        """Whether a block of `kept` runs."""
        return self._depth > 0

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what *make* gives; within `kept` it is asked once a *key*, and later answers are the first one.

        Args:
            key: Of what is made: a name, and the arguments that it depends on.
            make: Makes an Ibis table, or anything else.
        """
        if not self._depth:
            return make()
        if key not in self._known:
            made = make()
            self._known[key] = self._as_table(made) if isinstance(made, Table) else made
        made_before: Made = self._known[key]
        return made_before

    def in_force(self, versions: Table, schema: TableSchema, newest: Callable[[], int]) -> Table:
        """Return the versions in force of a table, within `kept`.

        Args:
            versions: All of them.
            schema: Of the table.
            newest: Returns the number that was given last: what is written later is none of the answer.

        Returns:
            One row per key; the columns of *schema* only.
        """
        [rows] = self.get(("in force", schema.name), lambda: [self._in_force(versions, schema, newest)])
        return rows

    def _in_force(self, versions: Table, schema: TableSchema, newest: Callable[[], int]) -> Table:
        known = versions.filter(versions.sequence <= self.get(("newest",), newest))
        # few versions are overtaken: to leave those out costs less than to rank all, or to keep a copy of the others
        left_out = self.get(("overtaken", schema.name), lambda: every_overtaken(known, schema))
        return known.anti_join(left_out, "sequence").select(*schema.columns.names)

    def _as_table(self, wanted: Table) -> Table:
        if self._engine.name not in {"duckdb", "postgres"}:
            return wanted
        name = f"read_once_{next(self._numbers)}"
        self._tables.append(name)
        table = self._engine.create_table(name, wanted, temp=True)
        if self._engine.name == "postgres":  # nothing else counts the rows of a temporary table for its planner
            cast("Any", self._engine).raw_sql(f"ANALYZE {name}")
        return table

    def forget(self) -> None:
        """Make everything again when it is asked for next; tables stay, since somebody may still ask them."""
        self._known.clear()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what `get` makes until the outermost block ends."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._known.clear()
                for name in self._tables:
                    self._engine.drop_table(name, force=True)
                self._tables.clear()
