"""A workbook of several sheets, with formats, that its owner alone may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from connectors.errors import FixSettingsError
from sync.export.write import MOST_SHEET_ROWS, whole_file

Look = Literal["", "head", "title", "share", "number", "small", "letters"]
FORMATS = {"share": "0%", "number": "0.00", "small": "0.0000"}
WIDEST_SHEET = 16_384


@dataclass(frozen=True, slots=True)
class SheetCell:
    """A text or a number (NaN and None: empty), and how it looks."""

    value: Any
    look: Look = ""


@dataclass(frozen=True, slots=True)
class BookSheet:
    """A sheet.

    Attributes:
        name: At most 31 letters.
        rows: Their cells.
        widths: Of the columns, in letters; further ones stay as usual.
        fixed: Rows at the top, and columns at the left, that stay when one scrolls.
    """

    name: str
    rows: Sequence[Sequence[SheetCell]]
    widths: Sequence[float] = field(default_factory=tuple)
    fixed: tuple[int, int] = (0, 0)


def write_workbook(path: Path, sheets: Sequence[BookSheet]) -> None:
    """Write an Excel file; texts are texts, also those that begin like a formula.

    Args:
        path: .xlsx; overwritten.
        sheets: In order.

    Raises:
        FixSettingsError: The suffix is another, a sheet is too large, or the file can't be written.
    """
    if path.suffix.lower() != ".xlsx":
        raise FixSettingsError(f"{path.name} has no suffix of a workbook.", fix="End it in .xlsx.")
    if any(len(s.rows) > MOST_SHEET_ROWS or any(len(row) > WIDEST_SHEET for row in s.rows) for s in sheets):
        raise FixSettingsError("The table does not fit into an Excel sheet.", fix="Choose fewer questions or groups.")
    from openpyxl import Workbook  # noqa: PLC0415 - only where a sheet is written

    with whole_file(path) as unfinished:
        book = Workbook()
        book.remove(book.active)
        for sheet in sheets:
            _fill(book.create_sheet(sheet.name), sheet)
        book.save(unfinished)


def _fill(made: Any, sheet: BookSheet) -> None:
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    for place, width in enumerate(sheet.widths, 1):
        made.column_dimensions[get_column_letter(place)].width = width
    if any(sheet.fixed):
        made.freeze_panes = f"{get_column_letter(sheet.fixed[1] + 1)}{sheet.fixed[0] + 1}"
    for row, cells in enumerate(sheet.rows, 1):
        for column, cell in enumerate(cells, 1):
            if not _is_empty(cell.value):
                _show(made.cell(row, column), cell)


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and not isfinite(value))


def _show(shown: Any, cell: SheetCell) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE  # noqa: PLC0415
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415

    if isinstance(cell.value, str):
        shown.value = ILLEGAL_CHARACTERS_RE.sub("", cell.value)
        shown.data_type = "s"  # a text that begins with = is no formula
    else:
        shown.value = cell.value
    if cell.look in FORMATS:
        shown.number_format = FORMATS[cell.look]
    if cell.look in {"head", "title"}:
        shown.font = Font(bold=True)
        shown.alignment = Alignment(wrap_text=cell.look == "head", vertical="top")
