"""Structural drift: whether a segmentation is still found in today's data.

Three things can happen to a segmentation: its borders lie elsewhere now (segments recalculated on today's people put
them together otherwise), it comes apart (a segment is not stable any more: two became one), or there is one more
(the next number of segments holds now, and did not before). Each is compared with what resampling the people would do
by itself: SCIENCE.md 3.2 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.discover.choose_k import BREAK, REPRODUCIBLE, TRUSTED, VALID
from segmenter.discover.stability import Effort, agreements, best_labels, bootstrap_labels, stability
from segmenter.minimum import of_a_segment
from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.kmeans import Rows

SAME_SEGMENTS = 0.6
"""Agreement (adjusted Rand index) of old and new labels above which there is no alarm."""
FALLEN: Sequence[tuple[float, float]] = ((TRUSTED, 0.1), (VALID, 0.2))
"""Stability alarm: below the first value, and a fall of more than the second."""
RISE = 0.1  # by so much the stability of the next number of segments must have risen to be told
MANY = 1_000  # people: more don't make segments steadier
EFFORT = Effort(100, 5)
STARTS = 50


@dataclass(frozen=True, slots=True)
class Before:
    """Reference figures of the segments, from when they were found.

    Attributes:
        people: Among whom.
        k: How many.
        least: Agreement of two segmentations of the same people that chance seldom goes below (1%).
        stability: SLSw of the least stable one.
        following: A(k + 1), the smaller of mean and median; None where it was not computed.
    """

    people: int
    k: int
    least: float
    stability: float
    following: float | None


@dataclass(frozen=True, slots=True)
class Structure:
    """Comparison of accepted segments with recalculated ones.

    Attributes:
        people: Of today.
        agreement: Of the old segments and of the recalculated ones (adjusted Rand index).
        threshold: Below which it is an alarm: the convention, or less where chance allows less.
        stability: SLSw of the least stable segment of today.
        following: A(k + 1) today, 0 where stability breaks after k, or a segment of it would be too small or unstable.
        before: As it was.
    """

    people: int
    agreement: float
    threshold: float
    stability: float
    following: float
    before: Before

    @property
    def few(self) -> bool:
        """Whether there are so few people today that they are what makes segments waver."""
        return self.people < min(self.before.people, MANY) / 2

    @property
    def moved(self) -> bool:
        """Whether borders lie elsewhere now."""
        return self.agreement < self.threshold

    @property
    def dissolved(self) -> bool:
        """Whether a segment is not stable any more; never with few people."""
        fall = self.before.stability - self.stability
        return not self.few and any(self.stability < level and fall > step for level, step in FALLEN)

    @property
    def one_more(self) -> bool:
        """Whether one more segment holds now."""
        known = self.before.following
        return known is not None and self.following >= REPRODUCIBLE and self.following > known + RISE

    @property
    def segment_anew(self) -> bool:
        """Whether a new segmentation should be looked for."""
        return self.moved or self.dissolved or self.one_more

    def sentences(self) -> list[str]:
        """Return one sentence per structural change; none while the segments are stable.

        Returns:
            Sentence parts without a full stop.
        """
        lines = []
        if self.moved:
            lines.append(
                f"recalculated segments agree with these by {self.agreement:.2f} only (at least {self.threshold:.2f} "
                "expected)"
            )
        if self.dissolved:
            lines.append(
                f"a segment is not stable any more (stability {self.stability:.2f}, was "
                f"{self.before.stability:.2f}): two may have merged"
            )
        if self.one_more:
            lines.append(
                f"{self.before.k + 1} segments are stable now (agreement {self.following:.2f}, was "
                f"{self.before.following or 0:.2f}): there may be a new one"
            )
        return lines


def structure(items: Items, old: Labels, before: Before, rng: Generator, effort: Effort = EFFORT) -> Structure:
    """Recalculate the segments on the people of today, and compare.

    Args:
        items: Today's base: the items or traits that the segments were found on, with weights where these were.
        old: (people,) the segment that each is in by the old centres.
        before: What was known.
        rng: Draws the samples.
        effort: Of the bootstrap.

    Returns:
        Agreement of today's segments with the old ones, stability, and whether one segment more is stable now.
    """
    with threadpool_limits(1):  # many small fits: threads would wait for each other
        rows, k = Rows.of(coded(items).observed, items.counts), before.k
        own, _, _ = best_labels(rows, k, starts=STARTS, rng=rng)
        labels = bootstrap_labels(rows, k, effort, rng)
        today = stability(rows, own, labels, k)
        structure = Structure(
            people=len(items.values),
            agreement=_agreement(own[rows.place], old, k, items.counts),
            threshold=min(SAME_SEGMENTS, before.least),
            stability=min(today.segments),
            following=_following(rows, k + 1, min(today.agreement, today.median) - BREAK, effort, rng),
            before=before,
        )
    return replace(structure, threshold=min(structure.threshold, today.least)) if structure.few else structure


def _agreement(first: Labels, second: Labels, k: int, counts: Matrix | None) -> float:
    rows = Rows.of(np.column_stack([first, second]).astype(np.float64), counts)
    pairs: Labels = rows.values.T.astype(np.int64)
    return float(agreements(pairs, rows.counts, k)[0])


def _following(rows: Rows, k: int, least: float, effort: Effort, rng: Generator) -> float:
    own, _, _ = best_labels(rows, k, starts=STARTS, rng=rng)
    count_stability = stability(rows, own, bootstrap_labels(rows, k, effort, rng), k)
    smallest = np.bincount(own, rows.counts, minlength=k).min()
    if smallest < of_a_segment(int(rows.counts.sum())) or min(count_stability.segments) < VALID:
        return 0.0
    level = min(count_stability.agreement, count_stability.median)
    return level if level >= least else 0.0
