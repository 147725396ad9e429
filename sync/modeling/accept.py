"""Accept a proposal: add its segments to the workspace, and its scorer as a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from connectors.errors import FixSettingsError
from connectors.records import SURVEY_ANSWERS, normalise_email
from segmenter.classifier.linear import LOG, logged, option_of, trait_of
from segmenter.classifier.model_file import Coefficients
from segmenter.typing_tool.tool_file import FORMAT, AnswerOption, SurveyQuestion, ToolFile, trait_name, version_of
from sync.session import Session
from sync.surveys.exports import quoted, trait_block
from sync.surveys.kept_weights import weighted_by
from sync.surveys.sensitive_items import why_item
from sync.surveys.spreadsheet import read_grid
from sync.workspace.additions import add_to_files
from sync.workspace.definition_files import MAIN, SEGMENTS
from sync.workspace.proposals import (
    ACCEPTED,
    Form,
    ProposalFile,
    ProposalPart,
    ProposedPart,
    form_of,
    labels,
    load,
    path_of,
    write_labels,
)
from sync.workspace.settings import Workspace
from sync.workspace.typing_tools import load_tools, save_tool

MOST_CHOICES = 50  # answers of a question that are offered one by one


@dataclass(frozen=True, slots=True)
class Accepted:
    """Result of accepting a proposal.

    Attributes:
        segments: Name -> people.
        added: Those that segments.toml did not have.
        labels: Who is in which, by name.
        tool: The typing tool that the segments' own scorer became; None: see `remarks`.
        traits: Those that personasync.toml did not have.
        remarks: What to know, a sentence each.
        connection: The connection that personasync.toml got, which reads the file of answers; "": none.
        persons: How many of the members are people of the workspace.
        survey: Whether the segments were found on answers.
        weight: The trait or item that they were found with as the weight; "": none that `fit` could take.
    """

    segments: Mapping[str, int]
    added: tuple[str, ...]
    labels: Path
    tool: ToolFile | None
    traits: tuple[str, ...]
    remarks: tuple[str, ...]
    connection: str = ""
    persons: int = 0
    survey: bool = False
    weight: str = ""


READS = (".csv", ".tsv", ".txt", ".parquet")  # what the files connector reads


def accept_here(session: Session, name: str) -> Accepted:
    """Accept an edited proposal, as `accept`; a file of answers that nobody reads yet becomes a connection.

    Raises:
        FixSettingsError: As `accept`.
    """
    made = load(session.workspace.directory, name).proposal
    members = set(labels(session.workspace.directory, name))
    persons = members & set(session.control.links.load()["person_id"].to_pylist())
    answers = session.warehouse.current(SURVEY_ANSWERS.name)
    pulled = made.survey and int(answers.filter(answers.survey == made.survey).count().to_pyarrow().as_py())
    reader = "" if pulled else _reader(session.workspace, made)
    done = accept(session.workspace, name, reader=reader)
    weight = made.weight if made.weight_from in {"trait", "item"} else ""
    return replace(done, persons=len(persons), survey=made.source == "survey", weight=weight)


def _reader(workspace: Workspace, made: ProposalPart) -> str:
    """The connection that reads a file of answers, as personasync.toml defines it; "" where there can be none."""
    path = workspace.directory / made.file
    named = f"{made.name}_answers"
    asked = [part.settings().get("answers") for part in workspace.connections.values() if part.connector == "files"]
    if not made.file or not made.respondent or path.suffix.lower() not in READS or not path.is_file():
        return ""
    addresses = [normalise_email(cell) for cell in read_grid(path).column(made.respondent)]
    if made.file in asked or named in workspace.connections or not all(addresses):
        return ""
    block = [f"[connections.{named}]", 'connector = "files"', f"answers = {quoted(made.file)}"]
    return "\n".join([*block, f"answers_email = {quoted(made.respondent)}"])


def accept(workspace: Workspace, name: str, *, reader: str = "") -> Accepted:
    """Accept an edited proposal: add its segments to the workspace.

    segments.toml gets what it lacks, without a rule. Where the segments were found on a survey, their own scorer is
    saved as a typing tool: who answered every item is classified by it from then on. personasync.toml gets the items
    as traits, and for sub-segments whom the tool is for.

    Args:
        workspace: Its files are written.
        name: Name of the proposal.
        reader: A connection that reads the answers, as personasync.toml defines it; "" for none.

    Returns:
        People by segment, what was added to which file, and what the user should know.

    Raises:
        FixSettingsError: The proposal is missing or wrong, keeps fewer than two segments, or asks something sensitive.
    """
    directory = workspace.directory
    file = load(directory, name)
    named = _merged([part for part in file.segments if part.keep])
    if len(set(named.values())) < 2:  # noqa: PLR2004 - one segment tells nobody apart
        raise FixSettingsError(
            f"proposals/{name}.toml keeps fewer than two segments.",
            fix="Set keep = true for two or more, or discard the proposal.",
        )
    members = [(person, named[number]) for person, number in labels(directory, name).items() if number in named]
    known = {segment.name for segment in workspace.segments}
    fresh = tuple(fromkey for fromkey in dict.fromkeys(named.values()) if fromkey not in known)
    tool, remarks = _tool(workspace, file, named)
    remarks += (weighted_by(file.proposal),) if file.proposal.weight else ()
    titles = {part.name: part.title for part in file.segments}
    blocks = [_segment(label, titles[label], file.proposal.within) for label in fresh]
    lacking = [q for q in tool.questions if q.trait not in workspace.catalogue.traits] if tool else []
    traits = [trait_block(tool, question) for question in lacking] if tool else []
    traits += _asked_of(workspace, file) if tool else []
    traits += [reader] if reader and tool else []
    joined = {name: "\n\n".join(parts) + "\n" if parts else "" for name, parts in ((SEGMENTS, blocks), (MAIN, traits))}
    add_to_files(directory, joined)
    if tool is not None:
        save_tool(workspace.state_dir, tool)
    target = path_of(directory, name, ACCEPTED)
    write_labels(target, members)
    sizes: dict[str, int] = {}
    for _, segment in members:
        sizes[segment] = sizes.get(segment, 0) + 1
    added = f"{name}_answers" if reader and tool else ""
    return Accepted(sizes, fresh, target, tool, tuple(question.trait for question in lacking), remarks, added)


def _merged(parts: Iterable[ProposedPart]) -> dict[int, str]:
    """Number -> name; segments with one message, or one name, are one: the name of the first."""
    by_message: dict[str, str] = {}
    return {
        part.number: by_message.setdefault(part.message.strip(), part.name) if part.message.strip() else part.name
        for part in parts
    }


def _tool(
    workspace: Workspace, file: ProposalFile, named: Mapping[int, str]
) -> tuple[ToolFile | None, tuple[str, ...]]:
    """The scorer of segments of a survey as a tool that needs every answer."""
    form = form_of(workspace.directory, file.proposal.name)
    if file.proposal.source != "survey":
        return None, ()
    if form is None:
        remark = "These segments have no scorer: make a typing tool"
        return None, (f"{remark} with `personasync survey design --proposal {file.proposal.name}`.",)
    _check_name(workspace, file.proposal.name)
    if _nobody(workspace, file.proposal.within):
        return None, (f"{file.proposal.within!r} has no rule, so its sub-segments have no scorer.",)
    questions = _questions(workspace, file, form)
    traits = {question.item: question.trait for question in questions}
    features = tuple(_renamed(feature, traits) for feature in form.features)
    means = [named.get(number) for number in form.segments]
    labels_ = [
        mean if mean is not None and means.count(mean) == 1 else f"{mean or 'retired'}#{place}"
        for place, mean in enumerate(means, 1)
    ]
    model = Coefficients(**{**form.coefficients(), "labels": tuple(labels_), "features": features})
    made_at = datetime.fromisoformat(file.proposal.made_at)
    tool = ToolFile(
        format=FORMAT,
        name=file.proposal.name,
        version="none yet",
        made_at=made_at,
        source="discovered",
        survey=file.proposal.survey,
        model=model,
        questions=questions,
        complete=True,
        means={label: mean for label, mean in zip(labels_, means, strict=True) if label != mean},
    )
    return tool.model_copy(update={"version": version_of(tool.name, tool.linear(), made_at)}), ()


def _check_name(workspace: Workspace, name: str) -> None:
    for saved_tool in load_tools(workspace):
        if saved_tool.file.name == name and saved_tool.file.source != "discovered":
            raise FixSettingsError(
                f"There is a typing tool {name!r} already.",
                fix=f"Run `personasync discover` with another --name, or remove .personasync/tools/{name}.json.",
            )


def _questions(workspace: Workspace, file: ProposalFile, form: Form) -> tuple[SurveyQuestion, ...]:
    made = file.proposal
    survey_questions: list[SurveyQuestion] = []
    surveyed = workspace.catalogue.surveyed.values()
    own = {trait.item: trait.name for trait in surveyed if trait.survey == made.survey}
    for item in dict.fromkeys(trait_of(feature) for feature in form.features):
        if reason := why_item(workspace, made.name, made.survey, item):
            raise FixSettingsError(
                f"The item {item!r} is sensitive ({reason}) and may not decide segments.",
                fix="Run `personasync discover` without it, or state the purpose in [sensitive].",
            )
        trait = own.get(item) or trait_name(
            made.name, item, {survey_question.trait for survey_question in survey_questions}
        )
        answers = form.answers.get(item, {})
        choices = answers if len(answers) <= MOST_CHOICES else {}  # more are numbers: words are few
        options = [AnswerOption(value=value, label=text) for text, value in choices.items()]
        survey_questions.append(SurveyQuestion(trait=trait, item=item, text=item, answers=tuple(options)))
    return tuple(survey_questions)


def _renamed(feature: str, traits: Mapping[str, str]) -> str:
    option = option_of(feature)
    trait = traits[trait_of(feature)]
    if logged(feature):
        return f"{LOG}{trait})"
    return trait if option is None else f"{trait}={option}"


def _nobody(workspace: Workspace, within: str | None) -> bool:
    return any(rule == "false" for rule in _rules(workspace, within))


def _rules(workspace: Workspace, within: str | None) -> list[str]:
    """Rules that membership of *within* requires: its own and those of its ancestors."""
    steps = workspace.steps.by_name()
    names = () if within is None else (within, *steps[within].ancestors)
    return [steps[name].rule.text for name in names]


def _asked_of(workspace: Workspace, file: ProposalFile) -> list[str]:
    """Sub-segments tell apart the people of one segment only."""
    rules = _rules(workspace, file.proposal.within)
    if not rules or file.proposal.name in workspace.tools:
        return []
    who = " and ".join(f"({rule})" for rule in rules)
    return [f"[tools.{file.proposal.name}]\nwho = {quoted(who)}"]


def _segment(name: str, title: str, within: str | None) -> str:
    lines = ["[[segments]]", f'name = "{name}"', f"title = {quoted(title or name)}"]
    return "\n".join([*lines, *([f'parent = "{within}"'] if within else [])])
