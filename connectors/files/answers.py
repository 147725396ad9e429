"""Survey answers from a file: one row per answer (item, value), or one row per respondent with a column per item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, as_text, as_time
from connectors.files.columns import Columns
from connectors.files.rows import Rejects, Row, rows_of
from connectors.files.table import FileTable
from connectors.records import SURVEY_ANSWERS


def read_answers(table: FileTable, columns: Columns, connection: str, rejects: Rejects) -> pa.Table:
    """Return the file's answers in the schema of `SURVEY_ANSWERS`.

    A file without a column `survey` is one survey, named after the file. An empty cell is no answer. Of several
    answers of one respondent to one item the last one counts.
    """
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number, row in rows_of(table, columns, rejects):
        try:
            for answer in _answers(row, connection, survey=table.path.stem):
                key = (answer["contact_key"], answer["survey"], answer["item"])
                if key in found:
                    rejects.add(number, f"{answer['item']!r} is a duplicate answer; this one is used")
                found[key] = answer
        except CellError as error:
            rejects.add(number, f"{error}; row skipped")
    return pa.Table.from_pylist(list(found.values()), SURVEY_ANSWERS.columns)


def _answers(row: Row, connection: str, *, survey: str) -> Iterator[dict[str, Any]]:
    common = {
        "connection": connection,
        "contact_key": row.contact_key(connection),
        "survey": row.text("survey") or survey,
        "at": row.read("at", as_time),
    }
    for item, value in _pairs(row):
        if value is not None:
            yield {**common, "item": item, "value": value}


def _pairs(row: Row) -> Iterator[tuple[str, str | None]]:
    if "item" in row.columns:
        item = row.text("item")
        if item is None:
            raise CellError(f"column {row.columns.header('item')!r}: empty, so the question is unknown")
        yield item, row.text("value")
    else:
        for header in row.columns.others:
            yield header, as_text(row.cells[header])
