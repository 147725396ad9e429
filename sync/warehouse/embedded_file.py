"""The embedded engine's file: a copy to read from while another process holds it, and what is said otherwise."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.errors import FixSettingsError, TryLaterError, not_writable, reason_of

FILE = "warehouse.duckdb"
COPIES = "reading-"  # what the folders of copies begin with
HEADERS = 3 * 4096  # bytes: the file's own header, and the two between which each checkpoint switches
TRIES = 20


def not_opened(path: Path, error: Exception) -> Exception:
    """Return what to raise where DuckDB could not open the file."""
    if any(word in str(error).lower() for word in ("permission denied", "read-only")):
        return not_writable(path)
    if not is_held(error):
        fix = "Restore it from a backup, or move it away and run `personasync pull` again."
        return FixSettingsError(f"{path.name} can't be opened: {reason_of(error)}.", fix=fix)
    fix = "Wait until it finishes, then try again."
    return TryLaterError("Another personasync command is using this workspace's warehouse.", fix=fix)


def is_held(error: Exception) -> bool:
    """Tell whether DuckDB could not open the file because another process holds it."""
    return "lock" in str(error).lower()


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
