"""A copy of an embedded warehouse as it was, kept before its tables change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sync.warehouse.damage import FILE

OLDER = "before-upgrade"  # folder, beside the warehouse


def keep_older_warehouse(engine: Any, number: int) -> Path | None:
    """Keep a copy of the file of an embedded *engine*; None where it has none, or a copy of that state is there.

    The engine copies, not the system: whoever closes a file that DuckDB holds drops DuckDB's lock on it.

    Args:
        engine: Ibis' backend.
        number: The last sequence of the warehouse, which names the copy.
    """
    rows = engine.raw_sql("SELECT database_name, path FROM duckdb_databases() WHERE NOT internal").fetchall()
    name, path = rows[0]
    if path is None:
        return None
    copy = Path(path).parent / OLDER / f"{Path(FILE).stem}-{number}.duckdb"
    if copy.exists():
        return None
    copy.parent.mkdir(exist_ok=True, mode=0o700)
    unfinished = copy.with_name(f"{copy.name}.part")
    unfinished.unlink(missing_ok=True)
    quoted = str(unfinished).replace("'", "''")
    engine.raw_sql(f"ATTACH '{quoted}' AS older")
    try:
        engine.raw_sql(f'COPY FROM DATABASE "{name}" TO older')
    finally:
        engine.raw_sql("DETACH older")
    unfinished.replace(copy)
    return copy
