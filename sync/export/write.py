"""Tables as CSV, Excel or Parquet files, which appear whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.errors import FixSettingsError
from connectors.safe_cells import safe_cell

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SHEET_ROWS = 1_048_576
OURS = 0o600  # exported files hold personal data


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table.

    Args:
        path: .csv, .xlsx or .parquet; overwritten.
        columns: Names, in order.
        rows: A cell for each column: text, number or moment; None: empty.

    Raises:
        FixSettingsError: The suffix is another, or the file can't be written.
    """
    writer = check_target(path)
    with whole_file(path) as unfinished:
        writer(unfinished, columns, rows)


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as Parquet that only its owner may read.

    Args:
        path: Of the file; overwritten.
        table: Its rows.

    Raises:
        FixSettingsError: The file can't be written.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - as below

    with whole_file(path) as unfinished:
        pq.write_table(table, unfinished)


def write_text(path: Path, text: str) -> None:
    """Write a text that only its owner may read.

    Args:
        path: Of the file; overwritten.
        text: Its content.

    Raises:
        FixSettingsError: The file can't be written.
    """
    with whole_file(path) as unfinished:
        unfinished.write_text(text, "utf-8")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield where to write a file of the owner alone, which then takes its place, whole or not at all.

    Raises:
        FixSettingsError: It can't be written.
    """
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.touch(OURS)
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise FixSettingsError(
            f"{path} can't be written: {error.strerror or error}.", fix="Name a file in a folder that you can write to."
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def check_target(path: Path) -> Callable[[Path, Sequence[str], Sequence[Sequence[Any]]], None]:
    """Return what writes a file of this suffix.

    Raises:
        FixSettingsError: Nothing does.
    """
    if path.suffix.lower() not in WRITERS:
        message = f"{path.name} has no suffix that can be written."
        raise FixSettingsError(message, fix=f"End it in {', '.join(WRITERS)}.")
    return WRITERS[path.suffix.lower()]


def _csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([safe_cell(name) for name in columns])
        writer.writerows([safe_cell(_plain(cell)) for cell in row] for row in rows)


def _sheet(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    from openpyxl import Workbook  # noqa: PLC0415 - only where a sheet is written
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415

    if len(rows) >= MOST_SHEET_ROWS:
        raise FixSettingsError(f"{len(rows):,} rows do not fit into an Excel sheet.", fix="Write .csv or .parquet.")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("personasync")

    def cell(value: Any) -> Any:
        plain = _plain(value)
        if not isinstance(plain, str):
            return plain
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", plain))
        made.data_type = "s"  # a text that begins with = is no formula
        return made

    for row in (columns, *rows):
        sheet.append([cell(value) for value in row])
    book.save(path)


def _parquet(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - other formats, and commands that only could export, need no Arrow
    import pyarrow.parquet as pq  # noqa: PLC0415

    arrays = [pa.array([row[place] for row in rows]) for place in range(len(columns))]
    texts = [array.cast(pa.string()) if pa.types.is_null(array.type) else array for array in arrays]
    pq.write_table(pa.table(texts, names=list(columns)), path)


def _plain(cell: Any) -> Any:
    return f"{cell:%Y-%m-%d %H:%M:%S}" if isinstance(cell, datetime) else cell


WRITERS: Mapping[str, Callable[[Path, Sequence[str], Sequence[Sequence[Any]]], None]] = {
    ".csv": _csv,
    ".xlsx": _sheet,
    ".parquet": _parquet,
}
