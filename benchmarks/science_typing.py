"""Adaptive typing tools on surveys with known segments: is the named error rate kept, and with how many questions?

Each tool is made from one sample of a survey and judged by other people of the same: coverage of the possible segments,
questions asked, hit rate of the likeliest. Beside it stand the same people and questions by scikit-learn's
discriminant analysis with a fixed order, as long as the adaptive median, so that the order has to earn its keep.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from threadpoolctl import threadpool_limits

from segmenter.typing_tool.conformal import sets_of
from segmenter.typing_tool.interview import answer_codes, known_at, stops, walk
from segmenter.typing_tool.keep_word import calibrate
from segmenter.typing_tool.targets import given

ERROR_RATE = 0.1
PEOPLE, NEW = 600, 2_000
MOST = 15


@dataclass(frozen=True, slots=True)
class Survey:
    """A way to answer.

    Attributes:
        shares: Of the segments.
        items: Questions.
        steps: Answers of each, from 1 on.
        apart: Standard deviation of the segments' means, in that of one answer.
        missing: Share of answers that are left out.
    """

    name: str
    shares: tuple[float, ...]
    items: int
    steps: int
    apart: float
    missing: float = 0.0


SURVEYS = (
    Survey("clear scale", (0.4, 0.3, 0.2, 0.1), 20, 5, 0.8),
    Survey("scale that overlaps", (0.4, 0.3, 0.2, 0.1), 20, 5, 0.65),
    Survey("yes and no", (0.4, 0.3, 0.3), 15, 2, 1.2),
    Survey("five segments", (0.3, 0.25, 0.2, 0.15, 0.1), 25, 7, 0.9),
    Survey("with gaps", (0.5, 0.3, 0.2), 15, 5, 0.9, missing=0.1),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What new people of one survey were told.

    Attributes:
        covered: Whether the possible segments held the true one, (people,); `worst` is the share in the worst segment.
        hit: Whether the likeliest was right.
        questions: How many were asked.
        fixed: Hit rate of a fixed order, as long as their median.
    """

    name: str
    covered: Any
    hit: Any
    questions: Any
    worst: float
    fixed: float


def answers_of(survey: Survey, people: int, means: Any, rng: Generator) -> tuple[Any, Any]:
    """Return answers (people, items) and the segment of each."""
    labels = rng.choice(len(survey.shares), people, p=survey.shares)
    felt = means[labels] + rng.normal(size=(people, survey.items))
    edges = np.linspace(-1.5, 1.5, survey.steps + 1)[1:-1]
    values = np.digitize(felt, edges) + 1.0
    return np.where(rng.random(values.shape) < survey.missing, np.nan, values), labels


def outcome_of(survey: Survey, repeat: int) -> Told:
    """Make a tool of one sample, and ask others."""
    rng = np.random.default_rng([zlib.crc32(survey.name.encode()), repeat])
    means = rng.normal(0, survey.apart, (len(survey.shares), survey.items))
    values, labels = answers_of(survey, PEOPLE, means, rng)
    new, truth = answers_of(survey, NEW, means, rng)
    with threadpool_limits(1):
        made = calibrate(values, given(labels), len(survey.shares), ERROR_RATE, rng, most=MOST)
        walked = walk(made.model, answer_codes(new[:, list(made.path)], made.levels))
        steps = stops(walked, made.enough)
        likely = known_at(walked, steps)
        covered = sets_of(likely, made.least)[np.arange(NEW), truth]
        some = list(made.path)[: int(np.median(steps))]
        filled = np.where(np.isnan(values), np.nanmean(values, axis=0), values)[:, some]
        asked = np.where(np.isnan(new), np.nanmean(values, axis=0), new)[:, some]
        fixed = LinearDiscriminantAnalysis().fit(filled, labels).score(asked, truth)
    worst = min(float(covered[truth == place].mean()) for place in range(len(survey.shares)))
    return Told(survey.name, covered, likely.argmax(axis=1) == truth, steps, worst, float(fixed))


def tools(repeats: int) -> list[Told]:
    """Return what each survey's tools told, *repeats* times each."""
    return [outcome_of(survey, repeat) for survey in SURVEYS for repeat in range(repeats)]


def tool_figures(outcomes: list[Told]) -> dict[str, float]:
    """Return coverage, median of questions and hit rate over all new people."""
    return {
        "tool_coverage": round(float(np.concatenate([outcome.covered for outcome in outcomes]).mean()), 3),
        "tool_median_questions": float(np.median(np.concatenate([outcome.questions for outcome in outcomes]))),
        "tool_hit_rate": round(float(np.concatenate([outcome.hit for outcome in outcomes]).mean()), 3),
    }


def tool_table(outcomes: list[Told]) -> list[list[str]]:
    """Return a head, and a row a survey: means over its repetitions."""
    rows = [
        ["typing tool", "coverage", "of the worst segment", "questions (median)", "hit rate", "fixed order as long"]
    ]
    for survey in SURVEYS:
        own = [outcome for outcome in outcomes if outcome.name == survey.name]
        figures = (
            f"{np.mean([outcome.covered.mean() for outcome in own]):.3f}",
            f"{np.mean([outcome.worst for outcome in own]):.3f}",
            f"{np.median(np.concatenate([outcome.questions for outcome in own])):g}",
            f"{np.mean([outcome.hit.mean() for outcome in own]):.3f}",
            f"{np.mean([outcome.fixed for outcome in own]):.3f}",
        )
        rows.append([survey.name, *figures])
    return rows
