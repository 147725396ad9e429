"""Real-time traits: the expression of `segmenter.traits.traits`, compiled once for a few people.

A service that answers webhooks compiles when it starts (`sync.warehouse.prepared`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
from ibis import Table

from connectors.records import CAMPAIGNS, CONTACTS, DELIVERIES, ENGAGEMENTS, ORDER_LINES, ORDERS, SURVEY_ANSWERS
from segmenter.traits.builtin import Catalogue
from segmenter.traits.definitions import Inputs
from segmenter.traits.traits import base_schema, traits
from sync.control.identities import links_schema
from sync.warehouse.prepared import PreparedQuestion

ROWS = {
    t.name: t.columns for t in (CONTACTS, ORDERS, ORDER_LINES, DELIVERIES, ENGAGEMENTS, SURVEY_ANSWERS, CAMPAIGNS)
} | {
    "links": links_schema(),
    "base": base_schema(),
}


class PreparedTraits:
    """The traits of a catalogue, compiled. One thread at a time."""

    def __init__(self, catalogue: Catalogue) -> None:
        def question(tables: Mapping[str, Table], as_of: datetime) -> Table:
            given = {"answers" if name == SURVEY_ANSWERS.name else name: table for name, table in tables.items()}
            return traits(Inputs(**given), catalogue, as_of)

        self._question = PreparedQuestion(ROWS, question)

    def traits(self, rows: Mapping[str, pa.Table], as_of: datetime) -> pa.Table:
        """Return what `segmenter.traits.traits.traits` returns for *rows* at *as_of* (UTC).

        Args:
            rows: Rows by table (`ROWS`); tables that are missing are empty. ``base``: one row of `base_rates` of
                everybody; without it the shrunk rates are null.
            as_of: Nothing after it counts.

        Returns:
            One row per person: ``person_id`` and one column per trait.
        """
        filled = {"base": pa.Table.from_pylist([{}], ROWS["base"]), **{name: row for name, row in rows.items() if row}}
        return self._question.ask(filled, as_of)

    def close(self) -> None:
        """Give back the memory."""
        self._question.close()
