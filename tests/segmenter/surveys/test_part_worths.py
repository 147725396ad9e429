"""Conjoint part-worths against figures by hand, and laws of their scale."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.random import default_rng
from scipy.stats import binom
from statsmodels.stats.weightstats import DescrStatsW

from segmenter.stats.weighted import kish_counts
from segmenter.surveys.part_worths import Attribute, importances, summary_of, zero_centred_differences

# one respondent: ranges of 40, 90 and 20, which sum to 150
BRAND, PRICE, COLOUR = (
    Attribute("Brand", ("A", "B", "C"), (0, 1, 2)),
    Attribute("Price", ("50", "75", "100"), (3, 4, 5)),
    Attribute("Colour", ("Red", "Pink"), (6, 7)),
)
ATTRIBUTES = (BRAND, PRICE, COLOUR)
ONE = np.array([[30.0, 60.0, 20.0, 90.0, 50.0, 0.0, 20.0, 0.0]])


def test_importances_are_the_ranges_of_attributes_as_parts_of_their_sum() -> None:
    assert importances(ONE, ATTRIBUTES)[0] == pytest.approx([100 * 40 / 150, 60.0, 100 * 20 / 150])


def test_differences_are_centred_and_their_ranges_sum_to_a_hundred_for_each_attribute() -> None:
    values = default_rng(1).normal(size=(50, 8)) * default_rng(2).lognormal(0, 2, (50, 1))

    made = zero_centred_differences(values, ATTRIBUTES)

    for attribute in ATTRIBUTES:
        assert np.abs(made[:, list(attribute.columns)].sum(axis=1)).max() < 1e-9
    ranges = sum(np.ptp(made[:, list(attribute.columns)], axis=1) for attribute in ATTRIBUTES)
    assert ranges == pytest.approx(np.full(50, 300.0))
    assert importances(made, ATTRIBUTES) == pytest.approx(importances(values, ATTRIBUTES))


def test_the_scale_and_the_zero_of_a_persons_part_worths_change_nothing() -> None:
    moved = ONE * 7 + np.array([[5.0] * 3 + [-2.0] * 3 + [1.0] * 2])

    assert zero_centred_differences(moved, ATTRIBUTES) == pytest.approx(zero_centred_differences(ONE, ATTRIBUTES))


def test_somebody_to_whom_nothing_matters_has_no_importances() -> None:
    flat = np.ones((1, 8))

    assert np.isnan(importances(flat, ATTRIBUTES)).all()
    assert (zero_centred_differences(flat, ATTRIBUTES) == 0).all()


def test_a_weighted_mean_and_its_interval_are_those_of_statsmodels() -> None:
    rng = default_rng(3)
    values, weights = rng.normal(10, 4, 300), rng.choice([0.5, 1.0, 3.0], 300)

    made = summary_of(values, weights)

    oracle = DescrStatsW(values, weights=kish_counts(weights), ddof=1)
    linearized = sm.WLS(values, np.ones(300), weights=weights).fit(cov_type="HC1")  # as survey packages have it
    assert (made.mean, made.deviation) == pytest.approx((oracle.mean, oracle.std))
    assert made.mean == pytest.approx(linearized.params[0])
    assert (made.high - made.low) / 2 == pytest.approx(1.96 * oracle.std_mean)
    assert (made.high - made.low) / 2 == pytest.approx(1.96 * linearized.bse[0], rel=0.1)


def test_weights_of_1_give_the_usual_figures_and_a_weight_of_0_counts_nowhere() -> None:
    values = default_rng(4).normal(size=40)

    made, without = summary_of(values, np.ones(40)), summary_of(values, np.repeat([1.0, 0.0], 20))

    assert made.mean == pytest.approx(values.mean())
    assert made.deviation == pytest.approx(values.std(ddof=1))
    half = summary_of(values[:20], np.ones(20))
    assert (without.mean, without.low) == pytest.approx((half.mean, half.low))
    assert np.isnan(summary_of(values[:0], np.ones(0)).mean)
    assert np.isnan(summary_of(values[:1], np.ones(1)).low)


@pytest.mark.proof
@pytest.mark.reproduces(
    "importance of the price where those who mind it are asked three times as often", "simulation, known truth"
)
def test_the_interval_of_an_importance_holds_that_of_the_population() -> None:
    """Half of the population mind the price, and were three times as likely to be asked."""
    sets, held, unweighted = 400, 0, 0
    parts = (Attribute("Brand", ("A", "B"), (0, 1)), Attribute("Price", ("low", "high"), (2, 3)))

    def asked(rng: np.random.Generator, people: int, share: float) -> tuple[np.ndarray, np.ndarray]:
        minds = rng.random(people) < share
        worth = np.exp(rng.normal(np.where(minds, 1.0, -1.0)[:, None], 0.5, (people, 1)))
        brand = np.exp(rng.normal(0, 0.5, (people, 1)))
        return importances(np.hstack([brand, 0 * brand, worth, 0 * worth]), parts)[:, 1], minds

    truth = float(asked(default_rng(0), 2_000_000, 0.5)[0].mean())
    for seed in range(1, sets + 1):
        values, minds = asked(default_rng(seed), 300, 0.75)
        made, plain = summary_of(values, np.where(minds, 1 / 3, 1.0)), summary_of(values, np.ones(300))
        held += made.low <= truth <= made.high
        unweighted += plain.low <= truth <= plain.high

    assert binom.ppf(0.005, sets, 0.95) <= held
    assert unweighted == 0
