"""Build a typing tool: accuracy curve, item selection, final model, imputation of missing answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

import numpy as np
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.classifier.linear import LinearModel
from segmenter.classifier.model_file import coefficients_of
from segmenter.classifier.thresholds import Thresholds
from segmenter.errors import DefinitionError
from segmenter.minimum import RESPONDENTS, needs
from segmenter.stats.discriminant import Labels, Linear, Matrix, Moments
from segmenter.stats.folds import folds
from segmenter.stats.weighted import effective_size
from segmenter.surveys.answers import MOST_LEVELS, AnswerSheet
from segmenter.typing_tool.adaptive_file import adaptive_part, answers_model, chances_of, held_out_of
from segmenter.typing_tool.conformal import enough_for
from segmenter.typing_tool.forward_selection import forward_selection
from segmenter.typing_tool.keep_word import calibrate
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
        error_rate: Share of people about whom an adaptive tool may be wrong; None: a tool that asks all its questions.
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
    error_rate: float | None = None


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
    curve = hit_rates(sheet.values, labeller, generator, most=most, counts=sheet.counts)
    if order.error_rate is not None:
        return _adaptive(sheet, labeller, names, order, curve, generator, most=order.items or most)
    size = min(order.items, most) if order.items else curve.enough(least=LEAST, most=MOST)
    method = curve.best_method(size)
    labels = labeller(np.arange(len(sheet.values)), generator)
    fill = fill_values(sheet.values, sheet.counts)
    known = filled(sheet.values, fill)
    with threadpool_limits(1):
        path = forward_selection(known, labels, generator, most=size, counts=sheet.counts)
        model = _fit(method, known[:, path], labels, len(names), sheet.counts)
    held_out = curve.held_out[method, size]
    cooled = model.cooled(held_out.temperature())
    questions = _questions(sheet, path, order)
    linear = _linear(method, cooled, names, questions, fill[path], held_out.temperature())
    profiles, by_mean, by_classes = _profiles(sheet, path, labels, len(names), questions, method, generator)
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
        quality=_quality(order, sheet, curve, held_out, by_mean, by_classes),
    )
    shares = curve.chosen_in(size)
    return BuiltTool(file, curve, {sheet.items[item]: shares.get(item, 0.0) for item in path})


def _adaptive(
    sheet: AnswerSheet,
    labeller: Relabeller,
    names: Sequence[str],
    order: ToolRequest,
    curve: Curve,
    generator: Generator,
    *,
    most: int,
) -> BuiltTool:
    rate = order.error_rate or 0.0
    each = np.ones(len(sheet.respondents)) if sheet.counts is None else sheet.counts
    if not enough_for(each, rate):
        kind = "respondents" if sheet.counts is None else "times the largest weight"
        shortage = needs(f"an error rate of {rate:g}", ceil(1 / rate) - 1, kind, int(each.sum() / each.max()))
        raise DefinitionError(shortage, where=f"tool {order.name!r}")
    made = calibrate(sheet.values, labeller, len(names), rate, generator, most=most, counts=sheet.counts)
    questions = _questions(sheet, made.path, order)
    linear = answers_model(made, names, questions)
    quality = _quality(order, sheet, curve, held_out_of(made), None, None)
    file = ToolFile(
        format=FORMAT,
        name=order.name,
        version=version_of(order.name, linear, order.made_at),
        made_at=order.made_at,
        source="designed",
        survey=order.survey,
        model=coefficients_of(linear),
        questions=questions,
        profiles=chances_of(made, questions),
        quality=quality,
        adaptive=adaptive_part(made, names, rate),
    )
    shares = curve.chosen_in(len(made.path))
    return BuiltTool(file, curve, {sheet.items[item]: shares.get(item, 0.0) for item in made.path})


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
    labels = labeller(np.arange(people), generator)
    counts = np.bincount(labels, minlength=len(names)).astype(np.float64)
    if sheet.weights is not None:
        counts = np.array([effective_size(sheet.weights[labels == place]) for place in range(len(names))])
    if counts.min() < RESPONDENTS:
        least = int(counts.argmin())
        shortage = needs(f"segment {names[least]!r}", RESPONDENTS, "respondents", int(counts[least]))
        raise DefinitionError(f"{shortage}: use fewer segments, or survey more people", where=where)


def _fit(method: ToolMethod, values: Matrix, labels: Labels, segments: int, counts: Matrix | None) -> Linear:
    if method == "logit":
        return logit(values, labels, segments, counts)
    return Moments.of(values, labels, segments, counts).discriminant(range(values.shape[1]))


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
    sheet: AnswerSheet,
    curve: Curve,
    held_out: HeldOut,
    by_mean: float | None,
    by_classes: float | None,
) -> ToolQuality:
    return ToolQuality(
        respondents=len(sheet.respondents),
        effective=None if sheet.weights is None else effective_size(sheet.weights),
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
    sheet: AnswerSheet,
    path: Sequence[int],
    labels: Labels,
    segments: int,
    questions: Sequence[SurveyQuestion],
    method: ToolMethod,
    generator: Generator,
) -> tuple[Profiles | None, float | None, float | None]:
    """Latent classes of the segments, and the hit rates with a fifth of the answers left out: by means, by classes."""
    if not all(question.answers for question in questions):
        return None, None, None
    values, counts = sheet.values[:, path], sheet.counts
    placed = folds(labels, 5, generator)
    left = np.where(generator.random(values.shape) < LEFT_OUT, np.nan, values)
    by_mean, by_classes = np.zeros((len(values), segments)), np.zeros((len(values), segments))
    for fold in range(5):
        rows, away = placed != fold, placed == fold
        each = None if counts is None else counts[rows]
        fill = fill_values(values[rows], each)
        model = _fit(method, filled(values[rows], fill), labels[rows], segments, each)
        by_mean[away] = model.scores(filled(left[away], fill))
        learned = learn_profiles(values[rows], labels[rows], segments, questions, each)
        by_classes[away] = class_scores(learned, questions, left[away])
    everybody = np.arange(len(values))
    classes = HeldOut(by_classes, labels, everybody, counts)
    learned = learn_profiles(values, labels, segments, questions, counts)
    cooled = learned.model_copy(update={"temperature": classes.temperature()})
    return cooled, HeldOut(by_mean, labels, everybody, counts).hit_rate, classes.hit_rate


def learn_profiles(
    values: Matrix, labels: Labels, segments: int, questions: Sequence[SurveyQuestion], each: Matrix | None = None
) -> Profiles:
    """Return the latent classes that the segments are: shares, and how often each answer is given in each."""
    people = np.ones(len(values)) if each is None else each
    counts = np.bincount(labels, people, minlength=segments)
    answers = {}
    for place, question in enumerate(questions):
        column = values[:, place]
        table = np.array(
            [
                np.bincount(labels[column == answer.value], people[column == answer.value], minlength=segments)
                for answer in question.answers
            ]
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
