"""An adaptive tool as its file holds it: chances of answers, limits, held-out figures, and a linear model.

The linear model is the same rule: z = ln P(segment) + sum of ln P(answer | segment) over what was answered, with a
feature per answer that is 0 where nothing was answered. So `assign` reaches the same probabilities as the form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmenter.classifier.linear import LinearModel
from segmenter.stats.discriminant import Matrix
from segmenter.typing_tool.interview import AnswerModel
from segmenter.typing_tool.keep_word import Calibrated
from segmenter.typing_tool.tool_file import Adaptive, KeptWord, Profiles, SurveyQuestion, ToolFile
from segmenter.typing_tool.validation import HeldOut

TINY = 1e-300
TWO = 2


def answers_model(made: Calibrated, names: Sequence[str], questions: Sequence[SurveyQuestion]) -> LinearModel:
    """Return the chances of answers as a linear model: a feature ``trait=answer`` an answer, 0 where it is missing.

    Args:
        made: The calibrated tool.
        names: Of the segments.
        questions: Of the tool, in the order of ``made.path``.
    """
    features = [f"{question.trait}={answer.value:g}" for question in questions for answer in question.answers]
    weights = np.log(np.concatenate(made.model.chances, axis=0)).T
    intercepts = np.log(made.model.shares)
    nothing = (0.0,) * len(features)
    return LinearModel(
        "lca",
        tuple(names),
        tuple(features),
        tuple(tuple(row) for row in weights.tolist()),
        tuple(intercepts.tolist()),
        nothing,
        nothing,
    )


def chances_of(made: Calibrated, questions: Sequence[SurveyQuestion]) -> Profiles:
    """Return the chances of answers as a tool's file holds them."""
    tables = zip(questions, made.model.chances, strict=True)
    return Profiles(
        shares=tuple(made.model.shares.tolist()),
        answers={question.trait: tuple(tuple(row) for row in table.tolist()) for question, table in tables},
        temperature=1.0,
    )


def answer_model_of(file: ToolFile, profiles: Profiles) -> AnswerModel:
    """Return the chances of answers that *file* holds.

    Args:
        file: The tool.
        profiles: Its own.

    Returns:
        Tables in the order of the questions.
    """
    tables = tuple(np.array(profiles.answers[question.trait]) for question in file.questions)
    return AnswerModel(np.array(profiles.shares), tables)


def adaptive_part(made: Calibrated, names: Sequence[str], error_rate: float) -> Adaptive:
    """Return when the tool stops, what it promises, and how it kept it."""
    kept = made.kept
    covered, single = kept.covered, kept.sizes == 1
    interval = kept.interval()
    of_each = {name: kept.share(covered, kept.truth == place) for place, name in enumerate(names)}
    return Adaptive(
        error_rate=error_rate,
        enough=made.enough,
        least=tuple(made.least.tolist()),
        per_segment=kept.per_segment,
        kept=KeptWord(
            coverage=kept.share(covered),
            low=interval.low,
            high=interval.high,
            hit=kept.share(kept.hit),
            median=kept.median,
            mean=kept.share(kept.questions),
            single=kept.share(single),
            single_wrong=1 - kept.share(covered, single) if single.any() else 0.0,
            two=kept.share(kept.sizes == TWO),
            segments=of_each,
        ),
    )


def held_out_of(made: Calibrated) -> HeldOut:
    """Return the held-out probabilities as scores, for the calibration error."""
    scores: Matrix = np.log(np.maximum(made.kept.likely, TINY))
    return HeldOut(scores, made.kept.truth, np.arange(len(scores)), made.kept.counts)
