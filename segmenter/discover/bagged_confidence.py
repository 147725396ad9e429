"""Bagged confidence: calibrate k-means membership on bootstrap refits.

k-means knows no probability. But a segmentation made of other people might put somebody elsewhere, the more easily the
nearer they are to a border. So the confidence of "segment j" means: of segmentations refitted without this person, the
share that agrees. It is modelled as softmax(z / T), the posterior of groups that all spread alike (Celeux & Govaert
1992), with the one T that makes the labels of the refits likeliest (temperature scaling, Guo et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmenter.classifier.linear import UNCALIBRATED
from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.kmeans import Rows, kmeans

REFITS, STARTS = 100, 10
BINS = 10
COOLEST, HOTTEST = -8.0, 6.0  # logarithms of the temperatures that are tried, in units of the spread of z
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Sureness:
    """Calibration of membership: the temperature that turns z into a confidence.

    Attributes:
        temperature: By which z = c x - |c|^2 / 2 is divided.
        error: Mean |agreement of the refits - confidence| over ten bins, weighted by people (ECE), of refits that had
            no part in the temperature.
    """

    temperature: float
    error: float


def sureness(items: Items, labels: Labels, k: int, rng: Generator) -> Sureness:
    """Find the temperature at which confidence is the share of refits that agree.

    Args:
        items: The base.
        labels: (people,) segment of each, 0 to k - 1.
        k: Segments.
        rng: Draws the samples.
    """
    rows = Rows.of(coded(items).values)
    own = np.empty(len(rows.counts), np.int64)
    own[rows.place] = labels
    centres = np.array([np.average(rows.values, axis=0, weights=rows.counts * (own == j)) for j in range(k)])
    z = rows.values @ centres.T - (centres**2).sum(axis=1) / 2
    weights = rows.bootstrap(REFITS, rng)
    refits = kmeans(rows.values, weights, k, starts=STARTS, rng=rng).labels(rows.values)
    votes = np.array([_votes(own, refit, np.minimum(drawn, rows.counts), rows.counts, k)
                      for refit, drawn in zip(refits, weights, strict=True)])  # fmt: skip
    learned, kept = votes[: REFITS // 2].sum(axis=0), votes[REFITS // 2 :].sum(axis=0)
    temperature = _likeliest(z, learned)
    error = _error(_softmax(z / temperature), kept)
    return Sureness(_likeliest(z, votes.sum(axis=0)), error)


def _votes(own: Labels, refit: Labels, inside: Matrix, counts: Matrix, k: int) -> Matrix:
    """People of each row whom the refit did not see, in the column of the segment where it puts them, (rows, k).

    Segments of the refit are called as those that they share most people with (Kuhn 1955).
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - only where segments are found

    table = np.zeros((k, k))
    np.add.at(table, (refit, own), counts)
    rows, called = linear_sum_assignment(-table)
    names = np.empty(k, np.int64)
    names[rows] = called
    votes = np.zeros((len(own), k))
    votes[np.arange(len(own)), names[refit]] = counts - inside
    return votes


def _likeliest(z: Matrix, votes: Matrix) -> float:
    from scipy.optimize import minimize_scalar  # noqa: PLC0415

    spread = float(np.ptp(z, axis=1).mean()) or 1.0

    def loss(log_temperature: float) -> float:
        likely = _softmax(z / (spread * np.exp(log_temperature)))
        return float(-(votes * np.log(np.maximum(likely, TINY))).sum() / max(votes.sum(), 1.0))

    temperature = float(spread * np.exp(minimize_scalar(loss, bounds=(COOLEST, HOTTEST), method="bounded").x))
    return temperature if temperature != UNCALIBRATED else float(np.nextafter(UNCALIBRATED, 2.0))


def _softmax(z: Matrix) -> Matrix:
    grown = np.exp(z - z.max(axis=1, keepdims=True))
    likely: Matrix = grown / grown.sum(axis=1, keepdims=True)
    return likely


def _error(likely: Matrix, votes: Matrix) -> float:
    sure, best = likely.max(axis=1), likely.argmax(axis=1)
    asked = votes.sum(axis=1)
    hits = votes[np.arange(len(votes)), best]
    place: NDArray[np.int64] = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    gaps = [abs(float(hits[place == b].sum() - (sure * asked)[place == b].sum())) for b in range(BINS)]
    return sum(gaps) / max(float(asked.sum()), 1.0)
