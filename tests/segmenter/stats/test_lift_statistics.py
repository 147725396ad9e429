"""What lift stands on beyond one rate: equal to SciPy, statsmodels, quadrature and the figures that were published."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.tools import add_constant

from segmenter.stats.means import Amounts, Paired, cuped, welch
from segmenter.stats.multiplicity import Estimate, benjamini_hochberg, heterogeneity, shrunken_estimates
from segmenter.stats.power import least_lift, more_needed, people_needed
from segmenter.stats.proportions import Responses, newcombe
from segmenter.stats.sequential import InterimLook, always_valid, confidence_sequence, interim_look


def amounts(values: np.ndarray) -> Amounts:
    return Amounts(len(values), float(values.sum()), float((values**2).sum()))


def paired(outcome: np.ndarray, before: np.ndarray) -> Paired:
    return Paired(amounts(outcome), amounts(before), float((outcome * before).sum()))


counts = st.integers(2, 3000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(counts, counts)
def test_newcombe_is_what_statsmodels_computes(one: tuple[int, int], two: tuple[int, int]) -> None:
    expected = confint_proportions_2indep(one[1], one[0], two[1], two[0], method="newcomb", compare="diff")

    interval = newcombe(Responses(*one), Responses(*two))

    assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-9)


def spend(seed: int, people: int, mean: float) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return np.where(chance.random(people) < 0.2, chance.gamma(2.0, mean, people), 0.0)


def test_welch_is_what_scipy_computes() -> None:
    first, two = spend(1, 300, 30.0), spend(2, 180, 20.0)
    expected = stats.ttest_ind(first, two, equal_var=False).confidence_interval(0.9)

    interval = welch(amounts(first), amounts(two), level=0.9)

    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_amounts_of_two_groups_pool_to_those_of_all() -> None:
    first, two = spend(1, 30, 30.0), spend(2, 50, 20.0)
    together = amounts(np.concatenate([first, two]))

    pooled = amounts(first) + amounts(two)

    assert (pooled.people, pooled.mean, pooled.variance) == pytest.approx(
        (together.people, together.mean, together.variance)
    )
    assert pooled.variance == pytest.approx(np.concatenate([first, two]).var(ddof=1))


@pytest.mark.parametrize("group", [Amounts(0, 0.0, 0.0), Amounts(1, 5.0, 25.0), Amounts(9, 0.0, 0.0)])
def test_amounts_that_tell_nothing_have_an_endless_interval(group: Amounts) -> None:
    interval = welch(group, group)

    assert (interval.low, interval.high) == (float("-inf"), float("inf"))


def test_a_covariate_takes_off_its_share_of_the_variance() -> None:
    chance = np.random.default_rng(3)
    before = chance.gamma(2.0, 10.0, 5000)
    outcome = 0.7 * before + chance.normal(0.0, 8.0, 5000)
    slope = OLS(outcome, add_constant(before)).fit()

    adjusted = cuped([paired(outcome[:2000], before[:2000]), paired(outcome[2000:], before[2000:])])

    assert adjusted.theta == pytest.approx(slope.params[1])
    assert adjusted.less == pytest.approx(slope.rsquared)
    by_hand = outcome[:2000] - slope.params[1] * (before[:2000] - before.mean())
    assert adjusted.groups[0].mean == pytest.approx(by_hand.mean())
    assert adjusted.groups[0].variance == pytest.approx(by_hand.var(ddof=1))
    assert (adjusted.groups[0] + adjusted.groups[1]).mean == pytest.approx(outcome.mean())


def test_a_covariate_that_says_nothing_changes_nothing() -> None:
    outcome = np.array([1.0, 3.0, 7.0, 2.0])

    adjusted = cuped([paired(outcome, np.ones(4))])

    assert (adjusted.theta, adjusted.less, adjusted.groups[0].mean) == (0.0, 0.0, outcome.mean())


def test_the_likelihood_ratio_is_the_mixture_that_quadrature_finds() -> None:
    d, v, tau = 0.03, 0.0002, 0.02

    def mixed(effect: float) -> float:
        return float(stats.norm.pdf(d, effect, sqrt(v)) * stats.norm.pdf(effect, 0, tau))

    ratio = integrate.quad(mixed, -0.3, 0.3, points=[0.0, d])[0] / stats.norm.pdf(d, 0, sqrt(v))

    assert always_valid([InterimLook(d, v)], tau=tau) == pytest.approx(1 / ratio, rel=1e-6)


def test_an_always_valid_p_never_rises_and_a_look_without_variance_says_nothing() -> None:
    looks = [InterimLook(0.0, 0.0), InterimLook(0.05, 0.0001), InterimLook(0.0, 0.0001)]
    chances = [always_valid(looks[:n], tau=0.02) for n in range(1, 4)]

    assert chances[0] == 1.0
    assert chances[1] < 0.05
    assert chances[2] == chances[1]


def test_a_huge_difference_overflows_nothing() -> None:
    assert always_valid([InterimLook(1.0, 1e-9)], tau=0.5) == pytest.approx(0.0, abs=1e-200)


def test_looking_at_any_time_costs_one_and_a_half_times_the_width_at_the_planned_end() -> None:
    # SCIENCE 6.4: 1.55 times the fixed interval at n*
    first, two = Responses(10_000, 1_000), Responses(10_000, 1_000)
    fixed = 2 * 1.959964 * sqrt(2 * 0.1 * 0.9 / 10_000)

    interval = confidence_sequence(first, two, planned=10_000)

    assert (interval.high - interval.low) / fixed == pytest.approx(1.55, abs=0.01)
    assert confidence_sequence(Responses(0, 0), two, planned=10_000).high == 1.0


def test_the_planned_end_matters_to_the_confidence_sequence() -> None:
    early = Responses(500, 50)

    widths = [
        (interval := confidence_sequence(early, early, planned=planned)).high - interval.low
        for planned in (500, 50_000)
    ]

    assert widths[0] < widths[1]


def test_a_look_takes_the_variance_of_both_groups() -> None:
    look = interim_look(Responses(100, 20), Responses(200, 20))

    assert look.difference == pytest.approx(0.1)
    assert look.variance == pytest.approx(0.2 * 0.8 / 100 + 0.1 * 0.9 / 200)
    assert interim_look(Responses(100, 20), Responses(0, 0)).variance == 0.0


effects = st.lists(st.tuples(st.floats(-0.2, 0.2), st.floats(1e-5, 1e-2)), min_size=2, max_size=12)


@given(effects)
def test_heterogeneity_is_what_statsmodels_computes(found: list[tuple[float, float]]) -> None:
    measured = [Estimate(d, v) for d, v in found]
    with np.errstate(all="ignore"):  # it divides by zero where it lets the variance between groups fall below zero
        expected = combine_effects(np.array([d for d, _ in found]), np.array([v for _, v in found]), method_re="dl")
    between, pooled = max(0.0, expected.tau2), expected.mean_effect_re if expected.tau2 > 0 else expected.mean_effect_fe

    common = heterogeneity(measured)

    assert common.q == pytest.approx(expected.q, rel=1e-6, abs=1e-9)
    assert common.between == pytest.approx(between, rel=1e-6, abs=1e-12)
    assert common.pooled == pytest.approx(pooled, rel=1e-6, abs=1e-9)
    # near q = 0 its rounding grows as the root of q's
    assert common.p == pytest.approx(stats.chi2.sf(expected.q, len(found) - 1), abs=1e-5)


@given(effects)
def test_shrinking_moves_each_effect_towards_the_common_one_and_never_past_it(found: list[tuple[float, float]]) -> None:
    measured = [Estimate(d, v) for d, v in found]
    common = heterogeneity(measured)

    for estimate, pulled in zip(measured, shrunken_estimates(measured, common), strict=True):
        low, high = sorted((estimate.difference, common.pooled))
        assert low - 1e-12 <= pulled <= high + 1e-12


def test_a_single_persona_and_none_at_all_have_nothing_to_differ_from() -> None:
    assert heterogeneity([Estimate(0.1, 0.001)]).pooled == 0.1
    assert not heterogeneity([Estimate(0.1, 0.001)]).differ
    assert heterogeneity([]).p == 1.0
    assert shrunken_estimates([Estimate(0.4, 0.0)], heterogeneity([Estimate(0.1, 0.001)])) == [0.1]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.05, 0.2]))
def test_findings_stand_as_statsmodels_lets_them(p_values: list[float], share: float) -> None:
    expected = multipletests(p_values, alpha=share, method="fdr_bh")[0].tolist()

    assert benjamini_hochberg(p_values, share=share) == expected


@pytest.mark.parametrize(
    ("base", "rate", "needed"),
    [  # SCIENCE 3.5
        (0.20, 0.22, 6507),
        (0.10, 0.11, 14748),
        (0.05, 0.06, 8155),
        (0.02, 0.025, 13806),
        (0.01, 0.012, 42690),
        (0.005, 0.006, 85859),
    ],
)
def test_the_people_needed_are_the_published_ones(base: float, rate: float, needed: int) -> None:
    assert people_needed(base, rate) == pytest.approx(needed, abs=1)
    assert least_lift(base, needed, needed) == pytest.approx(rate - base, rel=1e-3)


def test_more_power_and_fewer_false_alarms_need_more_people() -> None:
    assert people_needed(0.1, 0.11, power=0.9) > people_needed(0.1, 0.11) < people_needed(0.1, 0.11, false_alarm=0.01)
    assert (least_lift(0.1, 500, 500, power=0.9) or 0) > (least_lift(0.1, 500, 500) or 0)
    assert (least_lift(0.1, 500, 500, false_alarm=0.01) or 0) > (least_lift(0.1, 500, 500) or 0)


def test_too_few_people_show_no_lift_at_all() -> None:
    assert least_lift(0.5, 2, 2) is None
    assert least_lift(0.5, 0, 100) is None
    with pytest.raises(ValueError, match="not a detectable difference"):
        people_needed(0.1, 0.1)


def test_what_is_missing_for_a_lift_worth_knowing_is_told() -> None:
    missing = more_needed(Responses(1000, 110), Responses(900, 90), mde=0.01)

    assert missing == pytest.approx(14748 - 900, abs=1)
    assert more_needed(Responses(20_000, 2_000), Responses(20_000, 2_000), mde=0.01) == 0
