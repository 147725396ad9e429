"""Raking: the published example, an independent minimisation, what trimming costs, and who is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from segmenter.surveys.raking import Margin, rake

NO_LIMIT = float("inf")


def drawn(seed: int, people: int = 300) -> list[Margin]:
    """Three quotas of a sample in which every cell has somebody."""
    rng = np.random.default_rng(seed)
    margins = []
    for cells in (2, 3, 4):
        there = rng.dirichlet(np.full(cells, 5.0))
        wanted = rng.dirichlet(np.full(cells, 5.0))
        own = np.concatenate([np.arange(cells), rng.choice(cells, people - cells, p=there)])
        margins.append(Margin(rng.permutation(own), wanted))
    return margins


@pytest.mark.reproduces("raking of a sample to two margins", "Lohr 2010, Sampling: Design and Analysis, 8.5.2")
def test_the_published_table_is_reached() -> None:
    """Sums of weights by gender and race, raked to 1,510 women and 1,490 men, and five races."""
    table = np.array([[300, 1200, 60, 30, 30], [150, 1080, 90, 30, 30]])
    gender, race = np.divmod(np.repeat(np.arange(10), table.ravel() // 30), 5)
    margins = [
        Margin(gender, np.array([1510, 1490]) / 3000),
        Margin(race, np.array([600, 2120, 150, 100, 30]) / 3000),
    ]

    raked = rake(margins, np.ones(100), most=NO_LIMIT)

    sums = np.bincount(gender * 5 + race, raked.weights).reshape(2, 5) * 30
    published = [[375.59, 1021.47, 53.72, 45.56, 13.67], [224.41, 1098.53, 96.28, 54.44, 16.33]]
    assert sums == pytest.approx(np.array(published), abs=0.01)
    assert raked.met


@pytest.mark.parametrize("seed", range(3))
def test_the_weights_are_the_nearest_ones_by_relative_entropy(seed: int) -> None:
    """Ireland & Kullback 1968: the same weights come out of a convex minimisation that knows nothing of raking."""
    margins = drawn(seed)
    design = np.column_stack([np.eye(len(m.shares))[m.cells] for m in margins])
    wanted = np.concatenate([m.shares for m in margins])

    def dual(of: np.ndarray) -> tuple[float, np.ndarray]:
        weights = np.exp(design @ of) / len(design)
        return float(weights.sum() - wanted @ of), design.T @ weights - wanted

    found = minimize(dual, np.zeros(design.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-10})

    assert rake(margins, np.ones(300), most=NO_LIMIT).weights == pytest.approx(np.exp(design @ found.x), abs=1e-5)


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_all_quotas_are_met_and_their_order_is_of_no_account(seed: int) -> None:
    margins = drawn(seed)

    raked = rake(margins, np.ones(300), most=NO_LIMIT)

    for margin in margins:
        assert np.bincount(margin.cells, raked.weights) / 300 == pytest.approx(margin.shares, abs=1e-6)
    assert raked.weights.mean() == pytest.approx(1)
    assert rake(margins[::-1], np.ones(300), most=NO_LIMIT).weights == pytest.approx(raked.weights, abs=1e-5)
    assert raked.sample.design_effect == pytest.approx(1 + raked.weights.var(), rel=1e-9)  # Kish


def test_a_sample_that_fills_its_quotas_keeps_its_weights() -> None:
    margins = [Margin(np.repeat([0, 1], [60, 40]), np.array([0.6, 0.4])), Margin(np.arange(100) % 2, np.full(2, 0.5))]

    raked = rake(margins, np.ones(100))

    assert raked.weights.tolist() == [1.0] * 100
    assert (raked.trimmed, raked.sample.design_effect) == (0, 1.0)


def test_trimmed_weights_still_meet_the_quotas_where_they_can() -> None:
    """Two in a hundred stand for a fifth by one quota; those of the other quota's rare cell would get the most."""
    rare, other = np.repeat([0, 1], [10, 90]), np.array([0, 0, *[1] * 8, *[0] * 20, *[1] * 70])
    margins = [Margin(rare, np.array([0.3, 0.7])), Margin(other, np.array([0.4, 0.6]))]
    free = rake(margins, np.ones(100), most=NO_LIMIT)

    raked = rake(margins, np.ones(100), most=4.0)

    assert free.weights.max() > 4
    assert raked.weights.max() <= 4 * (1 + 1e-6)
    assert raked.met
    assert raked.trimmed == 2


def test_a_limit_that_no_weights_can_keep_tells_how_far_off_the_shares_are() -> None:
    margins = [Margin(np.repeat([0, 1], [5, 95]), np.array([0.5, 0.5]))]

    raked = rake(margins, np.ones(100), most=4.0)

    assert raked.weights.max() <= 4 * (1 + 1e-6)
    assert raked.off == pytest.approx(0.5 - raked.weights[:5].sum() / 100, abs=1e-6)
    assert raked.off > 0.2
    assert raked.trimmed == 5


def test_who_gave_no_answer_keeps_the_weight() -> None:
    margins = [Margin(np.repeat([0, 1, -1], [50, 30, 20]), np.array([0.5, 0.5]))]

    raked = rake(margins, np.ones(100))

    assert raked.weights[80:].tolist() == pytest.approx([1.0] * 20)
    assert raked.weights[:50].sum() == pytest.approx(raked.weights[50:80].sum())


def test_raking_goes_on_from_weights_of_the_design() -> None:
    begun = np.tile([1.0, 3.0], 50)
    margins = [Margin(np.repeat([0, 1], 50), np.array([0.7, 0.3]))]

    raked = rake(margins, begun)

    assert raked.weights[1] / raked.weights[0] == pytest.approx(3)
    assert raked.weights[:50].sum() == pytest.approx(70)
