"""How small a segment may be to be proposed, and how far it must lie from a large one to be found at all."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np

from segmenter.minimum import of_a_segment
from segmenter.stats.item_matrix import Matrix

CHANCE = 2.0  # standard errors that a size may be below its limit
FOUND = 0.8  # of a segment's people, and of those with whom it is put together
FARTHEST, STEP = 8.0, 0.1  # distances that are tried, in standard deviations
FINE = 0.02  # steps of the border


def smallest(everybody: int) -> float:
    """Return the size below which a segment is too small for certain, among *everybody*.

    A segment of just the least share has fewer people in every second sample: two standard errors are granted
    (binomial), and what is between the two is noted.
    """
    least = of_a_segment(everybody)
    return least - CHANCE * sqrt(least * max(0.0, 1 - least / everybody))


def distance_to_be_found(share: float, largest: float) -> float:
    """Return how far a small segment must lie from a large one for k-means to set it apart.

    Two normal groups of the same spread on the line through their means: k-means puts the border where the sum of
    squares between both sides is largest (Lloyd 1982). That cuts a large group in half until the small one lies far
    enough.

    Args:
        share: Of the small segment.
        largest: Share of the large one.

    Returns:
        Standard deviations within a group, from `STEP` to `FARTHEST`.
    """
    small = share / (share + largest)
    for distance in np.arange(STEP, FARTHEST, STEP):
        border = np.arange(-2.0, distance + 2.0, FINE)
        own, others = small * _above(border - distance), (1 - small) * _above(border)
        both = own + others
        # the mean of what lies above a border of a normal group: its mean times the share, plus the density
        summed = small * (distance * _above(border - distance) + _density(border - distance))
        summed += (1 - small) * _density(border)
        between = (summed - both * small * distance) ** 2 / (both * (1 - both))
        best = int(between.argmax())
        if own[best] >= FOUND * small and own[best] >= FOUND * both[best]:
            return float(distance)
    return FARTHEST


def _density(z: Matrix) -> Matrix:
    return np.asarray(np.exp(-(z**2) / 2) / sqrt(2 * np.pi))


def _above(z: Matrix) -> Matrix:
    from scipy.special import ndtr  # noqa: PLC0415 - only where segments are found

    return np.asarray(ndtr(-z))


def power_sentence(everybody: int, largest: float, *, numbers: bool, weighted: bool = False) -> str:
    """Return which segments can't be found in these data, whatever they are.

    Args:
        everybody: People in the base; with weights their effective number (Kish 1965).
        largest: Share of the largest segment; 1 where none was found.
        numbers: Whether the base are numbers, for which the distance has a meaning.
        weighted: Whether they have weights.
    """
    least, share = smallest(everybody), of_a_segment(everybody) / everybody
    people = "people of the effective sample" if weighted else "people"
    size = (
        f"Segments of fewer than {ceil(least):,} of {everybody:,} {people} ({least / everybody:.1%}) are not proposed"
    )
    if not numbers or share >= largest:
        return f"{size}."
    apart = distance_to_be_found(share, min(largest, 1 - share))
    return (
        f"{size}; k-means finds one of {share:.0%} only if its mean lies about {apart:.1f} standard deviations from "
        "that of the nearest large segment, all items taken together."
    )
