"""Segment proposals of `discover`: proposals/NAME.toml to edit, NAME.labels.csv with the members."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from connectors.errors import FixSettingsError, reason_of
from segmenter.classifier.linear import ModelKind
from segmenter.classifier.model_file import MatrixRow, Names, Number
from sync.workspace.schema_parts import FilePart, Slug
from sync.workspace.toml_reader import read_toml, replace_bytes, toml_string

FOLDER = "proposals"
HEADER = ("person_id", "segment")
ACCEPTED = ".accepted.csv"
LABELS = ".labels.csv"
WeightsFrom = Literal["column", "file", "item", "trait"]
"""What holds weights of respondents: a column of the answers, a file of its own, an item of the survey, or a trait."""


class ProposalPart(FilePart):
    """[proposal]: what was found; nothing of it is to be edited.

    Attributes:
        shape: Of the groups of a mixture (`segmenter.stats.mixtures.Shape`); None by another method.
        least_agreement: Of two segmentations of the same people, that chance seldom goes below.
        following: How stable one segment more would have been.
        file: Path of the file of answers, from the workspace's folder; "": answers that were pulled, or traits.
        respondent: The column of *file* that names each respondent; "": none.
        weight: What holds the weights, a file's path from the workspace's folder; "": everybody counted alike.
        weight_from: What that is.
        weight_digest: Of the weights that were used, without names; another one: they were changed since.
        effective: Size of a sample without weights that is as exact (Kish 1965); `design_effect`: *people* over it.
        sheet: The sheet of *file* that was named; "": none.
    """

    name: Slug
    made_at: str
    light: Literal["green", "amber", "red"]
    sentence: str
    notes: tuple[str, ...] = ()
    source: Literal["model", "survey"]
    survey: str = ""
    file: str = ""
    respondent: str = ""
    weight: str = ""
    weight_from: WeightsFrom | None = None
    weight_digest: str = ""
    effective: float | None = None
    design_effect: float | None = None
    sheet: str = ""
    method: Literal["kmeans", "mixture", "lca"]
    base: tuple[str, ...]
    people: int
    k: int | None = None
    shape: Literal["equal", "tied", "diagonal", "full"] | None = None
    least_agreement: float | None = None
    following: float | None = None
    seed: int
    within: Slug | None = None


class ProposedPart(FilePart):
    """[[segments]]: edit name, title, message and keep.

    Attributes:
        placed_again: Share of its people whom segments found anew among others would place here again.
        membership: Mean probability that its people belong to the group that the segment is made of.
    """

    number: int = Field(ge=1)
    name: Slug
    title: str = ""
    keep: bool = True
    message: str = ""
    size: int
    share: float
    stability: float
    placed_again: float | None = None
    membership: float | None = None
    markers: tuple[str, ...] = ()


class Form(FilePart):
    """proposals/NAME.model.json: the linear form of the segments as they were found.

    Attributes:
        labels: Numbers from 1, before any segments were merged.
        segments: The number of the [[segments]] that each label is a part of.
        answers: By item of a survey: what each answer counts as.
        calibration_error: Of its confidence, the membership probability, among simulated people; None for latent
            classes.
    """

    kind: ModelKind
    labels: Names
    features: Names
    weights: tuple[MatrixRow, ...]
    intercepts: MatrixRow
    fill: MatrixRow
    mean: MatrixRow
    temperature: Number
    products: tuple[tuple[int, int], ...] = ()
    curves: tuple[MatrixRow, ...] = ()
    segments: tuple[int, ...]
    answers: dict[str, dict[str, Number]] = Field(default_factory=dict)
    calibration_error: Number | None = None

    def coefficients(self) -> dict[str, Any]:
        """Return what scores, as `segmenter.classifier.model_file.Coefficients` takes it.

        Returns:
            Keyword arguments.
        """
        return self.model_dump(exclude={"segments", "answers", "calibration_error"})


class ProposalFile(FilePart):
    """proposals/NAME.toml."""

    proposal: ProposalPart
    segments: tuple[ProposedPart, ...] = ()


def path_of(directory: Path, name: str, ending: str = ".toml") -> Path:
    """Return where a file of the proposal *name* lies.

    Args:
        directory: The workspace's folder.
        name: Of the proposal.
        ending: With its dot.

    Returns:
        A path, whether the file exists or not.
    """
    return directory / FOLDER / f"{name}{ending}"


def load(directory: Path, name: str) -> ProposalFile:
    """Return the proposal *name* as it was edited.

    Args:
        directory: The workspace's folder.
        name: Of the proposal.

    Returns:
        Segments with titles and what is to be kept, and how they were found.

    Raises:
        FixSettingsError: There is none, or it is wrong: with the line.
    """
    known = sorted(path.stem for path in (directory / FOLDER).glob("*.toml"))
    if name not in known:  # a name that no file can have is none either
        raise FixSettingsError(f"Proposal {name!r} not found.", fix=f"{FOLDER} has: {', '.join(known) or 'none'}.")
    return read_toml(path_of(directory, name), ProposalFile)


def all_proposals(directory: Path) -> list[ProposalFile]:
    """Return every proposal; one that can't be read any more is left out.

    Returns:
        By name.
    """
    proposals = []
    for path in sorted((directory / FOLDER).glob("*.toml")):
        with suppress(FixSettingsError):
            proposals.append(load(directory, path.stem))
    return proposals


def edit(directory: Path, name: str, words: Mapping[int, Mapping[str, str | bool]]) -> ProposalFile:
    """Change names, titles and what is kept, as a person does in proposals/NAME.toml.

    Args:
        directory: The workspace's folder.
        name: Of the proposal.
        words: By a segment's number: what of name, title, message and keep is to be other than it is.

    Returns:
        The proposal as it is then; where nothing changes, its file stays as it is.

    Raises:
        FixSettingsError: There is no such proposal, or a name can't be a segment's.
    """
    file = load(directory, name)
    edited = tuple(_with_words(part, words.get(part.number, {})) for part in file.segments)
    if edited == file.segments:
        return file
    file = file.model_copy(update={"segments": edited})
    replace_bytes(path_of(directory, name), _as_toml(file).encode())
    return file


def _with_words(part: ProposedPart, words: Mapping[str, str | bool]) -> ProposedPart:
    try:
        return ProposedPart.model_validate({**part.model_dump(), **words})
    except ValidationError as error:
        raise FixSettingsError(
            f"{words.get('name')!r} is not a valid name of a segment.",
            fix="Use lower-case letters, digits and _, starting with a letter.",
        ) from error


def accepted_proposals(directory: Path) -> list[ProposalFile]:
    """Return the proposals whose segments were made the workspace's; one that can't be read any more is left out.

    Returns:
        By name.
    """
    proposals = []
    for path in sorted((directory / FOLDER).glob(f"*{ACCEPTED}")):
        with suppress(FixSettingsError):
            proposals.append(load(directory, path.name.removesuffix(ACCEPTED)))
    return proposals


def proposal_of(directory: Path, path: Path) -> ProposalFile | None:
    """Return the proposal whose list of members *path* is, None where it is none of a proposal.

    Raises:
        FixSettingsError: The proposal can't be read.
    """
    if path.resolve().parent != (directory / FOLDER).resolve():
        return None
    ending = next((ending for ending in (ACCEPTED, LABELS) if path.name.endswith(ending)), None)
    return None if ending is None else load(directory, path.name.removesuffix(ending))


def labels(directory: Path, name: str) -> dict[str, int]:
    """Return the number of the segment of each person of the proposal *name*.

    Args:
        directory: The workspace's folder.
        name: Of the proposal.

    Returns:
        Person or respondent -> number of the segment, from 1.

    Raises:
        FixSettingsError: The file is missing or was changed.
    """
    path = path_of(directory, name, LABELS)
    fix = f"Run `personasync discover --name {name}` again."
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
        return {person: int(number) for person, number in rows[1:]}
    except (OSError, ValueError) as error:
        raise FixSettingsError(f"{FOLDER}/{path.name} can't be read: {reason_of(error)}.", fix=fix) from error


def found_before(file: ProposalFile) -> int:
    """Return how many segments were found, without those that were let go, before any were merged."""
    return (file.proposal.k or 0) - sum(not part.keep for part in file.segments)


def accepted(directory: Path, name: str) -> dict[str, str]:
    """Return the segment of each person of the proposal *name* as it was accepted.

    Args:
        directory: The workspace's folder.
        name: Of the proposal.

    Returns:
        Person or respondent -> segment name.

    Raises:
        FixSettingsError: It was not accepted yet, or the file was changed.
    """
    path = path_of(directory, name, ACCEPTED)
    fix = f"Run `personasync discover --accept {name}`."
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8"))))
        return dict(rows[1:])
    except (OSError, ValueError) as error:
        raise FixSettingsError(f"The proposal {name!r} could not be accepted: {reason_of(error)}.", fix=fix) from error


def form_of(directory: Path, name: str) -> Form | None:
    """Return the linear form of the proposal *name*, None where it has none.

    Args:
        directory: The workspace's folder.
        name: Of the proposal.

    Returns:
        Coefficients over the proposal's items or traits.

    Raises:
        FixSettingsError: The file was damaged.
    """
    path = path_of(directory, name, ".model.json")
    if not path.is_file():
        return None
    try:
        return Form.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FixSettingsError(
            f"{FOLDER}/{path.name} is damaged.", fix=f"Run `personasync discover --name {name}` again."
        ) from error


def save(
    directory: Path, file: ProposalFile, members: Iterable[tuple[str, int]], form: Mapping[str, Any] | None
) -> Path:
    """Write a proposal with its labels and, where there is one, its linear form; an older one is replaced.

    Args:
        directory: The workspace's folder.
        file: The proposal.
        members: Person or respondent, and number of the segment.
        form: Of `Form`, as plain JSON; None: there is none.

    Returns:
        Path of the TOML file.
    """
    path = path_of(directory, file.proposal.name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(_as_toml(file), "utf-8")
    write_labels(path_of(directory, file.proposal.name, LABELS), members)
    model = path_of(directory, file.proposal.name, ".model.json")
    model.unlink(missing_ok=True)
    if form is not None:
        model.write_text(json.dumps(form, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def write_labels(path: Path, members: Iterable[tuple[str, int | str]]) -> None:
    """Write who is in which segment.

    Args:
        path: Of the CSV file; overwritten.
        members: Person or respondent, and segment.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([HEADER, *members])
    path.write_text(text.getvalue(), "utf-8")


HEAD = (
    "# Segments proposed by `personasync discover`. Give them names and titles, and write a "
    "message for each:\n# segments with the same message are merged. keep = false drops a "
    "segment: its people stay unclassified.\n# Then run: personasync discover --accept {name}\n"
)


def _as_toml(file: ProposalFile) -> str:
    parts = [HEAD.format(name=file.proposal.name), _table("[proposal]", file.proposal.model_dump(exclude_none=True))]
    parts += [_table("[[segments]]", segment.model_dump(exclude_none=True)) for segment in file.segments]
    return "\n".join(parts)


def _table(header: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in values.items()]
    return "\n".join([header, *lines]) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    return json.dumps(value)
