"""The embedded engine's file: a copy to read from while another process holds it; nothing is printed by the engine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sync.warehouse.damage import FILE

COPIES = "reading-"  # what the folders of copies begin with
HEADERS = 3 * 4096  # bytes: the file's own header, and the two between which each checkpoint switches
TRIES = 20


def without_progress_bar(connection: Any) -> None:
    """Keep DuckDB's own progress bar off: after two seconds of a query it is printed into a command's JSON."""
    connection.execute("SET enable_progress_bar_print = false")


@contextmanager
def copied(path: Path) -> Iterator[Path | None]:
    """Copy the file, as the last commit left it, while another process goes on writing; the copy goes with the block.

    DuckDB never overwrites what its last checkpoint wrote: what is newer goes to free blocks and into the log beside
    the file, and a header switches at the end. So with the same headers before and after, file and log belong together.

    Args:
        path: The file.

    Yields:
        The copy; None where there is no room for it, or checkpoints follow each other too fast.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=COPIES, ignore_cleanup_errors=True) as folder:
        yield _copy(path, Path(folder) / FILE)


def _copy(path: Path, copy: Path) -> Path | None:
    with suppress(OSError):
        for _ in range(TRIES):
            before = _headers(path)
            shutil.copyfile(path, copy)
            _log(copy).unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # nothing was written since the last checkpoint
                shutil.copyfile(_log(path), _log(copy))
            if _headers(path) == before:
                return copy
    return None


def _headers(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADERS)


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")
