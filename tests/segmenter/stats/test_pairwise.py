"""Tests of two groups against statsmodels and scipy; effect sizes against Cohen's tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng
from scipy.stats import ttest_ind
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from segmenter.stats.pairwise import (
    CORRECTIONS,
    Correction,
    GroupMoments,
    cohens_h,
    compare_means,
    compare_proportions,
    corrected_p,
    group_moments,
    sample_of,
)
from tests.examples import examples

NAMES = {"holm": "holm", "bonferroni": "bonferroni", "fdr": "fdr_bh"}


@pytest.mark.parametrize(("said", "people"), [((5, 12), (83, 99)), ((400, 300), (700, 650)), ((40, 0), (40, 40))])
def test_proportions_are_compared_as_statsmodels_does(said: tuple[int, int], people: tuple[int, int]) -> None:
    z, p = proportions_ztest(said, people)

    tested = compare_proportions(said[0] / people[0], people[0], said[1] / people[1], people[1])

    assert (tested.statistic, tested.p) == pytest.approx((z, p))


def test_means_are_compared_as_scipy_does() -> None:
    generator = default_rng(1)
    first, second = generator.normal(3, 1, 40), generator.normal(3.4, 2, 90)
    expected = ttest_ind(first, second, equal_var=False)

    tested = compare_means(group_moments(first, np.ones(40)), group_moments(second, np.ones(90)))

    assert (tested.statistic, tested.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_weighted_means_are_compared_as_statsmodels_does_with_weights_that_sum_to_the_effective_size() -> None:
    generator = default_rng(2)
    values, weights = generator.normal(size=(2, 120)), generator.lognormal(size=(2, 120))
    scaled = [own * own.sum() / (own**2).sum() for own in weights]
    described = [DescrStatsW(column, own) for column, own in zip(values, scaled, strict=True)]
    statistic, p, _ = CompareMeans(*described).ttest_ind(usevar="unequal")

    moments = [group_moments(column, own) for column, own in zip(values, weights, strict=True)]
    tested = compare_means(*moments)

    assert [each.deviation for each in moments] == pytest.approx([each.std_ddof(1) for each in described])
    assert (tested.statistic, tested.p) == pytest.approx((statistic, p))


def test_equal_weights_change_nothing_and_a_weight_of_zero_is_nobody() -> None:
    sample = sample_of(np.array([2.0, 2.0, 0.0, 2.0]))

    assert (sample.people, sample.weighted, sample.effective) == (3, 6.0, 3.0)
    assert sample_of(np.array([1.0, 3.0])).effective == pytest.approx(1.6)  # 16 / 10


def test_cohens_h_is_that_of_his_table() -> None:
    assert cohens_h(0.50, 0.40) == pytest.approx(1.571 - 1.369, abs=1e-3)  # Cohen 1988, table 6.2.2
    assert cohens_h(0.95, 0.05) == pytest.approx(2.691 - 0.451, abs=1e-3)


def test_where_nothing_can_be_told_there_is_no_p() -> None:
    alike, lonely = GroupMoments(3.0, 0.0, 40.0), GroupMoments(2.0, float("nan"), 1.0)

    tested = [
        compare_proportions(1.0, 30, 1.0, 30),
        compare_proportions(0.5, 0, 0.5, 30),
        compare_means(alike, alike),
        compare_means(alike, lonely),
    ]

    assert np.isnan([each.p for each in tested]).all()
    assert group_moments(np.array([]), np.array([])).effective == 0.0


@pytest.mark.parametrize("correction", CORRECTIONS)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@examples(40)
def test_p_values_are_corrected_as_statsmodels_does(correction: Correction, p_values: list[float]) -> None:
    with_gap = [*p_values, float("nan")]
    method = NAMES.get(correction)
    expected = p_values if method is None else multipletests(p_values, method=method)[1]

    assert corrected_p(with_gap, correction)[:-1] == pytest.approx(list(expected))
    assert np.isnan(corrected_p(with_gap, correction)[-1])
