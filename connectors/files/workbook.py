"""Excel and OpenDocument sheets as a table."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.errors import FixSettingsError

KINDS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
MOST_UNPACKED = 512 * 2**20  # an XLSX is a ZIP: a small one can hold a very large one
MOST_COLUMNS, MOST_CELLS = 2_000, 20_000_000
PLACE = re.compile(rb"""\sr\s*=\s*["']([A-Z]{1,3})(\d{1,7})["']""")  # of a cell, whatever its namespace is called
CHUNK = 2**20


STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of a ZIP, and of an old workbook


def is_workbook(path: Path) -> bool:
    """Tell whether a file begins as a workbook does, whatever its name says.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        return file.read(4) in STARTS


def read_sheet(path: Path, sheet: str | None) -> tuple[list[str], pa.Table, int]:
    """Return the headers of a sheet, its rows, and the number of the first row below the header.

    A column of nothing but numbers or nothing but dates keeps its type; all others are text.

    Args:
        path: XLSX, XLSM, XLSB, XLS or ODS.
        sheet: Its name; None: the first one.

    Raises:
        FixSettingsError: It is broken, too large, or has no such sheet.
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        file.read(1)  # a missing file is told as one
    cells, above = _cells(path, sheet)
    place = next((number for number, row in enumerate(cells) if any(cell != "" for cell in row)), None)
    if place is None:
        raise FixSettingsError(f"{path.name} is empty.", fix="It needs a header row and rows below it.")
    headers = [_text(cell) or "" for cell in cells[place]]
    while headers and not headers[-1]:
        headers.pop()  # spreadsheets trail empty columns
    below = cells[place + 1 :]
    columns = [_column([row[number] for row in below]) for number in range(len(headers))]
    rows = pa.table(columns, names=[str(number) for number in range(len(headers))])
    return headers, rows, above + place + 2


@dataclass(frozen=True, slots=True)
class SheetSize:
    """A sheet; *rows* and *columns* of the rectangle that is used, 0 where it is empty."""

    name: str
    rows: int
    columns: int


def sheet_sizes(path: Path) -> list[SheetSize]:
    """Return the sheets of a workbook, in its order.

    Raises:
        FixSettingsError: It is broken or too large.
        OSError: It can't be read.
    """
    with _opened(path) as book:
        return [_size(path, book, name) for name in book.sheet_names]


def _size(path: Path, book: Any, name: str) -> SheetSize:
    worksheet = book.get_sheet_by_name(name)
    _refuse_size(path, worksheet.height, worksheet.width)
    return SheetSize(name, worksheet.height, worksheet.width)


def _cells(path: Path, sheet: str | None) -> tuple[list[list[Any]], int]:
    with _opened(path) as book:
        worksheet = book.get_sheet_by_name(_named(path, book.sheet_names, sheet))
        _refuse_size(path, worksheet.height, worksheet.width)
        return worksheet.to_python(skip_empty_area=True), worksheet.start[0] if worksheet.start else 0


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The workbook; whatever breaks while it is read becomes the sentence that it can't be read."""
    from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound  # noqa: PLC0415 - only for sheets

    try:
        _refuse_large(path)
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as book:
            yield book
    except (CalamineError, WorksheetNotFound, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError) as error:
        raise _broken(path) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # the parser is Rust; its panics are no Exception
            raise _broken(path) from error
        raise


def _named(path: Path, names: list[str], sheet: str | None) -> str:
    if not names:
        raise _broken(path)
    if sheet is not None and sheet not in names:
        raise FixSettingsError(f"{path.name} has no sheet {sheet!r}.", fix=f"It has: {', '.join(names)}.")
    return names[0] if sheet is None else sheet


def _broken(path: Path) -> FixSettingsError:
    return FixSettingsError(f"{path.name} is not a readable spreadsheet.", fix="Save it as CSV.")


def _refuse_large(path: Path) -> None:
    """The parser makes room for the whole rectangle that is used: one stray cell could take all memory."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as packed:
        entries = packed.infolist()
        if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
            raise FixSettingsError(f"{path.name} is far larger when unpacked.", fix="Save the sheet as CSV.")
        for entry in entries:
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", entry.filename):
                rows, columns = _extent(packed, entry)
                _refuse_size(path, rows, columns)


def _extent(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, int]:
    rows, letters, rest = 0, set[bytes](), b""
    with packed.open(entry) as file:
        while part := file.read(CHUNK):
            data = rest + part
            for match in PLACE.finditer(data):
                letters.add(match[1])
                rows = max(rows, int(match[2]))
            rest = data[-64:]
    return rows, max((_number(name) for name in letters), default=0)


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _refuse_size(path: Path, rows: int, columns: int) -> None:
    if columns > MOST_COLUMNS or rows * columns > MOST_CELLS:
        message = f"{path.name} uses more than {MOST_COLUMNS:,} columns or {MOST_CELLS:,} cells."
        raise FixSettingsError(message, fix="Delete stray cells far from the table, or save the sheet as CSV.")


def _column(cells: list[Any]) -> pa.Array:
    known = [cell for cell in cells if cell != ""]
    if known and all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in known):
        return pa.array([None if cell == "" else float(cell) for cell in cells], pa.float64())
    if known and all(isinstance(cell, date) for cell in known):
        moments = [cell if isinstance(cell, datetime) else _midnight(cell) for cell in cells]
        return pa.array(moments, pa.timestamp("us"))
    return pa.array([_text(cell) for cell in cells], pa.string())


def _midnight(cell: Any) -> datetime | None:
    return datetime(cell.year, cell.month, cell.day) if isinstance(cell, date) else None  # noqa: DTZ001 - as the file has it


def _text(cell: Any) -> str | None:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell).strip() or None
