"""Null models: permutation tests of cluster stability against shuffled data.

First null: each column shuffled by itself (same margins, no relation). Second null: same margins and same correlations,
but no groups (`segmenter.discover.latent_correlations`). Copies and data are exchangeable under the null, so the share
of sets whose best standardised stability is at least that of the data is an exact p, whatever the margins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from segmenter.discover.stability import Effort, agreements, best_labels, bootstrap_labels, error_of_pairs
from segmenter.discover.steps import Steps, silent
from segmenter.stats.item_matrix import Items, Matrix, coded
from segmenter.stats.kmeans import NEAR_ENOUGH, Rows

LEVEL = 0.05
SURELY = 0.12
"""p beyond which copies that are drawn anew do not bring it to the level: in one of 40 cases at most."""
COPIES, MOST_COPIES = 19, 76  # the fewest with which p can reach the level, and four times as many
FAR_AHEAD = 3.0  # standard deviations of the copies: the data lead so far that more copies change nothing
NEAR_LIMIT = 1.0  # standard errors of a figure and its limit
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
        lead: By how many standard deviations of the copies the data are above the best copy, each at its best k.
        copies: How many there were.
    """

    ks: tuple[int, ...]
    p: float
    agreement: tuple[float, ...]
    quantile: tuple[float, ...]
    tighter: tuple[bool, ...]
    errors: tuple[float, ...] = ()
    lead: float = FAR_AHEAD
    copies: int = COPIES

    @property
    def rivals(self) -> int:
        """How many copies are at least as stable as the data."""
        return round(self.p * (self.copies + 1)) - 1

    @property
    def beaten(self) -> bool:
        """Whether the data are told apart from the copies at all."""
        return self.p <= LEVEL + SMALL and any(self.tighter)

    def candidate(self, k: int) -> bool:
        """Return whether *k* segments are more stable than those of the copies."""
        place = self.ks.index(k)
        return self.beaten and self.tighter[place] and self.agreement[place] > self.quantile[place]


def shuffled(items: Items, rng: Generator) -> Items:
    """Return a copy with each column permuted by itself: the first null. Weights stay, and so do weighted margins."""
    return replace(items, values=rng.permuted(items.margins(), axis=0))


def null_test(
    items: Items,
    ks: Sequence[int],
    null: Null,
    effort: Effort,
    rng: Generator,
    *,
    copies: int = COPIES,
    most: int = MOST_COPIES,
    steps: Steps = silent,
    name: str = "shuffled copies",
    asked: Sequence[int] = (),
) -> NullTest:
    """Compare *items* with copies of it that *null* makes, over all *ks* in one test.

    *copies* of them, and as many again up to *most* while it is open which side of its limit the answer lies: the same
    data then get the same answer, whatever is drawn. Besag & Clifford 1991: it ends early only where further copies
    would not bring p near the level, or where the data lie so far ahead that no copy would catch up. Of which *asked*
    numbers the answer is used: how near the others are to their limits is of no account; empty: all.
    """
    used = [place for place, k in enumerate(ks) if not asked or k in asked]
    measured = [_measured(items, ks, effort, rng)]
    while True:
        for _ in range(copies):
            steps(name, len(measured), len(measured) - (len(measured) - 1) % copies + copies - 1)
            measured.append(_measured(null(items, rng), ks, effort, rng))
        agreement, errors, inertia = (np.array(part) for part in zip(*measured, strict=True))
        test = _compared(ks, agreement, errors, inertia)
        if len(measured) + copies > most + 1 or not _is_open(test, inertia, most, used):
            return test


def _is_open(test: NullTest, inertia: Matrix, most: int, used: Sequence[int]) -> bool:
    """Whether more copies may turn the answer: not where too many rivals are ahead, or the data far ahead of all."""
    if test.rivals + 1 > SURELY * (most + 1) + SMALL:
        return False
    if test.rivals > 0 or test.lead < FAR_AHEAD:
        return True
    tight = (inertia[1:].mean(axis=0) - inertia[0]) / np.maximum(inertia[1:].std(axis=0, ddof=1), SMALL)
    near = np.abs(np.array(test.agreement) - test.quantile) < NEAR_LIMIT * np.array(test.errors)
    return bool((near & (tight > 0))[list(used)].any())


def _compared(ks: Sequence[int], agreement: Matrix, errors: Matrix, inertia: Matrix) -> NullTest:
    """The test of the first row, the data, against the others, the copies; each (sets, ks)."""
    spread = agreement.std(axis=0)
    unit = np.where(spread > 0, spread, 1.0)
    standard = (agreement - agreement.mean(axis=0)) / unit
    best = standard.max(axis=1)
    ahead = (agreement - agreement[1:].mean(axis=0)) / np.maximum(agreement[1:].std(axis=0, ddof=1), SMALL)
    return NullTest(
        tuple(ks),
        float((best >= best[0] - SMALL).mean()),
        tuple(float(value) for value in agreement[0]),
        tuple(float(value) for value in np.quantile(agreement[1:], QUANTILE, axis=0)),
        tuple(bool(value) for value in inertia[0] < np.quantile(inertia[1:], 1 - QUANTILE, axis=0)),
        tuple(float(value) for value in np.hypot(errors[0], _error_of_quantile(agreement[1:]))),
        float(ahead[0].max() - ahead[1:].max()),
        len(agreement) - 1,
    )


def _error_of_quantile(copies: Matrix) -> Matrix:
    """Standard error of the `QUANTILE` of normal draws, (columns,): Stuart & Ord, Kendall's Advanced Theory, 10.11."""
    normal = NormalDist()
    density = normal.pdf(normal.inv_cdf(QUANTILE))
    errors: Matrix = copies.std(axis=0, ddof=1) * sqrt(QUANTILE * (1 - QUANTILE) / len(copies)) / density
    return errors


def _measured(items: Items, ks: Sequence[int], effort: Effort, rng: Generator) -> tuple[Matrix, Matrix, Matrix]:
    """A(k), its standard error, and the sum of squares within."""
    rows = Rows.of(coded(items).observed, items.counts).compact()
    drawn = [agreements(bootstrap_labels(rows, k, effort, rng), rows.counts, k) for k in ks]
    tight = [best_labels(rows, k, starts=TIGHT, rng=rng, tolerance=NEAR_ENOUGH)[2] for k in ks]
    return (
        np.array([pairs.mean() for pairs in drawn]),
        np.array([error_of_pairs(pairs) for pairs in drawn]),
        np.array(tight),
    )
