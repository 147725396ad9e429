"""Confidence intervals of an index (ratio of shares) and of a median."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.proportions import Interval, Responses, wilson

BOTH_SIDES = 0.975


def index(here: Responses, rest: Responses) -> float:
    """Return 100 p_jv / p_v: the share in the group, as a percentage of the share in all (the group among them).

    Args:
        here: The group: people of whom it is known, and those who have it.
        rest: Everybody else.

    Returns:
        100 is the average; infinite where nobody has the property.
    """
    everybody = (here + rest).rate
    return 100 * here.rate / everybody if everybody else inf


def index_interval(here: Responses, rest: Responses) -> Interval:
    """Return the 95% interval of `index`.

    The group is a part of all, so both shares move together. With w = the group's part of all,
    ``p_j / p = 1 / (w + (1 - w) / r)``, where r = p_j / p_rest is a ratio of two independent shares; it grows with r,
    so the interval of r becomes that of the index. That of r is put together from the Wilson intervals of both shares
    (Donner & Zou 2012, equation 9), so that it is defined where a share is 0 or 1, and honest there.

    Args:
        here: The group's people, and how many have the property.
        rest: Those of everybody outside the group.

    Returns:
        In percent of the average of all: an interval around 100 shows no difference.
    """
    low, high = _ratio(here, rest)
    part = here.people / (here.people + rest.people)
    return Interval(_as_index(low, part), _as_index(high, part))


def _as_index(ratio: float, part: float) -> float:
    return 100 / (part + (1 - part) / ratio) if ratio else 0.0


def _ratio(first: Responses, second: Responses) -> tuple[float, float]:
    p, q = first.rate, second.rate
    a, b = wilson(first), wilson(second)
    least, most = a.low * (2 * p - a.low), a.high * (2 * p - a.high)
    low = p * q + sqrt(max((p * q) ** 2 - least * b.high * (2 * q - b.high), 0.0))
    high = b.low * (2 * q - b.low)
    return (
        least / low if low else 0.0,
        (p * q + sqrt(max((p * q) ** 2 - most * high, 0.0))) / high if high else inf,
    )


def median_interval(values: NDArray[np.float64]) -> Interval:
    """Return an interval that holds the median with at least 95%, whatever the distribution; without NaN, not empty.

    Order statistics: of n values as many lie below the median as heads fall in n throws (Conover 1999, 3.2). Below six
    people no two values are sure enough: it is all there is.

    Returns:
        Two of the values, the lower one first.
    """
    from scipy.stats import binom  # noqa: PLC0415 - heavy, and only where people are described

    ordered = np.sort(values)
    n = len(ordered)
    outside = max(int(binom.ppf(1 - BOTH_SIDES, n, 0.5)), 1)
    return Interval(float(ordered[outside - 1]), float(ordered[n - outside]))
