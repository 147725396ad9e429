"""Traits of a few persons at a time: the expression of `segmenter.traits.traits`, compiled once and run on other rows.

Compiling takes most of a second, running some hundredths: a service that answers webhooks compiles when it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import ibis
import pyarrow as pa

from connectors.records import CONTACTS, DELIVERIES, ENGAGEMENTS, ORDER_LINES, ORDERS, SURVEY_ANSWERS
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import Inputs
from segmenter.traits.traits import BASE, traits
from sync.control.identities import LINKS
from sync.warehouse.store import open_memory

ROWS = {t.name: t.columns for t in (CONTACTS, ORDERS, ORDER_LINES, DELIVERIES, ENGAGEMENTS, SURVEY_ANSWERS)} | {
    "links": LINKS,
    "base": BASE,
}
ANY_MOMENT = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)  # stands for the moment until a question names one


class PreparedTraits:
    """One engine in memory with empty tables, and the compiled question. One thread at a time."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._engine = open_memory()
        tables = {n: self._engine.create_table(n, schema=ibis.Schema.from_pyarrow(s)) for n, s in ROWS.items()}
        tables["answers"] = tables.pop(SURVEY_ANSWERS.name)
        question = str(self._engine.compile(traits(Inputs(**tables), catalogue, ANY_MOMENT)))
        alone = str(self._engine.compile(ibis.literal(ANY_MOMENT).cast("timestamp('UTC', 6)").name("at")))
        moment = alone.removeprefix("SELECT ").removesuffix(' AS "at"')
        self._run = self._engine.con.execute
        self._run(f"PREPARE question AS {question.replace(moment, 'CAST($1 AS TIMESTAMPTZ)')}")

    def traits(self, rows: Mapping[str, pa.Table], as_of: datetime) -> pa.Table:
        """Return what `segmenter.traits.traits.traits` returns for *rows* at *as_of* (UTC).

        Args:
            rows: Rows by table (`ROWS`); tables that are missing are empty. ``base``: one row of `base_rates` of
                everybody; without it the shrunk rates are null.
            as_of: Nothing after it counts.
        """
        filled = {"base": pa.Table.from_pylist([{}], BASE), **{name: found for name, found in rows.items() if found}}
        self._run("BEGIN")
        try:
            for name, found in filled.items():
                self._engine.con.register("incoming", found.select(ROWS[name].names).cast(ROWS[name]))
                self._run(f'INSERT INTO "{name}" SELECT * FROM incoming')  # noqa: S608 - a name in ROWS
                self._engine.con.unregister("incoming")
            return self._run(f"EXECUTE question('{as_of.astimezone(UTC).isoformat()}')").to_arrow_table()
        finally:
            self._run("ROLLBACK")

    def close(self) -> None:
        """Give back the memory."""
        self._engine.disconnect()
