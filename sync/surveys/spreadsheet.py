"""A table file as texts: what surveys, proposals and audits are read from. The reader is that of file connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.errors import FixSettingsError
from connectors.files.cells import as_text
from connectors.files.table import FileTable, check_headers, read_table

MOST_BYTES = 64 * 2**20
MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 1_000_000, 2_000, 20_000_000
KINDS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".ods", ".parquet", ".sav", ".zsav", ".por")


@dataclass(frozen=True, slots=True)
class Grid:
    """A file's cells.

    Attributes:
        file: Its name, for people.
        headers: Of the columns, trimmed.
        rows: As many cells as there are headers, trimmed; rows without any content are left out.
        numbers: The number that a spreadsheet shows for each row.
        labels: By header: what a cell stands for, where the file says so (SPSS).
        asked: By header: what was asked, where the file says so (SPSS).
    """

    file: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    asked: Mapping[str, str] = field(default_factory=dict)

    def only(self, places: Sequence[int]) -> Grid:
        """Return some of the rows, by their places from 0.

        Returns:
            A grid of these rows in the order given, with their numbers.
        """
        return replace(
            self,
            rows=tuple(self.rows[place] for place in places),
            numbers=tuple(self.numbers[place] for place in places),
        )

    def column(self, header: str) -> list[str]:
        """Return the cells below *header*.

        Returns:
            One text per row; "" where the cell is empty.
        """
        place = self.headers.index(header)
        return [row[place] for row in self.rows]

    def named(self, header: str) -> list[str]:
        """Return the cells below *header* as people call them: the label of a code, where the file has one.

        Returns:
            One text per row.
        """
        labels = self.labels.get(header, {})
        return [labels.get(cell, cell) for cell in self.column(header)]

    def find(self, wanted: str) -> str | None:
        """Return the header that *wanted* means, whatever its capitals.

        Returns:
            As the file spells it; None where there is none.
        """
        folded = {header.casefold(): header for header in reversed(self.headers)}
        return wanted if wanted in self.headers else folded.get(wanted.strip().casefold())

    def needed(self, wanted: str) -> str:
        """Return the header that *wanted* means.

        Returns:
            The header as the file spells it.

        Raises:
            FixSettingsError: The file has none.
        """
        header = self.find(wanted)
        if header is None:
            raise FixSettingsError(
                f"{self.file} has no column {wanted!r}.", fix=f"It has: {', '.join(self.headers[:40])}."
            )
        return header


def read_grid(path: Path, *, sheet: str | None = None) -> Grid:
    """Return the cells of a file.

    Args:
        path: Whatever `connectors.files.table.read_table` reads.
        sheet: Of a spreadsheet; the first one by default.

    Returns:
        Text of all cells, trimmed, with headers and row numbers.

    Raises:
        FixSettingsError: It is missing, of another kind, broken, too large, or has no usable header row.
    """
    if path.suffix.lower() not in KINDS:
        raise FixSettingsError(f"{path.name} is not a readable table.", fix=f"Save it as {', '.join(KINDS)}.")
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise FixSettingsError(
            f"{path.name} has more than {MOST_BYTES // 2**20} MB.", fix="Remove columns that are not needed."
        )
    table = read_table(path, sheet=sheet)
    headers = _headers(path.name, table.headers)
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    for number, cells in _rows(table):
        trimmed = _trimmed(cells)
        if len(trimmed) > len(headers):
            raise FixSettingsError(
                f"{path.name}, row {number}: it has {len(trimmed)} cells, the header has {len(headers)}.",
                fix="Give every column a name, or check for a separator within a cell.",
            )
        if trimmed:
            rows.append((*trimmed, *([""] * (len(headers) - len(trimmed)))))
            numbers.append(number)
        if len(rows) > MOST_ROWS or len(rows) * len(headers) > MOST_CELLS:
            raise FixSettingsError(f"{path.name} has more than {len(rows) - 1:,} usable rows.", fix="Use a sample.")
    if not rows:
        raise FixSettingsError(f"{path.name} is empty.", fix="It needs a header row and rows below it.")
    return Grid(path.name, headers, tuple(rows), tuple(numbers), table.labels, table.asked)


def _rows(table: FileTable) -> Iterator[tuple[int, Sequence[str | None]]]:
    """Every row in the order of the file, also those that have fewer or more cells than the header."""
    ragged = sorted(table.ragged.items(), reverse=True)
    for number, row in table.numbered_cells():
        while ragged and ragged[-1][0] < number:
            yield ragged.pop()
        yield number, [as_text(cell) for cell in row]
    yield from reversed(ragged)


def _trimmed(cells: Sequence[str | None]) -> list[str]:
    texts = [(cell or "").strip() for cell in cells]
    while texts and not texts[-1]:
        texts.pop()  # spreadsheets trail empty columns
    return texts


def _headers(file: str, cells: Sequence[str]) -> tuple[str, ...]:
    if len(cells) > MOST_COLUMNS:
        raise FixSettingsError(f"{file} has more than {MOST_COLUMNS:,} columns.", fix="Remove some.")
    names = [" ".join(cell.split()) for cell in _trimmed(cells)]
    if names and not names[0]:
        names[0] = "item"  # the corner of a table is often left empty
    for place, name in enumerate(names, 1):
        if not name:
            raise FixSettingsError(f"{file}, header row: column {place} has no name.", fix="Name it.")
    check_headers(file, names)
    return tuple(names)
