"""Choose k, the number of segments, and say why others were rejected.

SCIENCE 3.4: more than noise; no more than the BIC allows; the largest number before stability breaks; every segment
stable, large enough, and told by a marker. Segments that would get the same message become one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot
from typing import Literal

import numpy as np

from segmenter.discover.candidates import Solution
from segmenter.discover.markers import segment_means
from segmenter.discover.null_models import NEAR, NullTest
from segmenter.discover.segment_size import smallest
from segmenter.minimum import needs, of_a_segment
from segmenter.stats.item_matrix import Items, Labels, coded
from segmenter.stats.one_sided import one_sided

Light = Literal["green", "amber", "red"]

BREAK = 0.1  # A falls by more: the next number is one too many
REPRODUCIBLE, FRAGILE = 0.8, 0.5  # of A, the smaller of mean and median
TRUSTED, VALID = 0.6, 0.75  # of SLSw


def before_the_break(solutions: Mapping[int, Solution]) -> int:
    """Return the largest number of segments before A falls by more than `BREAK`, in its mean and in its median.

    The mean alone wavers by some hundredths from one seed to the next, which would decide where a fall is near the
    limit (McDonald's, from 2 to 3).
    """
    ks = sorted(solutions)
    for k, following in pairwise(ks):
        here, there = solutions[k].stability, solutions[following].stability
        if min(here.agreement - there.agreement, here.median - there.median) > BREAK:
            return k
    return ks[-1]


def in_question(test: NullTest) -> tuple[int, ...]:
    """Return the numbers of segments that their stability does not surely refuse, by the agreements of *test*."""
    numbers = []
    before, error = -1.0, 0.0
    for k, agreement, own in zip(test.ks, test.agreement, test.errors, strict=True):
        if before - agreement > BREAK + NEAR * hypot(error, own):
            break
        if agreement >= FRAGILE - NEAR * own:
            numbers.append(k)
        before, error = agreement, own
    return tuple(numbers)


def refusals(solution: Solution, test: NullTest, bound: int, largest: int) -> tuple[str, ...]:
    """Return why *solution* is not proposed, in the order of the tests; empty where it passes all."""
    k, stable = solution.k, solution.stability
    reasons = []
    if not test.candidate(k):
        place = test.ks.index(k)
        reasons.append(
            f"not more stable than shuffled data without segments (agreement {test.agreement[place]:.2f}; "
            f"95th percentile of shuffled data {test.quantile[place]:.2f})"
        )
    if k > bound:
        reasons.append(f"the BIC supports {bound} at most")
    if k > largest:
        reasons.append(f"stability drops after {largest}")
    if (level := min(stable.agreement, stable.median)) < FRAGILE:
        reasons.append(f"repeated segmentations agree by {level:.2f} only")
    if min(stable.segments) < TRUSTED:
        reasons.append(f"a segment is not stable (SLSw {min(stable.segments):.2f})")
    if min(solution.counted) < smallest(solution.everybody):
        reasons.append(needs("a segment", of_a_segment(solution.everybody), "people", int(min(solution.counted))))
    if solution.alike:
        a, b = solution.alike[0]
        reasons.append(f"no item tells segments {a + 1} and {b + 1} apart")
    return tuple(reasons)


def remarks_on(solution: Solution) -> tuple[str, ...]:
    """Return what is to be noted of segments that are proposed: a sentence each."""
    least = of_a_segment(solution.everybody)
    small = [str(j + 1) for j, size in enumerate(solution.counted) if size < least]
    unmarked = [str(j + 1) for j, own in enumerate(solution.markers) if not own]
    notes = []
    if small:
        notes.append(f"Segment {' and '.join(small)} is small: fewer than {least:,} people describe it.")
    if unmarked:
        notes.append(f"Segment {' and '.join(unmarked)} has no marker: no single item tells it from all the others.")
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class ChosenK:
    """The number of segments that is proposed, or None.

    Attributes:
        refused: Number -> why not.
    """

    k: int | None
    refused: Mapping[int, tuple[str, ...]]


def choose_k(solutions: Mapping[int, Solution], test: NullTest, bound: int) -> ChosenK:
    """Return the largest number of segments that passes all tests."""
    largest = before_the_break(solutions)
    refused = {k: refusals(solution, test, bound, largest) for k, solution in solutions.items()}
    allowed = [k for k, reasons in refused.items() if not reasons]
    return ChosenK(max(allowed, default=None), refused)


def light_of(solution: Solution, *, notes: Sequence[str], natural: bool | None = True) -> Light:
    """Return the light of what is proposed: green where all is reproducible, natural, and nothing is to be noted."""
    stable = solution.stability
    good = min(stable.agreement, stable.median) >= REPRODUCIBLE and min(stable.segments) >= VALID
    return "green" if good and natural and not notes else "amber"


def flagged(solution: Solution, items: int) -> tuple[int, ...]:
    """Return the segments that are up or down on more of *items* than chance explains: probably a response style."""
    return one_sided(solution.up, items)


def messages(solution: Solution) -> list[str]:
    """Return what each segment would be told by: its markers and their direction, as one text."""
    said = [", ".join(sorted(f"{'+' if m.up else '-'}{m.item}" for m in own)) for own in solution.markers]
    return [text or f"segment {j}" for j, text in enumerate(said)]  # two that have no marker are not one


def merge_segments(items: Items, labels: Labels, said: Sequence[str]) -> tuple[int, ...]:
    """Return the new segment of each old one: those that are *said* the same become one, the nearest two first.

    Nearest is the smallest rise of the variance within (Ward 1963). Segments stay in order of their first.
    """
    k = len(said)
    values = coded(items).observed
    centres = list(segment_means(values, labels, k, items.weights))
    sizes = [float(size) for size in np.bincount(labels, items.weights, minlength=k)]
    groups = [[j] for j in range(k)]
    while pairs := [
        (sizes[a] * sizes[b] / (sizes[a] + sizes[b]) * float(((centres[a] - centres[b]) ** 2).sum()), a, b)
        for a in range(len(groups))
        for b in range(a + 1, len(groups))
        if said[groups[a][0]] == said[groups[b][0]]
    ]:
        _, a, b = min(pairs)
        centres[a] = (sizes[a] * centres[a] + sizes[b] * centres[b]) / (sizes[a] + sizes[b])
        sizes[a] += sizes[b]
        groups[a] += groups[b]
        del centres[b], sizes[b], groups[b]
    place = {old: new for new, group in enumerate(groups) for old in group}
    return tuple(place[j] for j in range(k))
