"""Group tests: all groups at once (chi-squared, Kruskal-Wallis), and one group against the rest.

Categories by chi-squared (Fisher's exact test where a two-by-two table is thin), numbers by ranks: Kruskal & Wallis
1952 over all groups, Mann & Whitney 1947 for one. Both are corrected for ties, and need one ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.item_matrix import Labels, Matrix

EXPECTED = 5  # people in each cell, from which chi-squared is good for a two-by-two table (Cochran 1954)


@dataclass(frozen=True, slots=True)
class GroupTest:
    """A test over all groups; NaN where there is nothing to compare."""

    name: str
    statistic: float
    p: float


def contingency(codes: Labels, labels: Labels, groups: int, values: int, counts: Matrix | None = None) -> Matrix:
    """Return people by group (rows) and value (columns); a code below 0 is unknown and counts nowhere.

    Args:
        codes: (people,) the value of each.
        labels: (people,) the group of each.
        groups: Number of groups.
        values: Number of values.
        counts: (people,) how many each counts as; None: everybody once.

    Returns:
        Counts, (groups, values).
    """
    known = codes >= 0
    own = None if counts is None else counts[known]
    flat = np.bincount(labels[known] * values + codes[known], own, minlength=groups * values)
    return flat.reshape(groups, values).astype(np.float64)


def chi_squared(table: Matrix) -> GroupTest:
    """Test whether the rows of a table of counts have the same shares. Empty rows and columns count nowhere.

    Returns:
        Pearson's statistic without a continuity correction and its p; both NaN where there is nothing to compare.
    """
    from scipy.stats import chi2_contingency  # noqa: PLC0415 - only where people are described

    table = table[table.sum(axis=1) > 0]
    table = table[:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:  # noqa: PLR2004 - nothing to compare
        return GroupTest("chi-squared", float("nan"), float("nan"))
    result = chi2_contingency(table, correction=False)
    return GroupTest("chi-squared", float(result.statistic), float(result.pvalue))


def against_rest(table: Matrix) -> Matrix:
    """Return for each cell of a table of counts the p that the row has the value as often as all other rows together.

    Returns:
        Two-sided, of the shape of *table*; 1 where a row is empty, or is everybody.
    """
    from scipy.stats import chi2  # noqa: PLC0415

    rows, columns, all_of_it = table.sum(axis=1, keepdims=True), table.sum(axis=0), table.sum()
    rest = all_of_it - rows
    with np.errstate(divide="ignore", invalid="ignore"):
        cross = table * (rest - columns + table) - (rows - table) * (columns - table)
        statistic = all_of_it * cross**2 / (rows * rest * columns * (all_of_it - columns))
        thin = np.minimum(rows, rest) * np.minimum(columns, all_of_it - columns) / all_of_it < EXPECTED
    p: Matrix = np.where(np.isfinite(statistic), chi2.sf(statistic, 1), 1.0)
    for row, column in np.argwhere(thin & np.isfinite(statistic)):
        p[row, column] = _fisher(table[row, column], rows[row, 0], columns[column], all_of_it)
    return p


def _fisher(both: float, row: float, column: float, everybody: float) -> float:
    from scipy.stats import fisher_exact  # noqa: PLC0415

    a, b, c = int(both), int(row - both), int(column - both)
    return float(fisher_exact([[a, b], [c, int(everybody) - a - b - c]]).pvalue)


@dataclass(frozen=True, slots=True)
class RankedValues:
    """Numbers of several groups, ranked together.

    Attributes:
        test: Kruskal-Wallis over all groups.
        people: Known values of each group; of people with counts their sum.
        effect: Cliff's delta of each group against the rest: P(higher) - P(lower) of a pair; NaN for an empty one.
        p: Mann-Whitney of each group against the rest, two-sided.
    """

    test: GroupTest
    people: Matrix
    effect: Matrix
    p: Matrix


def rank_column(column: NDArray[np.float64], labels: Labels, groups: int, counts: Matrix | None = None) -> RankedValues:
    """Rank a column over all *groups*; NaN is unknown.

    Args:
        column: (people,) numbers.
        labels: (people,) the group of each, 0 to *groups* - 1.
        groups: Number of groups.
        counts: (people,) how many each counts as; None: everybody once.

    Returns:
        Kruskal-Wallis over all groups; by group the people, Cliff's delta (-1 to 1) and p against all
        others.
    """
    from scipy.stats import chi2, norm  # noqa: PLC0415

    known = ~np.isnan(column)
    values, own = column[known], labels[known]
    each = np.ones(len(values)) if counts is None else counts[known]
    people = np.bincount(own, each, minlength=groups).astype(np.float64)
    n, there = float(each.sum()), people > 0
    if there.sum() < 2 or np.ptp(values) == 0:  # noqa: PLR2004 - nothing to compare
        nothing = np.full(groups, np.nan)
        return RankedValues(GroupTest("Kruskal-Wallis", float("nan"), float("nan")), people, nothing, np.ones(groups))
    place = np.unique(values, return_inverse=True)[1].reshape(-1)
    ties = np.bincount(place, each)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]  # the middle of those who share a value
    sums = np.bincount(own, weights=each * ranks, minlength=groups)
    tied = float((ties**3 - ties).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(there, sums**2 / people, 0.0).sum()
        statistic = (12 / (n * (n + 1)) * squares - 3 * (n + 1)) / (1 - tied / (n**3 - n))
        others = n - people
        above = sums - people * (people + 1) / 2
        spread = np.sqrt(people * others / 12 * (n + 1 - tied / (n * (n - 1))))
        # half a pair towards the middle, as the statistic counts in halves and the normal does not
        z = np.maximum(np.abs(above - people * others / 2) - 0.5, 0) / spread
        effect = 2 * above / (people * others) - 1
    p = np.where(np.isfinite(z), 2 * norm.sf(z), 1.0)
    test = GroupTest("Kruskal-Wallis", float(statistic), float(chi2.sf(statistic, there.sum() - 1)))
    return RankedValues(test, people, effect, p)


def adjusted(p: Sequence[float]) -> Sequence[float]:
    """Return *p* after Benjamini & Hochberg 1995.

    Returns:
        q values in the same order: the false discovery rate at which each would stand.
    """
    from scipy.stats import false_discovery_control  # noqa: PLC0415

    return [float(q) for q in false_discovery_control(p)] if len(p) else []
