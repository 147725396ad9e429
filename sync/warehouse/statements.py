"""Compiled statements, kept between commands and run on DuckDB without Ibis. Embedded engine only.

Importing Ibis and compiling the traits takes longer than all else that a command about one person does. A statement
is what Ibis compiled, with its moment and its person as parameters. Values go into it as text, and moments come out of
it as numbers: DuckDB imports pandas, or needs pytz, for any other way.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.records import TABLES
from connectors.table_schema import MOMENT, TableSchema
from sync.warehouse.damage import FILE as WAREHOUSE
from sync.warehouse.damage import is_held, not_opened, warehouse_held
from sync.warehouse.embedded_file import copied, without_progress_bar

if TYPE_CHECKING:
    from ibis import Table

    from sync.warehouse.store import Warehouse

FILE = "statements.json"
ALONE: dict[str, str | bool | int | float | list[str]] = {"threads": 1}
ANY_MOMENT = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
"""Stands for the moment in an expression, until a question names one."""
ANY_PERSON = "personasync:any-person"
"""Stands for the person's id."""
MICROSECONDS = ":us"  # behind the name of a column: a moment, counted from 1970
EPOCH = datetime.fromtimestamp(0, UTC)
ENGINE = ("ibis-framework", "sqlglot", "duckdb")


def made_with() -> list[str]:
    """Return the versions of what compiles and of what runs, and the code of the tables: others may need others."""
    code = Path(__file__).with_name("store.py").read_text("utf-8")  # to import it is to import Ibis
    return [*(f"{name} {version(name)}" for name in ENGINE), code]


def compiled(warehouse: Warehouse, wanted: Table) -> str:
    """Return the statement of an expression that is made with `ANY_MOMENT` and `ANY_PERSON`.

    Args:
        warehouse: On the embedded engine.
        wanted: Over its tables, and tables without an engine (`ibis.table`) that are given when it is run.
    """
    engine = warehouse.engine
    columns = ", ".join(
        moment_column(name)
        if kind.is_timestamp()
        else f'CAST("{name}" AS {engine.compiler.type_mapper.to_string(kind)}) AS "{name}"'
        for name, kind in wanted.schema().items()
    )
    return f"SELECT {columns} FROM ({with_moment(engine.compile, wanted, '$moment')}) AS found"  # noqa: S608 - ours


def moment_column(name: str) -> str:
    """Return how a statement selects a column of moments for `StatementRunner.rows`: as microseconds."""
    return f'epoch_us(CAST("{name}" AS TIMESTAMPTZ)) AS "{name}{MICROSECONDS}"'


def with_moment(compiler: Callable[[Any], Any], wanted: Table, parameter: str) -> str:
    """Return DuckDB's statement of an expression that is made with `ANY_MOMENT`, a parameter in its place.

    Args:
        compiler: An engine's method `compile`.
        wanted: The expression.
        parameter: As DuckDB writes it: ``$1``.
    """
    import ibis  # noqa: PLC0415 - who runs what is kept needs none

    alone = str(compiler(ibis.literal(ANY_MOMENT).cast("timestamp('UTC', 6)").name("at")))
    moment = alone.removeprefix("SELECT ").removesuffix(' AS "at"')
    return str(compiler(wanted)).replace(moment, f"CAST({parameter} AS TIMESTAMPTZ)")


def kept_statements(directory: Path, digest: str) -> dict[str, str]:
    """Return the statements that are kept by name; none where those that are kept have another digest, or none are.

    Args:
        directory: The workspace's state directory.
        digest: Of all that the statements are made from.
    """
    try:
        kept = json.loads((directory / FILE).read_text("utf-8"))
        return dict(kept["statements"]) if kept["digest"] == digest else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # they can be made again at any time


def keep_statements(directory: Path, digest: str, statements: Mapping[str, str]) -> None:
    """Keep statements in place of those that were kept; arguments are as in `kept_statements`."""
    handle, written = tempfile.mkstemp(dir=directory, prefix=FILE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"digest": digest, "statements": dict(statements)}, file)
    Path(written).replace(directory / FILE)  # at once: another command may read it


class StatementRunner:
    """The embedded engine's file, opened to read."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        rows = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        self._tables = {name for (name,) in rows}

    def has(self, *names: str) -> bool:
        """Tell whether there are all of these tables."""
        return self._tables.issuperset(names)

    def give(self, name: str, columns: Mapping[str, Sequence[Any]], types: Mapping[str, str]) -> None:
        """Make a table without an engine known to the statements that name it.

        Args:
            name: As in their expressions.
            columns: Its values.
            types: Of the columns, as DuckDB names them.
        """
        parts = [
            f"""unnest(from_json({_text(json.dumps(values))}, '["{types[column]}"]')) AS "{column}\""""
            for column, values in columns.items()
        ]
        self._connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT {", ".join(parts)}')

    def rows(self, statement: str, *, person: str = "", moment: datetime | None = None) -> list[dict[str, Any]]:
        """Return the rows of a statement.

        Args:
            statement: What to run.
            person: The id in place of `ANY_PERSON`.
            moment: UTC, in place of `ANY_MOMENT`.
        """
        text = statement
        if moment is not None:
            text = text.replace("$moment", _text(moment.astimezone(UTC).isoformat()))
        text = text.replace(f"'{ANY_PERSON}'", _text(person))
        answer = self._connection.execute(text)
        names = [column[0] for column in answer.description]
        return [dict(map(_named, names, row)) for row in answer.fetchall()]

    def all_of(self, table: TableSchema) -> list[dict[str, Any]]:
        """Return every row of a small table."""
        columns = (moment_column(name) if kind == MOMENT else f'"{name}"' for name, kind in table.fields)
        return self.rows(f'SELECT {", ".join(columns)} FROM "{table.name}"')  # noqa: S608 - ours

    def counted(self, names: Iterable[str], since: int) -> tuple[int, int, int]:
        """Count the versions of some tables.

        Returns:
            The last sequence of all; how many versions there are; how many of them until the sequence *since*.
        """
        query = f"SELECT MAX(sequence), COUNT(*), COUNT(*) FILTER (WHERE sequence <= {since}) FROM"
        each = " UNION ALL ".join(f"{query} {name}" for name in names)
        counts = self._connection.execute(each).fetchall()
        return max(last or 0 for last, _, _ in counts), sum(n for _, n, _ in counts), sum(old for _, _, old in counts)


def _named(name: str, value: Any) -> tuple[str, Any]:
    """A column's name and its value; see `moment_column`."""
    if not name.endswith(MICROSECONDS):
        return name, value
    return name.removesuffix(MICROSECONDS), None if value is None else EPOCH + timedelta(microseconds=value)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def runner_of(warehouse: Warehouse) -> StatementRunner:
    """Return what runs statements on a warehouse that is open, on the embedded engine, for as long as it is.

    Returns:
        One that sees the temporary tables of the warehouse.
    """
    engine: Any = warehouse.engine
    return StatementRunner(engine.con)


@contextmanager
def open_to_read(directory: Path) -> Iterator[StatementRunner | None]:
    """Open the embedded engine's file in a state directory; None where it, or one of its tables, is not there yet.

    While another process holds the file, a copy is read.

    Raises:
        FixSettingsError: The file can't be read.
        TryLaterError: Another process holds it, and it can't be copied.
    """
    import duckdb  # noqa: PLC0415 - only the embedded engine needs it

    path = directory / WAREHOUSE
    if not path.is_file():
        yield None
        return
    try:
        connection = duckdb.connect(path, read_only=True, config=ALONE)
    except duckdb.Error as error:
        if not is_held(error):
            raise not_opened(path, error) from error
        with copied(path) as copy:
            if copy is None:
                raise warehouse_held() from error
            with _running(duckdb.connect(copy, config=ALONE)) as runner:
                yield runner
        return
    with _running(connection) as runner:
        yield runner


@contextmanager
def _running(connection: Any) -> Iterator[StatementRunner | None]:
    try:
        connection.execute("SET TimeZone = 'UTC'")  # as Ibis does
        without_progress_bar(connection)
        runner = StatementRunner(connection)
        yield runner if runner.has(*TABLES) else None
    finally:
        connection.close()
