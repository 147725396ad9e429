"""Proper scores (log score, Brier) of held-out probabilities against those of the segments' shares, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.proportions import Interval, wilson_of_rate
from segmenter.stats.weighted import effective_size, mean_of, mean_variance

BANDS = 5
BAND_LEVEL = 0.99  # of each band's interval: 95% for five bands together
TWO_SIDED = 1.959964  # of a 95% interval
LEAST_LIKELY = 1e-15  # a probability of 0 for what happened counts as this

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ScoreGain:
    """How much less a model loses than the segments' shares do.

    Attributes:
        model: Mean loss of a held-out person; smaller is better.
        shares: The same, where everybody gets the shares as probabilities.
        gain: Mean of the shares' loss minus the model's.
        interval: 95% interval of it.
    """

    model: float
    shares: float
    gain: float
    interval: Interval

    @property
    def relative(self) -> float:
        """The gain as a share of what the shares lose."""
        return self.gain / self.shares if self.shares else 0.0

    @property
    def better(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.interval.low > 0

    @property
    def worse(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.interval.high < 0


def log_losses(likely: Floats, truth: Places) -> Floats:
    """Return -ln of the probability of each person's own label; shapes (people, labels) and (people,)."""
    own = likely[np.arange(len(truth)), truth]
    return np.asarray(-np.log(np.clip(own, LEAST_LIKELY, 1)), dtype=np.float64)


def brier_losses(likely: Floats, truth: Places) -> Floats:
    """Return each person's squared distance of the probabilities from the truth, summed over labels."""
    wanted = np.zeros_like(likely)
    wanted[np.arange(len(truth)), truth] = 1
    return np.asarray(((likely - wanted) ** 2).sum(axis=1), dtype=np.float64)


def score_gain(model: Floats, shares: Floats, folds: int, counts: Floats | None = None) -> ScoreGain:
    """Compare losses person by person, with an interval that knows that the folds' models share their training data.

    Nadeau & Bengio 2003, equation 9: the variance of one fold's mean times 1/K + test/training, here 1/(K - 1).
    That of a fold's mean is the variance between people over the people of a fold.

    Args:
        model: Loss of each held-out person.
        shares: Loss of the same people under the shares.
        folds: In how many folds they were held out; 2 or more.
        counts: (people,) how many each counts as, by the weights; None: once. Their effective number then tells.

    Returns:
        Means, and the interval of their difference.
    """
    difference = shares - model
    if counts is None:
        spread = float(difference.var(ddof=1)) / (len(difference) / folds) * (1 / folds + 1 / (folds - 1))
    else:
        spread = mean_variance(difference, counts) * folds * (1 / folds + 1 / (folds - 1))
    gain, half = mean_of(difference, counts), TWO_SIDED * sqrt(spread)
    interval = Interval(gain - half, gain + half)
    return ScoreGain(mean_of(model, counts), mean_of(shares, counts), gain, interval)


@dataclass(frozen=True, slots=True)
class Band:
    """People of similar probability of one label.

    Attributes:
        people: How many. With weights *said* and *true* are of the population, the interval of the effective number.
        said: Their mean probability.
        true: Share who have the label.
        interval: 99% Wilson interval of it.
    """

    people: int
    said: float
    true: float
    interval: Interval

    def misses(self, tolerance: float) -> bool:
        """Whether the probability is outside the interval, and wrong by more than *tolerance* of the true rate."""
        inside = self.interval.low <= self.said <= self.interval.high
        return not inside and abs(self.said - self.true) > tolerance * self.true


def bands(likely: Floats, positive: NDArray[np.bool_], counts: Floats | None = None) -> tuple[Band, ...]:
    """Return `BANDS` bands of people by probability of one label, the highest first.

    Args:
        likely: Probability of the label, one a person.
        positive: Who has it.
        counts: (people,) how many each counts as, by the weights; None: once.

    Returns:
        Bands of equal size (with *counts* of equal shares of the population), as far as whole people allow; empty ones
        are left out.
    """
    order = np.argsort(-likely, kind="stable")
    made = []
    for members in _fifths(order, counts):
        if len(members):
            own = None if counts is None else counts[members]
            true, n = mean_of(positive[members], own), float(len(members)) if own is None else effective_size(own)
            interval = wilson_of_rate(true, n, level=BAND_LEVEL)
            made.append(Band(len(members), mean_of(likely[members], own), true, interval))
    return tuple(made)


def _fifths(order: Places, counts: Floats | None) -> list[Places]:
    """*order* in `BANDS` parts; with *counts* each person is in the part that their middle falls into."""
    if counts is None:
        return np.array_split(order, BANDS)
    own = counts[order]
    place = np.minimum((BANDS * (own.cumsum() - own / 2) / own.sum()).astype(int), BANDS - 1)
    return [order[place == band] for band in range(BANDS)]
