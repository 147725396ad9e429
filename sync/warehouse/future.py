"""Versions of the future, which a wrong clock left in the warehouse: set to now."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from connectors.records import ARMS, ASSIGNMENTS, TABLES
from sync.warehouse.store import Warehouse

DECIDED = ("as_of", "since", "moved_at", "pending_since", "at")  # moments that are ours, not a platform's


def heal_future(warehouse: Warehouse, moment: datetime) -> int:
    """Set what was recorded, decided or randomized after *moment* (UTC) to it; return how many times it was.

    The order of versions stays: they are numbered. Done again after a kill, it goes on where it stopped.
    """
    late, count = f"TIMESTAMPTZ '{moment.isoformat()}'", 0
    for table in TABLES.values():
        ours = DECIDED if table.name in {ASSIGNMENTS.name, ARMS.name} else ()
        for column in ("recorded_at", *(name for name in ours if name in table.columns.names)):
            where = f'{table.name} SET "{column}" = {late} WHERE "{column}" > {late}'  # ours, all of it
            done = cast("Any", warehouse.engine).raw_sql(f"UPDATE {where}")
            count += int(done.rowcount if done.rowcount >= 0 else done.fetchone()[0])
    return count
