"""What questions ask: a file of texts, for the columns whose names say too little."""

from __future__ import annotations

from pathlib import Path

from sync.surveys.spreadsheet import read_grid


def texts_in(path: Path | None) -> dict[str, str]:
    """Return what was asked, by item, as a file with the columns item and text says; empty for None.

    Raises:
        FixSettingsError: The file can't be read, or lacks one of the columns.
    """
    if path is None:
        return {}
    grid = read_grid(path)
    return dict(zip(grid.column(grid.needed("item")), grid.column(grid.needed("text")), strict=True))
