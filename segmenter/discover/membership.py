"""Membership probability: how likely a person belongs to the group that a segment is made of.

Segments found anew among other people may agree about nearly everybody while groups overlap, and the more people
there are the better they agree. So the two are told apart. "Would be placed here again" is the share of refits
without a person that agree (`placed_again`). The membership probability is calibrated by simulation: groups like the
segments are fitted by EM (a Gaussian mixture of numbers, latent classes of answers), people are drawn from them,
segments are found among these as they were among the real ones, and one temperature is set such that the confidence is
the share of drawn people whose true group it is (temperature scaling, Guo et al. 2017). The error is that of other
draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmenter.classifier.linear import UNCALIBRATED
from segmenter.discover.class_draws import ClassGroups, classes_from
from segmenter.discover.markers import segment_means
from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.kmeans import Rows, kmeans_from
from segmenter.stats.mixtures import SHAPES, Mixture, best_mixture, parameters_of, refitted
from segmenter.stats.weighted import column_means

DRAWS = 8  # samples of people; half of them set the temperature, the others judge it
MOST_PEOPLE = 2_000  # in a sample
BINS = 10
COOLEST, HOTTEST = -8.0, 6.0  # logarithms of the temperatures that are tried, in units of the spread of z
TINY = 1e-300
A_PARAMETER = 3  # people for each number of a group's shape at least
KEPT = 0.5  # share of the people who must stay in their group while EM runs; else it found other groups


@dataclass(frozen=True, slots=True)
class Membership:
    """Calibration of the membership probability.

    Attributes:
        temperature: By which z is divided.
        error: Mean |share in the true group - confidence| over ten bins, weighted by people (ECE), among people whose
            draws had no part in the temperature.
        mean: (k,) of the people of each segment.
    """

    temperature: float
    error: float
    mean: tuple[float, ...]


Drawn = tuple[Matrix, Labels]


def membership(items: Items, labels: Labels, k: int, mixture: Mixture | None, rng: Generator) -> Membership:
    """Find the temperature at which confidence is the share of people whose true group a segment is.

    Args:
        items: The base.
        labels: (people,) segment of each, 0 to *k* - 1.
        k: Segments.
        mixture: Whose posterior decides; None: the nearest centre does.
        rng: Draws the people.
    """
    values = coded(items).values
    people = min(items.effective, MOST_PEOPLE)
    if mixture is not None:
        own, draws = mixture.totals(values), [_of_mixture(mixture, people, rng) for _ in range(DRAWS)]
    else:
        observed = coded(items).observed
        centres = segment_means(observed, labels, k, items.weights)
        draw = _people_like(items, values, labels, k)
        own, draws = _nearness(observed, centres), [_of_centres(draw(people, rng), centres) for _ in range(DRAWS)]
    totals, groups = (np.array(part) for part in zip(*draws, strict=True))
    half = DRAWS // 2
    spread = float(np.ptp(totals, axis=2).mean()) or 1.0
    learned = _likeliest(totals[:half].reshape(-1, k), groups[:half].ravel(), spread)
    kept, truth = totals[half:].reshape(-1, k), groups[half:].ravel()
    temperature = _likeliest(totals.reshape(-1, k), groups.ravel(), spread)
    chances = _softmax(own / temperature)
    counts = np.ones(len(values)) if items.counts is None else items.counts
    mean = tuple(float(np.average(chances[labels == j, j], weights=counts[labels == j])) for j in range(k))
    return Membership(temperature, _error(_softmax(kept / learned), truth), mean)


def _of_mixture(mixture: Mixture, people: int, rng: Generator) -> Drawn:
    """Totals of drawn people by the mixture that is fitted to them, and the true group of each."""
    values, groups = mixture.drawn(people, rng)
    fit = refitted(values, np.ones(people), mixture) or mixture
    return fit.totals(values), groups


def _of_centres(drawn: Drawn, centres: Matrix) -> Drawn:
    values, groups = drawn
    return _nearness(values, kmeans_from(values, np.ones((1, len(values))), centres[None]).centres[0]), groups


def _nearness(values: Matrix, centres: Matrix) -> Matrix:
    known = ~np.isnan(values)  # what is missing says nothing of where somebody belongs
    nearness: Matrix = np.where(known, values, 0.0) @ centres.T - known @ (centres**2).T / 2
    return nearness


def _people_like(items: Items, values: Matrix, labels: Labels, k: int) -> Callable[[int, Generator], Drawn]:
    """What draws people from groups like the segments, as `coded` has them."""
    if items.kind == "metric":
        return _mixture_like(values, labels, k, items.counts).drawn
    if items.kind == "mixed":
        return _columns_like(items, values, labels, k)
    groups: ClassGroups = classes_from(items, labels, k)
    return groups.drawn


def _columns_like(items: Items, values: Matrix, labels: Labels, k: int) -> Callable[[int, Generator], Drawn]:
    """What draws each item by itself from the people of a segment: items of all types, independent within segments."""
    sizes = [max(1, len(options)) for options in items.categories]
    ends = np.cumsum(sizes)
    counts = np.ones(len(labels)) if items.counts is None else items.counts
    members = [np.flatnonzero(labels == j) for j in range(k)]
    chances = [None if items.counts is None else counts[own] / counts[own].sum() for own in members]
    shares = np.bincount(labels, counts, minlength=k) / counts.sum()

    def drawn(people: int, rng: Generator) -> Drawn:
        groups = rng.choice(k, people, p=shares).astype(np.int64)
        rows = np.empty((people, len(sizes)), dtype=np.int64)
        for j, own in enumerate(members):
            rows[groups == j] = rng.choice(own, (int((groups == j).sum()), len(sizes)), p=chances[j])
        parts = [
            values[np.ix_(rows[:, place], np.arange(end - size, end))]
            for place, (size, end) in enumerate(zip(sizes, ends, strict=True))
        ]
        return np.concatenate(parts, axis=1), groups

    return drawn


def _mixture_like(values: Matrix, labels: Labels, k: int, counts: Matrix | None = None) -> Mixture:
    """The mixture with the least BIC that EM reaches from the segments without leaving them."""
    fits = []
    for shape in SHAPES:
        if parameters_of(shape, k, values.shape[1]) * A_PARAMETER <= len(values) or shape == "equal":
            fit = best_mixture(values, k, shape, [labels], counts=counts)
            if fit is not None and (fit.labels(values) == labels).mean() >= KEPT:
                fits.append(fit)
    if fits:
        return min(fits, key=lambda fit: fit.bic)
    return as_they_are(values, labels, k, counts)


def as_they_are(values: Matrix, labels: Labels, k: int, counts: Matrix | None = None) -> Mixture:
    """Return groups with the segments' own means and one covariance: where EM leaves the segments."""
    means = segment_means(values, labels, k, counts)
    spread = np.diag(column_means((values - means[labels]) ** 2, counts) + 1e-9)
    summed = np.bincount(labels, counts, minlength=k)
    shares = summed / summed.sum()
    return Mixture("equal", shares, means, np.repeat(spread[None], k, axis=0), float("nan"), float("nan"))


def placed_again(rows: Rows, own: Labels, refits: Labels, weights: Matrix, k: int) -> tuple[float, ...]:
    """Return of each segment's people the share that refits without them put there again, (k,).

    Args:
        rows: The different rows, and how many people have each.
        own: (rows,) segment of each.
        refits: (samples, rows) segment by each refit, under names of its own.
        weights: (samples, rows) how often each row was in the sample.
        k: Segments.
    """
    again, asked = np.zeros(k), np.zeros(k)
    for refit, inside in zip(refits, weights, strict=True):
        outside = rows.counts - np.minimum(inside, rows.counts)
        names = _called(refit, own, rows.counts, k)
        again += np.bincount(own, outside * (names[refit] == own), minlength=k)
        asked += np.bincount(own, outside, minlength=k)
    return tuple(float(share) for share in again / np.maximum(asked, 1.0))


def _called(refit: Labels, own: Labels, counts: Matrix, k: int) -> Labels:
    """The segment that each one of a refit shares most people with, one to one (Kuhn 1955)."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - only where segments are found

    table = np.bincount(refit * k + own, counts, minlength=k * k).reshape(k, k)
    rows, called = linear_sum_assignment(-table)
    names = np.empty(k, np.int64)
    names[rows] = called
    return names


def _likeliest(totals: Matrix, truth: Labels, spread: float) -> float:
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - only where segments are found

    everybody = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        likely = _softmax(totals / (spread * np.exp(log_temperature)))
        return float(-np.log(np.maximum(likely[everybody, truth], TINY)).mean())

    temperature = float(spread * np.exp(minimize_scalar(loss, bounds=(COOLEST, HOTTEST), method="bounded").x))
    return temperature if temperature != UNCALIBRATED else float(np.nextafter(UNCALIBRATED, 2.0))


def _softmax(totals: Matrix) -> Matrix:
    grown = np.exp(totals - totals.max(axis=1, keepdims=True))
    likely: Matrix = grown / grown.sum(axis=1, keepdims=True)
    return likely


def _error(likely: Matrix, truth: Labels) -> float:
    sure, right = likely.max(axis=1), likely.argmax(axis=1) == truth
    place: NDArray[np.int64] = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    return sum(abs(float((right - sure)[place == b].sum())) for b in range(BINS)) / len(truth)
