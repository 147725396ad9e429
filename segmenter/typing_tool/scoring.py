"""Score answers with a typing tool: segment, confidence, runner-up and reasons, and who answered too little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmenter.classifier.linear import score_rows
from segmenter.classifier.reasons import NOTHING
from segmenter.definitions import Thresholds
from segmenter.typing_tool.discriminant import Matrix, probabilities
from segmenter.typing_tool.document import Question, ToolFile
from segmenter.typing_tool.making import class_scores

MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """What the tool says of one respondent.

    Attributes:
        segment: None where the answer is not sure enough, or too little was answered.
        best: The likeliest segment; None where too little was answered.
        confidence: Its probability.
        answered: How many of the questions.
        reasons: The answers that speak most for it against the runner-up; else what is missing.
    """

    segment: str | None
    best: str | None
    confidence: float | None
    runner_up: str | None
    second: float | None
    answered: int
    reasons: str


def score_answers(file: ToolFile, values: Matrix, thresholds: Thresholds) -> list[Scored]:
    """Score respondents.

    Args:
        file: The tool.
        values: (respondents, questions) in the tool's order; NaN is no answer.
        thresholds: When an answer is sure enough; `complete` tools ask for every answer.
    """
    model = file.linear()
    told = score_rows(model, values).probabilities
    missing = np.isnan(values).any(axis=1)
    if file.profiles is not None and missing.any():
        told[missing] = probabilities(class_scores(file.profiles, file.questions, values[missing]))
    weights, means = np.array(model.weights), np.array(model.mean)
    answered = (~np.isnan(values)).sum(axis=1)
    needed = len(file.questions) if file.complete else thresholds.known * len(file.questions)
    found = []
    for row, chances in enumerate(told):
        if answered[row] < max(needed, 1):
            found.append(_incomplete(file, values[row], int(answered[row])))
            continue
        best, second = (int(place) for place in np.argsort(-chances, kind="stable")[:2])
        sure = chances[best] >= thresholds.confidence and chances[best] - chances[second] >= thresholds.margin
        parts = (weights[best] - weights[second]) * (values[row] - means)
        label = model.labels[best]
        found.append(
            Scored(
                label if sure else None,
                label,
                float(chances[best]),
                model.labels[second],
                float(chances[second]),
                int(answered[row]),
                _reasons(file, values[row], parts),
            )
        )
    return found


def _incomplete(file: ToolFile, values: Matrix, answered: int) -> Scored:
    lacking = [question.item for question, value in zip(file.questions, values, strict=True) if np.isnan(value)]
    reason = f"answered {answered} of {len(file.questions)} questions; missing: {', '.join(lacking)}"
    return Scored(None, None, None, None, None, answered, reason)


def _reasons(file: ToolFile, values: Matrix, parts: Matrix) -> str:
    told = np.where(np.isnan(parts), -np.inf, parts)
    strongest = [int(place) for place in np.argsort(-told, kind="stable")[:MOST_REASONS] if told[place] > 0]
    return "; ".join(_said(file.questions[place], float(values[place])) for place in strongest) or NOTHING


def _said(question: Question, value: float) -> str:
    label = next((answer.label for answer in question.answers if answer.value == value), f"{value:g}")
    return f"{question.item}: {label}"
