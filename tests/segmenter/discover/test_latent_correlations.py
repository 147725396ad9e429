"""Copies without groups have the data's margins and correlations, also where values are skewed, tied or yes/no."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from scipy import stats
from threadpoolctl import threadpool_limits

from segmenter.discover.latent_correlations import copier, latent_correlations, pairwise_correlations
from segmenter.discover.null_models import null_test
from segmenter.discover.stability import Effort
from segmenter.stats.item_matrix import Items, coded

PEOPLE = 600


def one_factor(generator: Generator, columns: int, people: int = PEOPLE) -> np.ndarray:
    return np.asarray(0.7 * generator.normal(size=(people, 1)) + 0.5**0.5 * generator.normal(size=(people, columns)))


def skewed(generator: Generator) -> Items:
    return Items("metric", tuple("abcde"), np.exp(0.8 * one_factor(generator, 5)))


def tied(generator: Generator) -> Items:
    return Items("metric", tuple("abcde"), np.clip(np.floor(one_factor(generator, 5) + 1), 0, 4))


def counts(generator: Generator) -> Items:
    """Counts of people who differ in how much they buy, and in nothing else: no normals stand behind these."""
    rate = generator.gamma(1.5, 1 / 1.5, size=(PEOPLE, 1)) * generator.uniform(0.5, 4, 5)
    return Items("metric", tuple("abcde"), generator.poisson(rate).astype(float))


def yes_no(generator: Generator) -> Items:
    return Items("binary", tuple("abcdefgh"), (one_factor(generator, 8) > generator.normal(size=8)).astype(float))


STRUCTURELESS = [skewed, tied, counts, yes_no]


def seen(items: Items) -> np.ndarray:
    return np.asarray(np.corrcoef(coded(items).values, rowvar=False))[np.triu_indices(len(items.names), 1)]


@pytest.mark.parametrize("made", STRUCTURELESS)
def test_copies_have_the_correlations_and_the_values_of_the_data(made: Callable[[Generator], Items]) -> None:
    generator = default_rng(3)
    base = made(generator)

    copied = copier(base)
    copies = [copied(base, generator) for _ in range(20)]

    off = np.mean([seen(copy) for copy in copies], axis=0) - seen(base)
    assert np.abs(off).max() < 0.03
    assert abs(off.mean()) < 0.01
    assert (np.sort(copies[0].values, axis=0) == np.sort(base.values, axis=0)).all()


def test_the_latent_correlation_of_yes_no_items_is_the_tetrachoric_one() -> None:
    """Thresholds of a bivariate normal with correlation .6; scipy's distribution as the other source."""
    drawn = default_rng(1).multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 4000)
    answers = (drawn > [0.3, -0.8]).astype(float)

    ours = latent_correlations(answers)[0, 1]

    p, q, both = answers[:, 0].mean(), answers[:, 1].mean(), answers.prod(axis=1).mean()
    at = [stats.norm.ppf(p), stats.norm.ppf(q)]
    assert stats.multivariate_normal([0, 0], [[1, ours], [ours, 1]]).cdf(at) == pytest.approx(both, abs=0.001)
    assert ours == pytest.approx(0.6, abs=0.06)


def test_the_latent_correlation_of_skewed_numbers_is_that_of_a_lognormal() -> None:
    """Of lognormals it is known: Corr(exp(aX), exp(aY)) = (exp(a^2 r) - 1) / (exp(a^2) - 1)."""
    drawn = default_rng(2).multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 20_000)
    values = np.exp(0.5 * drawn)

    expected = (np.exp(0.25 * 0.5) - 1) / (np.exp(0.25) - 1)
    assert pairwise_correlations(values)[0, 1] == pytest.approx(expected, abs=0.02)
    assert latent_correlations(values)[0, 1] == pytest.approx(np.asarray(np.corrcoef(drawn.T))[0, 1], abs=0.01)


def test_answers_that_are_missing_stay_missing_and_pairs_are_compared_where_both_are_known() -> None:
    generator = default_rng(4)
    base = tied(generator)
    holes = Items("metric", base.names, np.where(generator.random(base.values.shape) < 0.3, np.nan, base.values))
    both = ~np.isnan(holes.values[:, :2]).any(axis=1)

    copy = copier(holes)(holes, generator)

    assert (np.isnan(copy.values) == np.isnan(holes.values)).all()
    expected = np.asarray(np.corrcoef(holes.values[both][:, :2].T))[0, 1]
    assert pairwise_correlations(holes.values)[0, 1] == pytest.approx(expected, abs=1e-12)


@pytest.mark.proof
@pytest.mark.parametrize("made", STRUCTURELESS)
def test_sets_without_groups_are_natural_in_a_twentieth_of_all_tries_at_most(
    made: Callable[[Generator], Items],
) -> None:
    natural = []
    with threadpool_limits(1):
        for seed in range(20):
            base = made(default_rng(100 + seed))
            test = null_test(base, (2, 3, 4), copier(base), Effort(10, 3), default_rng(seed))
            natural.append(any(test.candidate(k) for k in test.ks))

    assert sum(natural) <= 1
