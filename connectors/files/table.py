"""A CSV or Parquet file as rows, with their row numbers."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from connectors.errors import FixSettingsError, reason_of
from connectors.files.delimited import refuse_repeated, separator_of

HEADER_ROWS = 1
BATCH = 10_000  # rows that are Python objects at one time


@dataclass(slots=True)
class FileTable:
    """A file that was read.

    Attributes:
        rows: The columns as the file holds them; those of CSV are text, empty cells are null.
        skipped: Numbers of CSV rows with too many or too few cells, ascending, and what is wrong with each.
    """

    path: Path
    rows: pa.Table
    skipped: dict[int, str] = field(default_factory=dict)

    @property
    def headers(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self.rows.column_names)

    def numbered(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield each row with its number; the header is row 1."""
        number = HEADER_ROWS
        for batch in self.rows.to_batches(max_chunksize=BATCH):
            for row in batch.to_pylist():
                number += 1
                while number in self.skipped:
                    number += 1
                yield number, row


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


def read_table(path: Path) -> FileTable:
    """Return the rows of a CSV or Parquet file.

    Raises:
        FixSettingsError: There is no such file, or its structure is broken as a whole.
    """
    try:
        if path.suffix.lower() not in {".parquet", ".pq"}:
            refuse_other_kinds(path)
        return _read_parquet(path) if path.suffix.lower() in {".parquet", ".pq"} else _read_csv(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise FixSettingsError(
            f"{path.name} can't be read: {reason_of(error)}.",
            fix="It must be CSV in UTF-8 with one header row, or Parquet.",
        ) from error


def _read_parquet(path: Path) -> FileTable:
    with path.open("rb") as file:
        rows = pq.read_table(file)
    _check_headers(path, rows.column_names)
    return FileTable(path, rows)


def _read_csv(path: Path) -> FileTable:
    headers, separator = _csv_header(path)
    _check_headers(path, headers)
    skipped: dict[int, str] = {}

    def skip(row: Any) -> str:
        skipped[row.number] = f"has {row.actual_columns} cells, but the header has {row.expected_columns}"
        return "skip"

    rows = pacsv.read_csv(
        path,
        # rows have numbers only when one thread reads them
        read_options=pacsv.ReadOptions(use_threads=False, column_names=headers, skip_rows=HEADER_ROWS),
        parse_options=pacsv.ParseOptions(
            delimiter=separator, newlines_in_values=True, invalid_row_handler=skip, ignore_empty_lines=False
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(headers, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )
    return FileTable(path, rows, skipped)


def _csv_header(path: Path) -> tuple[list[str], str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline()
    separator = separator_of(line)
    header = next(csv.reader([line], delimiter=separator), [])
    return [name.strip() for name in header], separator


def _check_headers(path: Path, headers: list[str]) -> None:
    if not headers or not any(headers):
        raise FixSettingsError(f"{path.name} is empty.", fix="The first row must be a header.")
    refuse_repeated(path.name, headers)


def _unreadable(path: Path, error: OSError) -> FixSettingsError:
    reason = "File not found:" if isinstance(error, FileNotFoundError) else f"{reason_of(error).capitalize()}:"
    return FixSettingsError(
        f"{reason} {path.absolute()}.", fix="Fix the path in personasync.toml; paths are relative to the workspace."
    )


EXCEL = {b"PK\x03\x04": "an Excel workbook (or another ZIP file)", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
TEXTS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def refuse_other_kinds(path: Path) -> None:
    """Name a file for what it is, where people often save another kind than CSV.

    Raises:
        FixSettingsError: It is a workbook, or text in UTF-16.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start in EXCEL:
        fix = "In the spreadsheet, save it as CSV UTF-8, and use that file."
        raise FixSettingsError(f"{path.name} is {EXCEL[start]}, not CSV.", fix=fix)
    if start[:2] in TEXTS:
        raise FixSettingsError(f"{path.name} is text in {TEXTS[start[:2]]}.", fix="Save it as CSV in UTF-8.")
