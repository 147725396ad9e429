"""The tables of the control store. Migrations bring a store to this shape; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, BigInteger, Column, DateTime, Dialect, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

metadata = MetaData()


class Utc(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return *value* in UTC."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return *value* with its zone."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NUMBER = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only a plain INTEGER key

run = Table(
    "run",
    metadata,
    Column("run_id", String(40), primary_key=True),
    Column("command", String(200), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("started_at", Utc, nullable=False),
    Column("finished_at", Utc),
    Column("counts", JSON, nullable=False),
)

cursor = Table(
    "cursor",
    metadata,
    Column("connection", String(100), primary_key=True),
    Column("stream", String(100), primary_key=True),
    Column("position", JSON, nullable=False),
    Column("moved_at", Utc, nullable=False),
    Column("run_id", String(40), nullable=False),
)

link = Table(
    "link",
    metadata,
    Column("contact_key", String(400), primary_key=True),
    Column("person_id", String(60), nullable=False, index=True),
    Column("run_id", String(40), nullable=False),
)

merged_person = Table(
    "merged_person",
    metadata,
    Column("person_id", String(60), primary_key=True),
    Column("into_person_id", String(60), nullable=False),
    Column("run_id", String(40), nullable=False),
)

plan = Table(
    "plan",
    metadata,
    Column("plan_id", String(60), primary_key=True),
    Column("run_id", String(40), nullable=False),
    Column("path", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("summary", JSON, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("entry", NUMBER, primary_key=True, autoincrement=True),
    Column("run_id", String(40), nullable=False),
    Column("connection", String(100), nullable=False),
    Column("platform_id", String(200), nullable=False),
    Column("person_id", String(60), nullable=False),
    Column("email", String(320)),
    Column("kind", String(10), nullable=False),
    Column("name", String(200), nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("state", String(20), nullable=False),  # "" until there is an outcome
    Column("reason", Text, nullable=False),
    Column("code", String(100), nullable=False),
    Column("intended_at", Utc, nullable=False),
    Column("settled_at", Utc),
    Index("ledger_change", "run_id", "connection", "platform_id", "kind", "name", unique=True),
    Index("ledger_state", "state"),
    Index("ledger_group", "connection", "kind", "name", "platform_id"),
)
