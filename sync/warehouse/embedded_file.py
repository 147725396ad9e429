"""The embedded engine's file, and what is said where it can't be opened."""

from __future__ import annotations

from pathlib import Path

from connectors.errors import FixSettingsError, TryLaterError, not_writable, reason_of

FILE = "warehouse.duckdb"


def not_opened(path: Path, error: Exception) -> Exception:
    """Return what to raise where DuckDB could not open the file."""
    if any(word in str(error).lower() for word in ("permission denied", "read-only")):
        return not_writable(path)
    if "lock" not in str(error).lower():
        fix = "Restore it from a backup, or move it away and run `personasync pull` again."
        return FixSettingsError(f"{path.name} can't be opened: {reason_of(error)}.", fix=fix)
    fix = "Wait until it finishes, then try again."
    return TryLaterError("Another personasync command is using this workspace's warehouse.", fix=fix)
