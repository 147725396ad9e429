"""Cells of CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(cell: object) -> str:
    """Return a cell as text for CSV; one that a spreadsheet would run as a formula gets an apostrophe in front.

    Args:
        cell: Whatever stands in it; None: empty. A negative number stays as it is.

    Returns:
        Text without control over the spreadsheet.
    """
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(STARTS) and not _is_negative(text) else text


def _is_negative(text: str) -> bool:
    if not text.startswith("-"):
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True
