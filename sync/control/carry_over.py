"""What an earlier state of the control store must not undo: opt-outs, objections, and who was erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, create_engine, inspect, select
from sqlalchemy.exc import DBAPIError

from sync.control import schema
from sync.control.dialects import insert_for, writing
from sync.control.stamp import Stamp

KEPT = (schema.opt_out, schema.objection, schema.erased)
AT_ONCE = 500  # rows a statement


def carry_over(later: Path, engine: Engine, now: Callable[[], datetime]) -> dict[str, int] | None:
    """Add what a later state of a workspace knew of people's refusals to the store in use; it takes nothing away.

    Args:
        later: A control store's file, which is only read.
        engine: Of the store in use.
        now: Clock, UTC.

    Returns:
        Rows by table, none where *later* is of another workspace; None: it can't be read.
    """
    source = create_engine(f"sqlite:///file:{later.absolute()}?mode=ro&uri=true")
    try:
        ours, theirs = Stamp(engine, now).get(), Stamp(source, now).get()
        if ours and theirs and ours != theirs:
            return {}
        present = inspect(source).get_table_names()
        with source.connect() as connection:
            rows = {
                table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for table in KEPT
                if table.name in present
            }
    except DBAPIError:
        return None
    finally:
        source.dispose()
    with writing(engine) as connection:
        for table in KEPT:
            listed = rows.get(table.name, [])
            for start in range(0, len(listed), AT_ONCE):
                connection.execute(insert_for(engine, table).on_conflict_do_nothing(), listed[start : start + AT_ONCE])
    return {name: len(listed) for name, listed in rows.items()}
