"""Typing tool exports: a web form, a question list, field definitions for both platforms, settings."""

from __future__ import annotations

import csv
import io
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, StrictUndefined

from connectors.limits import MERGE_FIELD_HELP, MERGE_FIELD_NAME, MERGE_TAG_LENGTH, PROPERTY_LABEL
from connectors.safe_cells import safe_cell
from connectors.visible import visible
from segmenter.classifier.linear import option_of, trait_of
from segmenter.surveys.answers import number_of
from segmenter.typing_tool.tool_file import AnswerOption, SurveyQuestion, ToolFile

GROUP = "personasync"
MAILCHIMP_FORMS, HUBSPOT_FORMS = ".list-manage.com", ".hsforms.com"
TAG_PREFIX = MERGE_TAG_LENGTH // 2  # characters of the tool's name in a merge tag


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
        Form, questions, definitions for both platforms, and blocks for personasync.toml and segments.toml.
    """
    plain, file = file, with_scale(file, scale)
    texts = {
        "form.html": html_form(file, action=action, title=title),
        "questions.csv": questions_csv(file),
        "hubspot-properties.json": _json(hubspot_properties(file)),
        "mailchimp-merge-fields.json": _json(mailchimp_merge_fields(file)),
        "traits.toml": traits_toml(plain),
        "segments.toml": segments_toml(file),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in texts]


def html_form(file: ToolFile, *, action: str | None, title: str | None) -> str:
    """Return one HTML page that needs nothing else: no script, style or picture of another place."""
    template = resources.files("sync.surveys").joinpath("templates/survey_form.html.j2").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        title=visible(title or "A few short questions"),
        questions=file.questions,
        action=action,
        to=receiver(action),
        tags=[merge_tag(file.name, place) for place in range(1, len(file.questions) + 1)],
        survey=file.survey,
        number=stored_number,
    )


def receiver(action: str | None) -> str:
    """Return what receives a form's answers: "file", "mailchimp", "hubspot", or "form" for any other program."""
    host = urlsplit(action or "").hostname or ""
    if action is None:
        return "file"
    if host.endswith(MAILCHIMP_FORMS):
        return "mailchimp"
    return "hubspot" if host.endswith(HUBSPOT_FORMS) else "form"


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


def hubspot_properties(file: ToolFile) -> dict[str, Any]:
    """Return the body of ``POST /crm/v3/properties/contacts/batch/create``; the group has to be there before."""
    return {"inputs": [_property(file, place, question) for place, question in enumerate(file.questions)]}


def _property(file: ToolFile, place: int, question: SurveyQuestion) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": question.trait,
        "label": question.text[:PROPERTY_LABEL],
        "type": "enumeration" if question.answers else "number",
        "fieldType": "radio" if question.answers else "number",
        "groupName": GROUP,
        "description": f"Question {place + 1} of the typing tool {file.name}",
        "hasUniqueValue": False,
        "formField": True,
    }
    if question.answers:
        body["options"] = [
            {"label": answer.label, "value": stored_number(answer.value), "displayOrder": order, "hidden": False}
            for order, answer in enumerate(question.answers)
        ]
    return body


def mailchimp_merge_fields(file: ToolFile) -> list[dict[str, Any]]:
    """Return the bodies of ``POST /lists/{id}/merge-fields``, one a question.

    A choice has no value beside its text in Mailchimp, so that the choices are the numbers, and the help text tells
    what they mean.
    """
    fields = []
    for place, question in enumerate(file.questions, 1):
        body: dict[str, Any] = {
            "tag": merge_tag(file.name, place),
            "name": question.text[:MERGE_FIELD_NAME],
            "type": "dropdown" if question.answers else "number",
            "required": False,
            "public": True,
            "default_value": "",
            "help_text": ", ".join(f"{stored_number(a.value)} = {a.label}" for a in question.answers)[
                :MERGE_FIELD_HELP
            ],
        }
        if question.answers:
            body["options"] = {"choices": [stored_number(answer.value) for answer in question.answers]}
        fields.append(body)
    return fields


def merge_tag(tool: str, place: int) -> str:
    """Return the merge tag of a question: at most ten capitals, digits and underscores."""
    letters = re.sub(r"[^A-Z0-9]", "", tool.upper())[:TAG_PREFIX] or "TOOL"
    return f"{letters}_Q{place}"


def traits_toml(file: ToolFile) -> str:
    """Return the block to paste into personasync.toml."""
    lines = [
        f"# Questions of the typing tool {file.name!r}, for personasync.toml. The files connector reads the answers.",
        "# If the answers are in fields of a platform, write connection and property instead of survey and item.",
    ]
    for place, question in enumerate(file.questions, 1):
        where = f"HubSpot {question.trait}, Mailchimp {merge_tag(file.name, place)}"
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
    categories = any(option_of(feature) for feature in file.model.features if trait_of(feature) == question.trait)
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
    blocks = [f"[[segments]]\nname = {quoted(label)}\n" for label in file.segments]
    return "# For segments.toml; skip those that exist already.\n" + "\n".join(blocks)


def quoted(text: str) -> str:
    """Return *text* as TOML writes it: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
