"""Adaptive interview: which question comes next, what is known after each answer, and when to stop.

Answers count as independent within a segment, so that what somebody left out or was never asked says nothing (Bayes'
rule over what was answered). The next question is the one from which most is expected about the segment: the largest
mutual information of answer and segment, given the answers so far (Lindley 1956; of adaptive tests: van der Linden &
Glas 2010). `sync/surveys/templates/interview.js` is the same rule in a browser; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from segmenter.stats.discriminant import Labels, Matrix, probabilities

TIE = 1e-9  # questions that promise nearly the same are taken in their order; no engine adds up in the same way
LEAST_GAIN = 0.002  # nats: a question that promises less is not asked
SMOOTHING, PRIOR = 1.0, 2.0  # added people a segment; answers a segment that follow everybody's instead of its own
NOT_ANSWERED = -1


@dataclass(frozen=True, slots=True)
class AnswerModel:
    """How often each answer is given in each segment.

    Attributes:
        shares: (segments,).
        chances: Of each question (answers, segments): P(answer | segment), none of them 0.
    """

    shares: Matrix
    chances: tuple[Matrix, ...]

    @property
    def surprise(self) -> Matrix:
        """Entropy of each question's answers within each segment, (questions, segments), in nats."""
        return np.array([-(table * np.log(table)).sum(axis=0) for table in self.chances])


class Walk(NamedTuple):
    """Interviews of many people that run to the end of the questions.

    Attributes:
        asked: (people, questions) which question came at each step.
        likely: (people, questions + 1, segments) probabilities before the first question and after each.
        worth: (people, questions) what each question promised before it was asked, in nats.
    """

    asked: Labels
    likely: Matrix
    worth: Matrix


def levels_of(values: Matrix) -> list[Matrix]:
    """Return the different answers to each item of *values* (people, items); NaN is none.

    Returns:
        By item, ascending.
    """
    return [np.unique(column[~np.isnan(column)]) for column in values.T]


def answer_codes(values: Matrix, levels: Sequence[Matrix]) -> Labels:
    """Return which of its question's answers each value is, (people, questions); `NOT_ANSWERED` where it is none.

    Args:
        values: (people, questions); NaN is not answered.
        levels: The answers of each question.
    """
    codes = np.full(values.shape, NOT_ANSWERED, dtype=np.int64)
    for place, answers in enumerate(levels):
        for code, answer in enumerate(answers):
            codes[values[:, place] == answer, place] = code
    return codes


def learn_answers(
    codes: Labels, labels: Labels, segments: int, sizes: Sequence[int], each: Matrix | None = None
) -> AnswerModel:
    """Return how often each answer is given in each segment.

    Args:
        codes: (people, questions) as `answer_codes` returns them.
        labels: (people,) segment of each.
        segments: How many.
        sizes: How many answers each question has.
        each: (people,) how many each counts as, by the weights; None: once.
    """
    people = np.ones(len(labels)) if each is None else each
    counts = np.bincount(labels, people, minlength=segments) + SMOOTHING
    tables = []
    for place, size in enumerate(sizes):
        given = codes[:, place] != NOT_ANSWERED
        table = np.zeros((size, segments))
        np.add.at(table, (codes[given, place], labels[given]), people[given])
        everybody = (table.sum(axis=1) + SMOOTHING) / (table.sum() + SMOOTHING * size)
        table += PRIOR * everybody[:, None]
        tables.append(table / table.sum(axis=0))
    return AnswerModel(counts / counts.sum(), tuple(tables))


def walk(model: AnswerModel, codes: Labels) -> Walk:
    """Interview many people at once, each to the last question: `stops` says where an interview ends.

    Args:
        model: Says what answers mean.
        codes: (people, questions) what each would answer.
    """
    people, questions = codes.shape
    everybody = np.arange(people)
    scores = np.tile(np.log(model.shares), (people, 1))
    asked = np.empty((people, questions), dtype=np.int64)
    worth = np.empty((people, questions))
    likely = np.empty((people, questions + 1, len(model.shares)))
    likely[:, 0] = probabilities(scores)
    open_ = np.ones((people, questions), dtype=bool)
    logs = [np.log(table) for table in model.chances]
    surprise = model.surprise
    for step in range(questions):
        gains = np.where(open_, expected_gains(model, surprise, likely[:, step]), -np.inf)
        following = _first_best(gains)
        asked[:, step], worth[:, step] = following, gains[everybody, following]
        open_[everybody, following] = False
        answer = codes[everybody, following]
        for place, table in enumerate(logs):
            answered = (following == place) & (answer != NOT_ANSWERED)
            scores[answered] += table[answer[answered]]
        likely[:, step + 1] = probabilities(scores)
    return Walk(asked, likely, worth)


def expected_gains(model: AnswerModel, surprise: Matrix, likely: Matrix) -> Matrix:
    """Return the mutual information of each question's answer and the segment, (people, questions), in nats.

    Args:
        model: Says what answers mean.
        surprise: As `AnswerModel.surprise`.
        likely: (people, segments) what is known so far.
    """
    gains = np.empty((len(likely), len(model.chances)))
    for place, table in enumerate(model.chances):
        mixed = likely @ table.T
        gains[:, place] = -(mixed * np.log(mixed)).sum(axis=1) - likely @ surprise[place]
    return gains


def _first_best(gains: Matrix) -> Labels:
    near = gains >= gains.max(axis=1, keepdims=True) - TIE
    return np.asarray(near.argmax(axis=1), dtype=np.int64)


def stops(walked: Walk, enough: float) -> Labels:
    """Return after how many questions each interview ends, (people,): sure enough, or nothing worth asking is left.

    Args:
        walked: The interviews.
        enough: Probability of the likeliest segment.
    """
    questions = walked.asked.shape[1]
    sure = walked.likely[:, 1:].max(axis=2) >= enough - TIE
    sure[:, :-1] |= walked.worth[:, 1:] < LEAST_GAIN
    return np.asarray(np.where(sure.any(axis=1), sure.argmax(axis=1) + 1, questions), dtype=np.int64)


def known_at(walked: Walk, steps: Labels) -> Matrix:
    """Return the probabilities after *steps* questions, (people, segments)."""
    return np.asarray(walked.likely[np.arange(len(steps)), steps], dtype=np.float64)


class Interview(NamedTuple):
    """One person's interview so far.

    Attributes:
        likely: (segments,).
        asked: Questions that were asked, in their order.
        following: The next question; None where it has ended.
    """

    likely: Matrix
    asked: tuple[int, ...]
    following: int | None


def replay(model: AnswerModel, codes: Sequence[int], enough: float) -> Interview:
    """Return where the interview of one person stands whose answers lie in a file.

    A question without an answer counts as left out while other answers are there that were not looked at; else it is
    the next one.

    Args:
        model: Says what answers mean.
        codes: (questions,) what was answered.
        enough: Probability at which the interview ends.
    """
    scores, surprise = np.log(model.shares), model.surprise
    waiting = {place for place, code in enumerate(codes) if code != NOT_ANSWERED}
    asked: list[int] = []
    while True:
        likely = probabilities(scores[None])
        if asked and likely.max() >= enough - TIE:
            return Interview(likely[0], tuple(asked), None)
        gains = expected_gains(model, surprise, likely)
        gains[:, asked] = -np.inf
        place = int(_first_best(gains)[0])
        if len(asked) == len(codes) or (asked and gains[0, place] < LEAST_GAIN):
            return Interview(likely[0], tuple(asked), None)
        if not waiting:
            return Interview(likely[0], tuple(asked), place)
        asked.append(place)
        if codes[place] != NOT_ANSWERED:
            waiting.remove(place)
            scores = scores + np.log(model.chances[place][codes[place]])
