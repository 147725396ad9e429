"""SQL dialect differences of SQLite and PostgreSQL: write transactions, insert or ignore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, Table, collate, select
from sqlalchemy.dialects import sqlite


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


def locked(connection: Connection, key: Column[str], condition: ColumnElement[bool]) -> list[str]:
    """Lock the rows that meet *condition* in the order in which every transaction locks them, and return their keys.

    That order is Python's of texts. PostgreSQL would otherwise take a plan's order or a language's, and two
    transactions that want the same rows could wait for each other.
    """
    order = collate(key, "C") if connection.dialect.name == "postgresql" else key
    return list(connection.execute(select(key).where(condition).order_by(order).with_for_update()).scalars())


def insert_for(engine: Engine, table: Table) -> Any:
    """Return an insert that knows ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    if engine.dialect.name != "postgresql":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - a workspace in files need not load it

    return postgresql.insert(table)
