"""What SQLite and PostgreSQL each spell in their own way: a transaction that writes, and an insert that gives way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table
from sqlalchemy.dialects import postgresql, sqlite


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that may read first and write later; it is committed when the block ends well.

    SQLite refuses to turn a reader into a writer after somebody else has written; so it begins as a writer.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.commit()


def insert_for(engine: Engine, table: Table) -> Any:
    """Return an insert that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    return postgresql.insert(table) if engine.dialect.name == "postgresql" else sqlite.insert(table)
