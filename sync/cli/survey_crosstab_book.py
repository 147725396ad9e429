"""A crosstab as a workbook, and as rows for other programs."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from sync.cli.survey_crosstab_text import association_sentences, method_sentences
from sync.export.workbook import BookSheet, Look, SheetCell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segmenter.stats.pairwise import SampleBase
    from segmenter.surveys.crosstab import Crosstab, QuestionTable
    from sync.surveys.crosstab import CrosstabOfFile

ROW_HEAD = ("question", "text", "answer", "kind", "banner", "group", "letter", "base", "effective_base", "value")
ROW_COLUMNS = (*ROW_HEAD, "letters", "deviation")
TESTS_HEAD = (
    "Question", "Row", "Column", "Against", "Difference", "Statistic", "p", "p corrected", "Effect size", "Not tested",
)  # fmt: skip
HEAD_ROWS = 3  # banner, group, letter


def crosstab_sheets(made: CrosstabOfFile) -> list[BookSheet]:
    """Return the sheets of a workbook: tables, all tests, and how to read them.

    Letters stand in a column of their own beside each figure, so that figures stay numbers.
    """
    crosstab = made.crosstab
    wide = [32.0, *(width for _ in crosstab.columns for width in (9.0, 6.0))]
    return [
        BookSheet("Crosstab", list(_table_rows(crosstab)), wide, (HEAD_ROWS, 1)),
        BookSheet("Tests", list(_test_rows(crosstab)), [24.0, 24.0], (1, 0)),
        BookSheet("Notes", [[SheetCell(line)] for line in (*method_sentences(made), *made.notes)], [120.0]),
    ]


def _table_rows(crosstab: Crosstab) -> Iterator[list[SheetCell]]:
    columns = crosstab.columns
    for head in ([c.banner for c in columns], [c.group for c in columns], [c.letter for c in columns]):
        yield [SheetCell(""), *(cell for text in head for cell in (SheetCell(text, "head"), SheetCell("")))]
    for each in crosstab.tables:
        yield []
        yield [SheetCell(f"{each.question}: {each.text}" if each.text else each.question, "title")]
        yield from _bases(each.bases)
        for row in each.rows:
            look: Look = "number" if row.kind == "mean" else "share"
            yield [
                SheetCell(row.label),
                *(part for cell in row.cells for part in (SheetCell(cell.value, look), SheetCell(cell.letters))),
            ]
            if row.deviations:
                yield [
                    SheetCell("Standard deviation"),
                    *(part for own in row.deviations for part in (SheetCell(own, "number"), SheetCell(""))),
                ]
        for sentence in association_sentences(each):
            yield [SheetCell(sentence)]


def _bases(bases: Sequence[SampleBase]) -> Iterator[list[SheetCell]]:
    def row(label: str, figures: list[Any]) -> list[SheetCell]:
        return [SheetCell(label), *(cell for figure in figures for cell in (SheetCell(figure), SheetCell("")))]

    yield row("Base", [base.people for base in bases])
    if any(base.design_effect > 1 + 1e-9 for base in bases):
        yield row("Weighted base", [round(base.weighted, 1) for base in bases])
        yield row("Effective base", [round(base.effective, 1) for base in bases])


def _test_rows(crosstab: Crosstab) -> Iterator[list[SheetCell]]:
    yield [SheetCell(name, "head") for name in TESTS_HEAD]
    for each in crosstab.tables:
        for test in each.tests:
            yield [
                SheetCell(each.question),
                SheetCell(test.row),
                *(SheetCell(letter) for letter in test.columns),
                SheetCell(test.difference, "small"),
                SheetCell(test.comparison.statistic, "number"),
                SheetCell(test.comparison.p, "small"),
                SheetCell(test.corrected, "small"),
                SheetCell(test.comparison.effect, "number"),
                SheetCell(test.reason),
            ]


def crosstab_rows(crosstab: Crosstab) -> tuple[Sequence[str], list[tuple[Any, ...]]]:
    """Return names of columns, and a row for each figure of the tables."""
    return ROW_COLUMNS, [row for each in crosstab.tables for row in _figures(crosstab, each)]


def _figures(crosstab: Crosstab, each: QuestionTable) -> Iterator[tuple[Any, ...]]:
    for row in each.rows:
        deviations = row.deviations or [float("nan")] * len(row.cells)
        for column, base, cell, deviation in zip(crosstab.columns, each.bases, row.cells, deviations, strict=True):
            yield (
                each.question,
                each.text,
                row.label,
                row.kind,
                column.banner,
                column.group,
                column.letter,
                base.people,
                base.effective,
                _finite(cell.value),
                cell.letters,
                _finite(deviation),
            )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
