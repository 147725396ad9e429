"""k-means on many weighted samples at once, for bootstraps and permutation tests.

A bootstrap sample is the same rows with other weights, so one matrix product serves all samples and all starts.

Among many rows the starts run on some of them, drawn by lot, and the best go on among all (Bradley & Fayyad 1998):
which optimum a start leads to is seen from few rows, where exactly it lies only from all. Centres, inertia and labels
are always those of a run that ended among all rows.

What is missing (NaN) takes no part: a row belongs to the centre that its known values are nearest to, and a centre is
the mean of what is known (k-POD; Chi, Chi & Baraniuk 2016, minimise the same sum by filling in the own centre).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from segmenter.stats.item_matrix import Labels, Matrix

CELLS = 2_000_000  # numbers that one batch works on: some 16 MB an array
NEAR_CELLS = 250_000  # of these as many at once as stay near the processor
SEEN = 2_000  # rows on which starts are tried where there are more
SAME = 3e-5  # of the inertia: runs that differ less have ended in the same place
FINALISTS = 0.4  # share of the starts that go on among all rows
STEPS = 100
NEAR_ENOUGH = 3e-4  # of the spread; a bootstrap sample needs no more
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
        comparable = np.where(np.isnan(values), np.inf, values)  # NaN is not equal to itself
        rows, place, counts = np.unique(comparable, axis=0, return_inverse=True, return_counts=True)
        return cls(
            np.where(np.isinf(rows), np.nan, rows), counts.astype(np.float64), place.reshape(-1).astype(np.int64)
        )

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
        at_once = max(1, CELLS // (self.centres.shape[1] * len(values)))
        parts = [self.centres[first : first + at_once] for first in range(0, len(self.centres), at_once)]
        return np.concatenate([_nearest(part.transpose(1, 0, 2), values) for part in parts])


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
    at_once = max(1, CELLS // max(1, k * starts * min(len(values), SEEN)))
    parts = [
        (places, _batch(values, weights[places], k, starts, rng, tolerance))
        for places in _batches(len(weights), at_once, apart=len(values) > SEEN)
    ]
    order = np.argsort(np.concatenate([places for places, _ in parts]))
    centres = np.concatenate([part.centres for _, part in parts])
    return Centres(centres[order], np.concatenate([part.inertia for _, part in parts])[order])


def kmeans_from(values: Matrix, weights: Matrix, begun: Matrix, *, tolerance: float = NEAR_ENOUGH) -> Centres:
    """Return the best of the runs of k-means that begin with given centres, for each sample.

    Args:
        values: (rows, features).
        weights: (samples, rows), not negative.
        begun: (starts, k, features), the same for every sample.
        tolerance: A run ends when no centre moves farther than this share of the spread.

    Returns:
        Centres (samples, k, features) and inertia (samples,).
    """
    starts, k, _ = begun.shape
    limit = (tolerance**2) * np.nanvar(values, axis=0).sum()
    kind = _precision(tolerance)
    at_once = max(1, CELLS // max(1, k * starts * len(values)))
    parts = []
    for first in range(0, len(weights), at_once):
        repeated = np.repeat(weights[first : first + at_once], starts, axis=0)
        own = np.tile(begun.transpose(1, 0, 2), (1, len(repeated) // starts, 1))
        parts.append(_best(_run(values, repeated, own, limit, kind), starts, 1))
    return Centres(np.concatenate([p.centres for p in parts]), np.concatenate([p.inertia for p in parts]))


def _precision(tolerance: float) -> type[np.floating[Any]]:
    return np.float32 if tolerance >= NEAR_ENOUGH else np.float64  # seven digits, of which four are wanted


def _batches(samples: int, at_once: int, *, apart: bool) -> list[Labels]:
    """The places of the samples of each batch; *apart*: neighbours, which are compared, share no drawn rows."""
    places = np.arange(samples)
    if not apart:
        return [places[first : first + at_once] for first in range(0, samples, at_once)]
    many = min(max(2, -(-samples // at_once)), samples)
    return [places[first::many] for first in range(many)]


def _batch(values: Matrix, weights: Matrix, k: int, starts: int, rng: Generator, tolerance: float) -> Centres:
    limit, kind = (tolerance**2) * np.nanvar(values, axis=0).sum(), _precision(tolerance)
    if len(values) <= SEEN or starts == 1:
        repeated = np.repeat(weights, starts, axis=0)
        return _best(_run(values, repeated, _seeds(values, repeated, k, rng), limit, kind), starts, 1)
    few = np.sort(rng.permutation(len(values))[:SEEN])
    repeated = np.repeat(weights[:, few], starts, axis=0)
    tried = _run(values[few], repeated, _seeds(values[few], repeated, k, rng), limit, kind)
    finalists = max(2, round(FINALISTS * starts))
    begun = _best(tried, starts, finalists).centres.transpose(1, 0, 2)
    return _best(_run(values, np.repeat(weights, finalists, axis=0), begun, limit, kind), finalists, 1)


def _best(runs: Centres, starts: int, best: int) -> Centres:
    """The *best* of each sample's *starts* runs, the best first; of runs that ended in one place, one."""
    by_sample = runs.inertia.reshape(-1, starts)
    order = np.argsort(by_sample, axis=1, kind="stable")
    ordered = np.take_along_axis(by_sample, order, axis=1)
    again = np.diff(ordered, axis=1, prepend=-np.inf) <= SAME * ordered
    first = np.take_along_axis(order, np.argsort(again, axis=1, kind="stable"), axis=1)[:, :best]
    places = first + np.arange(len(by_sample))[:, None] * starts
    return Centres(runs.centres[places.ravel()], runs.inertia[places.ravel()])


def _run(values: Matrix, weights: Matrix, begun: Matrix, limit: float, kind: type[np.floating[Any]]) -> Centres:
    """Move the centres (k, runs, features) that are *begun* with until none moves farther than *limit*, squared.

    Rows are compared and added up as numbers of *kind*; means and inertia are made of the sums in full.
    """
    centres, inertia, still = begun.copy(), np.empty(len(weights)), np.arange(len(weights))
    known, ones = _known(values)
    with_ones = np.concatenate([known, ones], axis=1).astype(kind)
    squares = weights @ (known**2).sum(axis=1)
    weights = weights.astype(kind)
    for _ in range(STEPS):
        before = centres[:, still]
        moved, gained = _step(with_ones, weights[still], before)
        inertia[still] = squares[still] - gained
        far = ((moved - before) ** 2).sum(axis=2).max(axis=0) > limit
        centres[:, still] = moved
        still = still[far]
        if not len(still):
            break
    return Centres(centres.transpose(1, 0, 2), inertia)


def _known(values: Matrix) -> tuple[Matrix, Matrix]:
    """Return *values* with 0 where nothing is known, and what counts them: a column of ones, or one a feature."""
    gaps = np.isnan(values)
    if not gaps.any():
        return values, np.ones((len(values), 1))
    return np.where(gaps, 0.0, values), (~gaps).astype(np.float64)


def _distances(values: Matrix, centres: Matrix) -> Matrix:
    """Return c x - |c|^2 / 2, (k, runs, rows): the largest is the nearest, and nothing is computed twice."""
    k, runs, features = centres.shape
    known, ones = _known(values)
    distances: Matrix = (centres.reshape(k * runs, features) @ known.T).reshape(k, runs, len(values))
    halved = centres**2 / 2
    if ones.shape[1] == 1:
        distances -= halved.sum(axis=2)[:, :, None]
    else:
        distances -= (halved.reshape(k * runs, features) @ ones.T).reshape(distances.shape)
    return distances


def _nearest(centres: Matrix, values: Matrix) -> Labels:
    """Place of the nearest centre, (runs, rows); of equally near ones the first. Faster than argmax over few."""
    near = _distances(values, centres)
    best, label = near[0], np.zeros(near.shape[1:], np.int64)
    for place in range(1, len(near)):
        label[near[place] > best] = place
        np.maximum(best, near[place], out=best)
    return label


def _step(with_ones: Matrix, weights: Matrix, centres: Matrix) -> tuple[Matrix, Matrix]:
    """Move each centre into the middle of its people; a centre without people stays.

    Args:
        with_ones: (rows, features + 1), the last column 1; (rows, 2 features) where some are missing, see `_known`.
        weights: (runs, rows).
        centres: (k, runs, features).

    Returns:
        The centres, and by run what they take from the sum of squares (runs,).
    """
    k, runs, features = centres.shape
    sums = np.empty((k, runs, with_ones.shape[1]))
    at_once = max(1, NEAR_CELLS // (k * len(with_ones)))
    for first in range(0, runs, at_once):
        part = slice(first, first + at_once)
        sums[:, part] = _sums(with_ones, weights[part], centres[:, part])
    people, sums = sums[:, :, features:], sums[:, :, :features]
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = np.where(people > 0, sums / people, centres)
    return moved, (moved * sums).sum(axis=(0, 2))


def _sums(with_ones: Matrix, weights: Matrix, centres: Matrix) -> Matrix:
    """Sums of the rows nearest to each centre and, last, of their weights, (k, runs, columns of *with_ones*)."""
    k, runs, _ = centres.shape
    halved = centres**2 / -2
    if with_ones.shape[1] == centres.shape[2] + 1:
        halved = halved.sum(axis=2, keepdims=True)
    whole = np.concatenate([centres, halved], axis=2).reshape(k * runs, -1).astype(with_ones.dtype)
    near: Matrix = (whole @ with_ones.T).reshape(k, runs, len(with_ones))
    best, free = near.max(axis=0), np.ones((runs, len(with_ones)), bool)
    for place in near:  # of equally near centres the first has the row
        own = place == best
        own &= free
        free &= ~own
        np.multiply(own, weights, out=place)
    summed: Matrix = (near.reshape(k * runs, -1) @ with_ones).reshape(k, runs, -1)
    return summed


def _seeds(values: Matrix, weights: Matrix, k: int, rng: Generator) -> Matrix:
    """Draw the first centre by weight, each other by weight times squared distance to the nearest one so far."""
    runs, gaps = len(weights), np.isnan(values)
    whole = np.where(gaps, np.nanmean(values, axis=0), values) if gaps.any() else values  # a centre has no gaps
    single = np.asarray(np.where(gaps, 0.0, values) if gaps.any() else values, np.float32)
    squares = (single**2).sum(axis=1)
    centres = np.empty((k, runs, values.shape[1]))
    chance, nearest = weights, np.full((runs, len(values)), np.inf, np.float32)
    for place in range(k):
        summed = chance.cumsum(axis=1)
        drawn = (summed < rng.random((runs, 1)) * summed[:, -1:]).sum(axis=1)
        drawn_rows = np.minimum(drawn, len(values) - 1)
        centres[place] = whole[drawn_rows]
        if gaps.any():
            off = squares - 2 * _distances(values, centres[place : place + 1])[0]
        else:
            off = squares - 2 * (single[drawn_rows] @ single.T - squares[drawn_rows][:, None] / 2)
        np.minimum(nearest, np.maximum(off, 0.0), out=nearest)
        chance = weights * nearest
    return centres
