"""Amounts per person: means with intervals, differences after Welch, and less noise by a covariate.

Sources: Welch 1947 (unequal variances, Satterthwaite's degrees of freedom); Deng, Xu, Kohavi & Walker 2013 (CUPED:
``Y - theta (X - mean X)`` with ``theta = cov(X, Y) / var(X)``, X measured before the exposure).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from segmenter.lift.rates import Interval

CUT = 0.999
"""Amounts above this quantile are cut to it, so that one order decides nothing."""

LEAST = 2  # values from which a variance can be told


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many people, and the sums that a mean and its variance need.

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


def amounts(values: np.ndarray) -> Amounts:
    """Return the sufficient statistics of *values* (shape ``(people,)``)."""
    return Amounts(len(values), float(values.sum()), float((values**2).sum()))


def cut(values: np.ndarray, *, share: float = CUT) -> np.ndarray:
    """Return *values* with all above their quantile *share* cut to it; both groups together, before they are compared."""
    return np.minimum(values, np.quantile(values, share)) if len(values) else values


def welch(treated: Amounts, control: Amounts, *, level: float = 0.95) -> Interval:
    """Return the interval of ``treated.mean - control.mean`` for groups of unequal variance.

    Where a group has fewer than two people or nobody's amount differs, nothing can be told: minus to plus infinity.
    """
    from scipy.stats import t  # noqa: PLC0415 - half a second that a command without amounts need not wait

    one, two = _error(treated), _error(control)
    if min(treated.people, control.people) < LEAST or one + two <= 0.0:
        return Interval(float("-inf"), float("inf"))
    freedom = (one + two) ** 2 / (one**2 / (treated.people - 1) + two**2 / (control.people - 1))
    half = float(t.ppf(0.5 + level / 2, freedom)) * sqrt(one + two)
    difference = treated.mean - control.mean
    return Interval(difference - half, difference + half)


def _error(group: Amounts) -> float:
    """Squared standard error of a group's mean."""
    return group.variance / group.people if group.people else 0.0


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Outcomes after CUPED, in the order of the people, and how much of the variance went.

    Attributes:
        values: Shape ``(people,)``.
        theta: The slope that was taken off.
        less: Share of the variance that went, 0 to 1: the squared correlation of outcome and covariate.
    """

    values: np.ndarray
    theta: float
    less: float


def cuped(outcome: np.ndarray, before: np.ndarray) -> Adjusted:
    """Take off *outcome* what *before*, measured before anybody was mailed, tells already.

    Args:
        outcome: Shape ``(people,)``: all arms together, so that one slope serves all.
        before: The same shape; a person without a value counts as average.
    """
    known = np.where(np.isnan(before), np.nanmean(before) if not np.isnan(before).all() else 0.0, before)
    variance = float(known.var())
    if len(outcome) < LEAST or variance <= 0.0 or float(outcome.var()) <= 0.0:
        return Adjusted(outcome.astype(float), 0.0, 0.0)
    covariance = float(((outcome - outcome.mean()) * (known - known.mean())).mean())
    theta = covariance / variance
    return Adjusted(outcome - theta * (known - known.mean()), theta, covariance**2 / (variance * float(outcome.var())))
