"""Hold-out forecast: what the value model said of a time that it did not see, beside what came."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.proportions import Interval

Array = NDArray[np.float64]
TENTHS = 10
TWO_SIDED, OF_TENTHS = 1.959964, 2.807034  # normal quantiles: 95%, and 99.5% (ten tenths at 5% together)
TOTAL_OFF, TENTH_OFF = 0.1, 0.25  # share of what came, from which a forecast misses (our judgement)
FEWEST = 0.05  # orders a buyer: a tenth that is off by less than that hurts nobody


@dataclass(frozen=True, slots=True)
class Tenth:
    """A tenth of the buyers, by their forecast.

    Attributes:
        buyers: How many.
        forecast: Mean orders that were forecast.
        came: Mean orders that came.
        interval: 99.5% interval of *came*.
    """

    buyers: int
    forecast: float
    came: float
    interval: Interval

    @property
    def misses(self) -> bool:
        """Whether the forecast is off by more than chance, and by more than a quarter of what came."""
        off = abs(self.forecast - self.came)
        return not self.interval.low <= self.forecast <= self.interval.high and off > max(TENTH_OFF * self.came, FEWEST)


@dataclass(frozen=True, slots=True)
class Holdout:
    """Forecast and truth of the same buyers.

    Attributes:
        buyers: How many.
        forecast: All orders that were forecast.
        came: All orders that came.
        error: forecast / came - 1; infinite where none came.
        interval: 95% interval of *error*, over buyers.
        mean_error: Mean absolute error of a buyer, in orders.
        tenths: By forecast, the lowest first.
    """

    buyers: int
    forecast: float
    came: float
    error: float
    interval: Interval
    mean_error: float
    tenths: tuple[Tenth, ...]

    @property
    def misses_total(self) -> bool:
        """Whether the total is off by more than a tenth, and by more than chance."""
        return abs(self.error) > TOTAL_OFF and not self.interval.low <= 0 <= self.interval.high

    @property
    def misses(self) -> bool:
        """Whether the total or a tenth misses."""
        return self.misses_total or any(tenth.misses for tenth in self.tenths)


def holdout(forecast: Array, came: Array) -> Holdout:
    """Compare a forecast with what came.

    The interval of the ratio is that of the delta method, by the standard error of forecast - ratio * came over buyers.

    Args:
        forecast: Orders of each buyer, as the model said.
        came: Orders of the same buyers, as they came.

    Returns:
        Error in total, of a buyer, and by tenth of the forecast.
    """
    people, total = len(forecast), float(came.sum())
    ratio = float(forecast.sum()) / total if total else float("inf")
    if total and people > 1:
        half = TWO_SIDED * float((forecast - ratio * came).std(ddof=1)) * sqrt(people) / total
        interval = Interval(ratio - 1 - half, ratio - 1 + half)
    else:
        interval = Interval(-1.0, float("inf"))
    tenths = tuple(_tenth(forecast[members], came[members]) for members in _by_size(forecast) if len(members))
    error = float(np.abs(forecast - came).mean()) if people else 0.0
    return Holdout(people, float(forecast.sum()), total, ratio - 1, interval, error, tenths)


def _by_size(forecast: Array) -> list[NDArray[np.intp]]:
    return np.array_split(np.argsort(forecast, kind="stable"), TENTHS)


def _tenth(forecast: Array, came: Array) -> Tenth:
    mean = float(came.mean())
    # where hardly anybody ordered, the spread that was seen may be 0: a count is Poisson at least
    spread = max(float(came.var(ddof=1)) if len(came) > 1 else 0.0, mean, 1 / len(came))
    half = OF_TENTHS * sqrt(spread / len(came))
    return Tenth(len(came), float(forecast.mean()), mean, Interval(max(mean - half, 0.0), mean + half))
