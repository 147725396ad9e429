"""Shuffled copies: 19 where the answer is clear, more while it is open; p counts all of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng

from segmenter.discover.null_models import COPIES, MOST_COPIES, null_test, shuffled
from segmenter.discover.propose import sampled
from segmenter.discover.stability import Effort
from segmenter.stats.item_matrix import Items

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
    asked = null_test(base, (2, 3), shuffled, QUICK, default_rng(1), asked=(3,))

    assert (everything.copies, asked.copies) == (MOST_COPIES, COPIES)
    assert asked.candidate(3)
    assert everything.candidate(3)
