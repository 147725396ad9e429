"""Build a typing tool: accuracy curve, item selection, final model, imputation of missing answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.classifier.linear import LinearModel
from segmenter.classifier.model_file import coefficients_of
from segmenter.classifier.thresholds import Thresholds
from segmenter.errors import DefinitionError
from segmenter.minimum import RESPONDENTS, needs
from segmenter.stats.folds import folds
from segmenter.surveys.answers import MOST_LEVELS, AnswerSheet
from segmenter.typing_tool.forward_selection import forward_selection
from segmenter.typing_tool.lda import Labels, Linear, Matrix, Moments
from segmenter.typing_tool.targets import Relabeller
from segmenter.typing_tool.tool_file import (
    FORMAT,
    AnswerOption,
    Point,
    Profiles,
    SurveyQuestion,
    ToolFile,
    ToolQuality,
    trait_name,
    version_of,
)
from segmenter.typing_tool.validation import METHODS, Curve, HeldOut, ToolMethod, fill_values, filled, hit_rates, logit

LEAST, MOST = 5, 15  # questions, if nobody says how many
LEFT_OUT = 0.2  # of the answers, when ways to stand in for them are compared
SMOOTHING = 1.0  # one answer of each kind more than was counted, so that nothing is impossible


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """Settings of a typing tool to build.

    Attributes:
        items: So many questions; None: as few of 5 to 15 as come within two points of the best.
        texts: What to ask, by item; the item's name otherwise.
        segments_test: Whether the segments are more than noise, a sentence; "" where they were given.
        anyway: Whether the tool is built although they are not.
        thresholds: Above which a respondent is assigned, for the figures about the assigned.
    """

    name: str
    survey: str
    segments_from: str
    items: int | None
    texts: Mapping[str, str]
    made_at: datetime
    segments_test: str = ""
    anyway: bool = False
    thresholds: Thresholds = Thresholds()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class BuiltTool:
    """A tool, and the curve it was chosen from.

    Attributes:
        chosen_in: Share of outer folds that chose each item of the tool.
    """

    file: ToolFile
    curve: Curve
    chosen_in: Mapping[str, float]


def make_tool(
    sheet: AnswerSheet, labeller: Relabeller, names: Sequence[str], order: ToolRequest, generator: Generator
) -> BuiltTool:
    """Build a typing tool from usable items, one row per respondent.

    Args:
        sheet: The answers.
        labeller: Says who is in which segment.
        names: Of the segments, by the labeller's numbers.
        order: What is wanted.
        generator: Draws folds.

    Returns:
        The tool file, with its hit rates on held-out respondents.

    Raises:
        DefinitionError: There are too few respondents, or too few items.
    """
    _check(sheet, labeller, names, order, generator)
    most = min(max(MOST, order.items or 0), len(sheet.items))
    curve = hit_rates(sheet.values, labeller, generator, most=most)
    size = min(order.items, most) if order.items else curve.enough(least=LEAST, most=MOST)
    method = curve.best_method(size)
    labels = labeller(np.arange(len(sheet.values)), generator)
    fill = fill_values(sheet.values)
    known = filled(sheet.values, fill)
    with threadpool_limits(1):
        path = forward_selection(known, labels, generator, most=size)
        model = _fit(method, known[:, path], labels, len(names))
    held_out = curve.held_out[method, size]
    cooled = model.cooled(held_out.temperature())
    questions = _questions(sheet, path, order)
    linear = _linear(method, cooled, names, questions, fill[path], held_out.temperature())
    profiles, by_mean, by_classes = _profiles(sheet.values[:, path], labels, len(names), questions, method, generator)
    file = ToolFile(
        format=FORMAT,
        name=order.name,
        version=version_of(order.name, linear, order.made_at),
        made_at=order.made_at,
        source="designed",
        survey=order.survey,
        model=coefficients_of(linear),
        questions=questions,
        profiles=profiles if by_classes is not None and by_mean is not None and by_classes > by_mean else None,
        quality=_quality(order, len(sheet.respondents), curve, held_out, by_mean, by_classes),
    )
    shares = curve.chosen_in(size)
    return BuiltTool(file, curve, {sheet.items[item]: shares.get(item, 0.0) for item in path})


def _check(
    sheet: AnswerSheet, labeller: Relabeller, names: Sequence[str], order: ToolRequest, generator: Generator
) -> None:
    people, wanted = len(sheet.respondents), RESPONDENTS * len(names)
    where = f"tool {order.name!r}"
    if len(names) < 2:  # noqa: PLR2004 - one segment needs no tool
        raise DefinitionError("there is only one segment", where=where)
    if people < wanted:
        raise DefinitionError(needs(f"predicting {len(names)} segments", wanted, "respondents", people), where=where)
    if order.items is not None and order.items > len(sheet.items):
        raise DefinitionError(needs("it", order.items, "usable items", len(sheet.items)), where=where)
    counts = np.bincount(labeller(np.arange(people), generator), minlength=len(names))
    if counts.min() < RESPONDENTS:
        least = int(counts.argmin())
        shortage = needs(f"segment {names[least]!r}", RESPONDENTS, "respondents", int(counts[least]))
        raise DefinitionError(f"{shortage}: use fewer segments, or survey more people", where=where)


def _fit(method: ToolMethod, values: Matrix, labels: Labels, segments: int) -> Linear:
    if method == "logit":
        return logit(values, labels, segments)
    return Moments.of(values, labels, segments).discriminant(range(values.shape[1]))


def _linear(
    method: ToolMethod,
    model: Linear,
    names: Sequence[str],
    questions: Sequence[SurveyQuestion],
    fill: Matrix,
    temperature: float,
) -> LinearModel:
    return LinearModel(
        method,
        tuple(names),
        tuple(question.trait for question in questions),
        tuple(tuple(row) for row in model.weights.tolist()),
        tuple(model.intercept.tolist()),
        tuple(fill.tolist()),
        tuple(fill.tolist()),
        temperature,
    )


def _questions(sheet: AnswerSheet, path: Sequence[int], order: ToolRequest) -> tuple[SurveyQuestion, ...]:
    survey_questions: list[SurveyQuestion] = []
    for place in path:
        item = sheet.items[place]
        trait = trait_name(order.name, item, {question.trait for question in survey_questions})
        levels = np.unique(sheet.values[~np.isnan(sheet.values[:, place]), place])
        words = sheet.labels.get(item, {})
        answers = (
            tuple(AnswerOption(value=float(level), label=words.get(float(level), f"{level:g}")) for level in levels)
            if len(levels) <= MOST_LEVELS
            else ()
        )
        survey_questions.append(
            SurveyQuestion(trait=trait, item=item, text=order.texts.get(item, item), answers=answers)
        )
    return tuple(survey_questions)


def _quality(
    order: ToolRequest,
    respondents: int,
    curve: Curve,
    held_out: HeldOut,
    by_mean: float | None,
    by_classes: float | None,
) -> ToolQuality:
    return ToolQuality(
        respondents=respondents,
        segments_from=order.segments_from,
        segments_test=order.segments_test,
        anyway=order.anyway,
        largest_share=curve.largest_share,
        proportional_chance=curve.proportional_chance,
        calibration_error=held_out.calibration_error(held_out.temperature()),
        hit_missing_mean=by_mean,
        hit_missing_lca=by_classes,
        curve=tuple(_point(curve, size, order.thresholds) for size in curve.sizes),
    )


def _point(curve: Curve, size: int, limits: Thresholds) -> Point:
    held_out = curve.held_out[curve.best_method(size), size]
    low, high = held_out.interval()
    coverage, above = held_out.above(limits.confidence, limits.margin, held_out.temperature())
    rates = {method: curve.held_out[method, size].hit_rate for method in METHODS}
    return Point(
        items=size,
        **rates,
        hit=held_out.hit_rate,
        low=low,
        high=high,
        coverage=coverage,
        hit_above=above if coverage else 0.0,
        agreement=curve.agreement(size),
    )


def _profiles(
    values: Matrix,
    labels: Labels,
    segments: int,
    questions: Sequence[SurveyQuestion],
    method: ToolMethod,
    generator: Generator,
) -> tuple[Profiles | None, float | None, float | None]:
    """Latent classes of the segments, and the hit rates with a fifth of the answers left out: by means, by classes."""
    if not all(question.answers for question in questions):
        return None, None, None
    placed = folds(labels, 5, generator)
    left = np.where(generator.random(values.shape) < LEFT_OUT, np.nan, values)
    by_mean, by_classes = np.zeros((len(values), segments)), np.zeros((len(values), segments))
    for fold in range(5):
        rows, away = placed != fold, placed == fold
        fill = fill_values(values[rows])
        model = _fit(method, filled(values[rows], fill), labels[rows], segments)
        by_mean[away] = model.scores(filled(left[away], fill))
        learned = learn_profiles(values[rows], labels[rows], segments, questions)
        by_classes[away] = class_scores(learned, questions, left[away])
    everybody = np.arange(len(values))
    classes = HeldOut(by_classes, labels, everybody)
    learned = learn_profiles(values, labels, segments, questions)
    cooled = learned.model_copy(update={"temperature": classes.temperature()})
    return cooled, HeldOut(by_mean, labels, everybody).hit_rate, classes.hit_rate


def learn_profiles(values: Matrix, labels: Labels, segments: int, questions: Sequence[SurveyQuestion]) -> Profiles:
    """Return the latent classes that the segments are: shares, and how often each answer is given in each."""
    counts = np.bincount(labels, minlength=segments).astype(float)
    answers = {}
    for place, question in enumerate(questions):
        column = values[:, place]
        table = np.array(
            [np.bincount(labels[column == answer.value], minlength=segments) for answer in question.answers]
        )
        table = table + SMOOTHING
        answers[question.trait] = tuple(tuple(row) for row in (table / table.sum(axis=0)).tolist())
    shares = (counts + SMOOTHING) / (counts + SMOOTHING).sum()
    return Profiles(shares=tuple(shares.tolist()), answers=answers, temperature=1.0)


def class_scores(profiles: Profiles, questions: Sequence[SurveyQuestion], values: Matrix) -> Matrix:
    """Return ln P(segment) + sum of ln P(answer | segment) over what was answered, cooled; (people, segments)."""
    scores = np.tile(np.log(np.array(profiles.shares)), (len(values), 1))
    for place, question in enumerate(questions):
        for answer, row in zip(question.answers, profiles.answers[question.trait], strict=True):
            scores[values[:, place] == answer.value] += np.log(np.array(row))
    return np.asarray(scores / profiles.temperature, dtype=np.float64)
