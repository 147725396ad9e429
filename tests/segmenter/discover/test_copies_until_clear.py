"""Shuffled copies: 19 where the answer is clear, more while it is open; p counts all of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from segmenter.discover.edges import edge_of_natural
from segmenter.discover.latent_correlations import copier
from segmenter.discover.null_models import (
    COPIES,
    MOST_COPIES,
    RISK,
    NullTest,
    chance_beyond,
    compared,
    fisher_z,
    null_test,
    shuffled,
)
from segmenter.discover.propose import sampled
from segmenter.discover.stability import Effort
from segmenter.stats.item_matrix import Items, Matrix

QUICK = Effort(6, 2)


def yes_no(gap: float, seed: int = 1) -> Items:
    """120 people of two kinds whose answers to eight questions differ by *gap*."""
    generator = default_rng(seed)
    chance = 0.5 + gap / 2 * np.where(generator.random((120, 1)) < 0.5, 1, -1) * np.tile([1, -1], 4)
    return Items("binary", tuple("abcdefgh"), (generator.random((120, 8)) < chance).astype(float))


@pytest.mark.parametrize(("gap", "beaten"), [(0.0, False), (0.8, True)])
def test_a_clear_answer_needs_no_more_copies(gap: float, beaten: bool) -> None:  # noqa: FBT001 - a case
    test = null_test(yes_no(gap), (2,), shuffled, QUICK, default_rng(2))

    assert (test.copies, test.beaten) == (COPIES, beaten)


@pytest.mark.simulation
def test_an_open_answer_gets_more_copies_and_p_counts_them() -> None:
    tests = [null_test(yes_no(0.3, seed), (2,), shuffled, QUICK, default_rng(seed)) for seed in range(3)]

    assert max(test.copies for test in tests) > COPIES
    assert all(test.copies <= MOST_COPIES for test in tests)
    for test in tests:
        assert test.p * (test.copies + 1) == pytest.approx(round(test.p * (test.copies + 1)))


def test_the_people_who_are_tested_are_always_the_same() -> None:
    assert sampled(3000, 1000).tolist() == sampled(3000, 1000).tolist()
    assert len(set(sampled(3000, 1000).tolist())) == 1000
    assert sampled(5, 1000).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.simulation
def test_only_the_numbers_that_are_asked_for_keep_an_answer_open() -> None:
    """Three groups that all can see, at two: as near to its limit as copies get, and nobody asks."""
    generator = default_rng(1)
    centres = 3.0 * np.repeat(np.eye(3), 2, axis=1)
    values = centres[generator.integers(0, 3, 150)] + generator.normal(size=(150, 6))
    base = Items("metric", tuple("abcdef"), values)
    everything = null_test(base, (2, 3), shuffled, QUICK, default_rng(1))
    asked = null_test(base, (2, 3), shuffled, QUICK, default_rng(1), asked=lambda _: (3,))

    assert everything.copies > asked.copies == COPIES
    assert asked.candidate(3)
    assert everything.candidate(3)


def told_three(copies: Matrix, rng: np.random.Generator) -> NullTest:
    """Three groups that are cut up the same way each time, and two to six of *copies* (sets, 5)."""
    data = np.array([0.95, 0.999, 0.78, 0.73, 0.67]) + rng.normal(0.0, [0.03, 0.0005, 0.03, 0.03, 0.03])
    agreement = np.vstack([data, copies])
    inertia = np.vstack([np.full(5, 1.0), np.full(copies.shape, 2.0)])
    errors = np.vstack([[0.03, 0.0005, 0.03, 0.03, 0.03], np.full(copies.shape, 0.02)])
    return compared((2, 3, 4, 5, 6), agreement, errors, inertia, people=1000, most=MOST_COPIES)


@pytest.mark.parametrize("many", [COPIES, MOST_COPIES])
def test_copies_that_are_stable_too_do_not_hide_how_far_the_data_lead(many: int) -> None:
    """An agreement of 1 is 4 standard deviations above .89 +- .03 at most: chance reaches that at five numbers."""
    rng = default_rng(4)
    mean, spread = np.arctanh([0.9, 0.89, 0.68, 0.63, 0.57]), np.array([0.2, 0.14, 0.09, 0.07, 0.06])
    for _ in range(20):
        test = told_three(np.tanh(rng.normal(mean, spread, (many, 5))), rng)

        assert test.rivals == 0
        assert test.overtaking <= RISK
        assert edge_of_natural(test, 3, "copies") == ""


def test_one_copy_far_out_keeps_the_answer_open() -> None:
    rng = default_rng(5)
    near = np.tanh(rng.normal(np.arctanh([0.9, 0.89, 0.68, 0.63, 0.57]), 0.1, (COPIES, 5)))
    far = near.copy()
    far[7, 1] = 0.995

    assert told_three(near, rng).overtaking <= RISK < told_three(far, rng).overtaking


@pytest.mark.parametrize("many", [10, 20, 40])
def test_the_chance_beyond_a_limit_allows_for_a_tail_that_few_draws_tell_of(many: int) -> None:
    """Of exponential draws about as many are beyond as it says, though their scale is not known."""
    rng = default_rng(6)
    for limit in (2.0, 4.0):
        draws = rng.exponential(size=(4000, many))
        ends = [limit * (own[own > np.median(own)].mean() - np.median(own)) + np.median(own) for own in draws]
        told = np.mean([chance_beyond(own, end) for own, end in zip(draws, ends, strict=True)])

        beyond = np.exp(-np.array(ends)).mean()

        assert told == pytest.approx(beyond, rel=0.3)


def test_the_spread_of_fishers_z_does_not_depend_on_how_near_1_agreements_are() -> None:
    assert fisher_z(np.array([0.0, 0.5, 1.0]), 1000) == pytest.approx([0.0, 0.5493, 3.8002], abs=1e-4)
    assert chance_beyond(np.ones(19), 2.0) == 0.0
    assert chance_beyond(np.arange(19.0), 9.0) == 1.0


@pytest.mark.simulation
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_segments_far_from_copies_with_the_same_correlations_are_natural_by_every_seed(seed: int) -> None:
    """60, 25 and 15 in 100, where copies were as far out at a number of segments that nobody asks for."""
    generator = default_rng(11)
    group = generator.choice(3, 250, p=[0.6, 0.25, 0.15])
    base = Items("metric", tuple("abcde"), 5.0 * np.eye(5)[group] + generator.normal(size=(250, 5)))

    test = null_test(base, (2, 3, 4, 5, 6), copier(base), Effort(20, 4), default_rng(seed), asked=lambda _: (3,))

    assert test.candidate(3)
    assert edge_of_natural(test, 3, "copies") == ""
