"""k-means on many weighted samples at once, for bootstraps and permutation tests.

A bootstrap sample is the same rows with other weights, so one matrix product serves all samples and all starts.

Among many rows the starts run on some of them, drawn by lot, and the best go on among all (Bradley & Fayyad 1998):
which optimum a start leads to is seen from few rows, where exactly it lies only from all. Centres, inertia and labels
are always those of a run that ended among all rows.

What is missing (NaN) takes no part: a row belongs to the centre that its known values are nearest to, and a centre is
the mean of what is known (k-POD; Chi, Chi & Baraniuk 2016, minimise the same sum by filling in the own centre).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmenter.stats.item_matrix import Labels, Matrix

CELLS = 2_000_000  # numbers that one batch works on: some 16 MB an array
NEAR_CELLS = 250_000  # of these as many at once as stay near the processor
SEEN = 2_000  # rows on which starts are tried where there are more
SAME = 3e-5  # of the inertia: runs that differ less have ended in the same place
FINALISTS = 0.4  # share of the starts that go on among all rows
STEPS = 100
PATIENCE = 30  # times what its last step gained: who is farther behind the best start of its sample gives up
TRIED = 3  # steps of every start before one gives up
NEAR_ENOUGH = 3e-4  # of the spread; a bootstrap sample needs no more
EXACT = 0.0
FLAT = 1e-10  # share of the largest spread below which an axis is none


@dataclass(frozen=True, slots=True)
class Rows:
    """Different rows and how often each is there.

    Attributes:
        values: (rows, features), each row once.
        counts: (rows,); of people with weights as `segmenter.stats.weighted.kish_counts` has them.
        place: (people,) which row each person is.
    """

    values: Matrix
    counts: Matrix
    place: Labels

    @classmethod
    def of(cls, values: Matrix, people: Matrix | None = None) -> Rows:
        """Return the different rows of *values* (people, features), each person counted *people* times; None: once.

        Returns:
            Each different row once, the number of people who have it, and the row of each person.
        """
        comparable = np.where(np.isnan(values), np.inf, values)  # NaN is not equal to itself
        rows, place, counts = np.unique(comparable, axis=0, return_inverse=True, return_counts=True)
        place = place.reshape(-1).astype(np.int64)
        summed = counts if people is None else np.bincount(place, people, minlength=len(rows))
        return cls(np.where(np.isinf(rows), np.nan, rows), summed.astype(np.float64), place)

    def compact(self) -> Rows:
        """Return the rows by their principal axes: distances stay, and axes along which nobody differs are left out.

        Returns:
            The same rows where each axis is needed, or some values are missing. Of the answers to one question, which
            add up to 1, one column less.
        """
        if np.isnan(self.values).any():
            return self
        centred = self.values - self.values.mean(axis=0)
        spread, axes = np.linalg.eigh(centred.T @ centred)
        needed = spread > FLAT * spread[-1]
        return self if needed.all() else replace(self, values=centred @ axes[:, needed])

    def bootstrap(self, samples: int, rng: Generator) -> Matrix:
        """Return the weights of *samples* bootstrap samples, (samples, rows).

        Args:
            samples: How many.
            rng: Draws them.

        Returns:
            Whole numbers that add up to the number of people in each sample.
        """
        people = float(self.counts.sum())
        return rng.multinomial(round(people), self.counts / people, size=samples).astype(np.float64)


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
        weights: (samples, rows), whole numbers, not negative: a centre whose people add up to none has none.
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
        parts.append(_best(_run(values, repeated, own, limit, kind, starts), starts, 1))
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
        return _best(_run(values, repeated, _seeds(values, repeated, k, rng), limit, kind, starts), starts, 1)
    few = np.sort(rng.permutation(len(values))[:SEEN])
    repeated = np.repeat(weights[:, few], starts, axis=0)
    tried = _run(values[few], repeated, _seeds(values[few], repeated, k, rng), limit, kind, 1)
    finalists = max(2, round(FINALISTS * starts))
    begun = _best(tried, starts, finalists).centres.transpose(1, 0, 2)
    return _best(_run(values, np.repeat(weights, finalists, axis=0), begun, limit, kind, finalists), finalists, 1)


def _best(runs: Centres, starts: int, best: int) -> Centres:
    """The *best* of each sample's *starts* runs, the best first; of runs that ended in one place, one."""
    by_sample = runs.inertia.reshape(-1, starts)
    order = np.argsort(by_sample, axis=1, kind="stable")
    ordered = np.take_along_axis(by_sample, order, axis=1)
    again = np.diff(ordered, axis=1, prepend=-np.inf) <= SAME * ordered
    first = np.take_along_axis(order, np.argsort(again, axis=1, kind="stable"), axis=1)[:, :best]
    places = first + np.arange(len(by_sample))[:, None] * starts
    return Centres(runs.centres[places.ravel()], runs.inertia[places.ravel()])


def _run(
    values: Matrix, weights: Matrix, begun: Matrix, limit: float, kind: type[np.floating[Any]], rivals: int
) -> Centres:
    """Move the centres (k, runs, features) that are *begun* with until none moves farther than *limit*, squared.

    Rows are compared and added up as numbers of *kind*; means and inertia are made of the sums in full. Each *rivals*
    runs are of one sample, where only the best counts: one that falls behind, see `PATIENCE`, ends where it is.
    """
    centres, inertia, still = begun.copy(), np.full(len(weights), np.inf), np.arange(len(weights))
    known, ones = _known(values)
    with_ones = np.concatenate([known, ones], axis=1).astype(kind)
    squares, totals = weights @ (known**2).sum(axis=1), weights @ with_ones
    weights, before = weights.astype(kind), begun
    room = _Room.of(len(begun), len(weights), len(values), kind)
    for step in range(STEPS):
        with np.errstate(invalid="ignore", divide="ignore"):
            moved, taken = _step(with_ones, weights, totals, before, room)
        now = squares[still] - taken
        gained, inertia[still] = inertia[still] - now, now
        far = ((moved - before) ** 2).sum(axis=2).max(axis=0) > limit
        if rivals > 1 and step >= TRIED:
            best = inertia.reshape(-1, rivals).min(axis=1)
            far &= now - PATIENCE * np.maximum(gained, 0.0) <= best[still // rivals]  # below 0 by rounding alone
        centres[:, still] = before = moved
        if far.all():
            continue
        still, weights, totals, before = still[far], weights[far], totals[far], moved[:, far]
        if not len(still):
            break
    return Centres(centres.transpose(1, 0, 2), inertia)


@dataclass(frozen=True, slots=True)
class _Room:
    """Memory of one step, used again by the next: pages that are new each time cost more than what is computed in them.

    Attributes:
        runs: As many as are moved at once.
        near: Numbers of the nearness of rows to centres.
        best: Of the nearest.
        own: Whether a row is that centre's.
    """

    runs: int
    near: Matrix
    best: Matrix
    own: NDArray[np.bool_]

    @classmethod
    def of(cls, k: int, runs: int, rows: int, kind: type[np.floating[Any]]) -> _Room:
        others = max(1, k - 1)
        runs = min(runs, max(1, NEAR_CELLS // (others * rows)))
        cells = others * runs * rows
        return cls(runs, np.empty(cells, kind), np.empty(runs * rows, kind), np.empty(cells, bool))


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


def _step(with_ones: Matrix, weights: Matrix, totals: Matrix, centres: Matrix, room: _Room) -> tuple[Matrix, Matrix]:
    """Move each centre into the middle of its people; a centre without people stays.

    Args:
        with_ones: (rows, features + 1), the last column 1; (rows, 2 features) where some are missing, see `_known`.
        weights: (runs, rows).
        totals: (runs, columns of *with_ones*), sums over all rows.
        centres: (k, runs, features).
        room: To work in.

    Returns:
        The centres, and by run what they take from the sum of squares (runs,).
    """
    k, runs, features = centres.shape
    sums = np.empty((k, runs, with_ones.shape[1]))
    for first in range(0, runs if k > 1 else 0, room.runs):
        part = slice(first, first + room.runs)
        sums[1:, part] = _sums(with_ones, weights[part], centres[:, part], room)
    sums[0] = totals - sums[1:].sum(axis=0)
    people, sums = sums[:, :, features:], sums[:, :, :features]
    moved = np.where(people > 0, sums / people, centres)
    return moved, (moved * sums).sum(axis=(0, 2))


def _sums(with_ones: Matrix, weights: Matrix, centres: Matrix, room: _Room) -> Matrix:
    """Sums of the rows nearest to each centre but the first and, last, of their weights, (k - 1, runs, columns).

    What is nearer than the first centre is seen from differences to it; the first has what the others leave.
    """
    halved = centres**2 / -2
    if with_ones.shape[1] == centres.shape[2] + 1:
        halved = halved.sum(axis=2, keepdims=True)
    whole = np.concatenate([centres, halved], axis=2)
    others, runs, columns = whole[1:].shape
    rows = len(with_ones)
    away = (whole[1:] - whole[0]).reshape(others * runs, columns).astype(with_ones.dtype)
    flat = room.near[: others * runs * rows].reshape(others * runs, rows)
    near = np.matmul(away, with_ones.T, out=flat).reshape(others, runs, rows)
    own = _nearest_of(near, room)
    near[:] = own
    near *= weights
    summed: Matrix = (flat @ with_ones).reshape(others, runs, columns)
    return summed


def _nearest_of(near: Matrix, room: _Room) -> NDArray[np.bool_]:
    """Whether each is the largest of its run and row, and more than 0, (others, runs, rows)."""
    others, runs, rows = near.shape
    least = np.finfo(near.dtype).tiny  # more than 0: of equally near centres the first has the row
    if others == 1:
        return np.greater_equal(near, least, out=room.own[: near.size].reshape(near.shape))
    best = near.max(axis=0, out=room.best[: runs * rows].reshape(runs, rows))
    others_own = np.count_nonzero(best >= least)
    np.maximum(best, least, out=best)
    own = np.greater_equal(near, best, out=room.own[: near.size].reshape(near.shape))
    if np.count_nonzero(own) > others_own:
        free = np.ones(best.shape, bool)
        for place in own:
            np.logical_and(place, free, out=place)
            free &= ~place
    return own


def _seeds(values: Matrix, weights: Matrix, k: int, rng: Generator) -> Matrix:
    """Draw the first centre by weight, each other by weight times squared distance to the nearest one so far."""
    runs, rows = weights.shape
    drawn = rng.random((k, runs))
    centres = np.empty((k, runs, values.shape[1]))
    at_once = max(1, NEAR_CELLS // rows)
    for first in range(0, runs, at_once):
        part = slice(first, first + at_once)
        centres[:, part] = _seeds_of(values, weights[part], drawn[:, part])
    return centres


def _seeds_of(values: Matrix, weights: Matrix, drawn: Matrix) -> Matrix:
    """Centres (k, runs, features) by numbers from 0 to 1 (k, runs)."""
    gaps = np.isnan(values)
    whole = np.where(gaps, np.nanmean(values, axis=0), values) if gaps.any() else values  # a centre has no gaps
    single = np.asarray(np.where(gaps, 0.0, values) if gaps.any() else values, np.float32)
    squares = (single**2).sum(axis=1)
    centres = np.empty((*drawn.shape, values.shape[1]))
    chance, summed = weights.copy(), np.empty(weights.shape)
    nearest, off = np.full(weights.shape, np.inf, np.float32), np.empty(weights.shape, np.float32)
    for place, numbers in enumerate(drawn):
        np.cumsum(chance, axis=1, out=summed)
        rows = (summed >= numbers[:, None] * summed[:, -1:]).argmax(axis=1)
        centres[place] = whole[rows]
        if place + 1 == len(drawn):
            break
        if gaps.any():
            off = squares - 2 * _distances(values, centres[place : place + 1])[0]
        else:
            np.matmul(single[rows], single.T, out=off)
            off -= squares[rows][:, None] / 2
            off *= -2
            off += squares
        np.minimum(nearest, np.maximum(off, 0.0, out=off), out=nearest)
        np.multiply(weights, nearest, out=chance)
    return centres
