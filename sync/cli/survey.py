"""The typing tool: `survey design`, `survey score`, `survey import`, `survey list`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connectors.errors import FixSettingsError
from sync.cli.console import table
from sync.cli.options import HERE, JsonOption, WorkspaceOption, app, bench_of, console_of

if TYPE_CHECKING:
    from segmenter.classifier.thresholds import Thresholds
    from sync.surveys.job import Designed
    from sync.workspace.settings import Workspace

survey_app = typer.Typer(help="The few questions that tell which segment somebody is in.", no_args_is_help=True)
app.add_typer(survey_app, name="survey")

ToolOption = Annotated[str, typer.Option("--tool", metavar="NAME", help="The tool's name; several stand side by side.")]
SurveyOption = Annotated[
    str | None, typer.Option("--survey", metavar="NAME", help="The survey in the warehouse; default: the tool's name.")
]
RespondentOption = Annotated[
    str | None, typer.Option("--respondent", metavar="COLUMN", help="Who answered; default: email, respondent or id.")
]
SheetOption = Annotated[str | None, typer.Option("--sheet", help="Of an XLSX file; the first by default.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="The folder of the form and the definitions.")]
AnswersArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="Answers (CSV, TSV, XLSX); default: those that were pulled.")
]
FOUND_ONCE = "found once"
SLUG = re.compile(r"[a-z][a-z0-9_]{0,19}")


@survey_app.command("design")
def design(
    file: AnswersArgument = None,
    *,
    tool: ToolOption = "short",
    items: Annotated[int | None, typer.Option("--items", min=1, max=100, help="Questions; default: 5 to 15.")] = None,
    segment: Annotated[
        str | None, typer.Option("--segment", metavar="COLUMN", help="The segment, where it is known already.")
    ] = None,
    segments: Annotated[
        int | None, typer.Option("--segments", "-k", min=2, max=30, help="Groups to find where it is not.")
    ] = None,
    proposal: Annotated[
        str | None,
        typer.Option("--proposal", metavar="NAME", help="An accepted proposal whose segments it shall find."),
    ] = None,
    respondent: RespondentOption = None,
    leave_out: Annotated[list[str] | None, typer.Option("--leave-out", metavar="COLUMN", help="No question.")] = None,
    question: Annotated[
        list[str] | None, typer.Option("--question", metavar="COLUMN", help="Questions; default: all other columns.")
    ] = None,
    reverse: Annotated[
        list[str] | None, typer.Option("--reverse", metavar="COLUMN", help="Its scale is the other way round.")
    ] = None,
    centre: Annotated[
        bool, typer.Option("--centre", help="Take each person's mean out before groups are found.")
    ] = False,
    texts: Annotated[
        Path | None, typer.Option("--texts", metavar="FILE", help="What to ask: columns item and text.")
    ] = None,
    survey: SurveyOption = None,
    sheet: SheetOption = None,
    out: OutOption = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="URL", help="Where the form sends answers; default: into a file.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="The form's heading.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the folds.")] = 1,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Pick the questions that classify best, measure them on people held out, and write a ready form."""
    from sync.surveys import answers as survey_answers  # noqa: PLC0415 - heavy imports only where needed
    from sync.surveys import job as surveys  # noqa: PLC0415
    from sync.workspace.proposals import accepted, load  # noqa: PLC0415

    _check(tool, action)
    console = console_of(as_json=as_json)
    if proposal is not None and (segment is not None or segments is not None):
        raise FixSettingsError("--proposal names the segments; --segment and --segments do too.", mend="Name one.")
    columns = survey_answers.Columns(respondent, segment, leave_out or (), question or ())
    with bench_of(workspace) as bench:
        found = None if proposal is None else load(bench.workspace.directory, proposal)
        of = survey or (found.proposal.survey if found else "") or tool
        read = (
            survey_answers.answers_from_file(file, columns, sheet=sheet)
            if file
            else survey_answers.answers_in_warehouse(bench.warehouse, of, columns)
        )
        if proposal is not None:
            known = accepted(bench.workspace.directory, proposal)
            read = survey_answers.with_segments(read, known, bench.control.links.mapping(), proposal)
        wish = surveys.Wish(
            tool, of, items, segments, reverse or (), centre, _texts(texts) if texts else {}, found, seed
        )
        made = surveys.design(bench.workspace, read, wish, now=bench.now())
    written = _write(made.made.file, out, action, title)
    console.result(
        {
            **made.made.file.model_dump(mode="json"),
            "chosen_in": dict(made.made.chosen_in),
            "findings": [{"kind": f.kind, "message": f.message, "mend": f.mend} for f in made.findings],
            "saved": str(made.path),
            "written": [str(path) for path in written],
        },
        *_designed(made),
        *_written(made.path, written),
    )


def _check(tool: str, action: str | None = None) -> None:
    if not SLUG.fullmatch(tool):
        raise FixSettingsError(
            f"{tool!r} is no name of a tool.",
            mend="Write lower-case letters, digits and _, a letter in front, at most 20.",
        )
    if action is not None and not re.fullmatch(r"https?://[^\s<>\"']+", action):
        raise FixSettingsError(f"{action!r} is no web address.", mend="Write it like https://example.com/answers.")


def _texts(path: Path) -> dict[str, str]:
    from sync.surveys.spreadsheet import read_grid  # noqa: PLC0415

    grid = read_grid(path)
    return dict(zip(grid.column(grid.needed("item")), grid.column(grid.needed("text")), strict=True))


def _write(file: Any, out: Path | None, action: str | None, title: str | None) -> list[Path]:
    from sync.surveys.exports import write_exports  # noqa: PLC0415

    return write_exports(file, out or Path(f"survey-{file.name}"), action=action, title=title)


def _designed(made: Designed) -> list[Any]:
    file, quality = made.made.file, made.made.file.quality
    if quality is None:
        return []
    size = len(file.questions)
    rows = [
        (
            f"{point.items}{' <' if point.items == size else ''}",
            f"{point.lda:.1%}",
            f"{point.logit:.1%}",
            f"{point.low:.1%} - {point.high:.1%}",
            f"{point.hit_above:.1%} of {point.coverage:.0%}",
            f"{point.agreement:.2f}",
        )
        for point in quality.curve
    ]
    questions = [
        (place, question.text, f"{made.made.chosen_in[question.item]:.0%}")
        for place, question in enumerate(file.questions, 1)
    ]
    found = [table("Look", "Mend", rows=[(f.message, f.mend) for f in made.findings])] if made.findings else []
    return [
        *found,
        table("Items", "LDA", "Logit", "95% interval", "Right among the sure", "Same items", rows=rows),
        _chance(quality),
        table("", "Question", "Chosen in folds", rows=questions),
        _missing(file),
    ]


def _chance(quality: Any) -> str:
    once = quality.segments_from.endswith(FOUND_ONCE)
    anew = "questions and model learned anew, the segments not" if once else "all of it learned anew"
    return (
        f"Held out, {anew}. By chance: {quality.proportional_chance:.1%}; everybody in the largest "
        f"segment: {quality.largest_share:.1%}. {quality.respondents:,} respondents; segments: {quality.segments_from}."
    )


def _missing(file: Any) -> str:
    quality = file.quality
    if quality.hit_missing_mean is None or quality.hit_missing_lca is None:
        return "An answer that is missing is taken as the mean of all."
    way = "latent classes" if file.profiles else "the mean of all"
    return (
        f"With a fifth of the answers missing: {quality.hit_missing_mean:.1%} with means, "
        f"{quality.hit_missing_lca:.1%} with latent classes; {way} will be used."
    )


def _written(saved: Path, written: list[Path]) -> list[str]:
    return [
        f"Saved {saved}",
        *(f"Wrote {path}" for path in written),
        "Next: paste traits.toml into personasync.toml and segments.toml into segments.toml, and give people the form.",
    ]


@survey_app.command("score")
def score(
    file: AnswersArgument = None,
    *,
    tool: ToolOption = "short",
    respondent: RespondentOption = None,
    sheet: SheetOption = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A CSV with a row a respondent.")] = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say which segment each respondent is in, how surely and why; and who answered too little."""
    from sync.surveys import job as surveys  # noqa: PLC0415
    from sync.surveys.answers import Columns  # noqa: PLC0415
    from sync.workspace.typing_tools import load_tool  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        known, limits = load_tool(bench.workspace.state_dir, tool), _limits(bench.workspace)
        if file:
            found = surveys.score_file(known, file, Columns(respondent), limits, sheet=sheet)
        else:
            found = surveys.score_workspace(bench, known, limits)
    if out:
        surveys.write_scores(found, out)
    scored = list(zip(found.respondents, found.scored, strict=True))
    document = {
        "tool": known.version,
        "segments": found.segments,
        "incomplete": list(found.incomplete),
        "flags": {found.respondents[row]: flag for row, flag in found.flags.items()},
        "respondents": [
            {"respondent": who, **{name: getattr(one, name) for name in one.__dataclass_fields__}}
            for who, one in scored
        ],
    }
    shown: list[Any] = [table("Segment", "Respondents", rows=list(found.segments.items()))]
    if found.incomplete:
        listed = ", ".join(found.incomplete[:10])
        shown.append(
            f"{len(found.incomplete):,} answered too little: {listed}{' ...' if found.incomplete[10:] else ''}"
        )
    if found.flags:
        shown.append(f"{len(found.flags):,} show a way of answering rather than a need; see the column flag.")
    if out:
        shown.append(f"Wrote {out}")
    else:
        rows = [
            (who, one.segment or "unclassified", "" if one.confidence is None else f"{one.confidence:.2f}", one.reasons)
            for who, one in scored[:20]
        ]
        shown.append(table("Respondent", "Segment", "Confidence", "Why", rows=rows))
    console.result(document, *shown)


def _limits(workspace: Workspace) -> Thresholds:
    from segmenter.classifier.thresholds import Thresholds  # noqa: PLC0415

    settings = workspace.classify
    return Thresholds(settings.min_confidence, settings.min_margin, settings.min_known)


@survey_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Items by segments with a row of constants.")],
    *,
    tool: ToolOption = "agency",
    survey: SurveyOption = None,
    sheet: SheetOption = None,
    out: OutOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a typing tool of a table of coefficients that a research agency delivered."""
    from sync.surveys import job as surveys  # noqa: PLC0415

    _check(tool)
    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        made, transposed = surveys.import_table(
            bench.workspace, file, tool=tool, survey=survey or tool, sheet=sheet, now=bench.now()
        )
        saved = bench.workspace.state_dir / "tools" / f"{tool}.json"
    written = _write(made, out, None, None)
    lines = ["The table lay on its side: segments in rows. It was read so."] if transposed else []
    lines.append(f"{len(made.questions)} questions, {len(made.segments)} segments: {', '.join(made.segments)}.")
    if made.complete:
        lines.append("It names no means: every question has to be answered. A column 'mean' would change that.")
    document = {**made.model_dump(mode="json"), "transposed": transposed, "written": [str(path) for path in written]}
    console.result(document, *lines, *_written(saved, written))


@survey_app.command("list")
def list_tools(*, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """List the typing tools, and whether the waterfall asks them."""
    from sync.workspace.typing_tools import load_tools  # noqa: PLC0415

    console = console_of(as_json=as_json)
    with bench_of(workspace) as bench:
        tools = load_tools(bench.workspace)
    document = {
        "tools": [
            {"name": t.file.name, "version": t.file.version, "questions": len(t.file.questions), "lacking": t.lacking}
            for t in tools
        ]
    }
    rows = [
        (t.file.name, len(t.file.questions), t.file.source, f"not asked: {t.lacking}" if t.lacking else "asked")
        for t in tools
    ]
    console.result(document, table("Tool", "Questions", "Made", "Waterfall", rows=rows))
