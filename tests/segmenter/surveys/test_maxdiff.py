"""MaxDiff against statsmodels' conditional logit, a general optimiser, and utilities that are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.optimize import minimize
from statsmodels.discrete.conditional_models import ConditionalLogit

from segmenter.surveys.maxdiff import (
    ChoiceTasks,
    contrasts,
    count_choices,
    fit_of_random_answers,
    fit_utilities,
    rescaled,
    scores_of,
    utilities_with,
)
from tests.segmenter.surveys.choice_surveys import simulated

ITEMS = 6


def of_one(tasks: ChoiceTasks) -> ChoiceTasks:
    """The same sets, as if one person had answered all."""
    return ChoiceTasks(tasks.items, ("all",), np.zeros_like(tasks.person), tasks.shown, tasks.best, tasks.worst)


def as_logit(tasks: ChoiceTasks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chosen, coding (less the last item), and choice of each option: the best, then the worst of the rest."""
    chosen: list[int] = []
    coded: list[np.ndarray] = []
    group: list[int] = []
    for shown, best, worst in zip(tasks.shown.tolist(), tasks.best.tolist(), tasks.worst.tolist(), strict=True):
        for sign, options, picked in ((1, shown, best), (-1, [item for item in shown if item != best], worst)):
            number = group[-1] + 1 if group else 0
            for item in options:
                chosen.append(int(item == picked))
                coded.append(sign * np.eye(ITEMS)[item, :-1])
                group.append(number)
    return np.array(chosen), np.array(coded), np.array(group)


@pytest.mark.slow
def test_without_a_common_mean_utilities_are_those_of_a_conditional_logit() -> None:
    generator = default_rng(1)
    tasks = simulated(np.tile(np.linspace(-1, 1, ITEMS), (60, 1)), 6, 4, generator)
    chosen, coded, group = as_logit(tasks)
    expected = np.append(ConditionalLogit(chosen, coded, groups=group).fit(disp=False).params, 0.0)

    (values,), _ = utilities_with(of_one(tasks), np.zeros(ITEMS), np.eye(ITEMS) * 1e7)

    assert values == pytest.approx(expected - expected.mean(), abs=1e-4)


def test_one_persons_utilities_are_the_mode_that_a_general_optimiser_finds() -> None:
    generator = default_rng(2)
    mean = np.array([1.0, 0.5, 0.0, 0.0, -0.5, -1.0])
    tasks = simulated(mean[None] + generator.normal(0, 1, (1, ITEMS)), 8, 3, generator)
    chosen, coded, group = as_logit(tasks)
    full = np.column_stack([coded, np.zeros(len(coded))])
    full[:, -1] = np.where(coded.any(axis=1), 0, 1) * np.where(group % 2 == 0, 1, -1)
    basis = contrasts(ITEMS)

    def loss(theta: np.ndarray) -> float:
        worth = full @ basis @ theta
        chances = [worth[(group == g) & (chosen == 1)][0] - np.log(np.exp(worth[group == g]).sum()) for g in set(group)]
        distance = theta - basis.T @ mean
        return float(-sum(chances) + distance @ distance / 2 / 0.7)

    expected = basis @ minimize(loss, np.zeros(ITEMS - 1), method="BFGS", options={"gtol": 1e-8}).x

    (values,), (fit,) = utilities_with(tasks, mean, np.eye(ITEMS) * 0.7)

    assert values == pytest.approx(expected, abs=1e-4)
    assert 1 / 3 < fit < 1


@pytest.mark.slow
def test_known_utilities_are_recovered_nearly_as_well_as_by_who_knows_how_people_differ() -> None:
    generator = default_rng(3)
    mean, items, people = np.linspace(-1.5, 1.5, 12), 12, 250
    mixed = generator.normal(0, 0.5, (items, items))
    covariance = mixed @ mixed.T / 3 + np.eye(items) * 0.6
    truth = generator.multivariate_normal(mean, covariance, people)
    truth -= truth.mean(axis=1, keepdims=True)
    tasks = simulated(truth, 10, 4, generator)
    centring = np.eye(items) - 1 / items
    counted = np.zeros((people, items))
    np.add.at(counted, (tasks.person, tasks.best), 1)
    np.add.at(counted, (tasks.person, tasks.worst), -1)

    found = fit_utilities(tasks)

    def recovered(values: np.ndarray) -> float:
        return float(np.corrcoef(values.ravel(), truth.ravel())[0, 1])

    oracle, _ = utilities_with(tasks, centring @ mean, centring @ covariance @ centring)
    assert found.settled
    assert recovered(found.values) > 0.82
    assert recovered(found.values) > recovered(oracle) - 0.015
    assert recovered(found.values) > recovered(counted) + 0.05
    assert np.corrcoef(found.mean, mean)[0, 1] > 0.98
    assert np.abs(found.values.sum(axis=1)).max() < 1e-9


def test_who_answers_without_any_error_has_utilities_that_are_not_infinite() -> None:
    generator = default_rng(4)
    truth = np.tile(np.arange(ITEMS, dtype=float) * 1000, (30, 1))

    found = fit_utilities(simulated(truth, 10, 4, generator))

    assert np.isfinite(found.values).all()
    assert (np.diff(found.values, axis=1) > 0).all()
    assert found.fit.min() > 0.9


def test_random_respondents_fit_like_random_ones_and_others_do_not() -> None:
    generator = default_rng(5)
    truth = np.tile(np.linspace(-2, 2, ITEMS), (120, 1))
    truth[:30] = 0.0  # they choose at random
    tasks = simulated(truth, 12, 4, generator)
    found = fit_utilities(tasks)

    limit = fit_of_random_answers(tasks, found, default_rng(6))

    assert (found.fit[:30] <= limit).mean() > 0.8
    assert (found.fit[30:] <= limit).mean() < 0.1


def test_sets_of_several_sizes_are_counted_and_fitted() -> None:
    shown = np.array([[0, 1, 2], [0, 1, -1], [2, 1, 0], [1, 2, -1]])
    tasks = ChoiceTasks(
        ("a", "b", "c"), ("p", "q"), np.array([0, 0, 1, 1]), shown, np.array([0, 0, 0, 1]), np.array([2, 1, 2, 2])
    )

    counts = count_choices(tasks)
    found = fit_utilities(tasks)

    assert [(count.shown, count.best, count.worst) for count in counts] == [(3, 3, 0), (4, 1, 1), (3, 0, 3)]
    assert scores_of(tasks, np.ones(2)).tolist() == [1.0, 0.0, -1.0]
    assert scores_of(tasks, np.array([3.0, 1.0])) == pytest.approx([1.0, -2 / 8, -1.0])
    assert (np.diff(found.values, axis=1) < 0).all()


def test_shares_sum_to_a_hundred_and_equal_utilities_have_equal_ones() -> None:
    shares = rescaled(np.array([[0.0, 0.0, 0.0, 0.0], [2.0, 0.0, -1.0, -1.0]]), 4)

    assert shares.sum(axis=1) == pytest.approx([100, 100])
    assert shares[0] == pytest.approx([25, 25, 25, 25])
    assert shares[1, 0] / shares[1, 1] == pytest.approx((np.exp(2) / (np.exp(2) + 3)) / 0.25)
