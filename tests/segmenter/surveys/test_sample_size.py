"""Sample sizes against the table of Krejcie & Morgan, and statsmodels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestIndPower, normal_power_het
from statsmodels.stats.proportion import samplesize_confint_proportion

from segmenter.stats.power import people_needed
from segmenter.surveys.sample_size import (
    level_of_pairs,
    margin_of_error,
    power_of_difference,
    respondents_for_difference,
    respondents_for_effect,
    respondents_for_margin,
)
from tests.examples import examples

# Krejcie & Morgan 1970, Educational and Psychological Measurement 30, 607-610: population -> sample, margin 5%
TABLE = {10: 10, 100: 80, 200: 132, 500: 217, 1000: 278, 3000: 341, 10000: 370, 75000: 382, 1000000: 384}


@pytest.mark.parametrize(("population", "sample"), TABLE.items())
def test_samples_of_finite_populations_are_those_of_the_published_table(population: int, sample: int) -> None:
    assert abs(respondents_for_margin(0.05, population=population) - sample) <= 1  # the table rounds, we round up


@pytest.mark.parametrize(("share", "margin", "level"), [(0.5, 0.03, 0.95), (0.1, 0.02, 0.9), (0.3, 0.05, 0.99)])
def test_samples_of_large_populations_are_those_of_statsmodels(share: float, margin: float, level: float) -> None:
    expected = samplesize_confint_proportion(share, margin, alpha=1 - level)

    assert respondents_for_margin(margin, share=share, level=level) == pytest.approx(expected, abs=1)


@given(st.floats(0.01, 0.3), st.floats(0.05, 0.95), st.one_of(st.none(), st.integers(1, 100_000)), st.floats(1, 3))
@examples(100)
def test_the_planned_number_keeps_the_margin_and_one_fewer_does_not(
    margin: float, share: float, population: int | None, design_effect: float
) -> None:
    planned = respondents_for_margin(margin, share=share, population=population, design_effect=design_effect)

    def kept(people: int) -> bool:
        return margin_of_error(share, people, population=population, design_effect=design_effect) <= margin + 1e-9

    assert kept(planned)
    assert planned == 1 or not kept(planned - 2) or planned == population


def test_a_difference_between_equal_halves_needs_two_arms_of_an_experiment() -> None:
    assert respondents_for_difference(0.4, 0.5, (0.5, 0.5)) == pytest.approx(2 * people_needed(0.4, 0.5), abs=1)


def test_the_planned_number_has_the_power_that_was_asked_for_as_statsmodels_says() -> None:
    people = respondents_for_difference(0.3, 0.4, (0.1, 0.6), power=0.9)
    spread = (0.3 * 0.7 / 0.1 + 0.4 * 0.6 / 0.6) ** 0.5
    expected = normal_power_het(0.1, people, 0.05, std_null=spread, std_alternative=spread)

    assert expected == pytest.approx(0.9, abs=1e-3)
    assert power_of_difference(0.3, 0.4, (people * 0.1, people * 0.6)) == pytest.approx(expected)


@pytest.mark.parametrize(("effect", "parts"), [(0.5, (0.5, 0.5)), (0.2, (0.25, 0.75)), (0.8, (0.1, 0.3))])
def test_a_difference_of_means_needs_what_statsmodels_says(effect: float, parts: tuple[float, float]) -> None:
    one = TTestIndPower().solve_power(effect, alpha=0.05, power=0.8, ratio=parts[1] / parts[0])

    assert respondents_for_effect(effect, parts) == pytest.approx(one / parts[0], abs=1 / min(parts) / 10 + 1)


def test_pairs_of_segments_share_the_false_alarms() -> None:
    assert level_of_pairs(2, 0.95) == pytest.approx(0.95)
    assert level_of_pairs(5, 0.95) == pytest.approx(0.995)
