"""Survey answers from a file: one row per answer (item, value), or one row per respondent with a column per item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, Formats, as_text
from connectors.files.columns import FileColumns
from connectors.files.rows import FileRow, Rejects, rows_of
from connectors.files.table import FileTable
from connectors.records import SURVEY_ANSWERS


def read_answers(
    table: FileTable, columns: FileColumns, formats: Mapping[str, Formats], connection: str, rejects: Rejects
) -> pa.Table:
    """Return the file's answers in the schema of `SURVEY_ANSWERS`.

    A file without a column `survey` is one survey, named after the file. An empty cell is no answer. Of several
    answers of one respondent to one item the last one counts.
    """
    answers: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number, row in rows_of(table, columns, formats, rejects):
        try:
            for answer in _answers(row, connection, survey=table.path.stem):
                key = (answer["contact_key"], answer["survey"], answer["item"])
                if key in answers:
                    rejects.replace(number, "the answer to", answer["item"], row.cells)
                answers[key] = answer
        except CellError as error:
            rejects.skip(number, error, row.cells)
    return pa.Table.from_pylist(list(answers.values()), SURVEY_ANSWERS.columns)


def _answers(row: FileRow, connection: str, *, survey: str) -> Iterator[dict[str, Any]]:
    common = {
        "connection": connection,
        "contact_key": row.contact_key(connection),
        "survey": row.text("survey") or survey,
        "at": row.time("at"),
    }
    for item, value in _pairs(row):
        if value is not None:
            yield {**common, "item": item, "value": value}


def _pairs(row: FileRow) -> Iterator[tuple[str, str | None]]:
    if "item" in row.columns:
        item = row.text("item")
        if item is None:
            raise CellError(f"column {row.columns.header('item')!r}: empty, so the question is unknown")
        yield item, row.text("value")
    else:
        for header in row.columns.others:
            yield header, as_text(row.cells[header])
