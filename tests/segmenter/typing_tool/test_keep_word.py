"""Conformal sets and adaptive tools: coverage by exchangeability, on public surveys, and on planted segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as law
from hypothesis import strategies as st
from scipy.stats import binom

from segmenter.discover.stability import best_labels
from segmenter.stats.kmeans import Rows
from segmenter.typing_tool.conformal import NEVER_RULED_OUT, enough_for, set_limits, sets_of, weight_needed
from segmenter.typing_tool.interview import answer_codes, known_at, stops, walk
from segmenter.typing_tool.keep_word import Calibrated, calibrate
from segmenter.typing_tool.targets import found_anew, given

UNLIKELY = 0.005  # how seldom chance alone leaves the binomial bounds, below


@law(
    st.lists(st.floats(0.01, 0.99, allow_nan=False), min_size=4, max_size=30),
    st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.5]),
)
def test_of_exchangeable_people_at_most_the_error_rate_is_missed(own: list[float], rate: float) -> None:
    """Each in turn is the new one, the others set the limit: Vovk, Gammerman & Shafer 2005, proposition 4.1."""
    covered = 0
    for place, chance in enumerate(own):
        others = np.array(own[:place] + own[place + 1 :])
        likely = np.column_stack([others, 1 - others])
        least = set_limits(likely, np.zeros(len(others), np.int64), 2, rate, per_segment=False)
        covered += bool(sets_of(np.array([[chance, 1 - chance]]), least)[0, 0])

    assert covered >= (1 - rate) * len(own) - 1e-9


@pytest.mark.parametrize(("people", "rate", "rank"), [(9, 0.1, 9), (99, 0.1, 90), (8, 0.1, 9), (19, 0.05, 19)])
def test_the_rank_of_the_limit_is_that_of_split_conformal_prediction(people: int, rate: float, rank: int) -> None:
    assert np.ceil(weight_needed(np.ones(people), rate)) == rank
    assert enough_for(np.ones(people), rate) == (rank <= people)


def test_too_few_people_rule_out_no_segment_and_a_third_is_never_ruled_out() -> None:
    likely = np.array([[0.9, 0.1]] * 8)

    few = set_limits(likely, np.zeros(8, np.int64), 2, 0.1, per_segment=False)
    many = set_limits(np.repeat(likely, 5, axis=0), np.zeros(40, np.int64), 2, 0.1, per_segment=False)

    assert few.tolist() == [0.0, 0.0]
    assert many.tolist() == [NEVER_RULED_OUT] * 2


def planted(
    people: int, rng: np.random.Generator, *, apart: float, segments: int = 4, items: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Answers 1 to 5 of unequal segments, and the segment of each."""
    means = np.random.default_rng(8).normal(0, apart, (segments, items))
    labels = rng.choice(segments, people, p=np.arange(segments, 0, -1) / (segments * (segments + 1) / 2))
    return np.clip(np.round(3 + means[labels] + rng.normal(0, 1, (people, items))), 1, 5), labels


def asked(made: Calibrated, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Likelihoods, sets and number of questions of new people."""
    walked = walk(made.model, answer_codes(values[:, list(made.path)], made.levels))
    steps = stops(walked, made.enough)
    likely = known_at(walked, steps)
    return likely, sets_of(likely, made.least), steps


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.2])
def test_new_mcdonalds_guests_are_told_right_after_few_questions(shared: Path, rate: float) -> None:
    answers = pd.read_csv(shared / "data" / "mcdonalds" / "mcdonalds.csv")
    values = (answers.iloc[:, :11] == "Yes").to_numpy(dtype=np.float64)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(values))
    here, new = values[order[:727]], values[order[727:]]
    rows = Rows.of(here)
    labels, centres, _ = best_labels(rows, 4, starts=50, rng=rng)
    truth = ((new[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)

    made = calibrate(here, found_anew(here, 4, labels[rows.place]), 4, rate, rng, most=15)
    likely, inside, steps = asked(made, new)

    covered = inside[np.arange(len(new)), truth]
    assert made.kept.per_segment
    assert covered.sum() >= binom.ppf(UNLIKELY, len(new), 1 - rate)
    for segment in range(4):
        own = covered[truth == segment]
        assert own.sum() >= binom.ppf(UNLIKELY, len(own), 1 - rate - 0.03)  # the limit is itself an estimate
    if rate <= 0.1:
        assert np.median(steps) <= 5
        assert (likely.argmax(axis=1) == truth).mean() >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "items", "segments"),
    [("gss82", 4, 3), ("election", 12, 3), ("carcinoma", 7, 3), ("values", 4, 2), ("cheating", 4, 2)],
)
def test_new_respondents_of_public_surveys_are_told_right(shared: Path, name: str, items: int, segments: int) -> None:
    table = pd.read_csv(shared / "data" / "polca" / f"{name}.csv").iloc[:, :items].dropna()
    values = np.column_stack([column.rank(method="dense").to_numpy() for _, column in table.items()])
    rng = np.random.default_rng(1)
    order = rng.permutation(len(values))
    here, new = values[order[: len(values) // 2]], values[order[len(values) // 2 :]]
    rows = Rows.of(here)
    labels, centres, _ = best_labels(rows, segments, starts=50, rng=rng)
    truth = ((new[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)

    made = calibrate(here, given(labels[rows.place]), segments, 0.1, rng, most=15)
    likely, inside, steps = asked(made, new)

    covered = inside[np.arange(len(new)), truth]
    assert covered.sum() >= binom.ppf(UNLIKELY, len(new), 0.9)
    assert np.median(steps) <= 5
    assert (likely.argmax(axis=1) == truth).sum() >= binom.ppf(UNLIKELY, len(new), 0.9)


@pytest.mark.slow
def test_a_small_segment_is_promised_the_same_as_a_large_one() -> None:
    rng = np.random.default_rng(2)
    values, labels = planted(900, rng, apart=0.8)
    new, truth = planted(4_000, rng, apart=0.8)

    made = calibrate(values, given(labels), 4, 0.1, rng, most=15)
    likely, inside, steps = asked(made, new)

    covered = inside[np.arange(len(new)), truth]
    assert made.kept.per_segment
    for segment in range(4):
        own = covered[truth == segment]
        assert own.mean() >= 0.9 - 3 * np.sqrt(0.09 / (labels == segment).sum())
    assert (likely.argmax(axis=1) == truth).mean() >= 0.9
    assert np.median(steps) <= 5


@pytest.mark.slow
def test_where_answers_tell_little_the_sets_grow_and_the_word_is_kept() -> None:
    rng = np.random.default_rng(3)
    values, labels = planted(600, rng, apart=0.25, items=10)
    new, truth = planted(4_000, rng, apart=0.25, items=10)

    made = calibrate(values, given(labels), 4, 0.1, rng, most=10)
    likely, inside, _ = asked(made, new)

    covered = inside[np.arange(len(new)), truth]
    assert (likely.argmax(axis=1) == truth).mean() < 0.75
    assert covered.mean() >= 0.9 - 3 * np.sqrt(0.09 / 600)
    assert covered.mean() <= 0.95  # it is no word to call everybody everything
    assert (inside.sum(axis=1) > 1).mean() > 0.5


@pytest.mark.slow
def test_the_held_out_figures_are_those_of_new_people() -> None:
    rng = np.random.default_rng(4)
    values, labels = planted(900, rng, apart=0.5)
    new, truth = planted(6_000, rng, apart=0.5)

    made = calibrate(values, given(labels), 4, 0.1, rng, most=15)
    likely, inside, steps = asked(made, new)

    kept = made.kept
    assert kept.covered.mean() == pytest.approx(inside[np.arange(len(new)), truth].mean(), abs=0.03)
    assert kept.hit.mean() == pytest.approx((likely.argmax(axis=1) == truth).mean(), abs=0.03)
    assert kept.questions.mean() == pytest.approx(steps.mean(), rel=0.2)
    assert (kept.sizes == 1).mean() == pytest.approx((inside.sum(axis=1) == 1).mean(), abs=0.06)
