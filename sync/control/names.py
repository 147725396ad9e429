"""Ids of runs for shell completion, from a store in a file. SQLAlchemy takes longer to load than this to answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

PATIENCE = 0.2  # seconds; whoever presses Tab would rather have no names than wait


def newest_runs(file: Path, most: int = 50) -> list[tuple[str, str]]:
    """Return the newest runs, newest first: id and command. None where *file* is no control store, or is busy.

    Args:
        file: ``control.db`` of a workspace's state directory; it is only read.
        most: No more than these.

    Returns:
        Empty where *file* is not a control store, or another process holds it too long.
    """
    query = "SELECT run_id, command FROM run WHERE command <> 'serve' ORDER BY run_id DESC LIMIT ?"
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as store:
            return store.execute(query, (most,)).fetchall()
    except sqlite3.Error:
        return []
