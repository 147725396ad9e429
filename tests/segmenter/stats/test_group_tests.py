"""Tests between groups give what SciPy gives, on a real survey and on what is thin or empty."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.random import default_rng
from scipy import stats
from statsmodels.stats.multitest import multipletests

from segmenter.stats.group_tests import adjusted, against_rest, chi_squared, contingency, rank_column
from tests.segmenter.published_tables import interviewed


@pytest.fixture(scope="module")
def survey() -> pd.DataFrame:
    return interviewed()


@pytest.fixture(scope="module")
def labels(survey: pd.DataFrame) -> np.ndarray:
    """Four groups by two of the answers: who earns more than most, and who sees the news on most days."""
    return np.asarray(2 * (survey["income"] > 16) + (survey["TVnews"] > 3), dtype=np.int64)


def test_ranks_give_kruskal_wallis_and_mann_whitney(survey: pd.DataFrame, labels: np.ndarray) -> None:
    age = survey["age"].to_numpy(float, copy=True)
    age[::17] = np.nan
    known = ~np.isnan(age)
    groups = [age[known & (labels == j)] for j in range(4)]

    ranked_values = rank_column(age, labels, 4)

    expected = stats.kruskal(*groups)
    assert (ranked_values.test.statistic, ranked_values.test.p) == pytest.approx(
        (expected.statistic, expected.pvalue), rel=1e-9
    )
    assert ranked_values.people.tolist() == [len(group) for group in groups]
    for j, own in enumerate(groups):
        rest = np.concatenate([group for i, group in enumerate(groups) if i != j])
        rank_test = stats.mannwhitneyu(own, rest, method="asymptotic")
        assert ranked_values.p[j] == pytest.approx(rank_test.pvalue, rel=1e-9)
        assert ranked_values.effect[j] == pytest.approx(2 * rank_test.statistic / (len(own) * len(rest)) - 1)


def test_counts_give_chi_squared_over_all_and_against_the_rest(survey: pd.DataFrame, labels: np.ndarray) -> None:
    names = range(3, 8)
    codes = np.asarray(survey["educ"].clip(3) - 3, dtype=np.int64)  # the two shortest are too thin for chi-squared
    codes[5] = -1

    table = contingency(codes, labels, 4, len(names))

    expected = stats.chi2_contingency(table, correction=False)
    assert table.sum() == len(survey) - 1
    assert (chi_squared(table).statistic, chi_squared(table).p) == pytest.approx((expected.statistic, expected.pvalue))
    p = against_rest(table)
    for j in range(4):
        for v in range(len(names)):
            a, n, column = table[j, v], table[j].sum(), table[:, v].sum()
            two = [[a, n - a], [column - a, table.sum() - n - column + a]]
            assert p[j, v] == pytest.approx(stats.chi2_contingency(two, correction=False).pvalue, rel=1e-9)


def test_a_thin_table_is_tested_exactly() -> None:
    p = against_rest(np.array([[4.0, 8.0], [1.0, 50.0]]))

    assert p[0, 0] == pytest.approx(stats.fisher_exact([[4, 8], [1, 50]]).pvalue)


def test_where_nothing_can_be_compared_there_is_no_p() -> None:
    one_group, one_value = np.zeros(8, dtype=np.int64), np.ones(8)
    two_groups = np.array([0, 1] * 4, dtype=np.int64)

    assert np.isnan(rank_column(np.arange(8.0), one_group, 1).test.p)
    assert np.isnan(rank_column(one_value, two_groups, 2).test.p)
    assert np.isnan(rank_column(np.full(8, np.nan), two_groups, 2).test.p)
    assert np.isnan(chi_squared(contingency(one_group, two_groups, 2, 3)).p)
    assert against_rest(np.array([[3.0, 2.0], [0.0, 0.0]])).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_an_empty_group_changes_nothing() -> None:
    rng = default_rng(2)
    column, labels = rng.normal(size=60), rng.integers(0, 2, 60)

    with_empty, without = rank_column(column, 2 * labels, 3), rank_column(column, labels, 2)

    assert with_empty.test == without.test
    assert with_empty.people.tolist()[1] == 0
    assert with_empty.p[1] == 1.0


def test_many_p_are_adjusted_as_statsmodels_does() -> None:
    p = default_rng(1).beta(0.3, 1.0, 40).tolist()

    assert adjusted(p) == pytest.approx(multipletests(p, method="fdr_bh")[1].tolist())
    assert adjusted([]) == []
