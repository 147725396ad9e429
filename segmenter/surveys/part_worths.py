"""Conjoint part-worths: zero-centred differences, and importances of attributes.

Part-worths of one person have a scale of their own (who answers consistently has larger ones), so people are compared
after it is taken out: each attribute's levels are centred, and the ranges of all attributes sum to 100 for each
attribute (Orme 2020, Getting Started with Conjoint Analysis, chapter 9, "zero-centered diffs" and importances).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.pairwise import group_moments

Values = NDArray[np.float64]
BOTH_SIDES = 1.96


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: its name, its levels, and the columns in which their part-worths stand."""

    name: str
    levels: tuple[str, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean of a figure in the population, its 95% interval, and its standard deviation; NaN where there is none."""

    mean: float
    low: float
    high: float
    deviation: float


def summary_of(values: Values, weights: Values) -> Summary:
    """Return the weighted mean of *values* with its interval, over the effective number of people (Kish 1965).

    Args:
        values: (people,) none missing.
        weights: (people,) how many people of the population each stands for, at least 0.

    Returns:
        In the unit of *values*; no interval for an effective number of 1.
    """
    made = group_moments(values, weights)
    half = BOTH_SIDES * made.deviation / made.effective**0.5 if made.effective else made.deviation
    return Summary(made.mean, made.mean - half, made.mean + half, made.deviation)


def zero_centred_differences(values: Values, attributes: Sequence[Attribute]) -> Values:
    """Return part-worths that can be compared between people.

    Args:
        values: (people, columns), none missing.
        attributes: Each with its columns; a column belongs to one of them.

    Returns:
        The same shape: the mean over an attribute's levels is 0, the mean range of attributes 100; 0 for somebody to
        whom no level makes a difference.
    """
    centred = np.zeros_like(values)
    for attribute in attributes:
        own = values[:, list(attribute.columns)]
        centred[:, list(attribute.columns)] = own - own.mean(axis=1, keepdims=True)
    total = _ranges(values, attributes).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, centred * 100 * len(attributes) / total, 0.0)


def importances(values: Values, attributes: Sequence[Attribute]) -> Values:
    """Return how much of the range of all part-worths each attribute has.

    Args:
        values: (people, columns), none missing.
        attributes: Each with its columns.

    Returns:
        (people, attributes) in percent, each row sums to 100; NaN for somebody to whom no level makes a difference.
    """
    ranges = _ranges(values, attributes)
    total = ranges.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 100 * ranges / total, np.nan)


def _ranges(values: Values, attributes: Sequence[Attribute]) -> Values:
    return np.column_stack([np.ptp(values[:, list(attribute.columns)], axis=1) for attribute in attributes])
