"""Mapped file rows: cells by our field names, and the list of skipped rows with reasons."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from connectors.files.cells import USUAL, CellError, Formats, as_email, as_number, as_text, as_time
from connectors.files.columns import FileColumns
from connectors.files.formats import DATE_ORDER, DECIMAL_MARK, formats_of
from connectors.files.table import FileTable
from connectors.records import email_key, platform_key
from connectors.safe_cells import safe_cell

Value = TypeVar("Value")
DATES = ("at", "created_at", "updated_at", "cancelled_at")
NUMBERS = ("amount", "quantity", "price", "value")
ISO = r"^\s*[0-9]{4}-"
PLAIN, DECIMAL = r"^-?[0-9]+(\.[0-9]{1,2})?$", r"^-?[0-9]+\.[0-9]{1,2}$"
"""Cells that leave nothing to decide: they are most, and are looked through by the column."""
ANSWER = "answer"
"""The key of how numbers among answers are written, where the settings say it: an item's answers tell it themselves."""
ROW, REASON = "row", "reason"  # columns of a file of skipped rows


@dataclass(slots=True)
class FileRow:
    """One row of a file; cells are asked for by our names."""

    cells: Mapping[str, Any]
    columns: FileColumns
    formats: Mapping[str, Formats]

    def read(self, name: str, kind: Callable[[Any], Value]) -> Value:
        """Return the cell of *name* as *kind* reads it; a column that the file lacks is an empty cell.

        Raises:
            CellError: The cell can't be that; the message names the column.
        """
        header = self.columns.named.get(name)
        if header is None:
            return kind(None)
        try:
            return kind(self.cells[header])
        except CellError as error:
            where = f"column {header!r}: "
            raise CellError(f"{where}{error}", f"{where}{error.kind}", error.cell) from error

    def text(self, name: str) -> str | None:
        """Return the cell of *name* as text."""
        return self.read(name, as_text)

    def time(self, name: str) -> datetime | None:
        """Return the cell of *name* as a time in UTC, in the format of its whole column."""
        return self.read(name, lambda cell: as_time(cell, self.formats.get(name, USUAL)))

    def number(self, name: str) -> float | None:
        """Return the cell of *name* as a number, in the format of its whole column."""
        return self.read(name, lambda cell: as_number(cell, self.formats.get(name, USUAL)))

    def contact_key(self, connection: str) -> str:
        """Return the key of the human in `email`, else of the one in `contact_id`.

        Raises:
            CellError: Neither says who it is.
        """
        address = self.read("email", as_email)
        if address is not None:
            return email_key(address)
        contact_id = self.text("contact_id")
        if contact_id is None:
            headers = " or ".join(repr(self.columns.header(name)) for name in ("email", "contact_id"))
            raise CellError(f"column {headers}: empty, so the contact is unknown")
        return platform_key(connection, contact_id)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row of a file that was left out, or that another one replaced."""

    number: int
    reason: str
    kind: str
    cell: str
    cells: Sequence[Any]


@dataclass(slots=True)
class Rejects:
    """Rows of one file that were left out, or that another one replaced."""

    file: str
    headers: Sequence[str] = ()
    preset: str = ""  # what export the file was recognised as
    rows: list[Reject] = field(default_factory=list)

    def skip(self, number: int, error: CellError, cells: Mapping[str, Any] | Sequence[Any] = ()) -> None:
        """Note that row *number* was left out."""
        values = list(cells.values()) if isinstance(cells, Mapping) else cells
        self.rows.append(Reject(number, f"{error}; row skipped", f"skipped: {error.kind}", error.cell, values))

    def note(self, number: int, error: CellError, so: str, cells: Mapping[str, Any]) -> None:
        """Note that a cell of row *number* could not be read, and what follows from it; the row is used."""
        kind = f"with a fault ({so}): {error.kind}"
        self.rows.append(Reject(number, f"{error}; {so}", kind, error.cell, list(cells.values())))

    def replace(self, number: int, what: str, name: str, cells: Mapping[str, Any]) -> None:
        """Note that row *number* is used in place of an earlier one: *what* is a duplicate."""
        kind = f"replaced: {what} is a duplicate, and the last row is used"
        self.rows.append(
            Reject(number, f"{what} {name!r} is a duplicate; this row is used", kind, name, list(cells.values()))
        )

    @property
    def lines(self) -> list[str]:
        """A sentence for each kind of fault, with how many rows have it and where the first one is."""
        groups: dict[str, list[Reject]] = {}
        for reject in self.rows:
            groups.setdefault(reject.kind, []).append(reject)
        return [
            f"{self.file}, row {rejects[0].number}: {rejects[0].reason}"
            if len(rejects) == 1
            else f"{self.file}, {len(rejects):,} rows {kind}, first in row {rejects[0].number}{_cell(rejects[0])}"
            for kind, rejects in groups.items()
        ]

    def write(self, path: Path) -> None:
        """Write the rows as CSV, each with its number and what is wrong with it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([ROW, REASON, *map(safe_cell, self.headers)])
            for reject in self.rows:
                writer.writerow([reject.number, reject.reason, *(safe_cell(as_text(cell)) for cell in reject.cells)])


def _cell(reject: Reject) -> str:
    return f" ({reject.cell!r})" if reject.cell else ""


def formats_in(
    kind: str, table: FileTable, columns: FileColumns, settings: Mapping[str, str], types: Mapping[str, str]
) -> dict[str, Formats]:
    """Return how the dates and the numbers of a file are written, column by column.

    Args:
        kind: A key of `connectors.files.columns.ALIASES`.
        table: The file.
        columns: Which of its columns are what.
        settings: The connection's.
        types: Of properties that traits are read from, by header.

    Returns:
        Formats by our name of a column; those of properties by `property_key`; what the settings say of answers.

    Raises:
        FixSettingsError: A column could be read in two ways, and no setting says which.
    """
    read = {name: (columns.header(name), name in DATES) for name in (*DATES, *NUMBERS) if name in columns}
    if kind == "answers":
        read.pop("value", None)  # an answer is a text
    if kind == "contacts":
        typed = {header: types.get(header) for header in columns.others}
        read |= {property_key(h): (h, kind_ == "date") for h, kind_ in typed.items() if kind_ in {"date", "number"}}
    said = settings.get(DECIMAL_MARK) if kind == "answers" else None
    formats = {ANSWER: Formats(decimal_mark=said)} if said else {}
    for name, (header, dates) in read.items():
        chosen = settings.get(DATE_ORDER if dates else DECIMAL_MARK)
        where = f"{table.path.name}, column {header!r}"
        usual = {"but": ISO, "example": ISO} if dates else {"but": PLAIN, "example": DECIMAL}
        formats[name] = formats_of(table.texts(header, **usual), dates=dates, chosen=chosen, where=where)
    return formats


def property_key(header: str) -> str:
    """Return the key of a property's format in what `formats_in` returns."""
    return f"property {header}"


def rows_of(
    table: FileTable, columns: FileColumns, formats: Mapping[str, Formats], rejects: Rejects
) -> Iterator[tuple[int, FileRow]]:
    """Yield each row that holds anything; rows that have more or fewer cells than the header are rejects."""
    expected = len(table.headers)
    for number, cells in table.ragged.items():
        if any(cell.strip() for cell in cells):
            message = f"has {len(cells)} cells, but the header has {expected}"
            rejects.skip(number, CellError(message, "more or fewer cells than the header has"), cells)
    for number, row in table.numbered():
        if any(as_text(value) is not None for value in row.values()):
            yield number, FileRow(row, columns, formats)
