"""The typing tool: `survey design`, `survey score`, `survey import`, `survey list`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, console_of, not_ours, session_of
from sync.cli.survey_options import (
    RespondentOption,
    SheetOption,
    SurveyOption,
    TextsOption,
    ToolOption,
    WeightOfAnswersOption,
    survey_app,
)
from sync.cli.survey_text import design_lines, is_anyway, tool_origin, written_lines

if TYPE_CHECKING:
    from segmenter.classifier.thresholds import Thresholds
    from sync.surveys.job import SurveyScores
    from sync.workspace.settings import Workspace

OutOption = Annotated[
    Path | None, typer.Option("--out", callback=not_ours, help="Output folder for the form and the definitions.")
]
AnswersArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="Answers (CSV, TSV, XLSX, SPSS). Default: the answers in the warehouse."),
]


@survey_app.command("design")
def survey_design_command(
    file: AnswersArgument = None,
    *,
    tool: ToolOption = "short",
    length: Annotated[
        int | None, typer.Option("--length", min=1, max=100, help="Number of questions. Default: 5 to 15.")
    ] = None,
    error_rate: Annotated[
        float | None,
        typer.Option(
            "--error-rate",
            min=0.01,
            max=0.5,
            help="Make an adaptive tool: it asks until it is wrong about this share of people at most, such as 0.1.",
        ),
    ] = None,
    segment: Annotated[
        str | None, typer.Option("--segment", metavar="COLUMN", help="The column with the segment, if already known.")
    ] = None,
    segments: Annotated[
        int | None, typer.Option("--segments", "-k", min=2, max=30, help="Number of segments to find, if not known.")
    ] = None,
    proposal: Annotated[
        str | None,
        typer.Option("--proposal", metavar="NAME", help="An accepted proposal whose segments to predict."),
    ] = None,
    respondent: RespondentOption = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="COLUMN", help="A column that is not a question.")
    ] = None,
    question: Annotated[
        list[str] | None,
        typer.Option(
            "--question", metavar="COLUMN", help="A question column; repeat for several. Default: all other columns."
        ),
    ] = None,
    reverse: Annotated[
        list[str] | None, typer.Option("--reverse", metavar="COLUMN", help="A reverse-coded question.")
    ] = None,
    centre: Annotated[
        bool, typer.Option("--centre", help="Center each respondent's answers before clustering.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Make the tool although the answers have no such segments.")
    ] = False,
    texts: TextsOption = None,
    weight: WeightOfAnswersOption = None,
    survey: SurveyOption = None,
    sheet: SheetOption = None,
    out: OutOption = None,
    action: Annotated[
        str | None,
        typer.Option(
            "--action",
            metavar="URL",
            help="Where the form sends answers: a form of one of the platforms, or any other program. "
            "Default: the reader saves a file.",
        ),
    ] = None,
    scale: Annotated[
        str, typer.Option("--scale", metavar="LOW,HIGH", help="What the ends of a number scale mean.")
    ] = "disagree completely,agree completely",
    title: Annotated[str | None, typer.Option("--title", help="Heading of the form.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Random seed of the cross-validation folds.")] = 1,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Design a typing tool from survey answers. Selects and validates the best questions, and writes a ready form."""
    from sync.surveys.answers import SurveyColumns  # noqa: PLC0415 - heavy imports only where needed
    from sync.surveys.question_texts import texts_in  # noqa: PLC0415
    from sync.surveys.tool_request import ToolAsked, check_form_address, check_tool_name, design_asked, ends_of  # noqa: PLC0415

    check_tool_name(tool)
    check_form_address(action)
    ends = ends_of(scale)
    console = console_of(as_json=as_json)
    asked = ToolAsked(
        tool,
        file,
        survey,
        SurveyColumns(respondent, segment, exclude or (), question or ()),
        sheet,
        segments,
        proposal,
        length,
        error_rate,
        reverse or (),
        centre,
        anyway,
        texts_in(texts),
        weight,
        seed,
    )
    with session_of(workspace) as session, console.progress() as progress:
        made = design_asked(session, asked, progress)
    written = _write(made.made.file, out, action, title, ends)
    console.result(
        {
            **made.made.file.model_dump(mode="json"),
            "chosen_in": dict(made.made.chosen_in),
            "findings": [{"kind": f.kind, "message": f.message, "fix": f.fix} for f in made.findings],
            "saved": str(made.path),
            "written": [str(path) for path in written],
        },
        *design_lines(made),
        *written_lines(tool, made.path, written, action),
    )


def _write(file: Any, out: Path | None, action: str | None, title: str | None, scale: tuple[str, str]) -> list[Path]:
    from sync.surveys.exports import form_folder, write_exports  # noqa: PLC0415

    return write_exports(file, out or form_folder(Path(), file.name), action=action, title=title, scale=scale)


@survey_app.command("score")
def survey_score_command(
    file: AnswersArgument = None,
    *,
    tool: ToolOption = "short",
    respondent: RespondentOption = None,
    sheet: SheetOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", callback=not_ours, metavar="FILE", help="CSV with one row per respondent.")
    ] = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Score survey answers. Each respondent gets a segment, with confidence and reason."""
    from sync.surveys import job as surveys  # noqa: PLC0415
    from sync.surveys.answers import SurveyColumns  # noqa: PLC0415
    from sync.surveys.score_file import write_scores  # noqa: PLC0415
    from sync.workspace.typing_tools import load_tool  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        known, limits = load_tool(session.workspace.state_dir, tool), _limits(session.workspace)
        if file:
            scores = surveys.score_file(known, file, SurveyColumns(respondent), limits, sheet=sheet)
        else:
            scores = surveys.score_workspace(session, known, limits)
        if out:
            session.control.erasures.note_file(out)
    if out:
        write_scores(scores, out)
    console.result(_score_document(known.version, scores), *_score_lines(scores, out))


def _score_document(version: str, scores: SurveyScores) -> dict[str, Any]:
    return {
        "tool": version,
        "segments": scores.segments,
        "incomplete": list(scores.incomplete),
        "flags": {scores.respondents[row]: flag for row, flag in scores.flags.items()},
        "repeated": _repeated(scores),
        "respondents": [
            {"respondent": who, **{name: getattr(score, name) for name in score.__dataclass_fields__}}
            for who, score in zip(scores.respondents, scores.scored, strict=True)
        ],
    }


def _repeated(scores: SurveyScores) -> list[str]:
    return [who for who, rows in Counter(scores.respondents).items() if rows > 1]


def _score_lines(scores: SurveyScores, out: Path | None) -> Iterator[Any]:
    yield table("Segment", "Respondents", rows=list(scores.segments.items()))
    if scores.incomplete:
        listed = ", ".join(scores.incomplete[:10])
        yield f"{len(scores.incomplete):,} with too few answers: {listed}{' ...' if scores.incomplete[10:] else ''}"
    if repeated := _repeated(scores):
        listed = ", ".join(repeated[:10])
        yield (
            f"Warning: answered several times, and each row was scored: {listed}"
            f"{' ...' if len(repeated) > 10 else ''}. Keep one row of each."  # noqa: PLR2004 - as above
        )
    if scores.flags:
        yield f"{len(scores.flags):,} show a response style (straight-lining or acquiescence); see the column flag."
    if out:
        yield f"Wrote {out}"
        return
    rows = [
        (
            who,
            score.segment or "unclassified",
            "" if score.confidence is None else f"{score.confidence:.2f}",
            score.reasons,
        )
        for who, score in list(zip(scores.respondents, scores.scored, strict=True))[:20]
    ]
    yield table("Respondent", "Segment", "Confidence", "Why", rows=rows)


def _limits(workspace: Workspace) -> Thresholds:
    from segmenter.classifier.thresholds import Thresholds  # noqa: PLC0415

    settings = workspace.classify
    return Thresholds(settings.min_confidence, settings.min_margin, settings.min_known)


@survey_app.command("import")
def survey_import_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Coefficient table: items by segments, with a row of constants.")
    ],
    *,
    tool: ToolOption = "agency",
    survey: SurveyOption = None,
    sheet: SheetOption = None,
    out: OutOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Import a typing tool from an agency's coefficient table."""
    from sync.surveys import job as surveys  # noqa: PLC0415
    from sync.surveys.exports import AGREEMENT  # noqa: PLC0415
    from sync.surveys.tool_request import check_tool_name  # noqa: PLC0415

    check_tool_name(tool)
    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        made, transposed = surveys.import_table(
            session.workspace, file, tool=tool, survey=survey or tool, sheet=sheet, now=session.now()
        )
        saved = session.workspace.state_dir / "tools" / f"{tool}.json"
    written = _write(made, out, None, None, AGREEMENT)
    lines = ["The table has segments in rows; it was transposed."] if transposed else []
    lines.append(f"{len(made.questions)} questions, {len(made.segments)} segments: {', '.join(made.segments)}.")
    if made.complete:
        lines.append(
            "It has no means, so every question must be answered. Add a column 'mean' to allow missing answers."
        )
    document = {**made.model_dump(mode="json"), "transposed": transposed, "written": [str(path) for path in written]}
    console.result(document, *lines, *written_lines(tool, saved, written))


@survey_app.command("list")
def survey_list_command(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """List the typing tools, and whether `assign` uses them."""
    from sync.workspace.typing_tools import load_tools  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with session_of(workspace) as session:
        tools = load_tools(session.workspace)
    document = {
        "tools": [
            {
                "name": t.file.name,
                "version": t.file.version,
                "questions": len(t.file.questions),
                "lacking": t.lacking,
                "anyway": is_anyway(t.file),
            }
            for t in tools
        ]
    }
    rows = [
        (t.file.name, len(t.file.questions), tool_origin(t.file), f"not used: {t.lacking}" if t.lacking else "asked")
        for t in tools
    ]
    console.result(document, table("Tool", "Questions", "Made", "Waterfall", rows=rows))
