"""The embedded engine's file: its columns, and a copy to read from while another process holds it.

The engine itself prints nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sync.warehouse.damage import FILE

if TYPE_CHECKING:
    import ibis
    from ibis.backends.sql import SQLBackend

COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns
WHERE table_catalog = current_database() AND table_schema = current_schema() ORDER BY ordinal_position
"""
COPIES = "reading-"  # what the folders of copies begin with
HEADERS = 3 * 4096  # bytes: the file's own header, and the two between which each checkpoint switches
TRIES = 20


def without_progress_bar(connection: Any) -> None:
    """Keep DuckDB's own progress bar off: after two seconds of a query it is printed into a command's JSON."""
    connection.execute("SET enable_progress_bar_print = false")


def columns_there(engine: SQLBackend) -> dict[str, dict[str, str]]:
    """Return the columns of each table of the file in their order, with the engine's word for their types.

    One question for all: Ibis asks one for each table, and opening a warehouse took three times as long.
    """
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in cast("Any", engine).raw_sql(COLUMNS).fetchall():
        tables.setdefault(table, {})[column] = kind
    return tables


def schemas_of(engine: SQLBackend, tables: Mapping[str, Mapping[str, str]]) -> dict[str, ibis.Schema]:
    """Return the schemas of some tables, as `columns_there` tells of them.

    Of our own alone: Ibis does not know every type that a table has which somebody else made in the file.
    """
    import ibis  # noqa: PLC0415 - whoever opens a warehouse has it by now

    parsed = {kind: engine.compiler.type_mapper.from_string(kind) for each in tables.values() for kind in each.values()}
    return {name: ibis.schema({c: parsed[kind] for c, kind in each.items()}) for name, each in tables.items()}


def table_there(engine: SQLBackend, name: str, schema: ibis.Schema) -> ibis.Table:
    """Return what ``engine.table(name)`` does, without a question, for a table whose columns are known."""
    from ibis.expr import operations as ops  # noqa: PLC0415

    return ops.DatabaseTable(name, schema=schema, source=engine, namespace=ops.Namespace()).to_expr()


@contextmanager
def copied(path: Path) -> Iterator[Path | None]:
    """Copy the file, as the last commit left it, while another process goes on writing; the copy goes with the block.

    DuckDB never overwrites what its last checkpoint wrote: what is newer goes to free blocks and into the log beside
    the file, and a header switches at the end. So with the same headers before and after, file and log belong together.

    Args:
        path: The file.

    Yields:
        The copy; None where there is no room for it, or checkpoints follow each other too fast.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=COPIES, ignore_cleanup_errors=True) as folder:
        yield _copy(path, Path(folder) / FILE)


def _copy(path: Path, copy: Path) -> Path | None:
    with suppress(OSError):
        for _ in range(TRIES):
            before = _headers(path)
            shutil.copyfile(path, copy)
            _log(copy).unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # nothing was written since the last checkpoint
                shutil.copyfile(_log(path), _log(copy))
            if _headers(path) == before:
                return copy
    return None


def _headers(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADERS)


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")
