"""Mapped file rows: cells by our field names, and the list of skipped rows with reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectors.files.cells import CellError, as_email, as_text
from connectors.files.columns import Columns
from connectors.files.table import FileTable
from connectors.records import email_key, platform_key

Value = TypeVar("Value")


@dataclass(slots=True)
class Row:
    """One row of a file; cells are asked for by our names."""

    cells: Mapping[str, Any]
    columns: Columns

    def read(self, name: str, kind: Callable[[Any], Value]) -> Value:
        """Return the cell of *name* as *kind* reads it; a column that the file lacks is an empty cell.

        Raises:
            CellError: The cell can't be that; the message names the column.
        """
        header = self.columns.header(name)
        try:
            return kind(self.cells.get(header) if name in self.columns else None)
        except CellError as error:
            raise CellError(f"column {header!r}: {error}") from error

    def text(self, name: str) -> str | None:
        """Return the cell of *name* as text."""
        return self.read(name, as_text)

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


@dataclass(slots=True)
class Rejects:
    """Rows of one file that were left out, or that another one replaced, in words."""

    file: str
    lines: list[str] = field(default_factory=list)

    def add(self, number: int, reason: str) -> None:
        """Note that something is wrong with row *number*."""
        self.lines.append(f"{self.file}, row {number}: {reason}")


def rows_of(table: FileTable, columns: Columns, rejects: Rejects) -> Iterator[tuple[int, Row]]:
    """Yield each row that holds anything; rows that CSV itself could not read are rejects."""
    for number, reason in table.skipped.items():
        rejects.add(number, reason)
    for number, cells in table.numbered():
        if any(as_text(value) is not None for value in cells.values()):
            yield number, Row(cells, columns)
