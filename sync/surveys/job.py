"""The `survey` jobs: design a typing tool, score answers, import an agency's tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from connectors.errors import FixSettingsError
from segmenter.classifier.model_file import coefficients_of
from segmenter.classifier.thresholds import Thresholds
from segmenter.discover.wished_number import JudgedNumber
from segmenter.errors import DefinitionError
from segmenter.stats.discriminant import Matrix
from segmenter.surveys.answers import MOST_LEVELS, AnswerSheet, is_no_answer, number_of
from segmenter.surveys.survey_checks import (
    SurveyFinding,
    check_survey,
    latest_answers,
    one_sided_segments,
    response_styles,
    telling_items,
    turned_round,
    unusable_items,
)
from segmenter.typing_tool.adaptive_scoring import score_by_tool
from segmenter.typing_tool.agency_table import AgencyTable, read_coefficients
from segmenter.typing_tool.build import BuiltTool, ToolRequest, make_tool
from segmenter.typing_tool.interview import levels_of
from segmenter.typing_tool.scoring import Scored
from segmenter.typing_tool.targets import Relabeller, found_anew, given
from segmenter.typing_tool.tool_file import FORMAT, ToolFile, slug, trait_name, version_of
from sync.session import Progress, Session, no_progress
from sync.surveys.answers import Read, SurveyColumns, answers_from_file, numbers_in
from sync.surveys.fit_progress import counted
from sync.surveys.sensitive_items import why_item
from sync.surveys.spreadsheet import read_grid
from sync.surveys.wished_segments import wished_segments
from sync.traits.compute import measured
from sync.workspace.proposals import ProposalFile, found_before
from sync.workspace.settings import Workspace
from sync.workspace.typing_tools import save_tool

HALF = 0.5


@dataclass(frozen=True, slots=True)
class Wish:
    """Settings of a tool to design.

    Attributes:
        items: So many questions; None: as few as do nearly as well as the best.
        segments: Groups to find where the answers come without segments.
        reverse: Items whose scale is the other way round.
        centre: Whether each person's mean is taken out before groups are found.
        anyway: Whether a tool is made for groups that are no segments.
        texts: What to ask, by item.
        error_rate: Share of people about whom an adaptive tool may be wrong; None: it asks all its questions.
        proposal: The accepted proposal whose segments the tool predicts; the answers' segments are its names.
    """

    tool: str
    survey: str
    items: int | None = None
    segments: int | None = None
    reverse: Sequence[str] = ()
    centre: bool = False
    anyway: bool = False
    texts: Mapping[str, str] | None = None
    error_rate: float | None = None
    proposal: ProposalFile | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Designed:
    """A tool that was made and saved, and what was odd about the answers."""

    made: BuiltTool
    path: Path
    findings: Sequence[SurveyFinding]


def design(
    workspace: Workspace, read: Read, wish: Wish, *, now: datetime, progress: Progress = no_progress
) -> Designed:
    """Build a typing tool and save it.

    Args:
        workspace: Gets the tool's file.
        read: The answers.
        wish: What the tool should be like.
        now: UTC; stands in the tool's version.
        progress: Told of the tests of segments, and of each fit.

    Returns:
        The tool with its hit rates, where it was saved, and findings about the answers.

    Raises:
        FixSettingsError: The answers can't carry a tool.
    """
    sheet = read.sheet
    _check(sheet, wish)
    findings = [*read.findings, *check_survey(turned_round(sheet, wish.reverse))]
    usable, withheld = _usable(latest_answers(turned_round(sheet, wish.reverse)), workspace, wish)
    findings += [*withheld, *telling_items(usable)]
    labeller, names, source, judged, about = _labels_of(usable, wish, progress)
    findings += about
    if wish.proposal is not None:
        source, remarks = _source(wish.proposal, usable)
        findings += remarks
    order = _order(workspace, wish, source, judged, now)
    offered, not_choices = _offered(usable, wish)
    findings += not_choices
    generator = np.random.default_rng(wish.seed)
    try:
        made = make_tool(
            offered, counted(labeller, progress, adaptive=wish.error_rate is not None), names, order, generator
        )
    except DefinitionError as error:
        raise FixSettingsError(
            f"Can't build a typing tool: {error}.", fix="Check the answers, or survey more people."
        ) from error
    labels = labeller(np.arange(len(usable.values)), np.random.default_rng(wish.seed))
    findings += _ways_of_answering(usable.values, labels.tolist(), names)
    return Designed(made, save_tool(workspace.state_dir, made.file), findings)


def _check(sheet: AnswerSheet, wish: Wish) -> None:
    unknown = next((item for item in wish.reverse if item not in sheet.items), None)
    if unknown is not None:
        raise FixSettingsError(f"There is no item {unknown!r} to reverse.", fix=f"Items: {', '.join(sheet.items)}.")


def _order(workspace: Workspace, wish: Wish, source: str, judged: JudgedNumber | None, now: datetime) -> ToolRequest:
    settings = workspace.classify
    return ToolRequest(
        wish.tool,
        wish.survey,
        source,
        wish.items,
        wish.texts or {},
        now,
        judged.sentence if judged else "",
        judged is not None and judged.light == "red",
        Thresholds(settings.min_confidence, settings.min_margin, settings.min_known),
        wish.error_rate,
    )


def _labels_of(
    usable: AnswerSheet, wish: Wish, progress: Progress
) -> tuple[Relabeller, list[str], str, JudgedNumber | None, list[SurveyFinding]]:
    """Who is in which segment, the names, where they are from; what the tests say of segments that are found here."""
    if usable.segments:
        return *_known_labeller(usable, wish), "given", None, []
    progress("Testing the segments", 0, None)
    wished = wished_segments(usable, wish.segments, centre=wish.centre, anyway=wish.anyway, seed=wish.seed)
    source = f"k-means of {len(wished.names)}"
    return wished.labeller, wished.names, source, wished.judged, wished.findings


def _usable(sheet: AnswerSheet, workspace: Workspace, wish: Wish) -> tuple[AnswerSheet, list[SurveyFinding]]:
    """Usable respondents and items; sensitive ones only where the purpose allows them."""
    useless = unusable_items(sheet)
    findings, kept = [], []
    for item in sheet.items:
        trait = trait_name(wish.tool, item)
        reason = why_item(workspace, wish.tool, wish.survey, item, (wish.texts or {}).get(item, ""))
        if reason:
            fix = f'With a lawful purpose: [sensitive] purpose = "...", allow = ["{trait}"], and a trait of that name. '
            fix += f"If it means something else: [sensitive] innocent = [{item!r}]."
            findings.append(SurveyFinding("sensitive", f"{item!r} is excluded: {reason}.", fix))
        elif item not in useless:
            kept.append(item)
    places = [sheet.items.index(item) for item in kept]
    rows = [
        row
        for row in range(len(sheet.respondents))
        if places and not np.isnan(sheet.values[row, places]).all() and (not sheet.segments or sheet.segments[row])
    ]
    if not kept or not rows:
        raise FixSettingsError("No usable item: all are constant, unanswered or sensitive.", fix="Check the answers.")
    return sheet.only(rows, kept), findings


def _offered(sheet: AnswerSheet, wish: Wish) -> tuple[AnswerSheet, list[SurveyFinding]]:
    """Items that the tool may ask: an adaptive one compares answers one by one, so that each has to be a choice."""
    if wish.error_rate is None:
        return sheet, []
    levels = [len(answers) for answers in levels_of(sheet.values)]
    kept = [item for item, many in zip(sheet.items, levels, strict=True) if many <= MOST_LEVELS]
    if not kept:
        raise FixSettingsError(
            f"An adaptive tool needs questions with at most {MOST_LEVELS} answers.", fix="Leave out --error-rate."
        )
    fix = f"Group its answers into {MOST_LEVELS} or fewer, or leave out --error-rate."
    findings = [
        SurveyFinding("numbers", f"{item!r} is not asked: it has {many} different answers.", fix)
        for item, many in zip(sheet.items, levels, strict=True)
        if many > MOST_LEVELS
    ]
    return sheet.only(range(len(sheet.respondents)), kept), findings


def _known_labeller(sheet: AnswerSheet, wish: Wish) -> tuple[Relabeller, list[str]]:
    named = [slug(segment) for segment in sheet.segments]
    names = sorted(set(named))
    places = {name: place for place, name in enumerate(names)}
    truth = np.array([places[name] for name in named], dtype=np.int64)
    if wish.proposal is None or not _refound(wish.proposal, sheet):
        return given(truth), names
    own = [place for place, item in enumerate(sheet.items) if item in wish.proposal.proposal.base]
    return found_anew(sheet.values[:, own], max(found_before(wish.proposal), len(names)), truth, sheet.weights), names


def _refound(proposal: ProposalFile, sheet: AnswerSheet) -> bool:
    """Whether its segments can be found anew: by k-means, and from items all of which are here as numbers."""
    return proposal.proposal.method == "kmeans" and set(proposal.proposal.base) <= set(sheet.items)


def _source(proposal: ProposalFile, sheet: AnswerSheet) -> tuple[str, list[SurveyFinding]]:
    made = proposal.proposal
    if _refound(proposal, sheet):
        return f"proposal {made.name}, recalculated in each fold", []
    message = f"The segments of {made.name!r} were found once, on all respondents: the hit rates below are optimistic."
    return f"proposal {made.name}, found once", [SurveyFinding("optimistic", message, "Validate on new respondents.")]


def _ways_of_answering(values: Matrix, labels: Sequence[int], names: Sequence[str]) -> list[SurveyFinding]:
    return [
        SurveyFinding(
            "style",
            f"{names[segment]!r} is {'above' if share > HALF else 'below'} average on {max(share, 1 - share):.0%} "
            "of the items: probably a response style, not a need.",
            "Rerun with --centre, and compare.",
        )
        for segment, share in one_sided_segments(values, labels).items()
    ]


@dataclass(frozen=True, slots=True)
class SurveyScores:
    """Scored respondents; flags are response styles."""

    respondents: Sequence[str]
    scored: Sequence[Scored]
    flags: Mapping[int, str]
    segments: Mapping[str, int]
    incomplete: Sequence[str]


def score_file(
    file: ToolFile, path: Path, columns: SurveyColumns, thresholds: Thresholds, *, sheet: str | None
) -> SurveyScores:
    """Score the answers of a file; its columns are items, or the tool's traits.

    Args:
        file: The tool.
        path: CSV, TSV or XLSX; one row per respondent.
        columns: Which column is what.
        thresholds: When an answer is sure enough.
        sheet: Of an XLSX; None: the first one.

    Returns:
        One score per respondent, in the order of the file.

    Raises:
        FixSettingsError: It can't be read, or holds none of the tool's questions.
    """
    read = read_grid(path, sheet=sheet)
    headers = {q.trait: read.find(q.item) or read.find(q.trait) for q in file.questions}
    there = [header for header in headers.values() if header]
    if not there:
        listed = ", ".join(question.item for question in file.questions)
        raise FixSettingsError(f"{path.name} has no question of {file.name!r}.", fix=f"Its questions: {listed}.")
    values = np.full((len(read.rows), len(file.questions)), np.nan)
    for place, question in enumerate(file.questions):
        header = headers[question.trait]
        if header:
            words = {answer.label: answer.value for answer in question.answers}
            values[:, place] = _numbers(
                numbers_in(read, header), words, f"{path.name}, column {header!r}", read.numbers
            )
    who = answers_from_file(path, SurveyColumns(columns.respondent, only=there), sheet=sheet).sheet.respondents
    return _scores(file, who, values, thresholds)


def _numbers(cells: Sequence[str], words: Mapping[str, float], where: str, rows: Sequence[int]) -> Matrix:
    """Cells as the tool's numbers: what its answers are called, else numbers."""
    numbers = np.full(len(cells), np.nan)
    folded = {word.casefold(): value for word, value in words.items()}
    for place, cell in enumerate(cells):
        if is_no_answer(cell):
            continue
        value = folded.get(cell.casefold(), number_of(cell))
        if value is None:
            offered = ", ".join(words) or "numbers"
            raise FixSettingsError(
                f"{where}, row {rows[place]}: {cell!r} is not an answer to this question.",
                fix=f"Valid answers: {offered}.",
            )
        numbers[place] = value
    return numbers


def score_workspace(session: Session, file: ToolFile, thresholds: Thresholds) -> SurveyScores:
    """Score everybody who answered anything, by the workspace's traits as of now.

    Args:
        session: The open workspace.
        file: The tool.
        thresholds: When an answer is sure enough.

    Returns:
        One score per person; people without any answer are left out.

    Raises:
        FixSettingsError: The workspace lacks the tool's traits.
    """
    lacking = [q.trait for q in file.questions if q.trait not in session.workspace.catalogue.traits]
    if lacking:
        raise FixSettingsError(
            f"personasync.toml lacks [traits.{lacking[0]}].", fix=f"Run `personasync survey add --tool {file.name}`."
        )
    names = [question.trait for question in file.questions]
    rows = measured(session, session.now()).select("person_id", *names).to_pyarrow().to_pylist()
    values = np.array([[_float(row[name]) for name in names] for row in rows], dtype=np.float64).reshape(-1, len(names))
    asked = np.flatnonzero(~np.isnan(values).all(axis=1))
    return _scores(file, [rows[row]["person_id"] for row in asked], values[asked], thresholds)


def _float(value: object) -> float:
    return float(value) if isinstance(value, bool | int | float) else float("nan")


def _scores(file: ToolFile, who: Sequence[str], values: Matrix, thresholds: Thresholds) -> SurveyScores:
    scored = score_by_tool(file, values, thresholds)
    sheet = AnswerSheet(tuple(who), tuple(q.item for q in file.questions), values)
    segments = Counter(scored.segment or "unclassified" for scored in scored)
    incomplete = [name for name, scored in zip(who, scored, strict=True) if scored.best is None]
    return SurveyScores(who, scored, response_styles(sheet), dict(segments.most_common()), incomplete)


def import_table(
    workspace: Workspace, path: Path, *, tool: str, survey: str, sheet: str | None, now: datetime
) -> tuple[ToolFile, bool]:
    """Import an agency's coefficient table as a typing tool, and save it; also return whether it was transposed.

    Args:
        workspace: Gets the tool's file.
        path: CSV, TSV or XLSX with items and segments.
        tool: Name of the tool.
        survey: Name of the survey that its questions are asked in.
        sheet: Of an XLSX; None: the first one.
        now: UTC; stands in the tool's version.

    Returns:
        The tool; True where segments stood in rows.

    Raises:
        FixSettingsError: It can't be read, or has another shape.
    """
    grid = read_grid(path, sheet=sheet)
    try:
        imported = read_coefficients(AgencyTable(grid.headers, grid.rows, grid.numbers), tool, file=grid.file)
    except DefinitionError as error:
        raise FixSettingsError(
            f"{error}.", fix="It needs items in rows, segments in columns, and a row 'constant'."
        ) from error
    for question in imported.questions:
        reason = why_item(workspace, tool, survey, question.item)
        if reason:
            raise FixSettingsError(
                f"{grid.file}: the item {question.item!r} is sensitive ({reason}) and may not decide.",
                fix=f'With a lawful purpose: [sensitive] purpose = "...", allow = ["{question.trait}"].',
            )
    file = ToolFile(
        format=FORMAT,
        name=tool,
        version=version_of(tool, imported.model, now),
        made_at=now,
        source="imported",
        survey=survey,
        model=coefficients_of(imported.model),
        questions=imported.questions,
        complete=not imported.has_means,
    )
    save_tool(workspace.state_dir, file)
    return file, imported.transposed
