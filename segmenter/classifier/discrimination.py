"""How well a score tells people with an outcome from those without: AUC with its interval, and the gain curve."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.proportions import Interval
from segmenter.stats.weighted import mean_of, mean_variance

TOPS = (0.05, 0.1, 0.2, 0.3, 0.5)  # shares of people, best first
LEVEL = 1.959964  # of a 95% interval

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Ranking:
    """How well a score ranks people by one label.

    Attributes:
        auc: Chance that somebody with the label scores higher than somebody without; .5 is chance.
        interval: 95% interval of it.
    """

    auc: float
    interval: Interval

    @property
    def beats_chance(self) -> bool:
        """Whether the whole interval lies above one half."""
        return self.interval.low > 0.5  # noqa: PLR2004 - chance


@dataclass(frozen=True, slots=True)
class GainPoint:
    """A point of the gain curve.

    Attributes:
        top: Share of people, the highest scores first.
        reached: Share of all who have the label that is among them.
        rate: Share of these people who have the label.
    """

    top: float
    reached: float
    rate: float


def ranking(score: Floats, positive: Flags, counts: Floats | None = None) -> Ranking:
    """Return the area under the ROC curve with the interval of DeLong, DeLong & Clarke-Pearson 1988.

    The variance comes from each person's placement: the share of the other group below it (ties count half).

    Args:
        score: One a person; larger means likelier.
        positive: Who has the label.
        counts: (people,) how many each counts as, by the weights; None: once. The variance is then that of as many
            people as the effective size of each group (Kish 1965).

    Returns:
        .5 with the interval 0 to 1 where one of the groups has fewer than two people.
    """
    with_label, without = score[positive], score[~positive]
    if min(len(with_label), len(without)) < 2:  # noqa: PLR2004 - one value has no variance
        return Ranking(0.5, Interval(0.0, 1.0))
    own, others = (None, None) if counts is None else (counts[positive], counts[~positive])
    above = _placements(with_label, without, others)
    below = 1 - _placements(without, with_label, own)
    auc = mean_of(above, own)
    half = LEVEL * sqrt(mean_variance(above, own) + mean_variance(below, others))
    return Ranking(auc, Interval(max(auc - half, 0.0), min(auc + half, 1.0)))


def _placements(values: Floats, others: Floats, counts: Floats | None) -> Floats:
    """Share of *others*, each counted *counts* times, that each value stands above; equal ones count half."""
    if counts is not None:
        order = np.argsort(others, kind="stable")
        reached = np.concatenate([[0.0], counts[order].cumsum()])
        ends = (np.searchsorted(others[order], values, side=side) for side in ("left", "right"))
        return np.asarray(sum(reached[end] for end in ends) / (2 * reached[-1]), dtype=np.float64)
    ordered = np.sort(others)
    lower = np.searchsorted(ordered, values, side="left")
    equal = np.searchsorted(ordered, values, side="right") - lower
    return np.asarray((lower + 0.5 * equal) / len(others), dtype=np.float64)


def gain_curve(score: Floats, positive: Flags, counts: Floats | None = None) -> tuple[GainPoint, ...]:
    """Return what share of the people with the label the highest scores hold.

    Args:
        score: One a person; people with equal scores share their places.
        positive: Who has the label.
        counts: (people,) how many each counts as, by the weights; None: once.

    Returns:
        One point for each of `TOPS`; empty where nobody has the label.
    """
    if not positive.any():
        return ()
    kinds, place = np.unique(-score, return_inverse=True)
    many = np.bincount(place.reshape(-1), counts, minlength=len(kinds))
    held = positive if counts is None else positive * counts
    having = np.bincount(place.reshape(-1), weights=held, minlength=len(kinds))
    people = np.concatenate([[0], many.cumsum()])
    holders = np.concatenate([[0.0], having.cumsum()])
    points = []
    for top in TOPS:
        wanted = top * (len(score) if counts is None else float(counts.sum()))
        reached = float(np.interp(wanted, people, holders))
        points.append(GainPoint(top, reached / float(held.sum()), reached / wanted))
    return tuple(points)
