"""Weights of respondents in a typing tool: hit rates of the population, and models as of people written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator, default_rng
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from segmenter.stats.discriminant import Moments, probabilities
from segmenter.stats.weighted import effective_size, kish_counts
from segmenter.typing_tool.forward_selection import forward_selection
from segmenter.typing_tool.targets import found_anew
from segmenter.typing_tool.targets import given as known
from segmenter.typing_tool.validation import HeldOut, fill_values, hit_rates, logit

MEANS = np.array([[6.0, 6, 0, 0], [0, 0, 0, 0], [0, 0, 0.8, 0], [0, 0, 0, 0.8]])  # one far away, three side by side
SHARES = np.array([0.25, 0.25, 0.25, 0.25])


def drawn(rng: Generator, people: int, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.choice(4, people, p=shares / shares.sum())
    return MEANS[labels] + rng.normal(size=(people, 4)), labels


@pytest.mark.proof
@pytest.mark.reproduces("hit rate of a tool where the easy segment is over-represented by 3", "simulation, known truth")
def test_the_interval_of_the_hit_rate_holds_that_of_the_population() -> None:
    """The tool of each sample is asked 20,000 people of the population; the intervals are those of held-out people."""
    held, missed, sets = 0, 0, 40
    for seed in range(sets):
        rng = default_rng(seed)
        values, labels = drawn(rng, 500, SHARES * [3, 1, 1, 1])
        weights = np.where(labels == 0, 1 / 3, 1.0)
        counts = kish_counts(weights)
        everybody, truth = drawn(rng, 20_000, SHARES)
        own = Moments.of(values, labels, 4, counts).discriminant(range(4)).scores(everybody)
        right = float((own.argmax(axis=1) == truth).mean())
        low, high = (
            hit_rates(values, known(labels), default_rng(1), most=4, counts=counts).held_out["lda", 4].interval()
        )
        held += low <= right <= high
        low, high = hit_rates(values, known(labels), default_rng(1), most=4).held_out["lda", 4].interval()
        missed += not low <= right <= high

    assert held >= stats.binom.ppf(0.005, sets, 0.95)
    assert missed > sets * 0.9


def test_models_with_whole_weights_are_those_of_as_many_people() -> None:
    rng = default_rng(1)
    values, labels = drawn(rng, 200, SHARES)
    times = rng.integers(1, 4, 200)
    long, whose = np.repeat(values, times, axis=0), np.repeat(labels, times)
    each = times.astype(float)

    ours = Moments.of(values, labels, 4, each).discriminant(range(4)).scores(values)
    theirs = LinearDiscriminantAnalysis(solver="svd").fit(long, whose).predict_proba(values)
    assert probabilities(ours) == pytest.approx(theirs, abs=0.01)  # scikit-learn divides by n - k
    again = Moments.of(long, whose, 4).discriminant(range(4)).scores(values)
    assert ours == pytest.approx(again)
    assert logit(values, labels, 4, each).scores(values) == pytest.approx(
        logit(long, whose, 4).scores(values), abs=0.01
    )
    assert fill_values(values, each) == pytest.approx(fill_values(long))


@given(st.integers(0, 1_000))
def test_figures_with_whole_weights_are_those_of_as_many_people(seed: int) -> None:
    rng = default_rng(seed)
    scores, truth, times = rng.normal(size=(30, 3)), rng.integers(0, 3, 30), rng.integers(1, 5, 30)
    own = HeldOut(scores, truth, np.arange(30), times.astype(float))
    many = HeldOut(np.repeat(scores, times, axis=0), np.repeat(truth, times), np.arange(times.sum()))

    assert own.hit_rate == pytest.approx(many.hit_rate)
    assert own.calibration_error() == pytest.approx(many.calibration_error())
    assert own.above(0.4, 0.1) == pytest.approx(many.above(0.4, 0.1), nan_ok=True)
    assert own.temperature() == pytest.approx(many.temperature(), rel=1e-3)
    low, high = own.interval()
    wilson = stats.binomtest(round(own.hit_rate * 1e6), 10**6)  # only for the middle; the width is Kish's
    assert low <= wilson.statistic <= high
    assert high - low >= np.subtract(*many.interval()[::-1]) - 1e-12


def test_the_interval_is_wilson_s_with_the_effective_number_of_people() -> None:
    """200 people of whom half have twice the weight: as exact as 180; the interval is scipy's of 180 people."""
    hits = np.arange(200) % 4 < 3
    truth = np.where(hits, 0, 1)
    counts = np.where(np.arange(200) // 4 % 2, 1.0, 2.0)
    own = HeldOut(np.tile([1.0, 0.0], (200, 1)), truth, np.arange(200), counts)

    expected = stats.binomtest(135, 180).proportion_ci(method="wilson")
    assert effective_size(counts) == pytest.approx(180)
    assert own.hit_rate == pytest.approx(0.75)
    assert own.interval() == pytest.approx((expected.low, expected.high))


def test_weights_of_1_change_nothing() -> None:
    values, labels = drawn(default_rng(3), 160, SHARES)
    alike = hit_rates(values, known(labels), default_rng(1), most=3)
    ones = hit_rates(values, known(labels), default_rng(1), most=3, counts=np.ones(160))

    assert ones.paths == alike.paths
    for key, held in alike.held_out.items():
        assert ones.held_out[key].scores == pytest.approx(held.scores)
        assert ones.held_out[key].interval() == pytest.approx(held.interval())
    assert (ones.largest_share, ones.proportional_chance) == (alike.largest_share, alike.proportional_chance)
    assert found_anew(values, 4, labels, np.ones(160))(np.arange(80), default_rng(1)).tolist() == (
        found_anew(values, 4, labels)(np.arange(80), default_rng(1)).tolist()
    )


def test_the_item_that_tells_the_heavy_apart_is_chosen_first() -> None:
    """Item 0 is right about all of the many light people, item 1 about all of the few heavy ones."""
    labels = np.tile([0, 1], 100)
    light = np.repeat([True, False], [140, 60])
    values = np.column_stack([np.where(light, labels, 0.5), np.where(light, 0.5, labels)])
    weights = np.where(light, 1.0, 9.0)

    assert forward_selection(values, labels, default_rng(1), most=1) == [0]
    assert forward_selection(values, labels, default_rng(1), most=1, counts=kish_counts(weights)) == [1]
