"""Prepared statements: an Ibis expression compiled once and run on other rows.

Compiling takes most of a second, running some hundredths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import ibis
import pyarrow as pa
from ibis import Table

from sync.warehouse.memory import open_memory
from sync.warehouse.statements import ANY_MOMENT, with_moment


class PreparedQuestion:
    """One engine in memory with empty tables, and the compiled expression. One thread at a time.

    Args:
        schemas: Of the tables, by name.
        question: Makes the expression from the tables and a moment.
    """

    def __init__(
        self, schemas: Mapping[str, pa.Schema], question: Callable[[Mapping[str, Table], datetime], Table]
    ) -> None:
        self._engine, self._schemas = open_memory(), schemas
        tables = {n: self._engine.create_table(n, schema=ibis.Schema.from_pyarrow(s)) for n, s in schemas.items()}
        self._run = self._engine.con.execute
        compiled = with_moment(self._engine.compile, question(tables, ANY_MOMENT), "$1")
        self._run(f"PREPARE question AS {compiled}")

    def ask(self, rows: Mapping[str, pa.Table], moment: datetime) -> pa.Table:
        """Return what the expression gives for *rows* (by table; the missing are empty) at *moment* (UTC).

        Args:
            rows: Arrow rows by name of the table.
            moment: In place of the moment that was asked for when the question was prepared.

        Returns:
            What the expression selects; nothing of *rows* stays.
        """
        self._run("BEGIN")
        try:
            for name, row in rows.items():
                schema = self._schemas[name]
                self._engine.con.register("incoming", row.select(schema.names).cast(schema))
                self._run(f'INSERT INTO "{name}" SELECT * FROM incoming')  # noqa: S608 - a name in the schemas
                self._engine.con.unregister("incoming")
            return self._run(f"EXECUTE question('{moment.astimezone(UTC).isoformat()}')").to_arrow_table()
        finally:
            self._run("ROLLBACK")

    def close(self) -> None:
        """Give back the memory."""
        self._engine.disconnect()
