"""The chi-squared distribution, against scipy's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from segmenter.stats.chi_squared import chi_squared_quantile, chi_squared_tail


@given(statistic=st.floats(0, 500), degrees=st.integers(1, 200))
def test_the_tail_is_that_of_scipy(statistic: float, degrees: int) -> None:
    assert chi_squared_tail(statistic, degrees) == pytest.approx(float(chi2.sf(statistic, degrees)), rel=1e-12)


@given(chance=st.floats(0, 0.9999), degrees=st.integers(1, 200))
def test_a_quantile_is_that_of_scipy(chance: float, degrees: int) -> None:
    assert chi_squared_quantile(chance, degrees) == pytest.approx(float(chi2.ppf(chance, degrees)), rel=1e-9)
