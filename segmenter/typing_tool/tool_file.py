"""Typing tool file: questions, coefficients, accuracy and a digest, as JSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from segmenter.classifier.label_groups import meaning_of
from segmenter.classifier.linear import LinearModel
from segmenter.classifier.model_file import Coefficients, MatrixRow, Name, Number, read_from, sealed, unsealed
from segmenter.errors import DefinitionError

FORMAT = 1
LONGEST_TRAIT = 40  # characters, as personasync.toml takes them


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerOption(_Part):
    """One answer that a question offers: the number that is stored, and what people read."""

    value: Number
    label: Annotated[str, Field(max_length=300)]


class SurveyQuestion(_Part):
    """One question.

    Attributes:
        trait: The trait that holds its answer.
        item: The survey's own name of it.
        text: What people are asked.
        answers: Offered answers; none: any number.
    """

    trait: Name
    item: Name
    text: Annotated[str, Field(max_length=2_000)]
    answers: Annotated[tuple[AnswerOption, ...], Field(max_length=50)] = ()


class Point(_Part):
    """Held-out figures of a tool with so many items.

    Attributes:
        hit: Of the better of LDA and logit; `low` and `high` are its 95% interval.
        coverage: Share that is assigned above the thresholds; `hit_above` is the hit rate among them (0: nobody).
        agreement: Mean Jaccard overlap of the items that two outer folds chose.
    """

    items: int
    lda: Number
    logit: Number
    hit: Number
    low: Number
    high: Number
    coverage: Number
    hit_above: Number
    agreement: Number


class ToolQuality(_Part):
    """Accuracy measured when the tool was built; an imported tool has none.

    Attributes:
        segments_test: Whether found segments are more than noise, a sentence; "" where they were given.
        anyway: Whether the tool was built although they are not.
        effective: With weights, the number of respondents without weights who tell as much (Kish 1965); None: none.
    """

    respondents: int
    effective: Number | None = None
    segments_from: Name
    segments_test: Annotated[str, Field(max_length=2_000)] = ""
    anyway: bool = False
    largest_share: Number
    proportional_chance: Number
    calibration_error: Number
    hit_missing_mean: Number | None = None
    hit_missing_lca: Number | None = None
    curve: Annotated[tuple[Point, ...], Field(max_length=100)]


class Profiles(_Part):
    """Latent classes of the segments, for people who left something out: P(answer | segment).

    Attributes:
        shares: Of the segments.
        answers: By trait, for each of its question's answers a row: the probability in each segment.
        temperature: By which log posteriors are divided.
    """

    shares: MatrixRow
    answers: dict[Name, tuple[MatrixRow, ...]]
    temperature: Number


class KeptWord(_Part):
    """Held-out figures of an adaptive tool: limits, questions and segments learned without the people they are of.

    Attributes:
        coverage: Share whose possible segments hold the true one; `low` and `high` are its 95% interval (Wilson).
        hit: Share whose likeliest segment is the true one.
        median: Questions that were asked, the median; `mean` beside it.
        single: Share who were told one segment, and `single_wrong` how many of these a wrong one; `two`: one of two.
        segments: Coverage within each segment.
    """

    coverage: Number
    low: Number
    high: Number
    hit: Number
    median: Number
    mean: Number
    single: Number
    single_wrong: Number
    two: Number
    segments: dict[Name, Number]


class Adaptive(_Part):
    """What an adaptive tool asks next, and when it stops; `ToolFile.profiles` are its chances of answers.

    Attributes:
        error_rate: Share of people whose possible segments may lack the true one.
        enough: Probability of the likeliest segment at which no more is asked.
        least: Probability from which on each label is possible.
        per_segment: Whether the error rate is promised within each segment.
    """

    error_rate: Annotated[float, Field(gt=0, lt=1)]
    enough: Annotated[float, Field(gt=0, le=1)]
    least: MatrixRow
    per_segment: bool
    kept: KeptWord


class ToolFile(_Part):
    """A typing tool.

    Attributes:
        survey: The name under which its answers lie in the warehouse.
        questions: In the order of the traits that the model reads.
        profiles: Used where somebody left something out, if it was found to do better than the items' means.
        complete: Whether every question has to be answered.
        means: What the model's labels stand for where they are no segments: a segment that several are, none for one
            that was retired.
        adaptive: How it asks; None: all questions in their order.
    """

    format: Literal[1]
    name: Name
    version: Name
    made_at: datetime
    source: Literal["designed", "imported", "discovered"]
    survey: Name
    model: Coefficients
    questions: Annotated[tuple[SurveyQuestion, ...], Field(min_length=1, max_length=500)]
    profiles: Profiles | None = None
    complete: bool = False
    means: dict[Name, Name | None] = Field(default_factory=dict)
    quality: ToolQuality | None = None
    adaptive: Adaptive | None = None

    def linear(self) -> LinearModel:
        """Return what scores.

        Returns:
            The coefficients of the file, checked.

        Raises:
            DefinitionError: The numbers fit no model, or no questions.
        """
        model = LinearModel(**self.model.model_dump())
        if tuple(question.trait for question in self.questions) != model.traits:
            raise DefinitionError("its questions do not match its model", where=f"tool {self.name!r}")
        if self.profiles is not None:
            _check_profiles(self, self.profiles, len(model.labels))
        if self.adaptive is not None and (self.profiles is None or len(self.adaptive.least) != len(model.labels)):
            raise DefinitionError("its limits do not match its segments", where=f"tool {self.name!r}")
        meaning_of(model.labels, self.means)
        return model

    @property
    def segments(self) -> tuple[str, ...]:
        """The segments that it tells apart, in the order of its labels."""
        names = meaning_of(self.model.labels, self.means).segments
        return tuple(dict.fromkeys(name for name in names if name is not None))


def _check_profiles(file: ToolFile, profiles: Profiles, segments: int) -> None:
    wrong = len(profiles.shares) != segments or profiles.temperature <= 0 or min(profiles.shares) <= 0
    for question in file.questions:
        rows = profiles.answers.get(question.trait, ())
        wrong |= len(rows) != len(question.answers) or any(len(row) != segments or min(row) <= 0 for row in rows)
    if wrong:
        raise DefinitionError("its latent classes do not match its questions", where=f"tool {file.name!r}")


def version_of(name: str, model: LinearModel, as_of: datetime) -> str:
    """Return a version that names a tool and its numbers.

    Args:
        name: The tool's name.
        model: Its coefficients.
        as_of: UTC; its day is a part of the version.

    Returns:
        Such as ``needs-20260131-1a2b3c4d``.
    """
    return f"{name}-{as_of:%Y%m%d}-{hashlib.sha256(repr(model).encode()).hexdigest()[:8]}"


def write_tool(file: ToolFile) -> str:
    """Return the text of a tool's file."""
    return sealed(file.model_dump(mode="json"))


def read_tool(text: str, *, where: str) -> ToolFile:
    """Return the tool that *text* holds.

    Args:
        text: As a tool was written, or as anybody else left it.
        where: The file, for messages.

    Returns:
        The tool, whose digest and numbers were checked.

    Raises:
        DefinitionError: It is no such file, is damaged, or its numbers fit no tool.
    """
    document = unsealed(text, where=where)
    with read_from(where):
        file = ToolFile.model_validate(document)
        file.linear()
    return file


def trait_name(tool: str, item: str, taken: Collection[str] = ()) -> str:
    """Return a name for the trait of an item: letters, digits and _, at most 40, none of *taken*.

    Args:
        tool: The tool's name, with which the trait's begins.
        item: The item as the survey calls it.
        taken: Names in use; a number is put behind one that would be the same.

    Returns:
        Such as ``needs_price_matters``.
    """
    plain = slug(item)
    name = f"{tool}_{plain}"[:LONGEST_TRAIT].rstrip("_")
    number = 2
    while name in taken:
        ending = f"_{number}"
        name = f"{tool}_{plain}"[: LONGEST_TRAIT - len(ending)].rstrip("_") + ending
        number += 1
    return name


def slug(text: str) -> str:
    """Return *text* as personasync.toml and segments.toml name things.

    Returns:
        Small letters, digits and _, a letter in front.
    """
    folded = text.casefold()
    for umlaut, spelt in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        folded = folded.replace(umlaut, spelt)
    plain = re.sub(r"[^a-z0-9]+", "_", folded).strip("_")[:LONGEST_TRAIT].rstrip("_")
    return plain if plain[:1].isalpha() else f"s_{plain}"[:LONGEST_TRAIT].rstrip("_")
