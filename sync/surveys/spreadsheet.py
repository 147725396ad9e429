"""Spreadsheet reader for CSV, TSV and XLSX files of unknown origin, with size and format checks."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from connectors.errors import FixSettingsError
from connectors.files.delimited import refuse_repeated, separator_of

MOST_BYTES = 64 * 2**20
MOST_UNPACKED = 512 * 2**20  # an XLSX is a ZIP: a small one can hold a very large one
MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 1_000_000, 2_000, 20_000_000
KINDS = (".csv", ".tsv", ".txt", ".xlsx")


@dataclass(frozen=True, slots=True)
class Grid:
    """A file's cells.

    Attributes:
        file: Its name, for people.
        headers: Of the columns, trimmed.
        rows: As many cells as there are headers, trimmed; rows without any content are left out.
        numbers: The number that a spreadsheet shows for each row.
    """

    file: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]

    def column(self, header: str) -> list[str]:
        """Return the cells below *header*.

        Returns:
            One text per row; "" where the cell is empty.
        """
        place = self.headers.index(header)
        return [row[place] for row in self.rows]

    def find(self, wanted: str) -> str | None:
        """Return the header that *wanted* means, whatever its capitals; None where there is none."""
        folded = {header.casefold(): header for header in reversed(self.headers)}
        return wanted if wanted in self.headers else folded.get(wanted.strip().casefold())

    def needed(self, wanted: str) -> str:
        """Return the header that *wanted* means.

        Returns:
            The header as the file spells it.

        Raises:
            FixSettingsError: The file has none.
        """
        found = self.find(wanted)
        if found is None:
            raise FixSettingsError(
                f"{self.file} has no column {wanted!r}.", fix=f"It has: {', '.join(self.headers[:40])}."
            )
        return found


def read_grid(path: Path, *, sheet: str | None = None) -> Grid:
    """Return the cells of a file.

    Args:
        path: CSV (comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows-1252) or XLSX.
        sheet: Of an XLSX; the first one by default.

    Returns:
        Text of all cells, trimmed, with headers and row numbers.

    Raises:
        FixSettingsError: It is missing, of another kind, broken, too large, or has no usable header row.
    """
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        raise FixSettingsError(f"{path.name} is not a readable table.", fix=f"Save it as {', '.join(KINDS)}.")
    if sheet is not None and suffix != ".xlsx":
        raise FixSettingsError(f"{path.name} has no sheets.", fix="Remove --sheet.")
    try:
        data = _bytes(path)
    except OSError as error:
        raise FixSettingsError(f"{path} can't be read: {error.strerror or error}.", fix="Check the path.") from error
    lines = _xlsx(path.name, data, sheet) if suffix == ".xlsx" else _delimited(path.name, data)
    return _grid(path.name, lines)


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise FixSettingsError(
            f"{path.name} has more than {MOST_BYTES // 2**20} MB.", fix="Remove columns that are not needed."
        )
    return path.read_bytes()


def _delimited(file: str, data: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    text = _text(file, data)
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = separator_of(first)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    before = 0
    try:
        for cells in reader:
            yield before + 1, cells  # where the row begins: a cell may hold line breaks
            before = reader.line_num
    except csv.Error as error:
        raise FixSettingsError(
            f"{file}, row {before + 1}: {error}.", fix="Check for an unclosed quotation mark."
        ) from error


def _text(file: str, data: bytes) -> str:
    marked = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    encodings = ("utf-16",) if marked else ("utf-8-sig", "cp1252")  # what Excel writes, in this order
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise FixSettingsError(f"{file} is not text.", fix="Save it as CSV in UTF-8.")


BROKEN = (
    zipfile.BadZipFile, zlib.error, ParseError, KeyError, IndexError, ValueError, TypeError, AttributeError, EOFError,
    OSError, NotImplementedError, RuntimeError, OverflowError,
)  # fmt: skip
"""What openpyxl lets through when a file is not what it says."""


def _xlsx(file: str, data: bytes, sheet: str | None) -> Iterator[tuple[int, Sequence[str]]]:
    import openpyxl  # noqa: PLC0415 - only where a spreadsheet is read

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > MOST_UNPACKED:
            raise FixSettingsError(f"{file} is far larger when unpacked.", fix="Save the sheet as CSV.")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        try:
            yield from enumerate(_cells(_sheet(file, book, sheet)), 1)
        finally:
            book.close()
    except BROKEN as error:
        raise FixSettingsError(f"{file} is not a readable spreadsheet.", fix="Save it as CSV.") from error


def _sheet(file: str, book: Any, wanted: str | None) -> Any:
    if wanted is None:
        return book.worksheets[0]
    if wanted not in book.sheetnames:
        raise FixSettingsError(f"{file} has no sheet {wanted!r}.", fix=f"It has: {', '.join(book.sheetnames)}.")
    return book[wanted]


def _cells(sheet: Any) -> Iterator[list[str]]:
    for row in sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True):
        yield [_shown(cell) for cell in row]


def _shown(cell: object) -> str:
    """Text of a spreadsheet cell; whole numbers without a decimal point."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    return str(cell)


def _grid(file: str, lines: Iterable[tuple[int, Sequence[str]]]) -> Grid:
    headers: tuple[str, ...] | None = None
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    for number, raw in lines:
        cells = [cell.strip() for cell in raw]
        while cells and not cells[-1]:
            cells.pop()  # spreadsheets trail empty columns
        if not cells:
            continue
        if headers is None:
            headers = _headers(file, cells)
            continue
        if len(cells) > len(headers):
            raise FixSettingsError(
                f"{file}, row {number}: it has {len(cells)} cells, the header has {len(headers)}.",
                fix="Give every column a name, or check for a separator within a cell.",
            )
        rows.append((*cells, *([""] * (len(headers) - len(cells)))))
        numbers.append(number)
        if len(rows) > MOST_ROWS or len(rows) * len(headers) > MOST_CELLS:
            raise FixSettingsError(f"{file} has more than {len(rows) - 1:,} usable rows.", fix="Use a sample.")
    if headers is None or not rows:
        raise FixSettingsError(f"{file} is empty.", fix="It needs a header row and rows below it.")
    return Grid(file, headers, tuple(rows), tuple(numbers))


def _headers(file: str, cells: Sequence[str]) -> tuple[str, ...]:
    if len(cells) > MOST_COLUMNS:
        raise FixSettingsError(f"{file} has more than {MOST_COLUMNS:,} columns.", fix="Remove some.")
    names = [" ".join(cell.split()) for cell in cells]
    if names and not names[0]:
        names[0] = "item"  # the corner of a table is often left empty
    for place, name in enumerate(names, 1):
        if not name:
            raise FixSettingsError(f"{file}, header row: column {place} has no name.", fix="Name it.")
    refuse_repeated(file, names)
    return tuple(names)
