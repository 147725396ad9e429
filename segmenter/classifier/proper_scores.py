"""Proper scores (log score, Brier) of held-out probabilities against those of the segments' shares, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.proportions import Interval, Responses, wilson

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


def score_gain(model: Floats, shares: Floats, folds: int) -> ScoreGain:
    """Compare losses person by person, with an interval that knows that the folds' models share their training data.

    Nadeau & Bengio 2003, equation 9: the variance of one fold's mean times 1/K + test/training, here 1/(K - 1).
    That of a fold's mean is the variance between people over the people of a fold.

    Args:
        model: Loss of each held-out person.
        shares: Loss of the same people under the shares.
        folds: In how many folds they were held out; 2 or more.

    Returns:
        Means, and the interval of their difference.
    """
    difference = shares - model
    spread = float(difference.var(ddof=1)) / (len(difference) / folds) * (1 / folds + 1 / (folds - 1))
    gain, half = float(difference.mean()), TWO_SIDED * sqrt(spread)
    interval = Interval(gain - half, gain + half)
    return ScoreGain(float(model.mean()), float(shares.mean()), gain, interval)


@dataclass(frozen=True, slots=True)
class Band:
    """People of similar probability of one label.

    Attributes:
        people: How many.
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


def bands(likely: Floats, positive: NDArray[np.bool_]) -> tuple[Band, ...]:
    """Return `BANDS` bands of people by probability of one label, the highest first.

    Args:
        likely: Probability of the label, one a person.
        positive: Who has it.

    Returns:
        Bands of equal size, as far as whole people allow; empty ones are left out.
    """
    order = np.argsort(-likely, kind="stable")
    made = []
    for members in np.array_split(order, BANDS):
        if len(members):
            counted = Responses(len(members), int(positive[members].sum()))
            interval = wilson(counted, level=BAND_LEVEL)
            made.append(Band(len(members), float(likely[members].mean()), counted.rate, interval))
    return tuple(made)
