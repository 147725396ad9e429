"""Power analysis: sample size, and minimum detectable effect.

Source: the normal approximation for two independent proportions without pooling,
``n = (z_(1-a/2) + z_power)^2 (p0 (1 - p0) + p1 (1 - p1)) / (p1 - p0)^2`` per arm (SCIENCE: size).
"""

from __future__ import annotations

from math import ceil
from statistics import NormalDist

from segmenter.stats.proportions import Responses

POWER = 0.8
FALSE_ALARM = 0.05
STEPS = 60  # halvings: far below a millionth of a point


def people_needed(base: float, rate: float, *, power: float = POWER, false_alarm: float = FALSE_ALARM) -> int:
    """Return the people per arm that show a move from rate *base* to *rate* in *power* of all tests.

    Args:
        base: Rate without the treatment, 0 to 1.
        rate: Rate with it, 0 to 1.
        power: Chance to detect the difference.
        false_alarm: Two-sided level of the test.

    Returns:
        Contacts per variant, rounded up.

    Raises:
        ValueError: A rate is none, or both are the same: no number of people shows that.
    """
    if not (0 <= base <= 1 and 0 <= rate <= 1) or base == rate:
        raise ValueError(f"{base} to {rate} is not a detectable difference of rates")
    spread = base * (1 - base) + rate * (1 - rate)
    return ceil(_factor(power, false_alarm) * spread / (rate - base) ** 2 - 1e-9)


def least_lift(
    base: float, treated: int, control: int, *, power: float = POWER, false_alarm: float = FALSE_ALARM
) -> float | None:
    """Return the least rise over *base* that arms of these sizes show in *power* of all tests.

    Args:
        base: Rate without the treatment, 0 to 1.
        treated: People with it.
        control: People without.
        power: Chance to detect the difference.
        false_alarm: Two-sided level of the test.

    Returns:
        A difference of rates; None where even a rise to 100% would not show.
    """
    factor = _factor(power, false_alarm)

    def shows(lift: float) -> bool:
        rate = base + lift
        variance = base * (1 - base) / control + rate * (1 - rate) / treated
        return lift * lift >= factor * variance

    if treated <= 0 or control <= 0 or not shows(1 - base):
        return None
    low, high = 0.0, 1 - base
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high


def sample_size(base: float, mde: float) -> int:
    """Return the people per arm that a rise of *mde* over *base* needs: what a plan says, and a result compares with.

    Args:
        base: Rate without the treatment, 0 to 1.
        mde: Minimum detectable effect, as a difference of rates.

    Returns:
        Contacts per variant, rounded up.
    """
    base = min(base, 1 - mde)
    return people_needed(base, base + mde)


def more_needed(treated: Responses, control: Responses, *, mde: float, base: float | None = None) -> int:
    """Return how many people per arm are missing of `sample_size`.

    0 where there are enough.

    Args:
        treated: People with the treatment, and those who responded.
        control: People without.
        mde: Minimum detectable effect, as a difference of rates.
        base: The rate that the sample size was planned with; None: the control's.

    Returns:
        People in each arm, besides those of the smaller one.
    """
    rate = max(control.rate, 1 / (control.people + 1)) if base is None else base
    return max(0, sample_size(rate, mde) - min(treated.people, control.people))


def _factor(power: float, false_alarm: float) -> float:
    normal = NormalDist()
    return (normal.inv_cdf(1 - false_alarm / 2) + normal.inv_cdf(power)) ** 2
