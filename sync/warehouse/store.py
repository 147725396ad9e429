"""The warehouse store: append-only versions of every table, through Ibis.

Each row is a version; the one with the newest ``recorded_at`` (then the largest ``sequence``) is in force. A row
that equals the version in force is not written again, so writing a batch twice reads the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table
from ibis.backends.duckdb import Backend as DuckDB
from ibis.backends.sql import SQLBackend

from connectors.errors import ContractError
from connectors.records import CONTACTS, MEMBERSHIPS, ORDERS, TABLES, TIME
from connectors.table_schema import TableSchema
from sync.warehouse.embedded_file import columns_there, schemas_of, table_there
from sync.warehouse.latest_rows import first_by, ranked_in_force, versions_about
from sync.warehouse.older import keep_older_warehouse
from sync.warehouse.read_once import MEMORY, ReadOnce
from sync.warehouse.stamp import WarehouseStamp
from sync.warehouse.withheld import WITHHELD, WithheldRows, permitted

VERSION_COLUMNS = [("recorded_at", TIME), ("sequence", pa.int64())]
COUNTER = "last_sequence"  # one row: the number given last; never lower again, also when rows are erased
THREADS = 2  # as fast as four on our queries, a sixth of the memory
INCOMING = "incoming_rows"
EPOCH, WENT_BACK = datetime.fromtimestamp(0, UTC), timedelta(hours=1)


class Warehouse:
    """Tables of `connectors.records.TABLES`, each row a version."""

    def __init__(self, engine: SQLBackend) -> None:
        self.engine = engine
        columns = columns_there(engine) if self.embedded else {}
        present = set(columns or engine.list_tables())
        self.stamp = WarehouseStamp(engine, present)
        for table in TABLES.values():
            if table.name not in present:
                self._create(table.name, schema=ibis.Schema.from_pyarrow(_stored(table)))
        there = schemas_of(engine, {name: columns[name] for name in TABLES if name in columns})
        self._tables = {name: self._opened(table, there) for name, table in TABLES.items()}
        self._statements: dict[tuple[str, str], str] = {}
        self._ranked: dict[str, Table] = {}  # a command asks for a table some ten times, and Ibis builds slowly
        self._newest: dict[str, datetime] = {}
        self.read_once = ReadOnce(engine)
        self.withheld: Callable[[], WithheldRows | None] = lambda: None  # the session says whose rows nobody may read
        self._count_from(present)

    def _create(self, name: str, **content: Any) -> None:
        try:
            with self._transaction():  # what it holds comes with it, or it does not come
                self.engine.create_table(name, **content)
        except Exception:  # each engine's driver has errors of its own
            if name not in self.engine.list_tables():  # else another process was first
                raise

    def _opened(self, table: TableSchema, there: Mapping[str, ibis.Schema]) -> Table:
        """The table, with columns added that it did not have when it was made."""
        wanted = ibis.Schema.from_pyarrow(_stored(table))
        if there.get(table.name) == wanted:
            return table_there(self.engine, table.name, wanted)
        relation = self.engine.table(table.name)
        lacking = [name for name in wanted if name not in relation.columns]
        if lacking and self.embedded:
            keep_older_warehouse(self.engine, self.last_sequence() if COUNTER in self.engine.list_tables() else 0)
        for name in lacking:
            kind = self.engine.compiler.type_mapper.to_string(wanted[name])
            self._run(f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {name} {kind}")
        return self.engine.table(table.name) if lacking else relation

    def _count_from(self, present: Collection[str]) -> None:
        """Have the counter, and no lower than any number that is stored: an older personasync kept none."""
        # plain SQL: every command asks this first, and Ibis takes longer to compile it than any engine to answer
        each = " UNION ALL ".join(f"SELECT MAX(sequence) AS newest FROM {name}" for name in TABLES)  # noqa: S608 - ours
        highest = self._number(f"SELECT MAX(newest) FROM ({each}) AS every")  # noqa: S608 - ours
        if COUNTER not in present:
            self._create(COUNTER, obj=pa.table({"number": pa.array([highest], pa.int64())}))
        self._counter = self.engine.table(COUNTER)
        if self.last_sequence() < highest:
            with self._transaction():
                self._run(f"UPDATE {COUNTER} SET number = {highest} WHERE number < {highest}")  # noqa: S608 - ours

    def last_sequence(self) -> int:
        """Return the number that was given last; no version has a larger one, and none will get it again."""
        return self._number(f"SELECT MAX(number) FROM {COUNTER}")  # noqa: S608 - ours

    @property
    def embedded(self) -> bool:
        """Whether the engine is the one in this process (DuckDB)."""
        return bool(self.engine.name == "duckdb")

    def append(self, name: str, rows: pa.Table, *, recorded_at: datetime) -> int:
        """Add *rows* as versions of *recorded_at*, except those equal to the version in force.

        Of several rows with one key the last one counts.

        Args:
            name: Of the table.
            rows: In the table's schema.
            recorded_at: UTC; where the clock went back a little, the moment of the newest version in its place.

        Returns:
            How many rows were new or different.

        Raises:
            ContractError: A row lacks a part of its key.
        """
        if rows.num_rows == 0:
            return 0
        schema = TABLES[name]
        numbered = rows.select(schema.columns.names).cast(schema.columns)
        for key in schema.key:
            if numbered[key].null_count:
                raise ContractError(f"A row for {name} has no {key}, which identifies it.")
        at = pa.repeat(pa.scalar(self._not_before(name, recorded_at), TIME), rows.num_rows)
        return self._insert(schema, numbered.append_column("recorded_at", at), self._changed)

    def _not_before(self, name: str, recorded_at: datetime) -> datetime:
        """Return when a version is recorded: never before those that are there, or they would hide it.

        What lies further ahead was written under a wrong clock, and the next pull sets it right (`heal_future`).
        """
        if name not in self._newest:
            newest = f"SELECT CAST(ROUND(EXTRACT(EPOCH FROM MAX(recorded_at)) * 1000000) AS BIGINT) FROM {name}"  # noqa: S608
            self._newest[name] = EPOCH + timedelta(microseconds=self._number(newest))
        ahead = self._newest[name] - recorded_at
        self._newest[name] = recorded_at = self._newest[name] if timedelta(0) < ahead <= WENT_BACK else recorded_at
        return recorded_at

    def _changed(self, schema: TableSchema, incoming: Table) -> Table:
        """The incoming rows that differ from the version in force, or have none; the last one of each key."""
        keys = list(schema.key)
        incoming = first_by(incoming, schema.key, [incoming.sequence.desc()])
        others = [column for column in schema.columns.names if column not in keys]
        current = self._current_of(schema, incoming).rename({f"old_{c}": c for c in others})
        joined = incoming.left_join(current.mutate(known=True), keys)
        same = joined.known.fill_null(False)  # noqa: FBT003 - an expression
        for column in others:
            same = same & joined[column].identical_to(joined[f"old_{column}"])
        return joined.filter(~same)

    def _unknown(self, schema: TableSchema, incoming: Table) -> Table:
        """The incoming versions that the table does not have."""
        return incoming.anti_join(self._tables[schema.name], [*schema.key, "recorded_at"])

    def _current_of(self, schema: TableSchema, keys: Table) -> Table:
        # ranking every version of the table would cost its whole history
        return ranked_in_force(self._tables[schema.name].semi_join(keys, list(schema.key)), schema)

    def rows_of(self, name: str, keys: pa.Table) -> pa.Table:
        """Return the versions in force of the rows that *keys* (the table's key columns) name.

        Args:
            name: Of the table.
            keys: One row per key; each once.

        Returns:
            In no order; keys without a row are left out.
        """
        schema = TABLES[name]
        # a table that is dropped: what Ibis keeps in memory for itself stays there until nobody knows when
        wanted = self.engine.create_table(
            INCOMING, keys.select(schema.key).cast(_keys(schema)), temp=True, overwrite=True
        )
        try:
            return self._current_of(schema, wanted).to_pyarrow()
        finally:
            self.engine.drop_table(INCOMING, force=True)

    def versions_of(self, name: str, keys: pa.Table) -> pa.Table:
        """Return every version of the rows that *keys* name, oldest first, with ``recorded_at``."""
        schema, versions = TABLES[name], self._tables[name]
        wanted = self.memtable(keys.select(schema.key).cast(_keys(schema)))
        return versions.semi_join(wanted, list(schema.key)).order_by(["recorded_at", "sequence"]).to_pyarrow()

    def written_after(self, name: str, sequence: int, most: int) -> tuple[pa.Table, int]:
        """Return the keys of rows with a version after *sequence*, at most *most* versions, and how far that goes.

        Returns:
            Key columns, each row once; the last sequence that was looked at (*sequence* where there is nothing more).
        """
        schema, versions = TABLES[name], self._tables[name]
        first = versions.filter(versions.sequence > sequence).sequence.min().to_pyarrow().as_py()
        if first is None:
            return _keys(schema).empty_table(), sequence
        last = int(first) + most - 1
        some = versions.filter(versions.sequence >= first, versions.sequence <= last)
        # one query for both: what somebody else writes meanwhile must not be skipped
        rows = some.group_by(list(schema.key)).aggregate(sequence=some.sequence.max()).to_pyarrow()
        return rows.select(schema.key), int(pc.max(rows["sequence"]).as_py())

    def known_ids(self, connection: str, states: Collection[str]) -> pa.Array:
        """Return the platform ids of a connection's contacts whose state is one of *states*.

        Args:
            connection: Name of the connection.
            states: Such as "active", "archived".

        Returns:
            Text, in no order.
        """
        contacts = self.current(CONTACTS.name)
        matches = contacts.filter(contacts.connection == connection, contacts.state.isin(sorted(states)))
        return matches.select("platform_id").to_pyarrow()["platform_id"].combine_chunks()

    @contextmanager
    def bounded(self, memory: str) -> Iterator[None]:
        """Keep the embedded engine's memory below *memory* while the block runs; it spills to disk beyond."""
        if not self.embedded:
            yield
            return
        settings = cast(DuckDB, self.engine).con
        (before,) = settings.sql("SELECT current_setting('memory_limit')").fetchone() or ("80%",)
        settings.execute(f"SET memory_limit = '{memory}'")
        try:
            yield
        finally:
            settings.execute(f"SET memory_limit = '{before.replace(' ', '')}'")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Ask the engine once for what is asked again while the block runs, in bounded memory. Blocks may be nested."""
        with self.bounded(MEMORY), self.read_once.kept():
            yield

    def interrupt(self) -> None:
        """Let the statement that another thread runs on the embedded engine end with an error."""
        if self.embedded:
            cast("Any", self.engine).con.interrupt()

    def take_over(self, name: str, rows: pa.Table) -> int:
        """Add versions that were made elsewhere, each at the moment of its ``recorded_at``.

        Returns:
            How many there are that the table did not have yet.
        """
        schema = TABLES[name]
        return self._insert(schema, rows, self._unknown)

    def _insert(self, schema: TableSchema, rows: pa.Table, wanted: Callable[[TableSchema, Table], Table]) -> int:
        """Add those of *rows* (with ``recorded_at``) that are *wanted*; return how many there are."""
        count = rows.num_rows
        places = pa.array(range(1 - count, 1), pa.int64())  # up to the number that is given last
        placed = rows.append_column("sequence", places).select(_stored(schema).names)
        # inside the engine: rows that are handed to Ibis' insert stay in memory as long as the engine is open
        incoming = self.engine.create_table(INCOMING, placed, temp=True, overwrite=True)
        try:
            statement = schema.name, wanted.__name__
            if statement not in self._statements:
                self._statements[statement] = self._written(schema, wanted(schema, incoming))
            with self._transaction():
                self._take_numbers(count)
                written = self._run(self._statements[statement])
                self.read_once.forget()
                # an engine's driver counts, or answers with the count
                return int(written.rowcount if written.rowcount >= 0 else written.fetchone()[0])
        finally:
            self.engine.drop_table(INCOMING, force=True)

    def _take_numbers(self, count: int) -> None:
        """Take the next *count* numbers. Who else writes to this engine waits until the transaction ends.

        So numbers become visible in their order, and nobody compares with what another one has not committed yet: a
        row that two bring at once is written once.
        """
        self._run(f"UPDATE {COUNTER} SET number = number + {count}")  # noqa: S608 - all of it is ours

    def _number(self, question: str) -> int:
        return int(self._run(question).fetchone()[0] or 0)

    def _run(self, statement: str) -> Any:
        return cast(Any, self.engine).raw_sql(statement)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN")
        try:
            yield
        except BaseException:
            self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    def _written(self, schema: TableSchema, rows: Table) -> str:
        """The statement that adds *rows*: the same for each page, and Ibis takes longer for it than the engine."""
        number = rows.sequence + self._counter.number.max().as_scalar()
        chosen = rows.mutate(sequence=number).select(*_stored(schema).names)
        statement = self.engine._build_insert_from_table(target=schema.name, source=chosen)  # noqa: SLF001 - ditto
        return str(statement.sql(dialect=self.engine.dialect))

    def replace_snapshot(
        self, rows: pa.Table, *, connection: str, groups: Collection[str], recorded_at: datetime
    ) -> int:
        """Make *rows* (schema memberships) the whole truth about *groups* of *connection*.

        Members in force that *rows* lack get a version with ``member`` false.

        Returns:
            How many versions were added.
        """
        current = self.current(MEMBERSHIPS.name)
        mine = current.filter(current.connection == connection, current.group_name.isin(list(groups)), current.member)
        shown = self.memtable(rows.select(MEMBERSHIPS.key).cast(_keys(MEMBERSHIPS)))
        gone = mine.anti_join(shown, list(MEMBERSHIPS.key)).mutate(member=ibis.literal(value=False)).to_pyarrow()
        left = self.append(MEMBERSHIPS.name, gone, recorded_at=recorded_at)
        return left + self.append(MEMBERSHIPS.name, rows, recorded_at=recorded_at)

    def current(self, name: str) -> Table:
        """Return the version in force of each row; the columns of the table's schema only.

        Returns:
            An Ibis table, one row per key.
        """
        return self.permitted(name, self._in_force(name))

    def _in_force(self, name: str) -> Table:
        if self.embedded and self.read_once.keeps:
            return self.read_once.in_force(self._tables[name], TABLES[name], self.last_sequence)
        if name not in self._ranked:
            self._ranked[name] = ranked_in_force(self._tables[name], TABLES[name])
        return self._ranked[name]

    def as_of(self, name: str, moment: datetime) -> Table:
        """Return each row as it was known at *moment* (UTC); the columns of the table's schema only.

        Args:
            name: Of the table.
            moment: UTC, included.

        Returns:
            An Ibis table, one row per key.
        """
        versions = self._tables[name]
        known = versions.filter(versions.recorded_at <= ibis.literal(moment).cast("timestamp('UTC', 6)"))
        return self.permitted(name, ranked_in_force(known, TABLES[name]))

    def about(self, name: str, keys: Table) -> Table:
        """Return the rows in force about some contacts, by looking at the versions of their rows alone.

        Args:
            name: Of a table of contacts, or of rows with a ``contact_key``.
            keys: Column ``contact_key``.

        Returns:
            One row per key: all rows about them, and those that were about them once.
        """
        rows = ranked_in_force(versions_about(self._tables[name], keys, TABLES[name]), TABLES[name])
        return self.permitted(name, rows)

    def among(self, name: str, rows: Table, columns: Sequence[str]) -> Table:
        """Return the rows in force that *rows* name by *columns*, a part of the table's key."""
        named = self._tables[name].semi_join(rows, list(columns))
        return self.permitted(name, ranked_in_force(named, TABLES[name]))

    def history(self, name: str) -> Table:
        """Return every version, with ``recorded_at`` and ``sequence`` (later versions have larger ones)."""
        return self.permitted(name, self._tables[name])

    def everything(self, name: str) -> Table:
        """Return every version, also those that consent withholds: for counting and erasing, not for deciding."""
        return self._tables[name]

    def permitted(self, name: str, rows: Table) -> Table:
        """Return those of *rows* of a table that consent does not withhold (`sync.warehouse.withheld`)."""
        withheld = self.withheld() if name in WITHHELD else None
        if withheld is None:
            return rows
        return permitted(name, rows, withheld, self.memtable, lambda: self._tables[ORDERS.name])

    def memtable(self, rows: pa.Table) -> Table:
        """Return Arrow rows as a table that joins with those of this warehouse."""
        return ibis.memtable(rows)

    def close(self) -> None:
        """Give back the file.

        Tables that were cached go first: where an error is on its way out, its frames still hold some of them, and
        Ibis would drop those from an engine that is closed.
        """
        for name in list(self.engine._cache_name_to_entry):  # noqa: SLF001 - Ibis has no public way to give all back
            self.engine._finalize_cached_table(name)  # noqa: SLF001
        self.engine.disconnect()


def _stored(table: TableSchema) -> pa.Schema:
    return pa.schema([*table.columns, *(pa.field(name, kind) for name, kind in VERSION_COLUMNS)])


def _keys(table: TableSchema) -> pa.Schema:
    return pa.schema([table.columns.field(name) for name in table.key])
