"""Survey answers from a file: one row per answer (item, value), or one row per respondent with a column per item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, Formats, as_text
from connectors.files.columns import FileColumns
from connectors.files.formats import DECIMAL_MARK, plain_numbers
from connectors.files.rows import ANSWER, FileRow, Rejects, rows_of
from connectors.files.table import FileTable
from connectors.records import SURVEY_ANSWERS

FIX = f'Add {DECIMAL_MARK} = "." or "," to the connection in personasync.toml; answers that it does not fit stay texts.'


def read_answers(
    table: FileTable, columns: FileColumns, formats: Mapping[str, Formats], connection: str, rejects: Rejects
) -> pa.Table:
    """Return the file's answers in the schema of `SURVEY_ANSWERS`.

    A file without a column `survey` is one survey, named after the file. An empty cell is no answer. Of several
    answers of one respondent to one item the last one counts. Numbers are read by all answers to their item.

    Raises:
        FixSettingsError: The answers to an item could be read in two ways, and no setting says which.
    """
    answers: dict[tuple[str, str, str], dict[str, Any]] = {}
    rows: dict[tuple[str, str, str], int] = {}
    for number, row in rows_of(table, columns, formats, rejects):
        try:
            for answer in _answers(row, connection, survey=table.path.stem):
                key = (answer["contact_key"], answer["survey"], answer["item"])
                if key in answers:
                    rejects.replace(number, "the answer to", answer["item"], row.cells)
                answers[key], rows[key] = answer, number
        except CellError as error:
            rejects.skip(number, error, row.cells)
    by_item: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for key in answers:
        by_item.setdefault(key[1:], []).append(key)
    chosen = formats[ANSWER].decimal_mark if ANSWER in formats else None
    for (_, item), keys in by_item.items():
        cells = [(rows[key], answers[key]["value"]) for key in keys]
        values = plain_numbers(cells, chosen=chosen, where=f"{table.path.name}, answers to {item!r}", fix=FIX)
        for key, value in zip(keys, values, strict=True):
            answers[key]["value"] = value
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
