"""What a typing tool is designed from, as a command line or a page asks for it, and the names that it may have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from connectors.errors import FixSettingsError
from segmenter.surveys.survey_checks import SurveyFinding
from sync.session import Progress, Session, no_progress
from sync.surveys.answers import Read, SurveyColumns, answers_from_file, answers_in_warehouse, with_segments
from sync.surveys.job import Designed, Wish, design
from sync.surveys.kept_weights import kept_source, not_weighted, same_answers
from sync.surveys.weighted_answers import weighted_answers, weighted_answers_in_warehouse
from sync.workspace.proposals import ProposalPart, accepted, load

SLUG = re.compile(r"[a-z][a-z0-9_]{0,19}")
ADDRESS = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """What somebody asks for; the segments are a column, are to be found, or are those of an accepted proposal.

    Attributes:
        file: The answers; None: those of the proposal, else those in the warehouse.
        survey: Its name in the warehouse; None: that of the proposal, else the tool's.
        columns: Which column of the file is what, the segment's included.
        sheet: Of a spreadsheet; None: the first one.
        segments: How many to find.
        proposal: Name of an accepted proposal.
        texts: What to ask, by item.
        weight: A column of the file, or a file, of weights; of the warehouse an item or a trait. None: those that
            the proposal was found with.
        length, error_rate, reverse, centre, anyway, seed: As `sync.surveys.job.Wish` has them.
    """

    tool: str
    file: Path | None = None
    survey: str | None = None
    columns: SurveyColumns = field(default_factory=SurveyColumns)
    sheet: str | None = None
    segments: int | None = None
    proposal: str | None = None
    length: int | None = None
    error_rate: float | None = None
    reverse: Sequence[str] = ()
    centre: bool = False
    anyway: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)
    weight: str | None = None
    seed: int = 1


def design_asked(session: Session, asked: ToolAsked, progress: Progress = no_progress) -> Designed:
    """Read the answers, design the tool and save it.

    Args:
        session: The open workspace.
        asked: What is wanted.
        progress: Told which part is worked on.

    Returns:
        The tool with its hit rates, where it was saved, and findings about the answers.

    Raises:
        FixSettingsError: The name is none, two sources of segments are named, or the answers can't carry a tool.
    """
    check_tool_name(asked.tool)
    columns, file, sheet = asked.columns, asked.file, asked.sheet
    if asked.proposal is not None and (columns.segment is not None or asked.segments is not None):
        raise FixSettingsError("--proposal, --segment and --segments can't be combined.", fix="Use only one of them.")
    directory = session.workspace.directory
    proposal = None if asked.proposal is None else load(directory, asked.proposal)
    if file is None and asked.survey is None and proposal is not None and proposal.proposal.file:
        made = proposal.proposal
        file, sheet = directory / made.file, sheet or made.sheet or None
        columns = SurveyColumns(
            columns.respondent or made.respondent or None, None, columns.exclude, columns.only or made.base
        )
    of = asked.survey or (proposal.proposal.survey if proposal else "") or asked.tool
    wanted = replace(asked, file=file, sheet=sheet, columns=columns)
    read = _answers(session, wanted, of, None if proposal is None else proposal.proposal)
    if asked.proposal is not None:
        read = with_segments(read, accepted(directory, asked.proposal), session.control.links.mapping(), asked.proposal)
    wish = Wish(
        asked.tool,
        of,
        asked.length,
        asked.segments,
        asked.reverse,
        asked.centre,
        asked.anyway,
        {**read.texts, **asked.texts},
        asked.error_rate,
        proposal,
        asked.seed,
    )
    return design(session.workspace, read, wish, now=session.now(), progress=progress)


def _answers(session: Session, asked: ToolAsked, survey: str, made: ProposalPart | None) -> Read:
    """The answers with their weights: those that were asked for, else those that the proposal was found with."""
    directory, weight, file, columns = session.workspace.directory, asked.weight, asked.file, asked.columns
    kept = made if weight is None and made is not None and made.weight else None
    if kept is not None and same_answers(directory, kept, file, survey, sheet=asked.sheet):
        weight = kept_source(directory, kept)
    if weight is None:
        read = (
            answers_in_warehouse(session.warehouse, survey, columns)
            if file is None
            else answers_from_file(file, columns, sheet=asked.sheet)
        )
        said = [] if kept is None else [SurveyFinding("weights", not_weighted(kept), "Pass --weight.")]
        return replace(read, findings=[*said, *read.findings])
    if file is None:
        return weighted_answers_in_warehouse(session, survey, columns, weight, made=kept)
    return weighted_answers(file, columns, weight, sheet=asked.sheet, made=kept)


def check_tool_name(tool: str) -> None:
    """Refuse a name that no tool may have.

    Raises:
        FixSettingsError: With what a name is made of.
    """
    if not SLUG.fullmatch(tool):
        raise FixSettingsError(
            f"{tool!r} is not a valid tool name.",
            fix="Use lower-case letters, digits and _, starting with a letter, at most 20 characters.",
        )


def check_form_address(action: str | None) -> None:
    """Refuse what is no address that a form could send answers to; None: it sends them nowhere.

    Raises:
        FixSettingsError: It is no URL.
    """
    if action is not None and not ADDRESS.fullmatch(action):
        raise FixSettingsError(f"{action!r} is not a URL.", fix="Use a URL like https://example.com/answers.")


def ends_of(scale: str) -> tuple[str, str]:
    """Return what the lowest and the highest number of a scale mean.

    Args:
        scale: Both, with a comma between them.

    Raises:
        FixSettingsError: One of them is missing.
    """
    low, comma, high = scale.partition(",")
    if not comma or not low.strip() or not high.strip():
        raise FixSettingsError(f"{scale!r} does not name two ends.", fix='Write them like "never,every day".')
    return low.strip(), high.strip()
