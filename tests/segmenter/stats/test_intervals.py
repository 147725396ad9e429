"""Indexes and medians carry intervals that agree with statsmodels, with closed forms, and with what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep

from segmenter.stats.intervals import index, index_interval, median_interval
from segmenter.stats.proportions import Responses

COUNTS = [(48, 100, 90, 300), (12, 580, 508, 873), (85, 100, 120, 400), (29, 30, 200, 400), (25, 2000, 400, 9000)]


@pytest.mark.parametrize(("a", "n", "b", "m"), COUNTS)
def test_the_interval_of_an_index_is_that_of_a_ratio_of_two_shares(a: int, n: int, b: int, m: int) -> None:
    interval = index_interval(Responses(n, a), Responses(m, b))
    ratio = confint_proportions_2indep(a, n, b, m, compare="ratio", method="score")  # Koopman 1984, by iteration

    # the share in all is n/(n+m) of the group's and m/(n+m) of the rest's
    expected = [100 * r / ((n * r + m) / (n + m)) for r in ratio]
    assert [interval.low, interval.high] == pytest.approx(expected, rel=0.03)


def test_the_interval_is_honest_where_nobody_else_has_it_or_all_have_it() -> None:
    only_here, everybody = (
        index_interval(Responses(20, 5), Responses(80, 0)),
        index_interval(Responses(12, 12), Responses(60, 60)),
    )

    assert only_here.low > 200
    assert only_here.high == pytest.approx(500)  # nobody but the group: its fifth of all has it five times as often
    assert everybody.low < 90
    assert everybody.high > 100


def test_an_index_is_the_share_here_over_the_share_in_all() -> None:
    # McDonald's: 12 of 580 call it expensive, 520 of all 1,453 (SCIENCE 10.1)
    assert index(Responses(580, 12), Responses(873, 508)) == pytest.approx(100 * (12 / 580) / (520 / 1453))
    assert index(Responses(10, 3), Responses(90, 27)) == pytest.approx(100)


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 500), st.integers(1, 500))
def test_the_interval_holds_the_index_and_no_more_than_everybody_could_be(a: int, n: int, b: int, m: int) -> None:
    here, rest = Responses(n, min(a, n)), Responses(m, min(b, m))
    span = index_interval(here, rest)

    assert 0 <= span.low < span.high <= 100 * (n + m) / n + 1e-6
    if here.converted + rest.converted:
        assert span.low - 1e-9 <= index(here, rest) <= span.high + 1e-9


@pytest.mark.parametrize(("people", "p", "q"), [(25, 0.4, 0.25), (150, 0.4, 0.25), (40, 0.97, 0.6), (60, 0.05, 0.3)])
def test_an_index_lies_in_its_interval_in_95_of_100_draws(people: int, p: float, q: float) -> None:
    rng = default_rng(people)
    rest, draws = 4 * people, 4_000
    truth = 100 * p / (0.2 * p + 0.8 * q)
    here, others = rng.binomial(people, p, draws), rng.binomial(rest, q, draws)
    spans = [
        index_interval(Responses(people, int(a)), Responses(rest, int(b))) for a, b in zip(here, others, strict=True)
    ]

    held = np.mean([span.low <= truth <= span.high for span in spans])
    assert 0.935 <= held <= 0.975


@pytest.mark.parametrize("n", [6, 7, 20, 101, 1000])
def test_the_interval_of_a_median_is_made_of_the_values_that_the_binomial_names(n: int) -> None:
    values = default_rng(n).permutation(np.arange(1.0, n + 1))
    span = median_interval(values)

    outside = int(span.low) - 1  # so many values lie below it, and as many above the upper end
    assert span.high == n - outside
    assert 2 * binom.cdf(outside, n, 0.5) <= 0.05
    assert 2 * binom.cdf(outside + 1, n, 0.5) > 0.05


def test_a_median_lies_in_its_interval_in_95_of_100_skewed_draws() -> None:
    rng = default_rng(3)
    drawn = rng.exponential(1.0, (2_000, 31))

    held = np.mean([span.low <= np.log(2) <= span.high for span in map(median_interval, drawn)])
    assert held >= 0.945
