"""Typical member of a group: the real person nearest to the centroid, shown as ranges for privacy.

A combination that nobody has would describe nobody; so it is one person's, the one nearest to the group's centroid.
What is said of them is coarse (spans of numbers, usual categories), and so little that enough people of the group are
the same in all of it: k-anonymity (Sweeney 2002).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from segmenter.profile.columns import EPOCH, TraitColumn, stem
from segmenter.profile.distinctive_traits import Scale, spread_of
from segmenter.stats.item_matrix import Matrix
from segmenter.traits.trait_families import Family

MOST_TRAITS = 8
"""Number of traits shown of the typical member."""

STEPS = (2.0, 2.5, 2.0)  # from 1 to 2, to 5, to 10, and on
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Said:
    """A trait of the typical member, as a range or a category."""

    trait: str
    meaning: str
    unit: str
    family: Family
    value: str


@dataclass(frozen=True, slots=True)
class Typical:
    """The typical member.

    Attributes:
        said: What is told of them.
        alike: People of the group who are the same in all of it, the member among them.
        traits: Those in which the nearest person was looked for.
        distance: From the centroid, in standard deviations a trait (root of the mean square).
    """

    said: tuple[Said, ...]
    alike: int
    traits: tuple[str, ...]
    distance: float


def typical(columns: Sequence[TraitColumn], scales: Mapping[str, Scale], *, fewest: int) -> Typical | None:
    """Return the typical member of a group, None where there is nothing to tell them by.

    The distance is Euclidean on standardised traits: a number in standard deviations of everybody (a skewed one after
    log1p), a category as one 0-or-1 for each of its values. What is unknown of a person counts as far off as the
    group's people are on average, so that nobody is near for being unknown.

    Args:
        columns: Traits of the group's people, the most telling first; one order of people in all.
        scales: Of the numbers among them.
        fewest: People who must be the same in all that is said.

    Returns:
        Ranges that at least *fewest* people share, and the distance in standard deviations per trait.
    """
    used = [c for c in columns if c.known().any() and (c.categories is not None or c.trait.name in scales)]
    if not used:
        return None
    distances = np.column_stack([_squares(column, scales) for column in used])
    mean = distances.mean(axis=1)
    member = int(np.argmin(mean))
    said, same = _told(used, member, fewest)
    if not said:
        return None
    return Typical(tuple(said), int(same.sum()), tuple(c.trait.name for c in used), float(np.sqrt(mean[member])))


def _squares(column: TraitColumn, scales: Mapping[str, Scale]) -> Matrix:
    known = column.known()
    if column.categories is None:
        z = spread_of(scales[column.trait.name], column.values.astype(np.float64))
        squares: Matrix = (z - z[known].mean()) ** 2
    else:
        shares = np.bincount(column.values[known], minlength=len(column.categories)) / known.sum()
        squares = float((shares**2).sum()) + 1 - 2 * shares[np.maximum(column.values, 0)]
    squares[~known] = squares[known].mean()
    return squares


def _told(columns: Sequence[TraitColumn], member: int, fewest: int) -> tuple[list[Said], NDArray[np.bool_]]:
    """Traits to show, and who shares them: a trait is added only while enough people do (k-anonymity)."""
    same = np.ones(len(columns[0].values), dtype=bool)
    said: list[Said] = []
    for column in columns:
        if len(said) == MOST_TRAITS:
            break
        if any(stem(column.trait.name) == stem(said.trait) for said in said) or not column.known()[member]:
            continue
        value, alike = _span(column, member)
        if (same & alike).sum() >= fewest:
            same &= alike
            trait = column.trait
            said.append(Said(trait.name, trait.meaning.split(";")[0], trait.unit, trait.family, value))
    return said, same


def _span(column: TraitColumn, member: int) -> tuple[str, NDArray[np.bool_]]:
    """The span or category of one member in words, and who is in the same."""
    value = column.values[member]
    if column.categories is not None:
        return column.categories[int(value)], column.values == value
    if column.trait.type == "date":
        year = (EPOCH + timedelta(days=float(value))).year
        first, last = ((EPOCH.replace(year=y) - EPOCH).days for y in (year, year + 1))
        return str(year), (column.values >= first) & (column.values < last)
    sign = -1.0 if value < 0 else 1.0
    size = sign * column.values
    low, high = span_of(abs(float(value)), share=column.trait.most == 1)
    inside = (size > low) & (size <= high) if high else column.values == 0
    if column.trait.most == 1:
        return (f"{low:.0%} to {high:.0%}" if high else "0%"), inside
    if sign < 0:
        return f"-{high:,.0f} to {-low if low else 0:,.0f}", inside
    whole = bool(np.all(np.mod(column.values[column.known()], 1) == 0))
    return _in_words(low, high, whole=whole), inside


def span_of(value: float, *, share: bool = False) -> tuple[float, float]:
    """Return the span (low, high] of a number from 0: tenths and quarters of a share, else by 1, 2, 5, 10, 20, 50.

    Zero is alone.
    """
    if value == 0:
        return 0.0, 0.0
    if share:
        high = next(end for end in SHARES if value <= end or end == SHARES[-1])
        return SHARES[SHARES.index(high) - 1], high
    low, high, times = 0.0, 1.0, cycle(STEPS)
    while value > high:
        low, high = high, high * next(times)
    return low, high


def _in_words(low: float, high: float, *, whole: bool) -> str:
    if not high:
        return "0"
    if whole:
        return f"{high:,.0f}" if low + 1 == high else f"{low + 1:,.0f} to {high:,.0f}"
    return f"{low:,.0f} to {high:,.0f}" if low else f"up to {high:,.0f}"
