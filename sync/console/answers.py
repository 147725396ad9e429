"""Files of survey answers: hand one in, see what it can tell, find segments in it, design a short survey from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

from connectors.errors import FixSettingsError
from segmenter.surveys.respondent_quality import SPEED
from segmenter.surveys.sample_plan import SampleAim, SamplePlan, plan_sample
from segmenter.typing_tool.tool_file import ToolFile
from sync.console.pages import Asked, ConsolePage, Desk, Elsewhere
from sync.console.tasks import Finished, Work
from sync.modeling.discover import discover
from sync.modeling.discover_request import SegmentsAsked, base_of, check_request
from sync.modeling.limits import LEAST, MOST
from sync.session import Progress, Session
from sync.surveys.answer_files import SheetsOfFile, answer_files, answers_file, keep_answers, sheets_in
from sync.surveys.answers import Read, SurveyColumns, answers_of, usual_respondent
from sync.surveys.exports import AGREEMENT, form_folder, write_exports
from sync.surveys.job import Designed
from sync.surveys.quality import QualityOfFile, QualityWish, quality_of_file
from sync.surveys.question_texts import texts_in
from sync.surveys.tool_request import ToolAsked, check_form_address, check_tool_name, design_asked, ends_of

SECTION = "/surveys"
STEPS = ("Answers", "Segments", "Accept them", "Short survey")
LISTED = 25
"""Respondents with a flag that the page lists."""
COLUMNS = 150
"""Columns that the page offers to leave out."""
MOST_QUESTIONS, MOST_SEGMENTS = 100, 30
LONGEST_TITLE, LONGEST_TEXT = 200, 1_000
TEXT_OF = "text:"
"""Begins the name of the field that says what a question asks; the column follows."""
LEAST_ATTENTION, MOST_ATTENTION = 2, 10
"""Attention items that the form has room for."""
WORST, BEST = 1, 50
"""Per cent: limits of the error rate of an adaptive survey, as the command has them."""


@dataclass(frozen=True, slots=True)
class AnswersShown:
    """A file of answers as its page shows it; *plan*: what so many respondents without a flag can tell."""

    judged: QualityOfFile
    read: Read
    usable: int
    plan: SamplePlan | None


def answers_address(name: str, sheet: str | None = None) -> str:
    """Return the address of the page of a file, or of one of its sheets."""
    return f"{SECTION}/answers/file?{urlencode({'name': name} | ({'sheet': sheet} if sheet else {}))}"


def keep_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Keep the file that was handed in, and go on at its page."""
    if asked.upload is None:
        raise FixSettingsError("No file was chosen.", fix="Go back and choose the file with the answers.")
    directory = desk.reader.directory
    with desk.reader.whole_control() as control:
        kept = keep_answers(control.erasures, directory, asked.upload.name, asked.upload.content)
    return Elsewhere(answers_address(kept.relative_to(directory).as_posix()))


def answers_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return who answered, which answers are to be looked at, what the sample can tell, and what can be made of it."""
    name, sheet = asked.query.get("name", ""), asked.query.get("sheet", "")
    path = answers_file(desk.reader.directory, name)
    sheets = _sheets(desk, name, path)
    if sheets.undecided and not sheet:
        return ConsolePage(SECTION, Path(name).name, "sheets.html.j2", {"name": name, "sheets": sheets.filled})
    wish, given = _wish_of(asked)
    shown, trouble = _shown(desk, (name, sheets.chosen(sheet)), path, wish, given)
    judged = shown.judged
    values = {
        "name": name,
        "sheet": sheet,
        "sheets": sheets.filled,
        "shown": shown,
        "trouble": trouble,
        "pairs": [*given, *[("", "")] * max(1, LEAST_ATTENTION - len(given))][:MOST_ATTENTION],
        "texts": shown.read.texts,
        "files": answer_files(desk.reader.directory),
        "apart": [*(wish.attention or {}), wish.duration],
        "flags": judged.quality.counts(),
        "meanings": judged.meanings(SPEED),
        "flagged": _flagged(judged),
        "chosen": wish,
        "who": wish.respondent or usual_respondent(judged.grid),
        "headers": judged.grid.headers[:COLUMNS],
        "steps": STEPS,
        "limits": (LEAST, MOST, MOST_SEGMENTS, MOST_QUESTIONS),
        "proposal": _slug(Path(name).stem, 40, "segments"),
        "ends": AGREEMENT,
    }
    return ConsolePage(SECTION, Path(name).name, "answers.html.j2", values, 400 if trouble else 200)


def _sheets(desk: Desk, name: str, path: Path) -> SheetsOfFile:
    return desk.reader.of_file(("sheets", name), path, lambda: sheets_in(path))


def _wish_of(asked: Asked) -> tuple[QualityWish, list[tuple[str, str]]]:
    """What is known of a survey, and the attention items with their right answers as they were written."""
    numbers = range(1, MOST_ATTENTION + 1)
    given = [(asked.query.get(f"attention_{n}", ""), asked.query.get(f"answer_{n}", "").strip()) for n in numbers]
    pairs = [pair for pair in given if any(pair)]
    wish = QualityWish(
        respondent=asked.query.get("respondent") or None,
        duration=asked.query.get("duration") or None,
        attention=dict(pairs),
    )
    return wish, pairs


def _shown(
    desk: Desk, of: tuple[str, str | None], path: Path, wish: QualityWish, pairs: Sequence[tuple[str, str]]
) -> tuple[AnswersShown, str]:
    """The answers as the wish has them; where it can't be, as they are without one, and why."""

    def look(wanted: QualityWish) -> AnswersShown:
        key = ("answers", *of, wanted.respondent, wanted.duration, *(wanted.attention or {}).items())
        return desk.reader.of_file(key, path, lambda: _looked_at(path, of[1], wanted))

    try:
        _check_attention(pairs)
        return look(wish), ""
    except FixSettingsError as error:
        if wish == QualityWish(attention={}):
            raise
        return look(QualityWish(attention={})), str(error)


def _check_attention(items: Sequence[tuple[str, str]]) -> None:
    for column, answer in items:
        if not column or not answer:
            raise FixSettingsError(
                f"An attention item lacks its {'answer' if column else 'column'}.",
                fix="Choose the column, and write the answer that passes.",
            )
    columns = [column for column, _ in items]
    if twice := next((column for column in columns if columns.count(column) > 1), None):
        raise FixSettingsError(f"{twice!r} is an attention item twice.", fix="Give each one right answer.")


def _looked_at(path: Path, sheet: str | None, wish: QualityWish) -> AnswersShown:
    judged = quality_of_file(path, wish, sheet=sheet)
    away = [judged.grid.needed(column) for column in (wish.duration, *(wish.attention or {})) if column]
    read = answers_of(judged.grid, SurveyColumns(wish.respondent, None, away))
    usable = len(judged.names) - int(judged.flagged.sum())
    return AnswersShown(judged, read, usable, plan_sample(SampleAim(respondents=usable)) if usable else None)


def _flagged(judged: QualityOfFile) -> list[tuple[str, int, str]]:
    """Respondent, row and flags of the first that have one."""
    flagged = [row for row, each in enumerate(judged.quality.respondents) if each.flags]
    return [
        (judged.names[row], judged.grid.numbers[row], ", ".join(judged.quality.respondents[row].flags))
        for row in flagged[:LISTED]
    ]


def _slug(text: str, longest: int, otherwise: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")[:longest].strip("_")
    return name if name and name[0].isalpha() else otherwise


def discover_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Find segments in the answers, and save a proposal where there are any."""
    name = asked.field("file")
    path = answers_file(desk.reader.directory, name)
    sheet = _sheets(desk, name, path).chosen(asked.field("sheet"))
    wanted = SegmentsAsked(
        name=asked.field("name").strip(),
        file=path,
        sheet=sheet,
        respondent=asked.field("respondent") or None,
        exclude=asked.fields("exclude"),
        segments=_number(asked.field("segments"), "segments", LEAST, MOST),
        method=asked.field("method") or "auto",
    )
    check_request(wanted)
    options = wanted.options()

    def work(session: Session, progress: Progress) -> Finished:
        progress("Reading the answers", 0, None)
        base = base_of(session, wanted)
        done = discover(session, base, options, name=wanted.name, seed=wanted.seed, progress=progress)
        said = [done.proposal.sentence, *done.notes, done.proposal.power]
        sizes = [(part.title or part.name, part.size) for part in done.file.segments]
        if done.path is None:
            return Finished(said, sizes, answers_address(name, sheet), "Back to the answers")
        return Finished(said, sizes, f"{SECTION}/proposals/{wanted.name}", "Review the proposal")

    return started(desk, f"Find segments in {Path(name).name}", answers_address(name, sheet), work)


def design_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Design a short survey, and write its form."""
    proposal, name, tool = asked.field("proposal") or None, asked.field("file"), asked.field("tool").strip()
    file = answers_file(desk.reader.directory, name) if name else None
    sheet = _sheets(desk, name, file).chosen(asked.field("sheet")) if file else None
    wanted = ToolAsked(
        tool,
        file=file,
        sheet=sheet,
        survey=None,
        columns=SurveyColumns(
            asked.field("respondent") or None, asked.field("segment") or None, asked.fields("exclude")
        ),
        segments=_number(asked.field("segments"), "segments", LEAST, MOST_SEGMENTS),
        proposal=proposal,
        length=_number(asked.field("length"), "questions", 1, MOST_QUESTIONS),
        reverse=asked.fields("reverse"),
        centre=bool(asked.field("centre")),
        anyway=bool(asked.field("anyway")),
        texts=_texts(desk, asked),
    )
    rate = _number(asked.field("error_rate").removesuffix("%").strip(), "per cent", WORST, BEST)
    wanted = wanted if rate is None else replace(wanted, error_rate=rate / 100)
    check_tool_name(tool)
    form = form_wish(asked)
    back = f"{SECTION}/proposals/{proposal}" if proposal else answers_address(name, sheet)

    def work(session: Session, progress: Progress) -> Finished:
        made = design_asked(session, wanted, progress)
        write_form(session.workspace.directory, made.made.file, form)
        return Finished(_designed(made), (), f"{SECTION}/{tool}", "See the survey and its form")

    return started(desk, f"Design the survey {tool}", back, work)


def _texts(desk: Desk, asked: Asked) -> dict[str, str]:
    """What questions ask: a file says it as for the command, and what was written on the page comes before that."""
    name = asked.field("texts")
    written = {
        key.removeprefix(TEXT_OF): " ".join(text.split())[:LONGEST_TEXT]
        for key, text in asked.form
        if key.startswith(TEXT_OF) and text.strip()
    }
    return {**texts_in(answers_file(desk.reader.directory, name) if name else None), **written}


def _designed(made: Designed) -> list[str]:
    """What the survey is worth, and what to know of the answers."""
    file, quality = made.made.file, made.made.file.quality
    size = len(file.questions)
    said = [f"The survey has {size} questions."]
    if quality is not None:
        point = next(each for each in quality.curve if each.items == size)
        said.append(
            f"On held-out people it was right for {point.hit:.0%} (95% CI {point.low:.0%} to {point.high:.0%})."
        )
    return [*said, *(f"{finding.message} {finding.fix}" for finding in made.findings)]


@dataclass(frozen=True, slots=True)
class FormWish:
    """What a form is to be like, as `write_exports` has it."""

    action: str | None
    title: str | None
    scale: tuple[str, str]


def write_form(directory: Path, file: ToolFile, wish: FormWish) -> None:
    """Write a survey's form and what goes with it into its folder of the workspace."""
    write_exports(file, form_folder(directory, file.name), action=wish.action, title=wish.title, scale=wish.scale)


def form_wish(asked: Asked) -> FormWish:
    """Return what a form is to be like.

    Raises:
        FixSettingsError: The address is none.
    """
    action = asked.field("action").strip() or None
    check_form_address(action)
    low, high = asked.field("low").strip(), asked.field("high").strip()
    scale = ends_of(f"{low or AGREEMENT[0]},{high or AGREEMENT[1]}")
    return FormWish(action, asked.field("title").strip()[:LONGEST_TITLE] or None, scale)


def started(desk: Desk, title: str, back: str, work: Work) -> Elsewhere:
    """Start a task of surveys, and go to its page."""
    return Elsewhere(f"/tasks/{desk.tasks.start(title, back, work).task_id}")


def _number(text: str, what: str, least: int, most: int) -> int | None:
    """A number that may be left out."""
    text = text.strip()
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0  # noqa: PLR2004
    if not least <= number <= most:
        raise FixSettingsError(f"{text!r} is not a number of {what}.", fix=f"Use {least} to {most}, or leave it empty.")
    return number
