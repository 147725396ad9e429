"""Typing tool exports: a web form, a question list, field definitions for the platforms, settings."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from connectors.forms import FormQuestion, FormTarget
from connectors.installed import find_connector
from connectors.safe_cells import safe_cell
from connectors.visible import visible
from segmenter.classifier.label_groups import meaning_of
from segmenter.classifier.linear import option_of, trait_of
from segmenter.surveys.answers import number_of
from segmenter.typing_tool.conformal import ROUNDED
from segmenter.typing_tool.interview import LEAST_GAIN, TIE
from segmenter.typing_tool.tool_file import AnswerOption, Profiles, SurveyQuestion, ToolFile
from sync.workspace.manifest import load_manifest

FORM, ENGINE = "survey_form.html.j2", "interview.js"
FORM_PAGE = "form.html"

AGREEMENT = ("disagree completely", "agree completely")
SCALE = range(3, 12)  # points of a scale whose ends are labelled


def write_exports(
    file: ToolFile,
    folder: Path,
    *,
    action: str | None = None,
    title: str | None = None,
    scale: tuple[str, str] = AGREEMENT,
) -> list[Path]:
    """Write everything into *folder*, and return the paths.

    Args:
        file: The tool.
        folder: Made if it is missing.
        action: Where the form sends answers; without, it saves them as a CSV file that can be scored.
        title: The form's heading.
        scale: What the lowest and the highest number of a scale mean.

    Returns:
        Form, questions, definitions for the platforms, and blocks for personasync.toml and segments.toml.
    """
    plain, file = file, with_scale(file, scale)
    texts = {
        FORM_PAGE: html_form(file, action=action, title=title),
        "questions.csv": questions_csv(file),
        **{target.form_file: _json(target.form_fields(form_questions(file))) for target in form_targets().values()},
        "traits.toml": traits_toml(plain),
        "segments.toml": segments_toml(file),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in texts]


def form_folder(directory: Path, tool: str) -> Path:
    """Return the folder beside the settings that holds what `write_exports` wrote of a tool, if no other was named."""
    return directory / f"survey-{tool}"


def written_exports(folder: Path) -> list[Path]:
    """Return what `write_exports` wrote into a folder, in its order; empty where it wrote nothing there."""
    of_platforms = (target.form_file for target in form_targets().values())
    names = (FORM_PAGE, "questions.csv", *of_platforms, "traits.toml", "segments.toml")
    return [folder / name for name in names if (folder / name).is_file()]


def html_form(file: ToolFile, *, action: str | None, title: str | None) -> str:
    """Return one HTML page that needs nothing else: no script, style or picture of another place."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    to = receiver(action)
    target, questions = form_targets().get(to), form_questions(file)
    names = [target.form_field(q) for q in questions] if target else [question.item for question in file.questions]
    return environment.from_string(_template(FORM)).render(
        title=visible(title or "A few short questions"),
        questions=file.questions,
        action=action,
        to=to,
        address=target.form_address if target else "email",
        script=target.form_script if target else "",
        names=names,
        survey=file.survey,
        number=stored_number,
        interview=interview_of(file),
        engine=Markup(_template(ENGINE)),  # noqa: S704 - our own script
        result=f"{file.name}_segments",
    )


def form_targets() -> dict[str, FormTarget]:
    """Return the connectors whose platforms have forms, by name.

    Returns:
        Their classes.
    """
    manifest = load_manifest()
    sources = {name: find_connector(name) for name in manifest.connectors}
    return {name: source for name, source in sources.items() if isinstance(source, FormTarget)}


def form_questions(file: ToolFile) -> list[FormQuestion]:
    """Return a tool's questions as platforms are given them.

    Args:
        file: The tool.

    Returns:
        In the tool's order.
    """
    return [
        FormQuestion(
            file.name,
            place,
            question.trait,
            question.text,
            tuple((stored_number(answer.value), answer.label) for answer in question.answers),
        )
        for place, question in enumerate(file.questions, 1)
    ]


def interview_of(file: ToolFile) -> dict[str, Any] | None:
    """Return what the form's script needs to ask adaptively, as `interview.js` describes it; None for other tools.

    Args:
        file: The tool, also one whose scales offer numbers that nobody chose: those count as left out.
    """
    adaptive, profiles = file.adaptive, file.profiles
    if adaptive is None or profiles is None:
        return None
    meaning = meaning_of(file.model.labels, file.means)
    return {
        "segments": [segment or label for segment, label in zip(meaning.segments, file.model.labels, strict=True)],
        "shares": profiles.shares,
        "least": adaptive.least,
        "enough": adaptive.enough,
        "tie": TIE,
        "gain": LEAST_GAIN,
        "rounded": ROUNDED,
        "questions": [_asked(file, question, profiles) for question in file.questions],
    }


def _asked(file: ToolFile, question: SurveyQuestion, profiles: Profiles) -> dict[str, Any]:
    options = [option_of(name) for name in file.model.features if trait_of(name) == question.trait]
    chances = zip(options, profiles.answers[question.trait], strict=True)
    return {"item": question.item, "chances": {str(option): row for option, row in chances}}


def _template(name: str) -> str:
    return resources.files("sync.surveys").joinpath(f"templates/{name}").read_text("utf-8")


def receiver(action: str | None) -> str:
    """Return what receives a form's answers: "file", the name of a connector, or "form" for any other program."""
    if action is None:
        return "file"
    host = urlsplit(action).hostname or ""
    return next((name for name, target in form_targets().items() if host.endswith(target.form_hosts)), "form")


def with_scale(file: ToolFile, scale: tuple[str, str]) -> ToolFile:
    """Return the tool; of scales that are numbers only, the ends say what they mean.

    Args:
        file: The tool.
        scale: Meaning of the lowest and of the highest number.
    """
    questions = tuple(
        question.model_copy(update={"answers": _labelled(question, scale)}) for question in file.questions
    )
    return file.model_copy(update={"questions": questions})


def _labelled(question: SurveyQuestion, scale: tuple[str, str]) -> tuple[AnswerOption, ...]:
    """A scale is whole numbers one after the other; a number that nobody chose is offered all the same."""
    values = [answer.value for answer in question.answers]
    bare = all(answer.label == stored_number(answer.value) for answer in question.answers)
    if not values or not bare or any(value != round(value) for value in values):
        return question.answers
    points = range(int(min(values)), int(max(values)) + 1)
    if len(points) not in SCALE:
        return question.answers
    labels = {points[0]: f" ({scale[0]})", points[-1]: f" ({scale[1]})"}
    return tuple(AnswerOption(value=point, label=f"{point}{labels.get(point, '')}") for point in points)


def stored_number(value: float) -> str:
    """Return a value as it is stored: 1, not 1.0."""
    return f"{value:g}"


def questions_csv(file: ToolFile) -> str:
    """Return one row an answer of each question."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["number", "item", "trait", "question", "value", "answer"])
    for place, question in enumerate(file.questions, 1):
        for value, label in [(stored_number(a.value), a.label) for a in question.answers] or [("", "any number")]:
            cells = (question.item, question.trait, question.text, value, label)
            writer.writerow([place, *map(safe_cell, cells)])
    return out.getvalue()


def traits_toml(file: ToolFile, lacking: Collection[str] | None = None) -> str:
    """Return the part of personasync.toml: a trait a question.

    Args:
        file: The tool.
        lacking: The traits that are wanted; None: all.
    """
    lines = [
        f"# Questions of the typing tool {file.name!r}, for personasync.toml. The files connector reads the answers.",
        "# If the answers are in fields of a platform, write connection and property instead of survey and item.",
    ]
    titles, targets = load_manifest().connectors, form_targets()
    for question, asked in zip(file.questions, form_questions(file), strict=True):
        if lacking is not None and question.trait not in lacking:
            continue
        where = ", ".join(f"{titles[name].title} {target.form_field(asked)}" for name, target in targets.items())
        lines += ["", trait_block(file, question, where)]
    return "\n".join(lines) + "\n"


def trait_block(file: ToolFile, question: SurveyQuestion, remark: str = "") -> str:
    """Return the trait of one question as personasync.toml defines it; words that answers may be are told.

    Args:
        file: The tool.
        question: One of its questions.
        remark: A comment behind the heading; "" for none.

    Returns:
        TOML text without a line end.
    """
    categories = file.adaptive is None and any(
        option_of(feature) for feature in file.model.features if trait_of(feature) == question.trait
    )
    words = {a.label: a.value for a in question.answers if number_of(a.label) is None}
    counts = ", ".join(f"{quoted(word)} = {stored_number(value)}" for word, value in words.items())
    lines = [
        f"[traits.{question.trait}]{'  # ' if remark else ''}{remark}",
        f"survey = {quoted(file.survey)}",
        f"item = {quoted(question.item)}",
        'type = "text"' if categories else 'type = "number"',
        f"meaning = {quoted(question.text)}",
        *([f"words = {{ {counts} }}"] if words and not categories else []),
    ]
    return "\n".join(lines)


def segments_toml(file: ToolFile) -> str:
    """Return the segments that segments.toml needs, without rules: the tool says who is in them."""
    return "# For segments.toml; skip those that exist already.\n" + segment_blocks(file.segments)


def segment_blocks(names: Sequence[str]) -> str:
    """Return segments without rules as segments.toml defines them."""
    return "\n".join(f"[[segments]]\nname = {quoted(name)}\n" for name in names)


def quoted(text: str) -> str:
    """Return *text* as TOML writes it: JSON's escapes are TOML's, but for DEL.

    Returns:
        In quotation marks, on one line.
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
