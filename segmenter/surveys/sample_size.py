"""Sample sizes of surveys: margins of error, differences between segments, finite populations.

Sources: Cochran 1977, Sampling Techniques, 4.4 (share) and 4.2 (finite population); Krejcie & Morgan 1970 is the same
formula with chi-squared; a difference of shares as in `segmenter.stats.power`, of means by the noncentral t (Cohen
1988).
"""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist

LEVEL, POWER = 0.95, 0.8
CLOSE = 1e-9


def margin_of_error(
    share: float, people: float, *, level: float = LEVEL, population: int | None = None, design_effect: float = 1.0
) -> float:
    """Return half the width of a share's confidence interval.

    Args:
        share: The expected share; 0.5 is the worst case.
        people: Who answer.
        level: Of confidence.
        population: Of how many people they are a sample; None: of far more.
        design_effect: How much weights enlarge the variance.

    Returns:
        As a share; 0 where everybody answered, 1 where nobody did.
    """
    if people <= 0:
        return 1.0
    variance = share * (1 - share) * design_effect / people
    if population is not None:
        variance *= max(population - people, 0) / max(population - 1, 1)
    return _z(level) * sqrt(variance)


def respondents_for_margin(
    margin: float,
    *,
    share: float = 0.5,
    level: float = LEVEL,
    population: int | None = None,
    design_effect: float = 1.0,
) -> int:
    """Return how many people must answer so that the margin of error is at most *margin*.

    Args:
        margin: As a share, above 0.
        share: The expected share.
        level: Of confidence.
        population: Of how many people; None: of far more.
        design_effect: How much weights enlarge the variance.

    Returns:
        Rounded up; at most the population.
    """
    many = _z(level) ** 2 * share * (1 - share) / margin**2 * design_effect
    if population is None:
        return max(1, ceil(many - CLOSE))
    return min(population, max(1, ceil(many / (1 + (many - 1) / population) - CLOSE)))


def respondents_for_difference(
    first: float,
    second: float,
    parts: tuple[float, float],
    *,
    level: float = LEVEL,
    power: float = POWER,
    design_effect: float = 1.0,
) -> int:
    """Return how many people must answer so that two segments' shares are told apart.

    Args:
        first: Share in one segment.
        second: Share in the other.
        parts: Of all who answer, those in either segment.
        level: One less the two-sided false alarm rate.
        power: Chance to detect the difference.
        design_effect: How much weights enlarge the variance.

    Returns:
        Respondents in all segments, rounded up.
    """
    spread = first * (1 - first) / parts[0] + second * (1 - second) / parts[1]
    return ceil((_z(level) + NormalDist().inv_cdf(power)) ** 2 * spread / (first - second) ** 2 * design_effect - CLOSE)


def power_of_difference(first: float, second: float, people: tuple[float, float], *, level: float = LEVEL) -> float:
    """Return the chance that a difference of two segments' shares is found significant.

    Args:
        first: Share in one segment.
        second: Share in the other.
        people: In either segment, effective.
        level: One less the two-sided false alarm rate.
    """
    error = sqrt(first * (1 - first) / people[0] + second * (1 - second) / people[1])
    if error == 0:
        return 1.0
    z, distance = _z(level), abs(first - second) / error
    return NormalDist().cdf(distance - z) + NormalDist().cdf(-distance - z)


def respondents_for_effect(
    effect: float,
    parts: tuple[float, float],
    *,
    level: float = LEVEL,
    power: float = POWER,
    design_effect: float = 1.0,
) -> int:
    """Return how many people must answer so that two segments' means are told apart, by the t test.

    Args:
        effect: Difference of the means in standard deviations (Cohen's d), not 0.
        parts: Of all who answer, those in either segment.
        level: One less the two-sided false alarm rate.
        power: Chance to detect the difference.
        design_effect: How much weights enlarge the variance.

    Returns:
        Respondents in all segments, rounded up.
    """
    factor = (_z(level) + NormalDist().inv_cdf(power)) ** 2  # of the normal, which needs a few people fewer than t
    many = factor * (1 / parts[0] + 1 / parts[1]) / effect**2 * design_effect
    low, high = 1, ceil(2 * many + 20 * design_effect / min(parts))
    while low < high:
        middle = (low + high) // 2
        sizes = (middle * parts[0] / design_effect, middle * parts[1] / design_effect)
        low, high = (low, middle) if power_of_effect(effect, sizes, level=level) >= power else (middle + 1, high)
    return high


def power_of_effect(effect: float, people: tuple[float, float], *, level: float = LEVEL) -> float:
    """Return the chance that a difference of two segments' means is found significant, by the t test.

    Args:
        effect: Difference in standard deviations.
        people: In either segment, effective.
        level: One less the two-sided false alarm rate.
    """
    from scipy.stats import nct, t  # noqa: PLC0415 - only where means are planned

    n, m = people
    freedom = n + m - 2
    if freedom <= 0:
        return 0.0
    apart = abs(effect) / sqrt(1 / n + 1 / m)
    limit = float(t.ppf(0.5 + level / 2, freedom))
    return float(nct.sf(limit, freedom, apart))  # the other tail is far off


def level_of_pairs(segments: int, level: float) -> float:
    """Return the level for one of all pairs of *segments*, so that all together keep *level* (Bonferroni)."""
    return 1 - (1 - level) / max(1, segments * (segments - 1) // 2)


def _z(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)
