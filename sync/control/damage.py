"""What is said of a control store that is damaged, lost or full, by its name and with what to do."""

from __future__ import annotations

import sqlite3

from connectors.errors import FixSettingsError, PersonasyncError, TryLaterError

NAME = "The control store control.db"
LOST = (
    "It knows who is who, what was written to the platforms, and how far was read. `personasync rebuild` makes a new "
    "one from the warehouse and the saved plans: people keep their ids, and their variants of experiments. What "
    "webhooks brought and nobody processed, pins, versions of personas and the list of earlier runs come back only "
    "from a backup."
)
RESTORE = "Restore a backup with `personasync restore`. Without one, run `personasync rebuild`."
READING = ("SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS")
"""Of SQLite's errors of a disk those that reading has; with the others something could not be written."""
BROKEN = (
    "malformed",
    "not a database",
    "could not decode",
    "disk i/o error",
    "no such table",
    "no such column",
    "unsupported file format",
    "invalid rootpage",
    "database corruption",
)


def control_damaged(reason: str) -> FixSettingsError:
    """Return the error of a control store whose file does not hold what was written to it."""
    return FixSettingsError(f"{NAME} is damaged: {reason}. {LOST}", fix=RESTORE)


def control_lost() -> FixSettingsError:
    """Return the error of a control store that is new, although the warehouse holds people."""
    return FixSettingsError(
        f"{NAME} is lost or was replaced: it is empty, and the warehouse is not. {LOST}", fix=RESTORE
    )


def stores_unlike() -> FixSettingsError:
    """Return the error of a control store and a warehouse that belong to two workspaces."""
    return FixSettingsError(
        f"{NAME} belongs to another workspace than the warehouse warehouse.duckdb.",
        fix="Put back the one that belongs here, or restore a backup with `personasync restore`.",
    )


def control_full() -> FixSettingsError:
    """Return the error of a disk without room for the control store."""
    return FixSettingsError(
        "The disk of the control store control.db is full. Nothing is lost: what was saved before is whole.",
        fix="Make room on the disk, then run the command again.",
    )


def control_refused() -> FixSettingsError:
    """Return the error of a disk that took nothing more: it is full for SQLite's smaller files, or has a quota."""
    return FixSettingsError(
        "The disk of the control store control.db takes no more: it is full, over a quota, or does not write. Nothing "
        "is lost: what was saved before is whole.",
        fix="Make room on the disk, or raise the quota, then run the command again. If there is room, check the disk.",
    )


def control_trouble(error: BaseException) -> PersonasyncError | None:
    """Return what a person is told of an error that SQLite raised; None of any other error.

    Returns:
        A `TryLaterError` where another command writes, a `FixSettingsError` where the disk is full or the file is
            damaged; to be raised by who asked.
    """
    raised = getattr(error, "orig", None) or error  # of SQLAlchemy, which need not be loaded here
    if not isinstance(raised, sqlite3.Error):
        return None
    text = str(raised).lower()
    if "is full" in text:
        return control_full()
    if "disk i/o error" in text and getattr(raised, "sqlite_errorname", READING[0]) not in READING:
        return control_refused()
    if "is locked" in text:
        return TryLaterError("Another personasync command is writing to the control store.", fix="Try again.")
    if isinstance(raised, sqlite3.DatabaseError) and any(words in text for words in BROKEN):
        return control_damaged(text)
    return None
