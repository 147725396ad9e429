"""What is said of a warehouse that is damaged, lost, full or of a newer personasync, and what to do."""

from __future__ import annotations

import sys
from pathlib import Path

from connectors.errors import FixSettingsError, PersonasyncError, TryLaterError, not_writable, reason_of

FILE = "warehouse.duckdb"
HELD = ("could not set lock on file", "conflicting lock is held")  # how DuckDB says that another process has the file
NEWER = ("trying to read a database file with version number", "newer version of duckdb", "unsupported storage version")
FULL = ("no space left on device", "out of disk space", "could not write all bytes")
LIMITED = ("file too large", "disk quota exceeded", "could not write file")
BROKEN = (
    "corrupt",
    "checksum",
    "not a valid duckdb",
    "could not read enough bytes",
    "failed to load metadata",
    "failure while replaying wal",
    "deserializ",
    "internal error",
    "database has been invalidated",
)
LOST = (
    "Contacts, orders and results come back with the next pull, as far as the platforms still have them. Past "
    "assignments, and results that a platform no longer shows, come back only from a backup."
)
RESTORE = (
    "Restore a backup with `personasync restore`. Without one, move .personasync/warehouse.duckdb (and "
    "warehouse.duckdb.wal, if it is there) away and run `personasync pull`."
)


def is_held(error: Exception) -> bool:
    """Tell whether DuckDB could not open the file because another process holds it."""
    text = str(error).lower()
    return any(words in text for words in HELD)


def warehouse_held() -> TryLaterError:
    """Return the error of a warehouse that another process holds."""
    fix = "Wait until it finishes, then try again."
    return TryLaterError("Another personasync command is using this workspace's warehouse.", fix=fix)


def warehouse_damaged(reason: str) -> FixSettingsError:
    """Return the error of a warehouse whose file does not hold what was written to it."""
    return FixSettingsError(f"The warehouse {FILE} is damaged: {reason}. {LOST}", fix=RESTORE)


def warehouse_lost() -> FixSettingsError:
    """Return the error of a warehouse that is not there any more, although the control store knows what was in it."""
    return FixSettingsError(
        f"The warehouse {FILE} is lost, or was replaced by an older one: it lacks contacts that the control store "
        f"knows were read. {LOST}",
        fix="Restore a backup with `personasync restore`. Without one, run `personasync pull`, which reads all again.",
    )


def warehouse_newer() -> FixSettingsError:
    """Return the error of a warehouse that a newer personasync wrote."""
    return FixSettingsError(
        f"The warehouse {FILE} was written by a newer version of personasync.", fix="Install that version."
    )


def warehouse_full() -> FixSettingsError:
    """Return the error of a disk without room for the warehouse."""
    return FixSettingsError(
        f"The disk of the warehouse {FILE} is full. Nothing is lost: what was saved before is whole.",
        fix="Make room on the disk, then run the command again.",
    )


def warehouse_limited() -> FixSettingsError:
    """Return the error of a warehouse that a quota, or the largest file that the system allows, keeps from growing."""
    return FixSettingsError(
        f"The warehouse {FILE} may not grow: a quota or a limit of the file size holds it. Nothing is lost: what was "
        "saved before is whole.",
        fix="Raise the quota or limit, or move the workspace to another disk, then run the command again.",
    )


def not_opened(path: Path, error: Exception) -> PersonasyncError:
    """Return what to raise where DuckDB could not open the file."""
    text = str(error).lower()
    if is_held(error):
        return warehouse_held()
    if any(words in text for words in FULL):
        return warehouse_full()
    if any(words in text for words in LIMITED):
        return warehouse_limited()
    if any(words in text for words in ("permission denied", "read-only")):
        return not_writable(path)
    if any(words in text for words in NEWER):
        return warehouse_newer()
    return warehouse_damaged(reason_of(error))


def warehouse_trouble(error: BaseException) -> PersonasyncError | None:
    """Return what a person is told of an error that the embedded engine raised; None of any other error.

    Returns:
        A `TryLaterError` where another process holds the file, a `FixSettingsError` where the disk is full or the file
            is damaged; to be raised by who asked.
    """
    duckdb = sys.modules.get("duckdb")  # who has not loaded it has no error of it
    if duckdb is None or not isinstance(error, duckdb.Error):
        return None
    text = str(error).lower()
    if any(words in text for words in FULL):
        return warehouse_full()
    if any(words in text for words in LIMITED):
        return warehouse_limited()
    if is_held(error):
        return warehouse_held()
    if isinstance(error, duckdb.FatalException | duckdb.InternalException | duckdb.SerializationException) or any(
        words in text for words in BROKEN
    ):
        return warehouse_damaged(reason_of(error))
    return None
