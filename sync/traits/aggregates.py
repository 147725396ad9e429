"""Aggregates: per-person sums and counts kept in the warehouse between runs, with a watermark.

``person_aggregates`` (`segmenter.traits.traits.aggregates`), ``person_links`` (who was who), ``overtaken_versions``
(versions of
rows that are not in force any more), ``answered_again`` (engagements that a later one with the same mail stands for),
and ``aggregates_mark``, one row. They are made of the other tables and can be made again at any time. All change in one
transaction: a kill leaves them as they were, and what they say is true as of their mark.

Only the embedded engine keeps aggregates: the others lack a transaction over several tables, and have a cluster to
count everything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from connectors.table_schema import COUNT, MOMENT, TEXT, TableSchema
from segmenter.late_arrow import pa
from sync.warehouse.embedded import EmbeddedTables

if TYPE_CHECKING:
    from ibis import Table

    from sync.warehouse.store import Warehouse

AGGREGATES, LINKED, MARK = "person_aggregates", "person_links", "aggregates_mark"
OVERTAKEN, AGAIN = "overtaken_versions", "answered_again"
MARKS = TableSchema(
    MARK, (), (("as_of", MOMENT), ("sequence", COUNT), ("rows", COUNT), ("links", COUNT), ("made_by", TEXT))
)


@dataclass(frozen=True, slots=True)
class Mark:
    """Watermark of the aggregates: what they include.

    Attributes:
        as_of: The moment of the aggregates, UTC.
        sequence: The newest version of a row that was seen (`sync.warehouse.store`).
        rows: How many versions there were until then; fewer later: some were erased.
        links: The newest writing of links that was seen (`sync.control.identities`).
        made_by: Digest of the traits and of the code that counts.
    """

    as_of: datetime
    sequence: int
    rows: int
    links: int
    made_by: str


@dataclass(frozen=True, slots=True)
class Staged:
    """Staged tables of one update, by name.

    Attributes:
        persons: Column ``person_id``: whose aggregates and links go.
        aggregates: Aggregates that come.
        links: Links that come, of those people.
        engagements: Column ``sequence``: engagements that are recalculated.
        again: Those of them that do not count.
        overtaken: All versions that are not in force.
        values: ``person_id``, and columns of the aggregates that have another value now.
        losses: What counts lose: ``person_id``, and columns of the aggregates.
    """

    persons: str
    aggregates: str
    links: str
    engagements: str
    again: str
    overtaken: str
    values: str
    losses: Sequence[str]


class KeptAggregates:
    """These tables, in a warehouse on the embedded engine."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._tables = EmbeddedTables(warehouse)

    @property
    def aggregates(self) -> Table:
        """Everybody's aggregates, as `segmenter.traits.traits.aggregates` returns them."""
        return self._tables.table(AGGREGATES)

    @property
    def links(self) -> Table:
        """Identity links of the aggregates: ``contact_key, person_id``."""
        return self._tables.table(LINKED)

    @property
    def overtaken(self) -> Table:
        """The ``sequence`` of versions that are not in force (`sync.warehouse.latest_rows`)."""
        return self._tables.table(OVERTAKEN)

    @property
    def answered_again(self) -> Table:
        """The ``sequence`` of engagements that do not count (`segmenter.traits.engagement.answered_again`)."""
        return self._tables.table(AGAIN)

    def mark(self) -> Mark | None:
        """Return what the aggregates include; None where none are kept."""
        if not self._tables.has(MARK):
            return None
        return Mark(**self._tables.table(MARK).to_pyarrow().to_pylist()[0])

    def stage(self, name: str, rows: Table | pa.Table) -> Table:
        """Return *rows* as a table of this connection, which is there until the block of `staging` ends."""
        return self._tables.stage(name, rows)

    def staged(self, name: str) -> Table:
        """Return what was staged under a name."""
        return self._tables.table(name)

    def staging(self) -> AbstractContextManager[None]:
        """Drop what was staged when the block ends."""
        return self._tables.staging()

    def replace(self, *, aggregates: Table, links: Table, overtaken: Table, again: Table, mark: Mark) -> None:
        """Keep other aggregates in place of all that is kept; arguments are as the properties of this class."""
        with self._tables.transaction():
            for name, table in ((LINKED, links), (OVERTAKEN, overtaken), (AGAIN, again), (AGGREGATES, aggregates)):
                self._tables.keep(name, table)
            self._set(mark)

    def change(self, staged: Staged, mark: Mark) -> None:
        """Change what is kept to what it includes at a later mark."""
        with self._tables.transaction():
            for name in staged.losses:
                self._tables.subtract(AGGREGATES, "person_id", staged=name)
            self._tables.update(AGGREGATES, "person_id", staged=staged.values)
            self._tables.swap(AGGREGATES, "person_id", gone=staged.persons, come=staged.aggregates)
            self._tables.swap(LINKED, "person_id", gone=staged.persons, come=staged.links)
            self._tables.swap(AGAIN, "sequence", gone=staged.engagements, come=staged.again)
            self._tables.keep(OVERTAKEN, self._tables.table(staged.overtaken))
            self._set(mark)

    def _set(self, mark: Mark) -> None:
        self._tables.keep(MARK, pa.Table.from_pylist([asdict(mark)], schema=MARKS.columns))
