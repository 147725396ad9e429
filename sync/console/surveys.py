"""Surveys: files of answers, proposed segments, and typing tools with their forms and the segments of who answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError
from segmenter.classifier.thresholds import Thresholds
from segmenter.surveys.sample_plan import SampleAim, SamplePlan, plan_sample
from segmenter.typing_tool.tool_file import ToolFile
from sync.console.answers import MOST_QUESTIONS, SECTION, STEPS, form_wish, started, write_form
from sync.console.lane import NoDataError
from sync.console.pages import Asked, ConsolePage, Desk, Document, Download, Elsewhere
from sync.console.tasks import Finished
from sync.modeling.accept import accept_here
from sync.modeling.accept_text import accepted_sentences
from sync.session import Progress, Session
from sync.surveys.answer_files import answer_files
from sync.surveys.exports import AGREEMENT, FORM_PAGE, form_folder, written_exports
from sync.surveys.job import SurveyScores, score_workspace
from sync.surveys.spreadsheet import KINDS, MOST_BYTES
from sync.surveys.tool_parts import add_parts, lacking_parts, parts_sentences
from sync.surveys.tool_text import chance_sentence, tool_promises
from sync.workspace.proposals import ACCEPTED, ProposalFile, all_proposals, edit, load, path_of
from sync.workspace.typing_tools import load_tool, load_tools

LONGEST = 200
DIFFERENCE = 0.1
"""Difference of shares between two segments that a survey should tell, to say how far the answers reach."""


@dataclass(frozen=True, slots=True)
class SurveyAnswers:
    """What a tool says of the answers in the warehouse; *why* there are none."""

    scores: SurveyScores | None
    why: str = ""


def surveys_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return files of answers, proposals, and the typing tools."""
    del asked
    directory = desk.reader.directory
    proposals = [(file, _is_accepted(directory, file.proposal.name)) for file in all_proposals(directory)]
    values = {
        "tools": load_tools(desk.reader.workspace()),
        "files": answer_files(directory),
        "proposals": proposals,
        "kinds": ",".join(KINDS),
        "megabytes": MOST_BYTES // 2**20,
    }
    return ConsolePage(SECTION, "Surveys", "surveys.html.j2", values)


def _is_accepted(directory: Path, name: str) -> bool:
    return path_of(directory, name, ACCEPTED).is_file()


def proposal_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return proposed segments: the light in words, who they are, how sure, and what to do with them."""
    directory, name = desk.reader.directory, asked.path["proposal"]
    file = load(directory, name)
    agreed = _is_accepted(directory, name)
    values = {
        "file": file,
        "accepted": agreed,
        "known": {segment.name for segment in desk.reader.workspace().segments},
        "plan": _plan(file),
        "steps": STEPS,
        "step": 3 if agreed else 2,
        "ends": AGREEMENT,
        "most": MOST_QUESTIONS,
        "files": answer_files(directory),
    }
    return ConsolePage(SECTION, f"Proposal {name}", "proposal.html.j2", values)


def _plan(file: ProposalFile) -> SamplePlan | None:
    """What so many respondents tell of each segment, and of each two of them."""
    people = sum(part.size for part in file.segments)
    if len(file.segments) < 2 or not people:  # noqa: PLR2004 - a difference needs two
        return None
    shares = {part.title or part.name: part.size / people for part in file.segments}
    return plan_sample(SampleAim(respondents=people, segments=shares, difference=DIFFERENCE))


def accept_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Note the names that were written, and make the segments those of the workspace."""
    name = asked.path["proposal"]
    file = edit(desk.reader.directory, name, _words(asked, load(desk.reader.directory, name)))

    def work(session: Session, progress: Progress) -> Finished:
        progress("Adding segments and traits to the workspace", 0, None)
        done = accept_here(session, name)
        sizes = list(done.segments.items())
        return Finished(accepted_sentences(done, name), sizes, f"{SECTION}/proposals/{name}", "Go on")

    return started(desk, f"Accept the segments of {file.proposal.name}", f"{SECTION}/proposals/{name}", work)


def _words(asked: Asked, file: ProposalFile) -> Mapping[int, Mapping[str, str | bool]]:
    kept = set(asked.fields("keep"))
    return {
        part.number: {
            "name": asked.field(f"name_{part.number}").strip() or part.name,
            "title": asked.field(f"title_{part.number}").strip()[:LONGEST],
            "keep": str(part.number) in kept,
        }
        for part in file.segments
    }


def survey_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return one typing tool: its questions, hit rate and form, and who is in which segment by the answers so far."""
    name = asked.path["tool"]
    workspace = desk.reader.workspace()
    tool = load_tool(workspace.state_dir, name)
    try:
        scored = desk.reader.ask(("survey", name), partial(_scored, tool=tool), slow=True)
    except NoDataError as error:
        scored = SurveyAnswers(None, str(error))
    written = written_exports(form_folder(workspace.directory, name))
    values = {
        "tool": tool,
        "scored": scored,
        "written": [path.name for path in written],
        "ends": AGREEMENT,
        "adding": lacking_parts(workspace, tool),
        "lacking": next((known.lacking for known in load_tools(workspace) if known.file.name == name), ""),
    }
    return ConsolePage(SECTION, f"Survey {name}", "survey.html.j2", {**values, **_quality(tool)})


def _scored(session: Session, tool: ToolFile) -> SurveyAnswers:
    limits = session.workspace.classify
    thresholds = Thresholds(limits.min_confidence, limits.min_margin, limits.min_known)
    try:
        return SurveyAnswers(score_workspace(session, tool, thresholds))
    except FixSettingsError as error:
        return SurveyAnswers(None, str(error))


def _quality(tool: ToolFile) -> Mapping[str, Any]:
    """The hit rate of the tool as it is, and what it was measured by."""
    quality, size = tool.quality, len(tool.questions)
    point = next((each for each in quality.curve if each.items == size), None) if quality else None
    said: Sequence[str] = [chance_sentence(quality), *tool_promises(tool)] if quality else []
    return {"point": point, "said": said}


def add_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Add to the workspace's files what they lack of a tool, as the page showed it."""
    name, code = asked.path["tool"], asked.field("code")
    load_tool(desk.reader.workspace().state_dir, name)

    def work(session: Session, progress: Progress) -> Finished:
        progress("Adding traits and segments to the workspace", 0, None)
        done = add_parts(session.workspace, load_tool(session.workspace.state_dir, name), code)
        return Finished(parts_sentences(done, session.workspace), (), f"{SECTION}/{name}", "See the survey")

    return started(desk, f"Add the survey {name} to the workspace", f"{SECTION}/{name}", work)


def form_page(desk: Desk, asked: Asked) -> Document:
    """Return the form as people see it; nothing in it works here, since a page of the console runs nothing."""
    return Document(_written(desk, asked.path["tool"], FORM_PAGE).read_text("utf-8"))


def form_file(desk: Desk, asked: Asked) -> Download:
    """Return a file that was written for the survey, to keep."""
    path = _written(desk, asked.path["tool"], asked.path["file"])
    return Download(f"{asked.path['tool']}-{path.name}", path.read_bytes())


def _written(desk: Desk, tool: str, name: str) -> Path:
    workspace = desk.reader.workspace()
    known = load_tool(workspace.state_dir, tool)
    for path in written_exports(form_folder(workspace.directory, known.name)):
        if path.name == name:
            return path
    raise FixSettingsError(f"The survey {tool!r} has no {name!r} yet.", fix="Make its form first.")


def write_form_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Write the form of a tool anew."""
    workspace = desk.reader.workspace()
    tool = load_tool(workspace.state_dir, asked.path["tool"])
    write_form(workspace.directory, tool, form_wish(asked))
    return Elsewhere(f"{SECTION}/{tool.name}")
