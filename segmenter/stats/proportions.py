"""Response rates: Wilson intervals, and Newcombe's interval of a difference.

Estimators see sufficient statistics, never rows. Sources: Wilson 1927 (interval of one proportion); Newcombe 1998,
method 10 (difference of two independent proportions from their Wilson intervals).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Responses:
    """People reached, and people who responded."""

    people: int
    converted: int

    def __post_init__(self) -> None:
        """Refuse what can't be counted."""
        if not 0 <= self.converted <= self.people:
            raise ValueError(f"{self.converted} of {self.people} people is not a valid count")

    def __add__(self, other: Responses) -> Responses:
        """Pool two groups."""
        return Responses(self.people + other.people, self.converted + other.converted)

    @property
    def rate(self) -> float:
        """Share of people who responded; 0 where nobody was reached (ask `people` first)."""
        return self.converted / self.people if self.people else 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """From *low* to *high*, both included."""

    low: float
    high: float


def wilson(responses: Responses, *, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a rate; 0 to 1 where nobody was reached.

    Args:
        responses: People, and how many of them responded.
        level: Coverage.

    Returns:
        Within 0 and 1.
    """
    return wilson_of_rate(responses.rate, responses.people, level=level)


def wilson_of_rate(rate: float, people: float, *, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a rate that is not of whole people, such as a weighted one.

    Args:
        rate: 0 to 1.
        people: How many tell it; with weights their effective number (Kish 1965).
        level: Coverage.

    Returns:
        Within 0 and 1; all of it where there is nobody.
    """
    if people <= 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    n, p = people, rate
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # at the ends the formula is exactly 0 or 1, but for rounding
    return Interval(0.0 if p <= 0 else centre - half, 1.0 if p >= 1 else centre + half)


def newcombe(treated: Responses, control: Responses, *, level: float = 0.95) -> Interval:
    """Return the interval of ``treated.rate - control.rate`` (Newcombe's hybrid of two Wilson intervals).

    Args:
        treated: People with the treatment, and those who responded.
        control: People without.
        level: Coverage.

    Returns:
        Within -1 and 1; all of it where a group is empty.
    """
    if treated.people == 0 or control.people == 0:
        return Interval(-1.0, 1.0)
    first, two = wilson(treated, level=level), wilson(control, level=level)
    difference = treated.rate - control.rate
    low = difference - sqrt((treated.rate - first.low) ** 2 + (two.high - control.rate) ** 2)
    high = difference + sqrt((first.high - treated.rate) ** 2 + (control.rate - two.low) ** 2)
    return Interval(low, high)
