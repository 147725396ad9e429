"""Any table file as rows with their numbers: CSV and other delimited text, Excel, OpenDocument, Parquet, SPSS.

The one reader of the project: connections of files and surveys both read through it.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.errors import FixSettingsError, reason_of
from connectors.files.parquet_file import read_parquet
from connectors.files.spss import SPSS_KINDS, read_spss
from connectors.files.text_file import read_lines
from connectors.files.workbook import KINDS as SHEETS
from connectors.files.workbook import SheetSize, is_workbook, read_sheet, sheet_sizes

PARQUET = (".parquet", ".pq")
BATCH = 10_000  # rows that are Python objects at one time


@dataclass(slots=True)
class FileTable:
    """A file that was read.

    Attributes:
        headers: Trimmed, in order.
        rows: A column for each header, as the file holds it; those of text are text, empty cells are null.
        ragged: Cells of rows of text with too many or too few of them, by row number; they are not in *rows*.
        first: The number of the first row below the header; the first row of the file is 1.
        labels: By header: what a cell stands for, where the file says so (SPSS).
        asked: By header: what was asked, where the file says so (SPSS).
    """

    path: Path
    headers: tuple[str, ...]
    rows: pa.Table
    ragged: dict[int, list[str]] = field(default_factory=dict)
    first: int = 2
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)

    def numbered(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each row by header, with its number.

        Returns:
            Numbers as people see them in the file; values by header.
        """
        for number, cells in self.numbered_cells():
            yield number, dict(zip(self.headers, cells, strict=True))

    def numbered_cells(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield the cells of each row, with its number.

        Returns:
            Numbers as people see them in the file; cells in the order of the headers.
        """
        number = self.first - 1
        for batch in self.rows.to_batches(max_chunksize=BATCH):
            for row in batch.to_pylist():
                number += 1
                while number in self.ragged:
                    number += 1
                yield number, list(row.values())

    def texts(self, header: str, *, but: str, example: str) -> Iterator[tuple[int, str]]:
        """Yield the texts below *header* with the numbers of their rows; cells that are no texts are left out.

        Args:
            header: Of the column.
            but: A pattern (RE2) of texts that are left out, too.
            example: A pattern of those of them of which the first is yielded.
        """
        cells = self.rows.column(self.headers.index(header))
        if not pa.types.is_string(cells.type) and not pa.types.is_large_string(cells.type):
            return
        usual = pc.fill_null(pc.match_substring_regex(cells, but), fill_value=True)
        first = pc.index(pc.match_substring_regex(cells, example), pa.scalar(value=True)).as_py()
        places = [*([first] if first >= 0 else []), *pc.indices_nonzero(pc.invert(usual)).to_pylist()]
        numbers = self._numbers() if self.ragged and places else range(self.first, self.first + len(cells))
        for place in places:
            yield numbers[place], cells[place].as_py()

    def _numbers(self) -> Sequence[int]:
        skipped = set(self.ragged)
        numbers = (number for number in range(self.first, self.first + len(self.rows) + len(skipped)))
        return [number for number in numbers if number not in skipped]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        FixSettingsError: The file can't be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def read_table(path: Path, *, sheet: str | None = None) -> FileTable:
    """Return the rows of a file.

    Args:
        path: CSV (comma, semicolon, tab or bar; UTF-8, UTF-16 or Windows-1252), Excel, OpenDocument, Parquet or SPSS.
        sheet: Of a spreadsheet; None: the first one.

    Returns:
        Headers, and rows as the file holds them; of SPSS also labels and what was asked.

    Raises:
        FixSettingsError: There is no such file, or its structure is broken as a whole.
    """
    suffix = path.suffix.lower()
    try:
        sheets = _has_sheets(path)
        if sheet is not None and not sheets:
            raise FixSettingsError(f"{path.name} has no sheets.", fix="Remove the name of the sheet.")
        if sheets:
            headers, rows, first = read_sheet(path, sheet)
            return FileTable(path, tuple(headers), rows, {}, first)
        if suffix in PARQUET:
            return _read_parquet(path)
        if suffix in SPSS_KINDS:
            spss = read_spss(path)
            return FileTable(path, tuple(spss.headers), spss.rows, first=1, labels=spss.labels, asked=spss.asked)
        lines = read_lines(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (pa.ArrowInvalid, UnicodeError, csv.Error) as error:
        raise FixSettingsError(
            f"{path.name} can't be read: {reason_of(error)}.", fix="Save it as CSV in UTF-8, Excel or Parquet."
        ) from error
    return FileTable(path, tuple(lines.headers), lines.rows, lines.ragged, lines.first)


def _has_sheets(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in SHEETS or (suffix not in PARQUET and is_workbook(path))


def sheets_of(path: Path) -> list[SheetSize]:
    """Return the sheets of a file; empty where its kind has none.

    Returns:
        In the order of the file.

    Raises:
        FixSettingsError: There is no such file, or it is a broken workbook.
    """
    try:
        return sheet_sizes(path) if _has_sheets(path) else []
    except OSError as error:
        raise _unreadable(path, error) from error


def _read_parquet(path: Path) -> FileTable:
    rows = read_parquet(path)
    return FileTable(path, tuple(rows.column_names), rows.rename_columns([str(n) for n in range(rows.num_columns)]))


def check_headers(file: str, headers: Sequence[str]) -> None:
    """Refuse a header row without names, or with one of them twice.

    Args:
        file: Its name, for the message.
        headers: The cells of the header row.

    Raises:
        FixSettingsError: With the first name that stands twice, by the alphabet.
    """
    if not any(headers):
        raise FixSettingsError(f"{file} is empty.", fix="The first row must be a header.")
    repeated = sorted({name for name in headers if name and headers.count(name) > 1})
    if repeated:
        raise FixSettingsError(
            f"{file} has the column {repeated[0]!r} twice.", fix="Rename one of them in the first row."
        )


def _unreadable(path: Path, error: OSError) -> FixSettingsError:
    reason = "File not found:" if isinstance(error, FileNotFoundError) else f"{reason_of(error).capitalize()}:"
    return FixSettingsError(
        f"{reason} {path.absolute()}.", fix="Check the path; those in personasync.toml are relative to the workspace."
    )
