"""Cross-conformal calibration of an adaptive typing tool, and how well it kept its word on held-out people.

In each fold segments, questions and the chances of answers are learned from the other folds. The probability at which
an interview ends, and the limits of the sets, are set by the held-out people of all folds together. Coverage, questions
and hit rate are those of an end and limits from other folds than a person's own, so that nothing is judged by what it
was set with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.stats.discriminant import Labels, Matrix
from segmenter.stats.folds import folds
from segmenter.stats.proportions import Interval, wilson_of_rate
from segmenter.stats.weighted import effective_size, mean_of, weighted_median
from segmenter.typing_tool.conformal import enough_for, set_limits, sets_of, weight_needed
from segmenter.typing_tool.forward_selection import forward_selection
from segmenter.typing_tool.interview import (
    AnswerModel,
    Walk,
    answer_codes,
    known_at,
    learn_answers,
    levels_of,
    stops,
    walk,
)
from segmenter.typing_tool.targets import Relabeller
from segmenter.typing_tool.validation import fill_values, filled

GRID = (*np.arange(0.5, 0.99, 0.01).round(2).tolist(), 0.99, 0.995, 0.999, 0.9999)
"""Probabilities at which an interview may end."""
NEAR_BEST = 0.01  # of a share of people: fewer questions decide among nearly equal ones
OUTER, WITHIN = 5, 5


@dataclass(frozen=True, slots=True)
class Kept:
    """Held-out interviews of everybody.

    Attributes:
        likely: (people, segments) at the end of each interview.
        truth: (people,).
        questions: (people,) that were asked.
        inside: (people, segments) the sets, by limits of other folds.
        per_segment: Whether the error rate is promised within each segment.
        counts: (people,) how many each counts as, by the weights; None: once.
    """

    likely: Matrix
    truth: Labels
    questions: Labels
    inside: np.ndarray
    per_segment: bool
    counts: Matrix | None = None

    @property
    def covered(self) -> np.ndarray:
        """Whether the set holds the true segment, (people,)."""
        return np.asarray(self.inside[np.arange(len(self.truth)), self.truth])

    @property
    def hit(self) -> np.ndarray:
        """Whether the likeliest segment is the true one, (people,)."""
        return np.asarray(self.likely.argmax(axis=1) == self.truth)

    @property
    def sizes(self) -> Labels:
        """How many segments each set has, (people,)."""
        return np.asarray(self.inside.sum(axis=1), dtype=np.int64)

    @property
    def median(self) -> float:
        """How many questions half of the people are asked at most."""
        questions = self.questions.astype(np.float64)
        return weighted_median(questions, np.ones(len(questions)) if self.counts is None else self.counts)

    def share(self, of: np.ndarray, among: np.ndarray | None = None) -> float:
        """Return the share of people of whom *of* is true, or the mean of numbers, with the weights.

        Args:
            of: (people,).
            among: (people,) whom it is the share of; None: everybody. Not nobody.
        """
        if among is None:
            return mean_of(of, self.counts)
        return mean_of(of[among], None if self.counts is None else self.counts[among])

    def interval(self) -> Interval:
        """Return the 95% interval of the share who are covered (Wilson), with the effective number of people."""
        people = len(self.truth) if self.counts is None else effective_size(self.counts)
        return wilson_of_rate(self.share(self.covered), people)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """An adaptive tool's model for everybody, and what was promised of it.

    Attributes:
        path: Items that may be asked, by place.
        levels: The answers of each of them.
        enough: Probability at which an interview ends.
        least: (segments,) limits of the sets.
    """

    path: Sequence[int]
    levels: Sequence[Matrix]
    model: AnswerModel
    enough: float
    least: Matrix
    kept: Kept


def calibrate(
    values: Matrix,
    labeller: Relabeller,
    segments: int,
    error_rate: float,
    generator: Generator,
    *,
    most: int,
    counts: Matrix | None = None,
) -> Calibrated:
    """Make an adaptive tool that errs on *error_rate* of the people at most.

    Args:
        values: (people, items) of few different answers each; NaN is missing.
        labeller: Says which segment everybody is in, learned from some.
        segments: How many.
        error_rate: Share of people whose set may miss their segment.
        generator: Draws the folds, and goes to the labeller.
        most: Questions that may be asked, at most.
        counts: (people,) how many each counts as, by the weights; None: once.
    """
    each = np.ones(len(values)) if counts is None else counts
    with threadpool_limits(1):  # many small fits: threads cost more than they bring
        levels = levels_of(values)
        codes = answer_codes(values, levels)
        answers = _Answers(values, codes, levels, counts)
        everybody = np.arange(len(values))
        labels = labeller(everybody, generator)
        per_segment = all(enough_for(each[labels == segment], error_rate) for segment in range(segments))
        placed = folds(labels, OUTER, generator)
        parts = []
        for fold in range(OUTER):
            rows, away = np.flatnonzero(placed != fold), np.flatnonzero(placed == fold)
            own = labeller(rows, generator)
            path, model = _learn(answers, own, rows, segments, generator, most)
            parts.append(Part(walk(model, codes[away][:, path]), own[away], away))
        path, model = _learn(answers, labels, everybody, segments, generator, most)
    rule = Promise(segments, error_rate, per_segment, counts)
    enough, least = rule.learned(parts)
    return Calibrated(path, [levels[item] for item in path], model, enough, least, rule.kept(parts))


class _Answers(NamedTuple):
    """Values and codes (people, items), the answers of each item, and how many each of the people counts as."""

    values: Matrix
    codes: Labels
    levels: Sequence[Matrix]
    counts: Matrix | None


def _learn(
    answers: _Answers, labels: Labels, rows: Labels, segments: int, generator: Generator, most: int
) -> tuple[list[int], AnswerModel]:
    """Questions and the chances of their answers, learned from *rows* alone."""
    values, each = answers.values[rows], None if answers.counts is None else answers.counts[rows]
    known = filled(values, fill_values(values, each))
    path = forward_selection(known, labels[rows], generator, most=most, folds_within=WITHIN, counts=each)
    sizes = [len(answers.levels[item]) for item in path]
    return path, learn_answers(answers.codes[rows][:, path], labels[rows], segments, sizes, each)


class Part(NamedTuple):
    """Interviews of the people of one fold by the tool that was made without them.

    Attributes:
        truth: (people,) their segments.
        rows: (people,) who they are.
    """

    walked: Walk
    truth: Labels
    rows: Labels


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised: *error_rate* at most, of all people or within each segment, each counted *counts* times."""

    segments: int
    error_rate: float
    per_segment: bool
    counts: Matrix | None = None

    def learned(self, parts: Sequence[Part]) -> tuple[float, Matrix]:
        """Return the probability at which interviews end, and the limits of the sets.

        It is the least at which the likeliest segment is right as often as a conformal set asks for (`weight_needed`).
        Where the answers don't allow that, it is the least at which nearly as many as possible are told one segment.
        """
        leads = ((enough, self._lead(parts, enough)) for enough in GRID)
        reached = next((enough for enough, lead in leads if lead >= 0), None)
        if reached is not None:
            return reached, self._limits(parts, reached)[0]
        ends = [(enough, *self._limits(parts, enough)) for enough in GRID]
        most = max(single for _, _, single in ends)
        return next((enough, least) for enough, least, single in ends if single >= most - NEAR_BEST)

    def _limits(self, parts: Sequence[Part], enough: float) -> tuple[Matrix, float]:
        """The limits of the sets where interviews end at *enough*, and the share who are then told one segment."""
        likely = np.concatenate([known_at(part.walked, stops(part.walked, enough)) for part in parts])
        truth = np.concatenate([part.truth for part in parts])
        each = self._counts_of(parts)
        least = set_limits(likely, truth, self.segments, self.error_rate, per_segment=self.per_segment, counts=each)
        return least, mean_of(sets_of(likely, least).sum(axis=1) == 1, each)

    def _counts_of(self, parts: Sequence[Part]) -> Matrix:
        """How many each counts as, (people,), in the order of *parts*."""
        rows = np.concatenate([part.rows for part in parts])
        return np.ones(len(rows)) if self.counts is None else self.counts[rows]

    def _lead(self, parts: Sequence[Part], enough: float) -> float:
        """By how much more people than needed are told right, as a share: of the worst segment, or of all."""
        right = np.concatenate(
            [known_at(part.walked, stops(part.walked, enough)).argmax(axis=1) == part.truth for part in parts]
        )
        truth, each = np.concatenate([part.truth for part in parts]), self._counts_of(parts)
        groups = [truth == segment for segment in range(self.segments)] if self.per_segment else [truth >= 0]
        leads = [
            (each[group & right].sum() - weight_needed(each[group], self.error_rate)) / each[group].sum()
            for group in groups
            if group.any()
        ]
        return float(min(leads))

    def kept(self, parts: Sequence[Part]) -> Kept:
        """Return how the promise was kept: each fold by an end and limits that the other folds set."""
        everybody = sum(len(part.rows) for part in parts)
        likely, truth = np.zeros((everybody, self.segments)), np.zeros(everybody, dtype=np.int64)
        questions, inside = np.zeros(everybody, dtype=np.int64), np.zeros((everybody, self.segments), dtype=bool)
        for part in parts:
            enough, least = self.learned([other for other in parts if other is not part])
            steps = stops(part.walked, enough)
            likely[part.rows], truth[part.rows] = known_at(part.walked, steps), part.truth
            questions[part.rows], inside[part.rows] = steps, sets_of(likely[part.rows], least)
        return Kept(likely, truth, questions, inside, self.per_segment, self.counts)
