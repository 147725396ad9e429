"""Deletion of rows for good, every version of them."""

from __future__ import annotations

from typing import Any, cast

import pyarrow as pa

from sync.warehouse.store import Warehouse

ERASED = "erased_rows"


def erase_rows(warehouse: Warehouse, name: str, keys: pa.Table, *, up_to: int = 0) -> int:
    """Delete every version of the rows that *keys* name, for good.

    Args:
        warehouse: Where the table is.
        name: Of the table.
        keys: Columns of the table; rows that are equal in all of them go.
        up_to: A sequence.

    Returns:
        How many of the versions that went had a sequence up to *up_to*.
    """
    if not keys.num_rows:
        return 0
    named = warehouse.engine.create_table(ERASED, keys, temp=True, overwrite=True)
    try:
        gone = warehouse.everything(name).semi_join(named, keys.column_names)
        [row] = gone.aggregate(n=gone.count(), old=gone.count(where=gone.sequence <= up_to)).to_pyarrow().to_pylist()
        if row["n"]:
            on = " AND ".join(f"{name}.{column} = {ERASED}.{column}" for column in keys.column_names)
            statement = f"DELETE FROM {name} WHERE EXISTS (SELECT 1 FROM {ERASED} WHERE {on})"  # noqa: S608 - ours
            cast(Any, warehouse.engine).raw_sql(statement)
            warehouse.read_once.forget()
        return int(row["old"])
    finally:
        warehouse.engine.drop_table(ERASED, force=True)
