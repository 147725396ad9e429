"""Shared parts of the `survey` commands: their group, and the options that several have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import FixSettingsError
from sync.cli.options import app

survey_app = typer.Typer(
    help="Surveys: typing tools, crosstabs, quality, sample sizes, TURF, MaxDiff.", no_args_is_help=True
)
app.add_typer(survey_app, name="survey")

ToolOption = Annotated[
    str, typer.Option("--tool", metavar="NAME", help="Name of the typing tool; a workspace can have several.")
]
SurveyOption = Annotated[
    str | None, typer.Option("--survey", metavar="NAME", help="Survey in the warehouse. Default: the tool's name.")
]
RespondentOption = Annotated[
    str | None,
    typer.Option(
        "--respondent",
        metavar="COLUMN",
        help="The column that identifies the respondent. Default: email, respondent or id.",
    ),
]
SheetOption = Annotated[str | None, typer.Option("--sheet", help="Sheet of an XLSX file. Default: the first.")]
AnswersFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Answers (CSV, TSV, XLSX, SPSS), one row per respondent.")
]
QuestionOption = Annotated[
    list[str] | None,
    typer.Option("--question", metavar="COLUMN", help="A question column; repeat for several. Default: all others."),
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="COLUMN", help="A column that is not a question.")
]
WeightOption = Annotated[
    str | None,
    typer.Option(
        "--weight",
        metavar="COLUMN",
        help="Column of the respondents' weights, or a file of them as `survey weight --out` writes it.",
    ),
]
WeightOfAnswersOption = Annotated[
    str | None,
    typer.Option(
        "--weight",
        metavar="COLUMN",
        help="Column of the respondents' weights, or a file of them as `survey weight --out` writes it; for answers in "
        "the warehouse an item or a number trait. Default: the weights of the proposal.",
    ),
]
LeaveOutOption = Annotated[
    Path | None,
    typer.Option(
        "--leave-out", metavar="FILE", help="A list of respondents to leave out, as `survey quality --out` writes it."
    ),
]
TextsOption = Annotated[
    Path | None, typer.Option("--texts", metavar="FILE", help="Question texts: a file with the columns item and text.")
]


def check_outputs(file: Path, *targets: Path | None) -> None:
    """Refuse a file to write that can't be written, or that is the file of answers.

    Args:
        file: Of answers.
        targets: To write; None: nothing is written.

    Raises:
        FixSettingsError: Names the target.
    """
    from sync.export.write import check_target  # noqa: PLC0415 - heavy imports only where needed

    for target in targets:
        if target is not None:
            check_target(target)
            if target.resolve() == file.resolve():
                raise FixSettingsError(f"{target} is the file of answers.", fix="Write to another file.")
