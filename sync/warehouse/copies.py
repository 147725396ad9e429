"""A copy of the warehouse to read from, while another process holds the embedded engine's file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync.warehouse.damage import FILE, warehouse_held
from sync.warehouse.embedded_file import copied
from sync.warehouse.opening import open_warehouse
from sync.warehouse.store import Warehouse


@contextmanager
def open_copy(directory: Path) -> Iterator[Warehouse]:
    """Open a copy of the embedded engine's file, while another process holds the file. Writing to it changes nothing.

    Args:
        directory: The workspace's state directory.

    Yields:
        The open copy, which goes with the block.

    Raises:
        TryLaterError: It can't be copied.
    """
    path = directory / FILE
    with copied(path) as copy:
        if copy is None:
            raise warehouse_held()
        warehouse = open_warehouse("duckdb", copy.parent)
        try:
            yield warehouse
        finally:
            warehouse.close()
