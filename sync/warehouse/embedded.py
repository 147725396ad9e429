"""DuckDB-specific statements: staging tables, multi-table transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from segmenter.late_arrow import pa

if TYPE_CHECKING:
    from ibis import Table
    from ibis.backends.duckdb import Backend as DuckDB

    from sync.warehouse.store import Warehouse

LOG = "1GB"


class EmbeddedTables:
    """Tables of a warehouse on the embedded engine beside those of `connectors.records`."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._engine = cast("DuckDB", warehouse.engine)
        self._staged: list[str] = []

    def table(self, name: str) -> Table:
        """Return a table, kept or staged.

        Returns:
            An Ibis table.
        """
        return self._engine.table(name)

    def has(self, name: str) -> bool:
        """Tell whether there is such a table."""
        return name in self._engine.list_tables()

    def stage(self, name: str, rows: Table | pa.Table) -> Table:
        """Return *rows* as a table of this connection, which is there until the block of `staging` ends.

        Args:
            name: Of the staged table.
            rows: An expression of this engine, or Arrow rows.

        Returns:
            An Ibis table.
        """
        self._staged.append(name)
        if isinstance(rows, pa.Table):
            return self._engine.create_table(name, rows, temp=True, overwrite=True)
        # not by Ibis' create_table, which makes a table of another name, inserts, drops and renames
        self._engine._run_pre_execute_hooks(rows)  # noqa: SLF001 - Arrow rows that it joins with, as of withheld people
        self._engine.con.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {self._engine.compile(rows)}')
        return self._engine.table(name)

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Drop what was staged when the block ends."""
        try:
            yield
        finally:
            for name in self._staged:
                self._engine.drop_table(name, force=True)
            self._staged.clear()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that the block changes, or nothing of it."""
        run = self._engine.con.execute
        run(f"SET wal_autocheckpoint = '{LOG}'")  # the file is put in order once, when it is closed
        run("BEGIN")
        try:
            yield
        except BaseException:
            run("ROLLBACK")
            raise
        run("COMMIT")

    def keep(self, name: str, rows: Table | pa.Table) -> None:
        """Keep *rows* as the table *name*, in place of what it held.

        Args:
            name: Of the kept table.
            rows: An expression of this engine, or Arrow rows.
        """
        self._engine.create_table(name, rows, overwrite=True)

    def swap(self, name: str, key: str, *, gone: str, come: str) -> None:
        """Take rows out of a kept table and add others.

        Args:
            name: The table.
            key: A column of it.
            gone: A staged table whose *key* says which rows go.
            come: A staged table of the rows that come.
        """
        self._engine.con.execute(f'DELETE FROM {name} WHERE {key} IN (SELECT {key} FROM "{gone}")')  # noqa: S608 - ours
        self._engine.insert(name, self._engine.table(come))

    def update(self, name: str, key: str, *, staged: str) -> None:
        """Give columns of a kept table the values that the columns of *staged* have, by *key*.

        Args:
            name: Of the kept table.
            key: Column that both tables have; unique in each.
            staged: Name of the staged table.
        """
        self._update(name, key, staged, 'told."{0}"')

    def subtract(self, name: str, key: str, *, staged: str) -> None:
        """Take the values that the columns of *staged* have from the same columns of a kept table, by *key*.

        Args:
            name: Of the kept table.
            key: Column that both tables have; unique in each.
            staged: Name of the staged table, whose columns are numbers.
        """
        self._update(name, key, staged, f'{name}."{{0}}" - told."{{0}}"')

    def _update(self, name: str, key: str, staged: str, value: str) -> None:
        columns = [column for column in self._engine.table(staged).columns if column != key]
        values = ", ".join(f'"{column}" = {value.format(column)}' for column in columns)
        joined = f'FROM "{staged}" AS told WHERE {name}.{key} = told.{key}'
        self._engine.con.execute(f"UPDATE {name} SET {values} {joined}")  # noqa: S608 - all names are ours
