"""Conformal sets of a weighted sample: the error rate of the population, where that of the respondents is another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as law
from hypothesis import strategies as st
from numpy.random import Generator, default_rng
from scipy.stats import binom

from segmenter.stats.weighted import kish_counts, weighted_median
from segmenter.typing_tool.conformal import enough_for, set_limits, sets_of
from segmenter.typing_tool.interview import answer_codes, known_at, learn_answers, stops, walk
from segmenter.typing_tool.keep_word import Calibrated, calibrate
from segmenter.typing_tool.targets import given

UNLIKELY = 0.005
RATES = st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.5])
CHANCES = st.floats(0.01, 0.33)  # below a third, from where on nothing is ruled out


def limit(own: np.ndarray, rate: float, counts: np.ndarray | None) -> float:
    likely, truth = np.column_stack([own, 1 - own]), np.zeros(len(own), np.int64)
    return float(set_limits(likely, truth, 2, rate, per_segment=False, counts=counts)[0])


@law(st.lists(st.tuples(CHANCES, st.sampled_from([0.5, 1.0, 3.0])), min_size=3, max_size=30), RATES)
def test_of_weighted_exchangeable_people_at_most_the_error_rate_is_missed(
    people: list[tuple[float, float]], rate: float
) -> None:
    """Each is the new one with a chance as large as the weight: lemma 3 of Tibshirani et al. 2019."""
    own = np.array([*(chance for chance, _ in people), 0.2, 0.3])
    weights = np.array([*(weight for _, weight in people), 3.0, 3.0])  # whoever is new: others weigh as much
    covered = 0.0
    for place in range(len(own)):
        others = np.arange(len(own)) != place
        covered += weights[place] * (own[place] >= limit(own[others], rate, weights[others]) - 1e-12)

    assert covered >= (1 - rate) * weights.sum() - 1e-9


@law(st.lists(st.tuples(CHANCES, st.floats(0.2, 5)), min_size=1, max_size=40), RATES)
def test_the_limit_is_the_weighted_quantile_of_numpy(people: list[tuple[float, float]], rate: float) -> None:
    """Of all scores, the new person's being the worst of all, with the largest weight."""
    own, weights = (np.array(column) for column in zip(*people, strict=True))
    scores, each = np.append(-own, 1.0), np.append(weights, weights.max())

    nearly = 1 - rate - 1e-9  # as the sums of weights are not exact
    quantile = float(np.quantile(scores, nearly, weights=each, method="inverted_cdf"))

    assert limit(own, rate, weights) == (0.0 if quantile > 0 else -quantile)


@law(st.lists(CHANCES, min_size=1, max_size=40), RATES, st.floats(0.1, 10))
def test_weights_that_are_all_the_same_change_nothing(own: list[float], rate: float, weight: float) -> None:
    each = np.full(len(own), weight)

    assert limit(np.array(own), rate, each) == limit(np.array(own), rate, None)
    assert enough_for(each, rate) == enough_for(np.ones(len(own)), rate)


def test_one_heavy_respondent_takes_the_promise_of_many() -> None:
    weights = np.array([*np.ones(50), 30.0])

    assert enough_for(np.ones(51), 0.1)
    assert not enough_for(weights, 0.1)
    assert limit(np.full(51, 0.2), 0.1, weights) == 0.0


@law(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4)), min_size=1, max_size=20))
def test_a_weighted_median_is_that_of_as_many_people(people: list[tuple[int, int]]) -> None:
    values, times = (np.array(column) for column in zip(*people, strict=True))

    assert weighted_median(values.astype(float), times.astype(float)) == np.median(np.repeat(values, times))


def test_chances_of_answers_with_whole_weights_are_those_of_as_many_people() -> None:
    rng = default_rng(1)
    codes, labels, times = rng.integers(-1, 3, (60, 4)), rng.integers(0, 2, 60), rng.integers(1, 4, 60)

    own = learn_answers(codes, labels, 2, [3] * 4, times.astype(float))
    many = learn_answers(np.repeat(codes, times, axis=0), np.repeat(labels, times), 2, [3] * 4)

    assert own.shares == pytest.approx(many.shares)
    for one, other in zip(own.chances, many.chances, strict=True):
        assert one == pytest.approx(other)


def drawn(rng: Generator, people: int, young: float) -> tuple[np.ndarray, np.ndarray]:
    """Chances that a model gave the true segment, and who is young: young people answer more clearly."""
    kind = rng.random(people) < young
    return np.where(kind, rng.beta(8, 2, people), rng.beta(2, 2, people)), kind


@pytest.mark.proof
@pytest.mark.reproduces(
    "coverage of conformal sets where the clear half is asked three times as often", "simulation, known truth"
)
def test_weighted_sets_cover_the_population_and_unweighted_ones_do_not() -> None:
    """A new person of the population for each of 4,000 samples: misses are binomial."""
    times, rate, people = 4_000, 0.1, 300
    missed = {"weighted": 0, "alike": 0}
    for seed in range(times):
        rng = default_rng(seed)
        own, young = drawn(rng, people, 0.75)
        new = float(drawn(rng, 1, 0.5)[0][0])
        for name, counts in (("weighted", np.where(young, 1 / 3, 1.0)), ("alike", None)):
            missed[name] += new < limit(own, rate, counts)

    assert missed["weighted"] <= binom.ppf(1 - UNLIKELY, times, rate)
    assert missed["weighted"] >= binom.ppf(UNLIKELY, times, rate - 1 / (people / 2))  # no wider than it has to be
    assert missed["alike"] > binom.ppf(1 - UNLIKELY, times, rate)


MEANS = default_rng(8).normal(0, 0.6, (3, 12))


def answered(rng: Generator, people: int, young: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers 1 to 5, segments, and who is young; old people answer with half as much of the segment's needs."""
    kind = rng.random(people) < young
    labels = rng.choice(3, people, p=[0.5, 0.3, 0.2])
    needs = MEANS[labels] * np.where(kind, 1.6, 0.5)[:, None]
    return np.clip(np.round(3 + needs + rng.normal(0, 1, (people, 12))), 1, 5), labels, kind


def covered(made: Calibrated, values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    walked = walk(made.model, answer_codes(values[:, list(made.path)], made.levels))
    inside = sets_of(known_at(walked, stops(walked, made.enough)), made.least)
    return np.asarray(inside[np.arange(len(truth)), truth])


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.reproduces(
    "error rate of an adaptive tool, the clear half asked five times as often", "simulation, known truth"
)
def test_a_tool_of_a_weighted_sample_keeps_its_word_to_the_population() -> None:
    """Six samples of 800, each tool asked 5,000 new people; also within each segment."""
    rate, sets = 0.1, 6
    told = {"weighted": np.zeros((sets, 4)), "alike": np.zeros((sets, 4))}
    said = np.zeros(sets)
    for seed in range(sets):
        rng = default_rng(seed)
        values, labels, young = answered(rng, 800, 5 / 6)
        new, truth, _ = answered(rng, 5_000, 0.5)
        weights = kish_counts(np.where(young, 0.2, 1.0))
        for name, counts in (("weighted", weights), ("alike", None)):
            made = calibrate(values, given(labels), 3, rate, default_rng(1), most=6, counts=counts)
            right = covered(made, new, truth)
            told[name][seed] = [right.mean(), *(right[truth == place].mean() for place in range(3))]
            if name == "weighted":
                said[seed] = made.kept.share(made.kept.covered)

    means = {name: rates.mean(axis=0) for name, rates in told.items()}
    spread = told["weighted"].std(axis=0, ddof=1) / np.sqrt(sets)
    assert (means["weighted"] >= 1 - rate - 3 * spread).all()
    assert (means["weighted"] >= 1 - rate - 0.02).all()
    assert means["weighted"][0] <= 0.95  # it is no word to call everybody everything
    assert means["alike"][0] < 1 - rate - 0.03
    assert said.mean() == pytest.approx(means["weighted"][0], abs=0.02)
