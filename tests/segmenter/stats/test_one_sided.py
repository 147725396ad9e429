"""Ways of answering: told in most surveys of yes-sayers, and in at most a twentieth of those without."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from scipy import stats
from sklearn.cluster import KMeans

from segmenter.stats.one_sided import on_one_scale, one_sided, sign_test


def shares(values: np.ndarray, k: int) -> list[float]:
    labels = KMeans(k, n_init=2, random_state=1).fit_predict(values)
    return [float((values[labels == j].mean(axis=0) > values.mean(axis=0)).mean()) for j in range(k)]


def unrelated(generator: Generator) -> np.ndarray:
    """Eight yes/no questions that have nothing to do with one another: of old, 29% of their segments were flagged."""
    return (generator.random((200, 8)) < 0.5).astype(float)


def yes_sayers(generator: Generator) -> np.ndarray:
    return (generator.random((200, 8)) < generator.beta(0.5, 0.5, (200, 1))).astype(float)


@pytest.mark.parametrize(("share", "items"), [(1.0, 8), (0.75, 8), (0.25, 12), (0.5, 10)])
def test_the_test_is_the_sign_test_of_scipy(share: float, items: int) -> None:
    assert sign_test(share, items) == pytest.approx(stats.binomtest(round(share * items), items).pvalue)


@pytest.mark.simulation
def test_surveys_without_a_way_of_answering_are_seldom_flagged_and_yes_sayers_always() -> None:
    generator = default_rng(5)
    by_chance = [one_sided(shares(unrelated(generator), 3), 8) != () for _ in range(60)]
    rightly = [one_sided(shares(yes_sayers(generator), 2), 8) != () for _ in range(10)]

    assert sum(by_chance) <= 6  # of 60 at 5%: more than six in 1 of 80 cases
    assert all(rightly)


def test_spend_is_no_answer_on_a_scale_and_few_items_tell_nothing() -> None:
    answers = np.array([[1.0, 7.0], [np.nan, 4.0]])

    assert on_one_scale(answers)
    assert not on_one_scale(answers * 3)
    assert not on_one_scale(answers / 2)
    assert one_sided([1.0, 0.0], 7) == ()
    assert one_sided([1.0, float("nan")], 9) == ()
    assert one_sided([1.0, 0.5, 0.0], 9) == (0, 2)
