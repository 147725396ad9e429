"""Bootstrap stability of a segmentation: agreement (adjusted Rand index) and Jaccard per segment.

Dolnicar & Leisch 2010 (all of it, A), 2017 (one segment: SLSw within a solution, SLSa across solutions).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from segmenter.stats.item_matrix import Labels, Matrix
from segmenter.stats.kmeans import EXACT, Rows, kmeans
from segmenter.stats.weighted import as_whole

SELDOM = 0.01
AT_ONCE = 4_096  # rows


@dataclass(frozen=True, slots=True)
class Effort:
    """Number of bootstrap samples and starts.

    Attributes:
        samples: Bootstrap samples, each of which is paired with each other; 100 for figures that are reported. Their
            mean is as sure as that of as many pairs of two samples each, of which there are twice as many.
        starts: Runs a sample; 10 for figures that are reported.
    """

    samples: int = 100
    starts: int = 10


@dataclass(frozen=True, slots=True)
class CountStability:
    """Stability of the segmentation with one k.

    Attributes:
        agreement: Mean adjusted Rand index over the pairs, A(k).
        median: Its median.
        segments: SLSw of each segment.
        least: Its 1% quantile: chance alone seldom goes below.
        error: Standard error of `agreement`, by the pairs that were drawn.
        segment_error: That of the least of `segments`.
        again: Share of each segment's people whom refits without them put there again; empty where it is not known.
    """

    agreement: float
    median: float
    segments: tuple[float, ...]
    least: float = 0.0
    error: float = 0.0
    segment_error: float = 0.0
    again: tuple[float, ...] = ()


def bootstrap_labels(rows: Rows, k: int, effort: Effort, rng: Generator) -> Labels:
    """Return the segment of every row by each of ``samples`` bootstrap solutions, (samples, rows).

    Args:
        rows: The different rows, and how many people have each.
        k: Segments.
        effort: Bootstrap samples, and starts per sample.
        rng: Draws the samples and the starts.

    Returns:
        Segment numbers, 0 to *k* - 1, which mean something within one sample only.
    """
    return bootstrap_refits(rows, k, effort, rng)[0]


def bootstrap_refits(rows: Rows, k: int, effort: Effort, rng: Generator) -> tuple[Labels, Matrix]:
    """Return what `bootstrap_labels` does, and how often each row is in each sample, (samples, rows)."""
    weights = rows.bootstrap(effort.samples, rng)
    return kmeans(rows.values, weights, k, starts=effort.starts, rng=rng).labels(rows.values), weights


def agreements(labels: Labels, counts: Matrix, k: int) -> Matrix:
    """Return the adjusted Rand index (Hubert & Arabie 1985) of each labeling with each other one, (pairs,).

    Args:
        labels: (samples, rows), two or more.
        counts: (rows,) people of each row.
        k: Segments.

    Returns:
        At most 1 (the same partition); 0 is what chance gives. Pairs are in the order of `numpy.triu_indices`.
    """
    table = _all_pairs(labels, counts, k)
    people = counts.sum()
    both = _couples(table).sum(axis=(1, 2))
    first, second = _couples(table.sum(axis=2)).sum(axis=1), _couples(table.sum(axis=1)).sum(axis=1)
    expected = first * second / _couples(people)
    largest = (first + second) / 2
    spread = largest - expected
    return np.where(spread > 0, (both - expected) / np.where(spread > 0, spread, 1.0), 1.0)


def _all_pairs(labels: Labels, counts: Matrix, k: int) -> Matrix:
    """How many people are in segment i of one labeling and j of another, (pairs, k, k), by one matrix product."""
    samples, rows = labels.shape
    table = np.zeros((samples * k, samples * k))
    for first in range(0, rows, AT_ONCE):  # whole numbers below 2^24 are exact in 32 bits
        part = labels[:, first : first + AT_ONCE]
        inside = (part[:, None, :] == np.arange(k)[None, :, None]).reshape(samples * k, -1).astype(np.float32)
        table += (inside * counts[first : first + AT_ONCE].astype(np.float32)) @ inside.T
    here, there = np.triu_indices(samples, 1)
    matrix: Matrix = table.reshape(samples, k, samples, k).transpose(0, 2, 1, 3)[here, there]
    return matrix


def crossed(first: Labels, second: Labels, counts: Matrix, k: int, m: int) -> Matrix:
    """Return how many people are in segment i of one labeling and j of the other, (labelings, k, m)."""
    many = len(second)
    cell = (np.arange(many)[:, None] * k + first) * m + second
    weights = np.broadcast_to(counts, cell.shape)
    matrix: Matrix = np.bincount(cell.ravel(), weights.ravel(), minlength=many * k * m).astype(np.float64)
    return matrix.reshape(many, k, m)


def _couples(people: Matrix) -> Matrix:
    return people * (people - 1) / 2


def within(reference: Labels, labels: Labels, counts: Matrix, k: int) -> Matrix:
    """Return the best Jaccard of each segment of *reference* (rows,) in each labeling, (labelings, k).

    Its mean over the labelings is SLSw (Hennig 2007).
    """
    table = crossed(np.broadcast_to(reference, labels.shape), labels, counts, k, k)
    own, other = table.sum(axis=2, keepdims=True), table.sum(axis=1, keepdims=True)
    union = own + other - table
    jaccard = np.divide(table, union, out=np.zeros_like(table), where=union > 0)
    best: Matrix = jaccard.max(axis=2)
    return best


def standard_error(values: Matrix) -> float:
    """Return the standard error of the mean of independent draws; 0 for one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def error_of_pairs(pairs: Matrix) -> float:
    """Return the standard error of the mean over all pairs of some samples: the jackknife (Arvesen 1969).

    Args:
        pairs: (samples (samples - 1) / 2,), in the order of `agreements`.

    Returns:
        0 for fewer than three samples.
    """
    samples = round((1 + np.sqrt(1 + 8 * len(pairs))) / 2)
    if samples < 3:  # noqa: PLR2004 - without one of two nothing is left
        return 0.0
    table = np.zeros((samples, samples))
    table[np.triu_indices(samples, 1)] = pairs
    own = (table + table.T).sum(axis=1)
    without = (pairs.sum() - own) / (len(pairs) - samples + 1)
    return float(np.sqrt((samples - 1) / samples * ((without - without.mean()) ** 2).sum()))


def across(before: Labels, after: Labels, counts: Matrix, k: int) -> tuple[float, ...]:
    """Return SLSa of each segment of *after* (k + 1 segments): 1 has one parent in *before*, low is pieced together.

    1 + sum p ln p / ln k, with p the shares of the segment's people by their segment before.
    """
    if k < 2:  # noqa: PLR2004 - everything has one parent
        return (1.0,) * (k + 1)
    table = crossed(after[None], before[None], counts, k + 1, k)[0]
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return tuple(float(value) for value in 1 + (shares * logs).sum(axis=1) / np.log(k))


def best_labels(
    rows: Rows, k: int, *, starts: int, rng: Generator, tolerance: float = EXACT
) -> tuple[Labels, Matrix, float]:
    """Return the best solution for everybody: labels (rows,) by falling size, centres (k, features), inertia.

    Args:
        rows: The different rows, and how many people have each.
        k: Segments.
        starts: Runs of k-means; the one with the smallest inertia is taken.
        rng: Draws the starts.
        tolerance: When a run ends, see `segmenter.stats.kmeans.kmeans`.

    Returns:
        Labels (rows,), 0 the largest segment; centres (k, features); the sum of squared distances.
    """
    counts, scale = as_whole(rows.counts)
    centres = kmeans(rows.values, counts[None], k, starts=starts, rng=rng, tolerance=tolerance)
    labels = centres.labels(rows.values)[0]
    order = np.argsort(-np.bincount(labels, rows.counts, minlength=k), kind="stable")
    renamed = np.empty(k, np.int64)
    renamed[order] = np.arange(k)
    return renamed[labels], centres.centres[0][order], float(centres.inertia[0]) / scale


def stability(rows: Rows, reference: Labels, labels: Labels, k: int) -> CountStability:
    """Return how stable *k* segments are, and each of *reference*, given the *labels* of bootstrap solutions.

    Args:
        rows: The different rows, and how many people have each.
        reference: (rows,) the segmentation that is judged.
        labels: (samples, rows), as `bootstrap_labels` returns them.
        k: Segments.

    Returns:
        Mean, median and lowest usual agreement of pairs (adjusted Rand index), and one stability (Jaccard, 0 to 1) per
        segment.
    """
    matrix = agreements(labels, rows.counts, k)
    jaccard = within(reference, labels, rows.counts, k)
    segments = jaccard.mean(axis=0)
    return CountStability(
        agreement=float(matrix.mean()),
        median=float(np.median(matrix)),
        segments=tuple(float(value) for value in segments),
        least=float(np.quantile(matrix, SELDOM)),
        error=error_of_pairs(matrix),
        segment_error=standard_error(jaccard[:, int(segments.argmin())]),
    )
