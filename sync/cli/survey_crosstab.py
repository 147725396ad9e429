"""`survey crosstab`: tables of a survey with significance letters, on the screen, as XLSX or as rows."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.options import JsonOption, console_of, not_ours
from sync.cli.survey_crosstab_text import crosstab_lines
from sync.cli.survey_options import (
    AnswersFile,
    ExcludeOption,
    LeaveOutOption,
    QuestionOption,
    RespondentOption,
    SheetOption,
    TextsOption,
    WeightOption,
    survey_app,
)

if TYPE_CHECKING:
    from segmenter.surveys.crosstab import QuestionTable
    from sync.surveys.crosstab import CrosstabOfFile


@survey_app.command("crosstab")
def survey_crosstab_command(
    file: AnswersFile,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="COLUMN", help="Column whose groups are compared; repeat for several banners."),
    ] = None,
    segments: Annotated[
        Path | None,
        typer.Option(
            "--segments",
            metavar="FILE",
            help="Compare the segments of another file, as `survey score --out` writes it.",
        ),
    ] = None,
    question: QuestionOption = None,
    exclude: ExcludeOption = None,
    weight: WeightOption = None,
    correction: Annotated[
        str, typer.Option("--correction", help="Of p-values within a row: holm, bonferroni, fdr or none.")
    ] = "holm",
    least_base: Annotated[
        float, typer.Option("--least-base", min=2, help="Columns with a smaller effective base are not tested.")
    ] = 30,
    respondent: RespondentOption = None,
    leave_out: LeaveOutOption = None,
    texts: TextsOption = None,
    sheet: SheetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", callback=not_ours, metavar="FILE", help="Write tables (.xlsx), or rows (.csv, .parquet)."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show answers by group, with significance letters. Effect sizes, weights, XLSX; needs no workspace."""
    from segmenter.surveys.crosstab import CrosstabOptions  # noqa: PLC0415 - heavy imports only where needed
    from sync.surveys.crosstab import CrosstabWish, crosstab_of_file  # noqa: PLC0415
    from sync.surveys.question_texts import texts_in  # noqa: PLC0415

    _check_target(out)
    wish = CrosstabWish(
        by or (),
        segments,
        question or (),
        exclude or (),
        respondent,
        weight,
        leave_out,
        texts_in(texts),
        CrosstabOptions(_correction(correction), least_base),
    )
    made = crosstab_of_file(file, wish, sheet=sheet)
    if out is not None:
        _write(out, made)
    wrote = [] if out is None else [f"Wrote {out}"]
    document = crosstab_document(made) if as_json else {}  # of a large survey it holds tens of thousands of tests
    console_of(as_json=as_json).result(document, *([] if as_json else crosstab_lines(made)), *wrote)


def _correction(text: str) -> Any:
    from segmenter.stats.pairwise import CORRECTIONS  # noqa: PLC0415

    if text not in CORRECTIONS:
        raise FixSettingsError(f"Unknown correction {text!r}.", fix=f"Use {', '.join(CORRECTIONS)}.")
    return text


def _check_target(out: Path | None) -> None:
    if out is not None:
        from sync.export.write import check_target  # noqa: PLC0415

        check_target(out)


def _write(out: Path, made: CrosstabOfFile) -> None:
    from sync.cli.survey_crosstab_book import crosstab_rows, crosstab_sheets  # noqa: PLC0415
    from sync.export.workbook import write_workbook  # noqa: PLC0415
    from sync.export.write import write_rows  # noqa: PLC0415

    if out.suffix.lower() == ".xlsx":
        write_workbook(out, crosstab_sheets(made))
    else:
        write_rows(out, *crosstab_rows(made.crosstab))


def crosstab_document(made: CrosstabOfFile) -> dict[str, Any]:
    """Return the tables for scripts; figures without an answer are null."""
    crosstab = made.crosstab
    return {
        "file": made.file,
        "weight": made.weight,
        "correction": crosstab.correction,
        "least_base": crosstab.least_base,
        "tested": crosstab.tested,
        "notes": list(made.notes),
        "columns": [
            {**asdict(column), **asdict(base)} for column, base in zip(crosstab.columns, crosstab.bases, strict=True)
        ],
        "questions": [_without_nan(_table_document(each)) for each in crosstab.tables],
    }


def _table_document(each: QuestionTable) -> dict[str, Any]:
    document = asdict(each)
    document["tests"] = [{**test, **test.pop("comparison")} for test in document["tests"]]
    return document


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not isfinite(value) else value
