"""Null models: permutation tests of cluster stability against shuffled data.

First null: each column shuffled by itself (same margins, no relation). Second null: same margins and same rank
correlations, but no groups. Copies and data are exchangeable under the null, so the share of sets whose best
standardised stability is at least that of the data is an exact p, whatever the margins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from segmenter.discover.stability import Effort, agreements, best_labels, bootstrap_labels, error_of_pairs
from segmenter.stats.item_matrix import Items, Matrix, coded
from segmenter.stats.kmeans import NEAR_ENOUGH, Rows

LEVEL = 0.05
COPIES = 19  # the fewest with which p can reach the level
QUANTILE = 0.95
TIGHT = 10  # starts for the sum of squares within
SMALL = 1e-9

Null = Callable[[Items, Generator], Items]


@dataclass(frozen=True, slots=True)
class NullTest:
    """Result of the permutation test against data without segments.

    Attributes:
        ks: Numbers of segments that were tried.
        p: Share of all sets whose best standardised A(k) is at least that of the data.
        agreement: A(k) of the data, with the effort of this test.
        quantile: 95% quantile of the copies' A(k).
        tighter: Whether the data's segments are tighter than those of 95% of the copies (gap statistic; Tibshirani,
            Walther & Hastie 2001, with the copies as the reference).
        errors: Standard error of each *agreement* less its *quantile*; empty where it is not known.
        lead: By how much the data's best standardised A(k) is above that of the best copy.
        lead_error: Its standard error.
    """

    ks: tuple[int, ...]
    p: float
    agreement: tuple[float, ...]
    quantile: tuple[float, ...]
    tighter: tuple[bool, ...]
    errors: tuple[float, ...] = ()
    lead: float = 1.0
    lead_error: float = 0.0

    @property
    def beaten(self) -> bool:
        """Whether the data are told apart from the copies at all."""
        return self.p <= LEVEL + SMALL and any(self.tighter)

    def candidate(self, k: int) -> bool:
        """Return whether *k* segments are more stable than those of the copies."""
        place = self.ks.index(k)
        return self.beaten and self.tighter[place] and self.agreement[place] > self.quantile[place]


def shuffled(items: Items, rng: Generator) -> Items:
    """Return a copy with each column permuted by itself: the first null."""
    return Items(items.kind, items.names, rng.permuted(items.values, axis=0), items.categories)


def same_ranks(items: Items, rng: Generator) -> Items:
    """Return a copy with the same margins and rank correlations, without groups: the second null, for numbers.

    Normals with correlation 2 sin(pi rho / 6) (Pearson 1907), each column replaced by its own values in their order.
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - only where models are made

    values = np.where(np.isnan(items.values), np.nanmedian(items.values, axis=0), items.values)
    rho = np.corrcoef(rankdata(values, axis=0), rowvar=False)
    roots, axes = np.linalg.eigh(2 * np.sin(np.pi * rho / 6))
    # rounding or many ties may leave a root below 0, which no covariance has
    drawn = rng.standard_normal(values.shape) @ (axes * np.sqrt(np.maximum(roots, 0.0))).T
    place = drawn.argsort(axis=0).argsort(axis=0)
    return Items(items.kind, items.names, np.take_along_axis(np.sort(values, axis=0), place, axis=0))


def null_test(
    items: Items, ks: Sequence[int], null: Null, effort: Effort, rng: Generator, *, copies: int = COPIES
) -> NullTest:
    """Compare *items* with *copies* of it that *null* makes, over all *ks* in one test."""
    sets = [items, *(null(items, rng) for _ in range(copies))]
    measured = [_measured(sample, ks, effort, rng) for sample in sets]
    agreement, errors, inertia = (np.array(part) for part in zip(*measured, strict=True))
    spread = agreement.std(axis=0)
    unit = np.where(spread > 0, spread, 1.0)
    standard = (agreement - agreement.mean(axis=0)) / unit
    best = standard.max(axis=1)
    rival = 1 + int(best[1:].argmax())
    own, other = (errors[row][standard[row].argmax()] / unit[standard[row].argmax()] for row in (0, rival))
    return NullTest(
        tuple(ks),
        float((best >= best[0] - SMALL).mean()),
        tuple(float(value) for value in agreement[0]),
        tuple(float(value) for value in np.quantile(agreement[1:], QUANTILE, axis=0)),
        tuple(bool(value) for value in inertia[0] < np.quantile(inertia[1:], 1 - QUANTILE, axis=0)),
        tuple(float(value) for value in np.hypot(errors[0], _error_of_quantile(agreement[1:]))),
        float(best[0] - best[rival]),
        float(np.hypot(own, other)),
    )


def _error_of_quantile(copies: Matrix) -> Matrix:
    """Standard error of the `QUANTILE` of normal draws, (columns,): Stuart & Ord, Kendall's Advanced Theory, 10.11."""
    normal = NormalDist()
    density = normal.pdf(normal.inv_cdf(QUANTILE))
    errors: Matrix = copies.std(axis=0, ddof=1) * sqrt(QUANTILE * (1 - QUANTILE) / len(copies)) / density
    return errors


def _measured(items: Items, ks: Sequence[int], effort: Effort, rng: Generator) -> tuple[Matrix, Matrix, Matrix]:
    """A(k), its standard error, and the sum of squares within."""
    rows = Rows.of(coded(items).values)
    drawn = [agreements(bootstrap_labels(rows, k, effort, rng), rows.counts, k) for k in ks]
    tight = [best_labels(rows, k, starts=TIGHT, rng=rng, tolerance=NEAR_ENOUGH)[2] for k in ks]
    return (
        np.array([pairs.mean() for pairs in drawn]),
        np.array([error_of_pairs(pairs) for pairs in drawn]),
        np.array(tight),
    )
