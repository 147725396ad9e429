"""Weights of respondents in means, spreads and counts of people.

Weights are taken as counts that add up to Kish's effective sample size (`kish_counts`): what counts people, from BIC to
bootstrap, then has the precision that the weighted sample has (Potthoff, Woodbury & Manton 1992, "Equivalent sample
size", J. Am. Stat. Assoc. 87, 383). None everywhere means that all count alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

EQUAL = 1e-9  # shares of the weight; sums of many are not exact
WHOLE = 2.0**22  # sums of whole numbers below 2^24 are exact in 32 bits


def kish_counts(weights: Matrix) -> Matrix:
    """Return *weights* (people,) scaled such that they add up to (sum w)^2 / sum w^2 (Kish 1965)."""
    return np.asarray(weights * (weights.sum() / (weights**2).sum()), dtype=np.float64)


def mean_of(values: NDArray[Any], counts: Matrix | None) -> float:
    """Return the mean of *values*.

    Args:
        values: (people,), numbers or flags.
        counts: (people,) how many each counts as; None: once.

    Returns:
        In the unit of the values; a share for flags.
    """
    return float(values.mean() if counts is None else np.average(values, weights=counts))


def mean_variance(values: Matrix, counts: Matrix | None) -> float:
    """Return the variance of the mean of *values*: s^2 / n, with weights of the effective size (Kish 1965).

    Args:
        values: (people,), two or more.
        counts: (people,) how many each counts as; None: once.

    Returns:
        Infinite where one person has all the weight.
    """
    if counts is None:
        return float(values.var(ddof=1)) / len(values)
    n = effective_size(counts)
    spread = mean_of((values - mean_of(values, counts)) ** 2, counts)
    return spread / (n - 1) if n > 1 + EQUAL else np.inf


def effective_size(weights: Matrix) -> float:
    """Return the size of a sample without weights that is as exact: (sum w)^2 / sum w^2; 0 for nobody."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def column_means(values: Matrix, weights: Matrix | None) -> Matrix:
    """Return the mean of each column over those who have a value.

    Args:
        values: (people, columns); NaN is missing.
        weights: (people,) above 0; None: all alike.

    Returns:
        (columns,).
    """
    if weights is None:
        return np.asarray(np.nanmean(values, axis=0), dtype=np.float64)
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ np.where(known, values, 0.0)) / (weights @ known), dtype=np.float64)


def column_spreads(values: Matrix, weights: Matrix | None) -> Matrix:
    """Return the standard deviation (divided by n) of each column, as `column_means` takes them."""
    if weights is None:
        return np.asarray(np.nanstd(values, axis=0), dtype=np.float64)
    return np.sqrt(column_means((values - column_means(values, weights)) ** 2, weights))


def weighted_median(values: Matrix, weights: Matrix) -> float:
    """Return the value that half of the weight is at most; between two values where exactly half is below each.

    Args:
        values: (people,) at least one.
        weights: (people,) above 0.
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    low, high = np.searchsorted(reached, 0.5 - EQUAL), np.searchsorted(reached, 0.5 + EQUAL)
    return float((values[order[low]] + values[order[high]]) / 2)


def population_places(weights: Matrix, values: Matrix) -> NDArray[np.int64]:
    """Return as many places as there are people, each as often as its weight says, in their order.

    Systematic sampling: every n-th part of the weights, summed in the order of the values, is one place. So the values
    in these places have, without weights, the weighted distribution.

    Args:
        weights: (people,) above 0.
        values: (people,).
    """
    people, order = len(weights), np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    places = np.searchsorted(reached, (np.arange(people) + 0.5) / people)
    return np.sort(order[np.minimum(places, people - 1)]).astype(np.int64)


def as_whole(counts: Matrix) -> tuple[Matrix, float]:
    """Return *counts* as whole numbers in the same proportions, and by what they were multiplied.

    k-means leaves a centre without people where it is, which it sees from sums that are exactly 0.
    """
    if not (counts % 1).any():
        return counts, 1.0
    scale = WHOLE / float(counts.sum())
    return np.maximum(np.rint(counts * scale), 1.0), scale
