"""The warehouse as it stood once: versions up to a number, which are never renumbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.records import TABLES
from segmenter.late_ibis import ibis

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis import Table

    from sync.warehouse.store import Warehouse
    from sync.warehouse.withheld import WithheldRows


@dataclass(frozen=True, slots=True)
class PastRows:
    """Tables with the versions that there were once.

    Attributes:
        sequence: The number that was given last then (`sync.warehouse.store.Warehouse.last_sequence`).
    """

    warehouse: Warehouse
    sequence: int

    def history(self, name: str) -> Table:
        """Return every version that there was, as `Warehouse.history`.

        Returns:
            Versions with ``recorded_at`` and ``sequence``, without rows that consent withholds today.
        """
        versions = self.warehouse.history(name)
        return versions.filter(versions.sequence <= self.sequence)

    def current(self, name: str) -> Table:
        """Return the version that was in force of each row, as `Warehouse.current`.

        Returns:
            One row for each key, with the columns of the table's schema.
        """
        versions, schema = self.history(name), TABLES[name]
        order = [versions.recorded_at.desc(), versions.sequence.desc()]
        place = ibis.row_number().over(group_by=[versions[key] for key in schema.key], order_by=order)
        ranked = versions.mutate(place=place)
        return ranked.filter(ranked.place == 0).select(*schema.columns.names)

    def withheld(self) -> WithheldRows | None:
        """Return whose rows nobody may read today: a consent that was taken back holds for the past as well."""
        return self.warehouse.withheld()

    def memtable(self, rows: pa.Table) -> Table:
        """Return *rows* as a table of the engine, as `Warehouse.memtable`."""
        return self.warehouse.memtable(rows)
