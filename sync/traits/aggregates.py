"""Facts of everybody that are kept in the warehouse from one day to the next, with the mark of what they include.

``person_facts`` (`segmenter.traits.traits.facts`), ``person_links`` (who was who), ``overtaken_versions`` (versions of
rows that are not in force any more), ``answered_again`` (engagements that a later one with the same mail stands for),
and ``facts_mark``, one row. They are made of the other tables and can be made again at any time. All change in one
transaction: a kill leaves them as they were, and what they say is true as of their mark.

Only the embedded engine keeps facts: the others lack a transaction over several tables, and have a cluster to count
everything again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

import pyarrow as pa
from ibis import Table
from ibis.backends.duckdb import Backend as DuckDB

from connectors.records import TIME
from sync.warehouse.store import Warehouse

FACTS, LINKED, MARK = "person_facts", "person_links", "facts_mark"
OVERTAKEN, AGAIN = "overtaken_versions", "answered_again"
LOG = "1GB"
MARKS = pa.schema(
    [("as_of", TIME), ("sequence", pa.int64()), ("rows", pa.int64()), ("links", pa.int64()), ("made_by", pa.string())]
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What kept facts include.

    Attributes:
        as_of: The moment of the facts, UTC.
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
    """Names of staged tables: what changes from one mark to the next.

    Attributes:
        persons: Column ``person_id``: whose facts and links go.
        facts: Facts that come.
        links: Links that come, of those persons.
        engagements: Column ``sequence``: engagements that are looked at anew.
        again: Those of them that do not count.
        overtaken: All versions that are not in force.
        values: ``person_id``, and columns of the facts that have another value now.
        losses: What counts lose: ``person_id``, and columns of the facts.
    """

    persons: str
    facts: str
    links: str
    engagements: str
    again: str
    overtaken: str
    values: str
    losses: Sequence[str]


class KeptFacts:
    """These tables, in a warehouse on the embedded engine."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._engine = cast(DuckDB, warehouse.engine)
        self._staged: list[str] = []

    @property
    def facts(self) -> Table:
        """Everybody's facts, as `segmenter.traits.traits.facts` returns them."""
        return self._engine.table(FACTS)

    @property
    def links(self) -> Table:
        """Who was who: ``contact_key, person_id``."""
        return self._engine.table(LINKED)

    @property
    def overtaken(self) -> Table:
        """The ``sequence`` of versions that are not in force (`sync.warehouse.latest_rows`)."""
        return self._engine.table(OVERTAKEN)

    @property
    def answered_again(self) -> Table:
        """The ``sequence`` of engagements that do not count (`segmenter.traits.engagement.answered_again`)."""
        return self._engine.table(AGAIN)

    def mark(self) -> Mark | None:
        """Return what the facts include; None where none are kept."""
        if MARK not in self._engine.list_tables():
            return None
        return Mark(**self._engine.table(MARK).to_pyarrow().to_pylist()[0])

    def stage(self, name: str, rows: Table | pa.Table) -> Table:
        """Return *rows* as a table of this connection, which is there until the block of `staging` ends."""
        self._staged.append(name)
        if isinstance(rows, pa.Table):
            return self._engine.create_table(name, rows, temp=True, overwrite=True)
        # not by Ibis' create_table, which makes a table of another name, inserts, drops and renames
        self._engine.con.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {self._engine.compile(rows)}')
        return self._engine.table(name)

    def staged(self, name: str) -> Table:
        """Return what was staged under a name."""
        return self._engine.table(name)

    @contextmanager
    def staging(self) -> Iterator[None]:
        """Drop what was staged when the block ends."""
        try:
            yield
        finally:
            for name in self._staged:
                self._engine.drop_table(name, force=True)
            self._staged.clear()

    @contextmanager
    def _together(self) -> Iterator[None]:
        run = self._engine.con.execute
        run(f"SET wal_autocheckpoint = '{LOG}'")  # the file is put in order once, when it is closed
        run("BEGIN")
        try:
            yield
        except BaseException:
            run("ROLLBACK")
            raise
        run("COMMIT")

    def replace(self, *, facts: Table, links: Table, overtaken: Table, again: Table, mark: Mark) -> None:
        """Keep other facts in place of all that is kept; arguments are as the properties of this class."""
        with self._together():
            for name, table in ((LINKED, links), (OVERTAKEN, overtaken), (AGAIN, again), (FACTS, facts)):
                self._engine.create_table(name, table, overwrite=True)
            self._set(mark)

    def change(self, staged: Staged, mark: Mark) -> None:
        """Change what is kept to what it includes at a later mark."""
        run = self._engine.con.execute
        with self._together():
            for name in staged.losses:
                run(self._updated(name, f'{FACTS}."{{0}}" - told."{{0}}"'))
            run(self._updated(staged.values, 'told."{0}"'))
            for kept, key, gone, come in (
                (FACTS, "person_id", staged.persons, staged.facts),
                (LINKED, "person_id", staged.persons, staged.links),
                (AGAIN, "sequence", staged.engagements, staged.again),
            ):
                run(f'DELETE FROM {kept} WHERE {key} IN (SELECT {key} FROM "{gone}")')  # noqa: S608 - names are ours
                self._engine.insert(kept, self._engine.table(come))
            self._engine.create_table(OVERTAKEN, self._engine.table(staged.overtaken), overwrite=True)
            self._set(mark)

    def _updated(self, staged: str, value: str) -> str:
        """The statement that gives columns of the facts another value, from the columns of a staged table."""
        columns = [name for name in self._engine.table(staged).columns if name != "person_id"]
        values = ", ".join(f'"{name}" = {value.format(name)}' for name in columns)
        joined = f'FROM "{staged}" AS told WHERE {FACTS}.person_id = told.person_id'
        return f"UPDATE {FACTS} SET {values} {joined}"  # noqa: S608 - all names are ours

    def _set(self, mark: Mark) -> None:
        self._engine.create_table(MARK, pa.Table.from_pylist([asdict(mark)], schema=MARKS), overwrite=True)
