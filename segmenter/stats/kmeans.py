"""k-means on many weighted samples at once, for bootstraps and permutation tests.

A bootstrap sample is the same rows with other weights, so one matrix product serves all samples and all starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from segmenter.stats.item_matrix import Labels, Matrix

CELLS = 2_000_000  # numbers that one batch works on: some 16 MB an array
STEPS = 100
NEAR_ENOUGH = 1e-4  # of the spread; a bootstrap sample needs no more
EXACT = 0.0


@dataclass(frozen=True, slots=True)
class Rows:
    """Different rows and how often each is there.

    Attributes:
        values: (rows, features), each row once.
        counts: (rows,).
        place: (people,) which row each person is.
    """

    values: Matrix
    counts: Matrix
    place: Labels

    @classmethod
    def of(cls, values: Matrix) -> Rows:
        """Return the different rows of *values* (people, features).

        Returns:
            Each different row once, the number of people who have it, and the row of each person.
        """
        rows, place, counts = np.unique(values, axis=0, return_inverse=True, return_counts=True)
        return cls(rows, counts.astype(np.float64), place.reshape(-1).astype(np.int64))

    def bootstrap(self, samples: int, rng: Generator) -> Matrix:
        """Return the weights of *samples* bootstrap samples, (samples, rows).

        Args:
            samples: How many.
            rng: Draws them.

        Returns:
            Whole numbers that add up to the number of people in each sample.
        """
        people = int(self.counts.sum())
        return rng.multinomial(people, self.counts / people, size=samples).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Centres:
    """The best of several starts, for each sample.

    Attributes:
        centres: (samples, segments, features).
        inertia: (samples,) weighted sum of squared distances to the own centre.
    """

    centres: Matrix
    inertia: Matrix

    def labels(self, values: Matrix) -> Labels:
        """Return the nearest centre of each row of *values*, (samples, rows).

        Returns:
            Places of centres, 0 to k - 1.
        """
        return _nearest(self.centres.transpose(1, 0, 2), values)


def kmeans(
    values: Matrix, weights: Matrix, k: int, *, starts: int, rng: Generator, tolerance: float = NEAR_ENOUGH
) -> Centres:
    """Return the best of *starts* runs of k-means (Lloyd 1982, k-means++ of Arthur & Vassilvitskii 2007) a sample.

    Args:
        values: (rows, features).
        weights: (samples, rows), not negative.
        k: Segments.
        starts: Runs from different seeds.
        rng: Chance.
        tolerance: A run ends when no centre moves farther than this share of the spread.

    Returns:
        Centres (samples, k, features) and inertia (samples,).
    """
    at_once = max(1, CELLS // max(1, k * starts * len(values)))
    parts = [
        _batch(values, weights[first : first + at_once], k, starts, rng, tolerance)
        for first in range(0, len(weights), at_once)
    ]
    return Centres(np.concatenate([p.centres for p in parts]), np.concatenate([p.inertia for p in parts]))


def _batch(values: Matrix, weights: Matrix, k: int, starts: int, rng: Generator, tolerance: float) -> Centres:
    samples = len(weights)
    repeated = np.repeat(weights, starts, axis=0)
    centres = _seeds(values, repeated, k, rng)
    inertia = np.empty(len(repeated))
    still = np.arange(len(repeated))
    limit = (tolerance**2) * values.var(axis=0).sum()
    for _ in range(STEPS):
        moved, inertia[still] = _step(values, repeated[still], centres[:, still])
        far = ((moved - centres[:, still]) ** 2).sum(axis=2).max(axis=0) > limit
        centres[:, still] = moved
        still = still[far]
        if not len(still):
            break
    by_sample = inertia.reshape(samples, starts)
    best = by_sample.argmin(axis=1) + np.arange(samples) * starts
    return Centres(centres[:, best].transpose(1, 0, 2), inertia[best])


def _distances(values: Matrix, centres: Matrix) -> Matrix:
    """Return c x - |c|^2 / 2, (k, runs, rows): the largest is the nearest, and nothing is computed twice."""
    k, runs, features = centres.shape
    found: Matrix = (centres.reshape(k * runs, features) @ values.T).reshape(k, runs, len(values))
    found -= ((centres**2).sum(axis=2) / 2)[:, :, None]
    return found


def _nearest(centres: Matrix, values: Matrix) -> Labels:
    """Place of the nearest centre, (runs, rows); of equally near ones the first. Faster than argmax over few."""
    near = _distances(values, centres)
    best, label = near[0], np.zeros(near.shape[1:], np.int64)
    for place in range(1, len(near)):
        label[near[place] > best] = place
        np.maximum(best, near[place], out=best)
    return label


def _step(values: Matrix, weights: Matrix, centres: Matrix) -> tuple[Matrix, Matrix]:
    """Move each centre into the middle of its people; a centre without people stays. (k, runs, features), (runs,)."""
    k, runs, features = centres.shape
    label = _nearest(centres, values)
    members = np.where(label[None] == np.arange(k)[:, None, None], weights[None], 0.0)
    people = members.sum(axis=2)
    sums = (members.reshape(k * runs, -1) @ values).reshape(k, runs, features)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = np.where(people[:, :, None] > 0, sums / people[:, :, None], centres)
    total = weights @ (values**2).sum(axis=1)
    return moved, total - (moved * sums).sum(axis=(0, 2))


def _seeds(values: Matrix, weights: Matrix, k: int, rng: Generator) -> Matrix:
    """Draw the first centre by weight, each other by weight times squared distance to the nearest one so far."""
    runs, squares = len(weights), (values**2).sum(axis=1)
    centres = np.empty((k, runs, values.shape[1]))
    chance, nearest = weights, np.full((runs, len(values)), np.inf)
    for place in range(k):
        summed = chance.cumsum(axis=1)
        drawn = (summed < rng.random((runs, 1)) * summed[:, -1:]).sum(axis=1)
        centres[place] = values[np.minimum(drawn, len(values) - 1)]
        off = squares - 2 * _distances(values, centres[place : place + 1])[0]
        np.minimum(nearest, np.maximum(off, 0.0), out=nearest)
        chance = weights * nearest
    return centres
