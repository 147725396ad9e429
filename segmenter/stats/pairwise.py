"""PairResult of two groups by what is known of each: column proportions, means, effect sizes, corrected p-values.

Groups come as sufficient statistics, their size as the effective one: with weights w it is ``(sum w)^2 / sum w^2``
(Kish 1965, Survey Sampling, section 11.7), without them the number of people. Tests: z with the pooled proportion; t of
Welch 1947. Effect sizes: Cohen 1988, Statistical Power Analysis (h in 6.2, d in 2.2, V from w in 7.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, erfc, isfinite, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.weighted import effective_size

Correction = Literal["none", "holm", "bonferroni", "fdr"]
CORRECTIONS: Sequence[Correction] = ("holm", "bonferroni", "fdr", "none")
NO_ANSWER_TO = float("nan")


@dataclass(frozen=True, slots=True)
class SampleBase:
    """How many people a figure rests on.

    Attributes:
        people: With a weight above 0.
        weighted: Sum of their weights.
        effective: Size of a sample without weights that would be as exact (Kish).
    """

    people: int
    weighted: float
    effective: float

    @property
    def design_effect(self) -> float:
        """How many times larger weights make the variance; 1 without people."""
        return self.people / self.effective if self.effective else 1.0


@dataclass(frozen=True, slots=True)
class GroupMoments:
    """Mean and standard deviation of a group (ddof 1 of the effective size), and that size."""

    mean: float
    deviation: float
    effective: float


@dataclass(frozen=True, slots=True)
class PairResult:
    """A test of two groups: statistic (z or t), two-sided p, and effect size (h or d); NaN where there is no answer."""

    statistic: float
    p: float
    effect: float


def sample_of(weights: NDArray[np.float64]) -> SampleBase:
    """Return how many people the *weights* stand for; all of them at least 0.

    Returns:
        Their number, weight and effective number; 0 for nobody.
    """
    return SampleBase(int((weights > 0).sum()), float(weights.sum()), effective_size(weights))


def group_moments(values: NDArray[np.float64], weights: NDArray[np.float64]) -> GroupMoments:
    """Return mean and standard deviation of a group.

    Args:
        values: (people,) none of them NaN.
        weights: (people,) at least 0.

    Returns:
        NaN for nobody; a deviation of NaN for an effective size of 1.
    """
    sample = sample_of(weights)
    if not sample.people:
        return GroupMoments(NO_ANSWER_TO, NO_ANSWER_TO, 0.0)
    mean = float(np.average(values, weights=weights))
    spread = float(np.average((values - mean) ** 2, weights=weights))
    n = sample.effective
    deviation = sqrt(max(spread, 0.0) * n / (n - 1)) if n > 1 + 1e-9 else NO_ANSWER_TO
    return GroupMoments(mean, deviation, n)


def compare_proportions(first: float, n_first: float, second: float, n_second: float) -> PairResult:
    """Test whether two independent shares differ: z with the pooled share.

    Args:
        first: Share, 0 to 1.
        n_first: Effective size of its group.
        second: The other share.
        n_second: Effective size of the other group.

    Returns:
        Statistic above 0 where the first is larger, and Cohen's h; NaN where a group is empty, or all said the same.
    """
    effect = cohens_h(first, second)
    if min(n_first, n_second) <= 0:
        return PairResult(NO_ANSWER_TO, NO_ANSWER_TO, NO_ANSWER_TO)
    pooled = (first * n_first + second * n_second) / (n_first + n_second)
    variance = pooled * (1 - pooled) * (1 / n_first + 1 / n_second)
    if variance <= 1e-15:  # noqa: PLR2004 - all of both said the same, but for rounding
        return PairResult(NO_ANSWER_TO, NO_ANSWER_TO, effect)
    z = (first - second) / sqrt(variance)
    return PairResult(z, erfc(abs(z) / sqrt(2)), effect)


def compare_means(first: GroupMoments, second: GroupMoments) -> PairResult:
    """Test whether two means differ: Welch's t, degrees of freedom by Satterthwaite.

    Args:
        first: Mean, deviation and effective size.
        second: The other group's.

    Returns:
        Statistic above 0 where the first is larger, and Cohen's d (pooled deviation); NaN where a group has fewer than
        two people, or nobody in either differs.
    """
    n, m = first.effective, second.effective
    if not (isfinite(first.deviation) and isfinite(second.deviation)):
        return PairResult(NO_ANSWER_TO, NO_ANSWER_TO, NO_ANSWER_TO)
    own, other = first.deviation**2 / n, second.deviation**2 / m
    if own + other <= 0:
        return PairResult(NO_ANSWER_TO, NO_ANSWER_TO, NO_ANSWER_TO)
    from scipy.stats import t  # noqa: PLC0415 - half a second that a command without means need not wait

    freedom = (own + other) ** 2 / (own**2 / (n - 1) + other**2 / (m - 1))
    statistic = (first.mean - second.mean) / sqrt(own + other)
    pooled = sqrt(((n - 1) * first.deviation**2 + (m - 1) * second.deviation**2) / (n + m - 2))
    return PairResult(statistic, float(2 * t.sf(abs(statistic), freedom)), (first.mean - second.mean) / pooled)


def cohens_h(first: float, second: float) -> float:
    """Return Cohen's h of two shares: ``2 asin sqrt p1 - 2 asin sqrt p2``; .2 is small, .5 medium, .8 large."""
    return 2 * asin(sqrt(min(max(first, 0.0), 1.0))) - 2 * asin(sqrt(min(max(second, 0.0), 1.0)))


def cramers_v(chi_squared: float, n: float, rows: int, columns: int) -> float:
    """Return Cramér's V of a table of counts.

    Args:
        chi_squared: Pearson's statistic of the table.
        n: People in it.
        rows: That have anybody.
        columns: That have anybody.

    Returns:
        0 to 1; NaN for fewer than two rows or columns.
    """
    free = min(rows, columns) - 1
    return sqrt(chi_squared / (n * free)) if free > 0 and n > 0 and isfinite(chi_squared) else NO_ANSWER_TO


def corrected_p(p_values: Sequence[float], correction: Correction) -> list[float]:
    """Return *p_values* corrected for how many there are; NaN (not tested) stays NaN and counts nowhere.

    Args:
        p_values: Of one family of tests.
        correction: ``holm`` (Holm 1979) and ``bonferroni`` keep the chance of one false finding, ``fdr`` (Benjamini &
            Hochberg 1995) the share of false ones among the findings; ``none`` changes nothing.

    Returns:
        One per test, in the same order, 1 at most.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if isfinite(p))
    many, adjusted = len(tested), [NO_ANSWER_TO] * len(p_values)
    factors = {
        "none": [1.0] * many,
        "bonferroni": [float(many)] * many,
        "holm": [float(many - rank) for rank in range(many)],
        "fdr": [many / (rank + 1) for rank in range(many)],
    }[correction]
    raised = np.array([p * factor for (p, _), factor in zip(tested, factors, strict=True)])
    if correction == "holm":
        raised = np.maximum.accumulate(raised)
    if correction == "fdr":
        raised = np.minimum.accumulate(raised[::-1])[::-1]
    for (_, place), p in zip(tested, raised, strict=True):
        adjusted[place] = min(1.0, float(p))
    return adjusted
