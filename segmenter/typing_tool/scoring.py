"""Typing tool scoring: segment, confidence, runner-up, reasons, and incomplete respondents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmenter.classifier.label_groups import meaning_of, meant_one
from segmenter.classifier.linear import LinearModel, score_rows
from segmenter.classifier.reasons import NOTHING, lead_parts
from segmenter.classifier.thresholds import Thresholds
from segmenter.stats.discriminant import Matrix, probabilities
from segmenter.typing_tool.build import class_scores
from segmenter.typing_tool.tool_file import SurveyQuestion, ToolFile

MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """A respondent's score.

    Attributes:
        segment: None where the answer is not sure enough, or too little was answered.
        best: The likeliest segment; None where too little was answered.
        confidence: Its probability.
        answered: How many of the questions.
        reasons: The answers that speak most for it against the runner-up; else what is missing.
        verdict: Of an adaptive tool: "one segment", "one of two" and so on, or "ask one more"; else "".
        possible: The segments that its error rate leaves, the likeliest first.
        following: The item that it asks next; None where it has ended.
    """

    segment: str | None
    best: str | None
    confidence: float | None
    runner_up: str | None
    second: float | None
    answered: int
    reasons: str
    verdict: str = ""
    possible: tuple[str, ...] = ()
    following: str | None = None


def score_answers(file: ToolFile, values: Matrix, thresholds: Thresholds) -> list[Scored]:
    """Score respondents.

    Args:
        file: The tool.
        values: (respondents, questions) in the tool's order; NaN is a missing answer.
        thresholds: When an answer is sure enough; `complete` tools ask for every answer.

    Returns:
        One per respondent, in their order; the segment is None where the answers are incomplete or not sure enough.
    """
    model, meaning = file.linear(), meaning_of(file.model.labels, file.means)
    features = _features(file, model, values)
    likelihoods = score_rows(model, features).probabilities
    missing = np.isnan(values).any(axis=1)
    if file.profiles is not None and missing.any():
        likelihoods[missing] = probabilities(class_scores(file.profiles, file.questions, values[missing]))
    answered = (~np.isnan(values)).sum(axis=1)
    needed = len(file.questions) if file.complete else thresholds.known * len(file.questions)
    results = []
    for row, chances in enumerate(likelihoods):
        if answered[row] < max(needed, 1):
            results.append(_incomplete(file, values[row], int(answered[row])))
            continue
        meant = meant_one(chances.tolist(), meaning)
        sure = meant.confidence >= thresholds.confidence and meant.confidence - meant.second >= thresholds.margin
        parts = np.array(lead_parts(model, features[row].tolist(), meant.lead, meant.rival))
        results.append(
            Scored(
                meant.segment if sure else None,
                meant.segment or model.labels[meant.lead],
                meant.confidence,
                meant.runner_up,
                meant.second,
                int(answered[row]),
                _reasons(file, model, features[row], parts),
            )
        )
    return results


def _features(file: ToolFile, model: LinearModel, values: Matrix) -> Matrix:
    """Features of the model: the answer's number, or an indicator of one answer."""
    places = {question.trait: place for place, question in enumerate(file.questions)}
    columns = []
    for trait, option, _, log in model.reads:
        column, question = values[:, places[trait]], file.questions[places[trait]]
        if option is not None:
            number = next((answer.value for answer in question.answers if answer.label == option), np.nan)
            column = np.where(np.isnan(column), np.nan, column == number)
        if log:
            column = np.log(1.0 + np.maximum(column, 0.0))
        columns.append(column)
    return np.column_stack(columns)


def _incomplete(file: ToolFile, values: Matrix, answered: int) -> Scored:
    lacking = [question.item for question, value in zip(file.questions, values, strict=True) if np.isnan(value)]
    reason = f"answered {answered} of {len(file.questions)} questions; missing: {', '.join(lacking)}"
    return Scored(None, None, None, None, None, answered, reason)


def _reasons(file: ToolFile, model: LinearModel, features: Matrix, parts: Matrix) -> str:
    weights = np.where(np.isnan(parts), -np.inf, parts)
    asked = {question.trait: question for question in file.questions}
    strongest = [int(place) for place in np.argsort(-weights, kind="stable")[:MOST_REASONS] if weights[place] > 0]
    said = []
    for place in strongest:
        trait, option, _, log = model.reads[place]
        shown = round(float(np.expm1(features[place])), 9) if log else float(features[place])
        question, value = asked[trait], shown
        negation = "" if value else "not "
        said.append(_said(question, value) if option is None else f"{question.item}: {negation}{option}")
    return "; ".join(said) or NOTHING


def _said(question: SurveyQuestion, value: float) -> str:
    label = next((answer.label for answer in question.answers if answer.value == value), f"{value:g}")
    return f"{question.item}: {label}"
