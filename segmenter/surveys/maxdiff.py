"""MaxDiff (best-worst scaling): counts, and each respondent's utilities by a hierarchical logit.

In a set, the best item is chosen with probability ``exp u_i / sum exp u_j`` over the items shown, then the worst of
the rest with ``exp -u_i / sum exp -u_j`` (sequential best-worst choice; Marley & Louviere 2005, Journal of
Mathematical Psychology 49, 464-480). Utilities of people are normal around a common mean (Allenby & Rossi 1998,
Journal of Econometrics 89, 57-78); mean and covariance are found by expectation-maximisation with Laplace's
approximation, and each person's utilities are the mode of their posterior. So nobody's are infinite, however
consistent the answers are, and who answered little is near the mean. The approximation makes people somewhat more
alike than they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
Values = NDArray[np.float64]

ROUNDS, NEWTON, LAST_NEWTON = 60, 2, 12
ENOUGH = 1e-3  # change of the common mean at which the rounds end
LONGEST_STEP, SETTLED = 3.0, 1e-7
PRIOR_VARIANCE, PRIOR_PEOPLE = 1.0, 5
"""What the covariance is drawn to, and as many people are as strong as it, besides one for each dimension."""
CHUNK = 400  # people whose matrices are in memory at one time


@dataclass(frozen=True, slots=True)
class ChoiceTasks:
    """Sets of items that were shown, and what was chosen; sorted by person.

    Attributes:
        items: Names.
        respondents: Who.
        person: (tasks,) place in *respondents*, in order.
        shown: (tasks, most items in a set) places in *items*; -1 where a set is smaller.
        best: (tasks,) place in *items*.
        worst: (tasks,) another one.
    """

    items: tuple[str, ...]
    respondents: tuple[str, ...]
    person: Places
    shown: Places
    best: Places
    worst: Places


@dataclass(frozen=True, slots=True)
class ItemCount:
    """How often an item was shown, best and worst."""

    item: str
    shown: int
    best: int
    worst: int


@dataclass(frozen=True, slots=True)
class Utilities:
    """What a hierarchical logit says of respondents.

    Attributes:
        items: Names.
        respondents: Who.
        values: (people, items) on the logit scale, centred: each person's sum is 0.
        mean: (items,) common mean.
        covariance: (items, items) of people around it.
        fit: (people,) root likelihood: geometric mean of the probability of the choices made.
        rounds: Of expectation-maximisation.
        settled: Whether the rounds ended by themselves.
    """

    items: tuple[str, ...]
    respondents: tuple[str, ...]
    values: Values
    mean: Values
    covariance: Values
    fit: Values
    rounds: int
    settled: bool


def count_choices(tasks: ChoiceTasks) -> list[ItemCount]:
    """Return how often each item was shown, best and worst.

    Returns:
        In the order of the items, those that nobody saw too.
    """
    many = len(tasks.items)
    shown = np.bincount(tasks.shown[tasks.shown >= 0], minlength=many)
    best, worst = (np.bincount(chosen, minlength=many) for chosen in (tasks.best, tasks.worst))
    return [
        ItemCount(item, int(shown[place]), int(best[place]), int(worst[place]))
        for place, item in enumerate(tasks.items)
    ]


def scores_of(tasks: ChoiceTasks, weights: Values) -> Values:
    """Return best less worst as a part of the times shown, (items,), each respondent counted *weights* times.

    Args:
        tasks: What was chosen.
        weights: (respondents,) 0 or more.

    Returns:
        From -1 to 1; NaN for an item that nobody saw.
    """
    own = weights[tasks.person]
    many = len(tasks.items)
    each = np.broadcast_to(own[:, None], tasks.shown.shape)
    shown = np.bincount(tasks.shown[tasks.shown >= 0], each[tasks.shown >= 0], minlength=many)
    lead = np.bincount(tasks.best, own, minlength=many) - np.bincount(tasks.worst, own, minlength=many)
    scores: Values = np.divide(lead, shown, out=np.full(many, np.nan), where=shown > 0)
    return scores


def fit_utilities(tasks: ChoiceTasks) -> Utilities:
    """Return the utilities of each respondent, drawn to the common mean as far as their answers leave it open.

    Args:
        tasks: At least two items, each shown to somebody; every respondent has a task.

    Returns:
        Utilities of everybody, and the common mean and covariance that they are drawn to.
    """
    basis = contrasts(len(tasks.items))
    free = basis.shape[1]
    people = len(tasks.respondents)
    chunks = _chunks(tasks, basis)
    theta, mean, covariance = np.zeros((people, free)), np.zeros(free), np.eye(free) * PRIOR_VARIANCE
    strength, rounds, settled = PRIOR_PEOPLE + free, 0, False
    while rounds < ROUNDS and not settled:
        rounds += 1
        theta, spread = _modes(chunks, theta, mean, covariance, NEWTON)
        moved = theta.mean(axis=0)
        settled = bool(np.abs(basis @ (moved - mean)).max() < ENOUGH) and rounds > 1
        mean, around = moved, theta - moved
        scatter = around.T @ around + spread
        covariance = (scatter + strength * PRIOR_VARIANCE * np.eye(free)) / (people + strength)
    theta, _ = _modes(chunks, theta, mean, covariance, LAST_NEWTON)
    return Utilities(
        tasks.items,
        tasks.respondents,
        theta @ basis.T,
        basis @ mean,
        basis @ covariance @ basis.T,
        _root_likelihood(chunks, theta),
        rounds,
        settled,
    )


def utilities_with(tasks: ChoiceTasks, mean: Values, covariance: Values) -> tuple[Values, Values]:
    """Return utilities and fit of respondents, given a common mean and covariance that others had.

    Args:
        tasks: Of the same items.
        mean: (items,) as of `Utilities`.
        covariance: (items, items).

    Returns:
        (people, items), and (people,) root likelihoods.
    """
    basis = contrasts(len(tasks.items))
    chunks = _chunks(tasks, basis)
    start = np.tile(basis.T @ mean, (len(tasks.respondents), 1))
    theta, _ = _modes(chunks, start, basis.T @ mean, basis.T @ covariance @ basis, LAST_NEWTON)
    return theta @ basis.T, _root_likelihood(chunks, theta)


def fit_of_random_answers(
    tasks: ChoiceTasks, fitted: Utilities, rng: np.random.Generator, share: float = 0.95
) -> float:
    """Return the fit below which a respondent can't be told from one who chooses at random.

    The same sets are answered at random and fitted with the same mean and covariance.

    Args:
        tasks: Of the survey.
        fitted: What was found for it.
        rng: Answers at random.
        share: Of random respondents that have at most this fit.

    Returns:
        A root likelihood, 0 to 1.
    """
    draws = rng.random(tasks.shown.shape)
    draws[tasks.shown < 0] = np.nan
    rows = np.arange(len(tasks.shown))
    best, worst = (tasks.shown[rows, pick(draws, axis=1)] for pick in (np.nanargmax, np.nanargmin))
    noise = ChoiceTasks(tasks.items, tasks.respondents, tasks.person, tasks.shown, best, worst)
    return float(np.quantile(utilities_with(noise, fitted.mean, fitted.covariance)[1], share))


def rescaled(values: Values, shown: float) -> Values:
    """Return utilities as shares of 100: the chance to be best among *shown* average items, scaled to their sum.

    Args:
        values: (people, items), centred.
        shown: Items in a set, on average.

    Returns:
        (people, items), each row sums to 100; twice as high is chosen twice as often where both are rare.
    """
    chance = 1 / (1 + (shown - 1) * np.exp(-np.clip(values, -500, 500)))
    return np.asarray(100 * chance / chance.sum(axis=1, keepdims=True), dtype=np.float64)


def contrasts(items: int) -> Values:
    """Return orthonormal columns that sum to 0, (items, items - 1): utilities have no zero of their own."""
    centring = np.eye(items) - 1 / items
    left, size, _ = np.linalg.svd(centring)
    return np.asarray(left[:, size > 0.5], dtype=np.float64)  # noqa: PLR2004 - each is 0 or 1


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Choices of some people: *coded* (people, choices, options, free), *there* without the last; the first is chosen.

    Who made fewer choices than others has empty ones at the end.
    """

    people: slice
    coded: Values
    there: NDArray[np.bool_]


def _chunks(tasks: ChoiceTasks, basis: Values) -> list[_Chunk]:
    chunks = []
    for first in range(0, len(tasks.respondents), CHUNK):
        last = min(first + CHUNK, len(tasks.respondents))
        rows = slice(*np.searchsorted(tasks.person, (first, last)))
        order = _choices(tasks.shown[rows], tasks.best[rows], tasks.worst[rows])
        own = tasks.person[rows] - first
        place = np.arange(len(own)) - np.searchsorted(own, own)
        padded = np.full((last - first, int(place.max()) + 1, *order.shape[1:]), -1, dtype=np.int64)
        padded[own, place] = order
        there = padded >= 0
        coded = basis[padded] * there[..., None]
        coded[:, :, 1] *= -1
        shape = (last - first, -1, order.shape[2])
        chunks.append(_Chunk(slice(first, last), coded.reshape(*shape, basis.shape[1]), there.reshape(shape)))
    return chunks


def _choices(shown: Places, best: Places, worst: Places) -> Places:
    """Each task as two choices in succession: the best of all, and the worst of the rest; the chosen item is first."""
    tasks, options = shown.shape
    order = np.full((tasks, 2, options), -1, dtype=np.int64)
    for row, (items, first, last) in enumerate(zip(shown.tolist(), best.tolist(), worst.tolist(), strict=True)):
        rest = [item for item in items if item >= 0 and item not in {first, last}]
        order[row, 0, : len(rest) + 2] = [first, last, *rest]
        order[row, 1, : len(rest) + 1] = [last, *rest]
    return order


def _modes(
    chunks: Sequence[_Chunk], theta: Values, mean: Values, covariance: Values, steps: int
) -> tuple[Values, Values]:
    """Newton's steps towards each person's mode, and the sum of the posterior covariances there."""
    precision = np.linalg.inv(covariance)
    theta, spread = theta.copy(), np.zeros_like(covariance)
    for chunk in chunks:
        own = theta[chunk.people]
        for _ in range(steps):
            slope, curve = _derivatives(chunk, own)
            slope -= (own - mean) @ precision
            step = np.linalg.solve(curve + precision, slope[:, :, None])[:, :, 0]
            longest = np.abs(step).max(axis=1, keepdims=True)
            own = own + step * np.minimum(1.0, LONGEST_STEP / np.maximum(longest, 1e-12))
            if longest.max() < SETTLED:
                break
        theta[chunk.people] = own
        spread += np.linalg.inv(_derivatives(chunk, own)[1] + precision).sum(axis=0)
    return theta, spread


def _chances(chunk: _Chunk, theta: Values) -> Values:
    """(people, choices, options); 0 where there is nothing."""
    people, choices, options, free = chunk.coded.shape
    flat = chunk.coded.reshape(people, choices * options, free)
    worth = np.matmul(flat, theta[:, :, None]).reshape(people, choices, options)
    top = np.where(chunk.there, worth, -np.inf).max(axis=2, keepdims=True, initial=-1e300)
    chance = np.exp(np.where(chunk.there, worth - top, -np.inf))
    return np.asarray(chance / np.maximum(chance.sum(axis=2, keepdims=True), 1e-300), dtype=np.float64)


def _derivatives(chunk: _Chunk, theta: Values) -> tuple[Values, Values]:
    """Slope (people, free) of each person's log-likelihood, and its curvature (people, free, free), sign turned."""
    people, choices, options, free = chunk.coded.shape
    chance = _chances(chunk, theta)
    expected = np.matmul(chance[:, :, None, :], chunk.coded)[:, :, 0]
    slope = chunk.coded[:, :, 0].sum(axis=1) - expected.sum(axis=1)
    weighted = (chunk.coded * np.sqrt(chance)[..., None]).reshape(people, choices * options, free)
    curve = np.matmul(weighted.transpose(0, 2, 1), weighted) - np.matmul(expected.transpose(0, 2, 1), expected)
    return slope, curve


def _root_likelihood(chunks: Sequence[_Chunk], theta: Values) -> Values:
    fits = []
    for chunk in chunks:
        made = chunk.there[:, :, 0]
        logs = np.where(made, np.log(np.maximum(_chances(chunk, theta[chunk.people])[:, :, 0], 1e-300)), 0.0)
        fits.append(np.exp(logs.sum(axis=1) / made.sum(axis=1)))
    return np.concatenate(fits)
