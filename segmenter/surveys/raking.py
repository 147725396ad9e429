"""Raking: weights with which a sample has the shares of several quotas at once, by iterative proportional fitting.

Deming & Stephan 1940 (Annals of Mathematical Statistics 11, 427). Large weights are trimmed and the rest is raked
again, as in anesrake (DeBell & Krosnick 2009). The result is the one nearest to the weights begun with by relative
entropy (Ireland & Kullback 1968), so that no order of the quotas is better than another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.pairwise import SampleBase, sample_of

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_WEIGHT = 5.0  # times the mean: the usual limit (DeBell & Krosnick 2009)
ROUNDS, TRIMS = 2_000, 200
NEAR_ENOUGH = 1e-10  # of a share
MET = 1e-6  # of a share: what is farther off was not met


@dataclass(frozen=True, slots=True)
class Margin:
    """One quota, as people meet it.

    Attributes:
        cells: (people,) the cell of each; below 0: it is not known, and the person's weight is left alone by it.
        shares: (cells,) wanted share of each cell, adding up to 1.
    """

    cells: Labels
    shares: Matrix

    def reached(self, weights: Matrix) -> Matrix:
        """Return the share of each cell among those whose cell is known, (cells,); 0 where nobody is."""
        known = self.cells >= 0
        summed = np.bincount(self.cells[known], weights[known], minlength=len(self.shares))
        return np.asarray(summed / (summed.sum() or 1.0), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Raked:
    """Weights, and what they cost.

    Attributes:
        weights: (people,) with the mean 1 over all who count; 0 in a cell of which nobody is wanted.
        off: Largest distance of a share from its quota.
        trimmed: How many have the largest weight that is allowed.
        sample: Kish's effective sample size and design effect of the weights.
    """

    weights: Matrix
    off: float
    trimmed: int
    sample: SampleBase

    @property
    def met(self) -> bool:
        """Whether all quotas are met at once."""
        return self.off <= MET


def rake(margins: Sequence[Margin], begun: Matrix, *, most: float = MOST_WEIGHT) -> Raked:
    """Return weights with which all *margins* are met, none larger than *most* times the mean.

    Where both can't be, the limit holds and `Raked.off` tells how far the shares are from their quotas.

    Args:
        margins: Quotas; each cell with a share has people in it.
        begun: (people,) weights to begin with, 0 or more; ones where there are none.
        most: Largest weight, in means; infinite: none is trimmed.
    """
    weights, limited = _fitted(margins, _of_mean_one(begun)), False
    for _ in range(TRIMS):
        if weights.max() <= most * (1 + NEAR_ENOUGH):
            break
        limited = True
        weights = _fitted(margins, _of_mean_one(np.minimum(weights, most)))
    for _ in range(ROUNDS):  # where the quotas want more than the limit allows
        if weights.max() <= most * (1 + MET):
            break
        weights = _of_mean_one(np.minimum(weights, most))
    off = max(float(np.abs(margin.reached(weights) - margin.shares).max()) for margin in margins)
    trimmed = int((weights >= most * (1 - MET)).sum()) if limited else 0
    return Raked(weights, off, trimmed, sample_of(weights))


def _of_mean_one(weights: Matrix) -> Matrix:
    counted = weights > 0
    return np.asarray(weights * (counted.sum() / weights.sum()), dtype=np.float64)


def _fitted(margins: Sequence[Margin], weights: Matrix) -> Matrix:
    """Multiply the weights of each cell until all shares are their quotas; after `ROUNDS` as near as they came."""
    for _ in range(ROUNDS):
        off = 0.0
        for margin in margins:
            reached = margin.reached(weights)
            off = max(off, float(np.abs(reached - margin.shares).max()))
            factors = np.divide(margin.shares, reached, out=np.ones_like(reached), where=reached > 0)
            weights = weights * np.where(margin.cells >= 0, factors[margin.cells], 1.0)
        if off < NEAR_ENOUGH:
            break
    return _of_mean_one(weights)
