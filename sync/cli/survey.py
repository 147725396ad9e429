"""The typing tool: `survey design`, `survey score`, `survey import`, `survey list`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, console_of, session_of
from sync.cli.survey_text import design_lines, is_anyway, tool_origin, written_lines

if TYPE_CHECKING:
    from segmenter.classifier.thresholds import Thresholds
    from sync.surveys.job import SurveyScores
    from sync.workspace.settings import Workspace

survey_app = typer.Typer(help="Typing tools: short surveys that assign segments.", no_args_is_help=True)
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
OutOption = Annotated[Path | None, typer.Option("--out", help="Output folder for the form and the definitions.")]
AnswersArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="Answers (CSV, TSV, XLSX). Default: the answers in the warehouse."),
]
SLUG = re.compile(r"[a-z][a-z0-9_]{0,19}")


@survey_app.command("design")
def survey_design_command(
    file: AnswersArgument = None,
    *,
    tool: ToolOption = "short",
    length: Annotated[
        int | None, typer.Option("--length", min=1, max=100, help="Number of questions. Default: 5 to 15.")
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
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", metavar="COLUMN", help="A column that is not a question.")
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
    texts: Annotated[
        Path | None,
        typer.Option("--texts", metavar="FILE", help="Question texts: a file with the columns item and text."),
    ] = None,
    survey: SurveyOption = None,
    sheet: SheetOption = None,
    out: OutOption = None,
    action: Annotated[
        str | None,
        typer.Option(
            "--action",
            metavar="URL",
            help="Where the form sends answers: a Mailchimp signup form, a HubSpot form, or any other program. "
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
    from sync.surveys import answers as survey_answers  # noqa: PLC0415 - heavy imports only where needed
    from sync.surveys import job as surveys  # noqa: PLC0415
    from sync.workspace.proposals import accepted, load  # noqa: PLC0415

    _check(tool, action)
    ends = _ends(scale)
    console = console_of(as_json=as_json)
    if proposal is not None and (segment is not None or segments is not None):
        raise FixSettingsError("--proposal, --segment and --segments can't be combined.", fix="Use only one of them.")
    with session_of(workspace) as session:
        proposal_file = None if proposal is None else load(session.workspace.directory, proposal)
        if file is None and survey is None and proposal_file is not None and proposal_file.proposal.file:
            file = session.workspace.directory / proposal_file.proposal.file
            respondent, question = (
                respondent or proposal_file.proposal.respondent or None,
                question or [*proposal_file.proposal.base],
            )
        columns = survey_answers.SurveyColumns(respondent, segment, leave_out or (), question or ())
        of = survey or (proposal_file.proposal.survey if proposal_file else "") or tool
        read = (
            survey_answers.answers_from_file(file, columns, sheet=sheet)
            if file
            else survey_answers.answers_in_warehouse(session.warehouse, of, columns)
        )
        if proposal is not None:
            known = accepted(session.workspace.directory, proposal)
            read = survey_answers.with_segments(read, known, session.control.links.mapping(), proposal)
        asked = _texts(texts) if texts else {}
        wish = surveys.Wish(tool, of, length, segments, reverse or (), centre, anyway, asked, proposal_file, seed)
        made = surveys.design(session.workspace, read, wish, now=session.now())
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
        *written_lines(made.path, written, action),
    )


def _check(tool: str, action: str | None = None) -> None:
    if not SLUG.fullmatch(tool):
        raise FixSettingsError(
            f"{tool!r} is not a valid tool name.",
            fix="Use lower-case letters, digits and _, starting with a letter, at most 20 characters.",
        )
    if action is not None and not re.fullmatch(r"https?://[^\s<>\"']+", action):
        raise FixSettingsError(f"{action!r} is not a URL.", fix="Use a URL like https://example.com/answers.")


def _texts(path: Path) -> dict[str, str]:
    from sync.surveys.spreadsheet import read_grid  # noqa: PLC0415

    grid = read_grid(path)
    return dict(zip(grid.column(grid.needed("item")), grid.column(grid.needed("text")), strict=True))


def _ends(scale: str) -> tuple[str, str]:
    low, comma, high = scale.partition(",")
    if not comma or not low.strip() or not high.strip():
        raise FixSettingsError(f"{scale!r} does not name two ends.", fix='Write them like "never,every day".')
    return low.strip(), high.strip()


def _write(file: Any, out: Path | None, action: str | None, title: str | None, scale: tuple[str, str]) -> list[Path]:
    from sync.surveys.exports import write_exports  # noqa: PLC0415

    return write_exports(file, out or Path(f"survey-{file.name}"), action=action, title=title, scale=scale)


@survey_app.command("score")
def survey_score_command(
    file: AnswersArgument = None,
    *,
    tool: ToolOption = "short",
    respondent: RespondentOption = None,
    sheet: SheetOption = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="CSV with one row per respondent.")] = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Score survey answers. Each respondent gets a segment, with confidence and reason."""
    from sync.surveys import job as surveys  # noqa: PLC0415
    from sync.surveys.answers import SurveyColumns  # noqa: PLC0415
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
        surveys.write_scores(scores, out)
    console.result(_score_document(known.version, scores), *_score_lines(scores, out))


def _score_document(version: str, scores: SurveyScores) -> dict[str, Any]:
    return {
        "tool": version,
        "segments": scores.segments,
        "incomplete": list(scores.incomplete),
        "flags": {scores.respondents[row]: flag for row, flag in scores.flags.items()},
        "respondents": [
            {"respondent": who, **{name: getattr(score, name) for name in score.__dataclass_fields__}}
            for who, score in zip(scores.respondents, scores.scored, strict=True)
        ],
    }


def _score_lines(scores: SurveyScores, out: Path | None) -> Iterator[Any]:
    yield table("Segment", "Respondents", rows=list(scores.segments.items()))
    if scores.incomplete:
        listed = ", ".join(scores.incomplete[:10])
        yield f"{len(scores.incomplete):,} with too few answers: {listed}{' ...' if scores.incomplete[10:] else ''}"
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

    _check(tool)
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
    console.result(document, *lines, *written_lines(saved, written))


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
