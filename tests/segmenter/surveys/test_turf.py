"""TURF against all sets counted plainly."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng

from segmenter.surveys.turf import TurfOptions, best_sets, held_out_reach
from tests.examples import examples


def plainly(likes: np.ndarray, weights: np.ndarray, size: int, always: tuple[int, ...] = ()) -> float:
    """The largest reach of any set, people by people."""
    best = 0.0
    for items in combinations(range(likes.shape[1]), size):
        if set(always) <= set(items):
            reached = sum(w for person, w in zip(likes, weights, strict=True) if any(person[item] for item in items))
            best = max(best, reached / weights.sum())
    return best


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 1), st.booleans())
@examples(40)
def test_every_way_of_searching_finds_the_largest_reach(seed: int, size: int, fixed: int, enumerated: bool) -> None:  # noqa: FBT001
    generator = default_rng(seed)
    likes = generator.random((30, 7)) < generator.uniform(0.05, 0.5, 7)
    weights = generator.choice([0.0, 0.5, 1.0, 2.0], 30) + np.eye(1, 30)[0]
    always = tuple(range(min(fixed, size)))
    options = TurfOptions(always, most_sets=50_000 if enumerated else 0)

    found = best_sets(likes, weights, size, options)

    assert found[-1].proven
    assert found[-1].best.reach == pytest.approx(plainly(likes, weights, size, always))
    assert set(always) <= set(found[-1].best.items)


def test_a_set_is_not_the_most_liked_items_where_these_reach_the_same_people() -> None:
    likes = np.array([[1, 1, 0]] * 60 + [[0, 0, 1]] * 40, dtype=bool)

    one, two = best_sets(likes, np.ones(100), 2, TurfOptions())

    assert (one.best.items, one.best.reach) == ((0,), 0.6)
    assert (two.best.items, two.best.reach, two.best.frequency) == ((0, 2), 1.0, 1.0)
    assert [other.items for other in two.others] == [(1, 2), (0, 1)]
    assert two.others[1].frequency == pytest.approx(2.0)


def test_greedy_alone_is_not_the_best_and_branch_and_bound_is() -> None:
    """The most liked item overlaps with both of the best pair."""
    likes = np.zeros((100, 3), dtype=bool)
    likes[:50, 0], likes[50:95, 1], likes[22:78, 2] = True, True, True

    greedy = best_sets(likes, np.ones(100), 2, TurfOptions(most_sets=0, most_nodes=1))[-1]
    proven = best_sets(likes, np.ones(100), 2, TurfOptions(most_sets=0))[-1]

    assert (greedy.search, greedy.proven, greedy.best.items) == ("greedy", False, (0, 2))
    assert (proven.search, proven.best.items) == ("branch and bound", (0, 1))
    assert [greedy.best.reach, proven.best.reach] == pytest.approx([0.78, 0.95])


def test_thirty_items_of_which_eight_are_chosen_are_proven_within_the_limit() -> None:
    generator = default_rng(6)
    groups = generator.integers(0, 5, 800)
    likes = generator.random((800, 30)) < np.where(np.arange(30) % 5 == groups[:, None], 0.4, 0.04)

    found = best_sets(likes, np.ones(800), 6, TurfOptions(most_sets=1000))

    assert found[-1].search == "branch and bound"
    assert all(later.best.reach >= earlier.best.reach for earlier, later in pairwise(found))


def test_a_search_that_is_cut_short_is_as_good_as_adding_one_by_one_and_says_so() -> None:
    generator = default_rng(7)
    likes = generator.random((500, 25)) < 0.15
    reached, items = np.zeros(500, dtype=bool), []
    for _ in range(5):
        items.append(int(np.argmax((likes & ~reached[:, None]).sum(axis=0))))
        reached |= likes[:, items[-1]]

    (found,) = best_sets(likes, np.ones(500), 5, TurfOptions(most_sets=0, most_nodes=1))[-1:]

    assert (found.proven, found.best.items) == (False, tuple(sorted(items)))
    assert found.best.reach == pytest.approx(reached.mean())


def test_the_reach_of_others_is_told_without_the_luck_of_the_choice() -> None:
    generator = default_rng(8)
    likes = generator.random((60, 12)) < 0.2  # all items are alike: every pair reaches 36%
    everybody = np.ones(60)

    lucky = best_sets(likes, everybody, 2, TurfOptions())[-1].best.reach
    honest = held_out_reach(likes, everybody, 2, TurfOptions(), default_rng(1), splits=20)

    assert lucky > 0.45
    assert honest == pytest.approx(0.36, abs=0.06)
