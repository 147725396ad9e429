"""Null models: permutation tests of cluster stability against shuffled data.

First null: each column shuffled by itself (same margins, no relation). Second null: same margins and same correlations,
but no groups (`segmenter.discover.latent_correlations`). Copies and data are exchangeable under the null, so the share
of sets whose best standardised stability is at least that of the data is an exact p, whatever the margins.

Stability is at most 1, so standard deviations of it have a ceiling: data that are cut up the same way each time are
3.5 above copies of 0.9 +- 0.03, and no more, which some copy reaches by chance at one of its other numbers. Agreements
are therefore compared as Fisher's z (1921), whose spread does not depend on how near 1 they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt
from statistics import NormalDist

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmenter.discover.stability import Effort, agreements, best_labels, bootstrap_labels, error_of_pairs
from segmenter.discover.steps import Steps, silent
from segmenter.stats.item_matrix import Items, Matrix, coded
from segmenter.stats.kmeans import NEAR_ENOUGH, Rows

LEVEL = 0.05
SURELY = 0.12
"""p beyond which copies that are drawn anew do not bring it to the level: in one of 40 cases at most."""
COPIES, MOST_COPIES = 19, 76  # the fewest with which p can reach the level, and four times as many
CLOSE = 1.0
"""Standard deviations of the copies: a lead that a copy of other seeds may well make up for."""
RISK = 1 / 40  # that more copies would have said something else
NEAR = 2.0
"""Standard errors: other seeds end on the other side of the limit in one of 40 cases at most."""
QUANTILE = 0.95
TIGHT = 10  # starts for the sum of squares within
SMALL = 1e-9

Flags = NDArray[np.bool_]
Null = Callable[[Items, Generator], Items]
Measured = tuple[Matrix, Matrix, Matrix]  # A(k), its standard error, and the sum of squares within; each (ks,)


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
        lead: By how many standard deviations of the copies, in Fisher's z, the data are above the best copy, each at
            its best k.
        overtaking: How many copies are expected to come within `CLOSE` of the data if `MOST_COPIES` are drawn in all.
        copies: How many there were.
    """

    ks: tuple[int, ...]
    p: float
    agreement: tuple[float, ...]
    quantile: tuple[float, ...]
    tighter: tuple[bool, ...]
    errors: tuple[float, ...] = ()
    lead: float = inf
    copies: int = COPIES
    overtaking: float = 0.0

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


def every_number(test: NullTest) -> Sequence[int]:
    """Return every number of segments of *test*."""
    return test.ks


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
    asked: Callable[[NullTest], Sequence[int]] = every_number,
) -> NullTest:
    """Compare *items* with copies of it that *null* makes, over all *ks* in one test.

    *copies* of them, and half as many again up to *most* while it is open which side of its limit the answer lies: the
    same data then get the same answer, whatever is drawn. It ends early only where the rest would not turn the answer,
    nor bring it to the edge, but with a chance of `RISK` (Besag & Clifford 1991; Gandy 2009): where so many are ahead
    that p stays off the level, or where the tail of the copies ends well below the data. *asked* are the numbers whose
    answer may be used: how near the others are to their limits is of no account.

    The data are measured again too: chance in that is in every comparison, and more copies do not lessen it. A round
    goes to the data where most of the error is theirs. A mean of several measurements lies nearer the others than one
    does, so p stays on the safe side.
    """
    data: list[Measured] = []
    drawn: list[Measured] = []
    again, more, half = 1, copies, (copies + 1) // 2
    while True:
        data += [_measured(items, ks, effort, rng) for _ in range(again)]
        end = len(drawn) + more
        for _ in range(more):
            steps(name, len(drawn) + 1, end)
            drawn.append(_measured(null(items, rng), ks, effort, rng))
        agreement, errors, inertia = (np.array(part) for part in zip(_pooled(data), *drawn, strict=True))
        test = compared(ks, agreement, errors, inertia, people=len(items.values), most=most)
        near = _near(test, inertia) & np.isin(ks, asked(test))
        turned = test.rivals > 0 or test.overtaking > RISK
        unsure = near & (2 * errors[0] ** 2 > np.array(test.errors) ** 2)  # more than half is of the data
        if test.rivals + 1 > SURELY * (most + 1) + SMALL:
            return test
        if not turned and len(data) <= copies and unsure.any():
            again, more = copies, 0
        elif (turned or near.any()) and len(drawn) < most:
            again, more = 1, min(half, most - len(drawn))
        else:
            return test


def _pooled(measured: Sequence[Measured]) -> Measured:
    """The mean of several measurements of the same data, and the standard error of it."""
    agreement, errors, inertia = (np.array(part) for part in zip(*measured, strict=True))
    return agreement.mean(axis=0), np.sqrt((errors**2).sum(axis=0)) / len(errors), inertia.mean(axis=0)


def _near(test: NullTest, inertia: Matrix) -> Flags:
    """Which numbers of segments are as near to their limit as other seeds may reach, (ks,)."""
    tight = (inertia[1:].mean(axis=0) - inertia[0]) / np.maximum(inertia[1:].std(axis=0, ddof=1), SMALL)
    apart = np.abs(np.array(test.agreement) - test.quantile)
    near: Flags = (apart < NEAR * np.array(test.errors)) & (tight > 0)
    return near


def compared(
    ks: Sequence[int], agreement: Matrix, errors: Matrix, inertia: Matrix, *, people: int, most: int
) -> NullTest:
    """Return the test of the first row, the data, against the others, the copies.

    Args:
        ks: Numbers of segments.
        agreement: A(k), (sets, ks).
        errors: Standard error of each.
        inertia: Sum of squares within.
        people: In each set.
        most: Copies that may be drawn in all.
    """
    even = fisher_z(agreement, people)
    spread = even.std(axis=0)
    standard = (even - even.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    best = standard.max(axis=1)
    ahead = ((even - even[1:].mean(axis=0)) / np.maximum(even[1:].std(axis=0, ddof=1), SMALL)).max(axis=1)
    copies = len(agreement) - 1
    return NullTest(
        tuple(ks),
        float((best >= best[0] - SMALL).mean()),
        tuple(float(value) for value in agreement[0]),
        tuple(float(value) for value in np.quantile(agreement[1:], QUANTILE, axis=0)),
        tuple(bool(value) for value in inertia[0] < np.quantile(inertia[1:], 1 - QUANTILE, axis=0)),
        tuple(float(value) for value in np.hypot(errors[0], _error_of_quantile(even[1:]))),
        float(ahead[0] - ahead[1:].max()),
        copies,
        max(most - copies, 0) * chance_beyond(ahead[1:], float(ahead[0]) - CLOSE),
    )


def fisher_z(agreement: Matrix, people: int) -> Matrix:
    """Return agreements as Fisher's z, of the same shape; what one of *people* makes of a difference is left out."""
    z: Matrix = np.arctanh(np.clip(agreement, -1 + 1 / people, 1 - 1 / people))
    return z


def chance_beyond(drawn: Matrix, limit: float) -> float:
    """Return the chance that another draw lies beyond *limit*, from the tail of those that are *drawn*.

    Of r draws above the median, whose mean excess is m, the next one exceeds it by more than y with chance
    (1 + y / (r m))^-r: where the tail is exponential y / m is F-distributed (2, 2 r), so that what r draws do not say
    of its scale is allowed for. Draws that lie far out make m large. A tail in place of counting: Knijnenburg, Wessels,
    Reinders & Shmulevich 2009, Fewer permutations, more accurate P-values.
    """
    middle = float(np.median(drawn))
    excess = drawn[drawn > middle] - middle
    if limit <= middle:
        return 1.0
    if not len(excess):  # all alike
        return 0.0
    share = len(excess) / len(drawn)
    return float(share * (1 + (limit - middle) / (len(excess) * float(excess.mean()))) ** -len(excess))


def _error_of_quantile(z: Matrix) -> Matrix:
    """Standard error of the `QUANTILE` of agreements whose Fisher's z are normal draws, (columns,).

    Stuart & Ord, Kendall's Advanced Theory, 10.11, for z; from z to agreements by the slope of tanh there.
    """
    normal = NormalDist()
    density = normal.pdf(normal.inv_cdf(QUANTILE))
    slope = 1 - np.tanh(np.quantile(z, QUANTILE, axis=0)) ** 2
    errors: Matrix = slope * z.std(axis=0, ddof=1) * sqrt(QUANTILE * (1 - QUANTILE) / len(z)) / density
    return errors


def _measured(items: Items, ks: Sequence[int], effort: Effort, rng: Generator) -> Measured:
    """A(k), its standard error, and the sum of squares within."""
    rows = Rows.of(coded(items).observed, items.counts).compact()
    drawn = [agreements(bootstrap_labels(rows, k, effort, rng), rows.counts, k) for k in ks]
    tight = [best_labels(rows, k, starts=TIGHT, rng=rng, tolerance=NEAR_ENOUGH)[2] for k in ks]
    return (
        np.array([pairs.mean() for pairs in drawn]),
        np.array([error_of_pairs(pairs) for pairs in drawn]),
        np.array(tight),
    )
