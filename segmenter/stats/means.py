"""Means per person: confidence intervals, Welch's test, CUPED variance reduction.

Sources: Welch 1947 (unequal variances, Satterthwaite's degrees of freedom); Deng, Xu, Kohavi & Walker 2013 (CUPED:
``Y - theta (X - mean X)`` with ``theta = cov(X, Y) / var(X)``, X measured before the exposure).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import sqrt
from operator import add

from segmenter.stats.proportions import Interval

LEAST = 2  # values from which a variance can be told


@dataclass(frozen=True, slots=True)
class Amounts:
    """Sufficient statistics of a mean and its variance.

    Attributes:
        people: Everybody who was looked at, those with nothing too.
        total: Sum of the amounts.
        squares: Sum of the squared amounts.
    """

    people: int
    total: float
    squares: float

    def __add__(self, other: Amounts) -> Amounts:
        """Pool two groups."""
        return Amounts(self.people + other.people, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Mean amount per person; 0 where there is nobody (ask `people` first)."""
        return self.total / self.people if self.people else 0.0

    @property
    def variance(self) -> float:
        """Sample variance of one person's amount; 0 below two people."""
        if self.people < LEAST:
            return 0.0
        return max(0.0, (self.squares - self.total * self.mean) / (self.people - 1))


def welch(treated: Amounts, control: Amounts, *, level: float = 0.95) -> Interval:
    """Return the interval of ``treated.mean - control.mean`` for groups of unequal variance.

    Where a group has fewer than two people or nobody's amount differs, nothing can be told: minus to plus infinity.

    Args:
        treated: People, sum and sum of squares of the treated.
        control: The same of those they are compared with.
        level: Coverage.

    Returns:
        In the unit of the amounts.
    """
    from scipy.special import stdtrit  # noqa: PLC0415 - scipy.stats would take half a second to import

    first, two = _error(treated), _error(control)
    if min(treated.people, control.people) < LEAST or first + two <= 0.0:
        return Interval(float("-inf"), float("inf"))
    freedom = (first + two) ** 2 / (first**2 / (treated.people - 1) + two**2 / (control.people - 1))
    half = float(stdtrit(freedom, 0.5 + level / 2)) * sqrt(first + two)
    difference = treated.mean - control.mean
    return Interval(difference - half, difference + half)


def welch_p(treated: Amounts, control: Amounts) -> float:
    """Return the two-sided p of equal means for groups of unequal variance; 1 where `welch` can tell nothing.

    Args:
        treated: People, sum and sum of squares of the treated.
        control: The same of those they are compared with.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - see above

    first, two = _error(treated), _error(control)
    if min(treated.people, control.people) < LEAST or first + two <= 0.0:
        return 1.0
    freedom = (first + two) ** 2 / (first**2 / (treated.people - 1) + two**2 / (control.people - 1))
    return float(2 * stdtr(freedom, -abs(treated.mean - control.mean) / sqrt(first + two)))


def _error(group: Amounts) -> float:
    """Squared standard error of a group's mean."""
    return group.variance / group.people if group.people else 0.0


@dataclass(frozen=True, slots=True)
class Paired:
    """An outcome and a covariate of the same people, as sums.

    Attributes:
        outcome: What they did after they were mailed.
        before: What they had done before anybody was mailed.
        products: Sum over people of outcome times covariate.
    """

    outcome: Amounts
    before: Amounts
    products: float

    def __add__(self, other: Paired) -> Paired:
        """Pool two groups."""
        return Paired(self.outcome + other.outcome, self.before + other.before, self.products + other.products)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Outcomes after CUPED.

    Attributes:
        groups: In the order given.
        theta: The slope that was taken off; one for all groups, so that it can't depend on the arm.
        less: Share of the variance that went, 0 to 1: the squared correlation of outcome and covariate.
    """

    groups: tuple[Amounts, ...]
    theta: float
    less: float


def cuped(groups: Sequence[Paired]) -> Adjusted:
    """Take off each group's outcomes what the covariate, measured before anybody was mailed, tells already.

    Returns:
        The groups in the same order, theta, and the share of variance that the covariate explains (0 to 1); unadjusted
        where it explains nothing.
    """
    pooled = reduce(add, groups)
    n, mean = pooled.outcome.people, pooled.before.mean
    spread, noise = pooled.before.variance, pooled.outcome.variance
    if n < LEAST or spread <= 0.0 or noise <= 0.0:
        return Adjusted(tuple(group.outcome for group in groups), 0.0, 0.0)
    covariance = (pooled.products - pooled.outcome.total * mean) / (n - 1)
    theta = covariance / spread
    return Adjusted(tuple(_without(group, theta, mean) for group in groups), theta, covariance**2 / (spread * noise))


def _without(group: Paired, theta: float, mean: float) -> Amounts:
    """The sums of ``y - theta (x - mean)``, from the sums of x and y."""
    y, x, n = group.outcome, group.before, group.outcome.people
    crossed = group.products - mean * y.total
    centred = x.squares - 2 * mean * x.total + n * mean * mean
    return Amounts(n, y.total - theta * (x.total - n * mean), y.squares - 2 * theta * crossed + theta**2 * centred)
