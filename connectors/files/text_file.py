"""CSV and other delimited text as a table: encoding, separator and header row are found, not asked for."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from connectors.errors import FixSettingsError

SEPARATORS = ",;\t|"
CHUNK = 2**20
HEAD = 2**16  # characters that must hold the header row
BLOCK = 2**23  # of a row's cells, at most
SEP = re.compile(r'"?sep=([;,\t|])"?', re.IGNORECASE)
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(slots=True)
class Lines:
    """What a file of text holds.

    Attributes:
        headers: Trimmed.
        rows: Text; empty cells are null.
        first: The number of the row below the header; the first row of the file is 1.
        ragged: Cells of rows that have more or fewer of them than the header, by row number.
    """

    headers: list[str]
    rows: pa.Table
    first: int
    ragged: dict[int, list[str]] = field(default_factory=dict)


def read_lines(path: Path) -> Lines:
    """Return the rows of delimited text.

    Raises:
        FixSettingsError: It is no text, has no header row, or a quotation mark is never closed.
        OSError: It can't be read.
    """
    encoding = encoding_of(path)
    header, separator, above = _header(path, encoding)
    if not any(header):
        raise FixSettingsError(f"{path.name} is empty.", fix="The first row must be a header.")
    ragged: dict[int, list[str]] = {}

    def keep(row: Any) -> str:
        ragged[row.number] = _cells(row.text, separator)
        return "skip"

    rows = pacsv.read_csv(
        path,
        # rows have numbers only when one thread reads them
        read_options=pacsv.ReadOptions(
            use_threads=False, column_names=_unique(header), skip_rows=above, encoding=encoding, block_size=BLOCK
        ),
        parse_options=pacsv.ParseOptions(
            delimiter=separator, newlines_in_values=True, invalid_row_handler=keep, ignore_empty_lines=False
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(_unique(header), pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )
    lines = Lines(header, rows, above + 1, ragged)
    _refuse_unclosed(path, encoding, lines)
    return lines


def encoding_of(path: Path) -> str:
    """Return the encoding of a text file: UTF-8, UTF-16, or Windows-1252 (which covers what Latin-1 can print).

    Raises:
        FixSettingsError: It is no text.
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        head = file.read(CHUNK)
        for mark, encoding in MARKS:
            if head.startswith(mark):
                return encoding
        if b"\0" in head:
            return _unmarked_utf16(path, head)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while head:
                decoder.decode(head)
                head = file.read(CHUNK)
                if b"\0" in head:
                    raise _no_text(path)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _unmarked_utf16(path: Path, head: bytes) -> str:
    """Text in a Latin script has a zero in every other byte."""
    pairs = len(head) // 2
    for encoding, zeros in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):
        if zeros.count(0) > 0.9 * pairs:
            return encoding
    raise _no_text(path)


def _no_text(path: Path) -> FixSettingsError:
    return FixSettingsError(f"{path.name} is not text.", fix="Save it as CSV in UTF-8.")


def _header(path: Path, encoding: str) -> tuple[list[str], str, int]:
    """The cells of the first row that holds anything, the separator, and how many lines there are up to its end."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        head = file.read(HEAD)
    lines = head.splitlines(keepends=True)
    above = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    separator = ""
    if above < len(lines) and (match := SEP.fullmatch(lines[above].strip("\r\n"))):
        separator, above = match[1], above + 1  # a line that Excel writes for itself
    rest = "".join(lines[above:])
    separator = separator or separator_of(next(iter(rest.splitlines()), ""))
    reader = csv.reader(io.StringIO(rest, newline=""), delimiter=separator)
    header = [cell.strip() for cell in next(reader, [])]
    return header, separator, above + reader.line_num


def separator_of(line: str) -> str:
    """Return the separator of a table, given its header: the one that stands there most often outside quotes."""
    bare = re.sub(r'"[^"]*"', "", line)
    return max(SEPARATORS, key=bare.count)


def _unique(header: list[str]) -> list[str]:
    """Names for the reader, which wants no two alike; whoever needs them unique refuses the header."""
    return [f"{place}" for place in range(len(header))]


def _cells(text: str, separator: str) -> list[str]:
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])


def _refuse_unclosed(path: Path, encoding: str, lines: Lines) -> None:
    """A quotation mark that is never closed takes the rest of the file into one cell."""
    last = lines.rows.num_rows - 1
    open_row = next((number for number, cells in lines.ragged.items() if any("\n" in cell for cell in cells)), None)
    cells = lines.rows.slice(last).to_pylist()[0].values() if last >= 0 else ()
    held = [cell for cell in cells if cell and "\n" in cell]
    ended = bool(held) and _tail(path, encoding).endswith(held[-1][-CHUNK:])
    number = lines.first + last + len(lines.ragged) if ended else open_row
    if number is not None and (ended or _odd_quotes(path, encoding)):
        raise FixSettingsError(
            f"{path.name}, row {number}: a quotation mark is not closed.", fix="Close it, or remove it."
        )


def _tail(path: Path, encoding: str) -> str:
    text = ""
    for part in _parts(path, encoding):
        text = text[-CHUNK:] + part
    return text


def _odd_quotes(path: Path, encoding: str) -> bool:
    return sum(part.count('"') for part in _parts(path, encoding)) % 2 == 1


def _parts(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        while part := file.read(CHUNK):
            yield part
