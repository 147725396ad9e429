"""Audit of a given partition by the tests of `discover`: does the data have these segments?

The data must be more than shuffled copies of them at this number, and segments that are found anew among resampled
people must be the given ones: their agreement with the partition (adjusted Rand index) and the best overlap with each
segment (SLSw) have the limits that segments of `discover` have. Sizes and markers are judged as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.discover.candidates import Solution, solution_of
from segmenter.discover.choose_k import FRAGILE, TRUSTED, Light, light_of
from segmenter.discover.null_models import NullTest, null_test, shuffled
from segmenter.discover.propose import SearchOptions, sampled
from segmenter.discover.segment_size import smallest
from segmenter.discover.stability import CountStability, Effort, agreements, bootstrap_refits, within
from segmenter.discover.verdict_text import why_noise
from segmenter.stats.item_matrix import Items, Labels, coded
from segmenter.stats.kmeans import Rows

EFFORT = Effort(50, 5)


@dataclass(frozen=True, slots=True)
class Audit:
    """What the tests say of a given partition.

    Attributes:
        sentences: The light in words, then what is against the partition, one by one.
        solution: Its sizes and markers, and how often segments found anew are those.
        test: Against shuffled copies, of this number only.
    """

    light: Light
    sentences: tuple[str, ...]
    solution: Solution
    test: NullTest


def audit_partition(
    items: Items, labels: Labels, names: tuple[str, ...], asked: SearchOptions, rng: Generator
) -> Audit:
    """Judge a partition that somebody else made.

    Args:
        items: The base.
        labels: (people,) place of each one's segment in *names*.
        names: Of two segments or more.
        asked: Effort of the test against copies.
        rng: The same state gives the same verdict.

    Returns:
        The verdict with its sentences, and the test against copies.
    """
    k = len(names)
    with threadpool_limits(1):  # many small fits: threads would wait for each other
        tested = items.rows(sampled(len(items.values), asked.tested(items)))
        test = null_test(tested, (k,), shuffled, asked.test, rng)
        solution = solution_of(items, k, labels, _stability(items, labels, k, rng), (1.0,) * k)
    against = tuple(_against(solution, test, names))
    level = min(solution.stability.agreement, solution.stability.median)
    if against:
        return Audit("red", (f"The data do not have these {k} segments.", *against), solution, test)
    sentence = f"{k} segments that are found again when the people are resampled (agreement {level:.2f})."
    return Audit(light_of(solution, notes=()), (sentence,), solution, test)


def _stability(items: Items, labels: Labels, k: int, rng: Generator) -> CountStability:
    """Of refits against the partition; each person is a row, since two with the same answers may be in two segments."""
    values = coded(items).observed
    people = len(values)
    counts = np.ones(people) if items.counts is None else items.counts
    rows = Rows(values, counts, np.arange(people))
    refits, _ = bootstrap_refits(rows, k, EFFORT, rng)
    pairs = agreements(np.vstack([labels, refits]), rows.counts, k)[: len(refits)]  # of the first with each other
    overlap = within(labels, refits, rows.counts, k).mean(axis=0)
    return CountStability(float(pairs.mean()), float(np.median(pairs)), tuple(float(share) for share in overlap))


def _against(solution: Solution, test: NullTest, names: tuple[str, ...]) -> list[str]:
    k, stable = solution.k, solution.stability
    reasons = [] if test.candidate(k) else [why_noise(test)]
    if (level := min(stable.agreement, stable.median)) < FRAGILE:
        reasons.append(f"Recalculated segments agree with it by {level:.2f} only (at least {FRAGILE:.2f}).")
    reasons += [
        f"{name} is not found again (SLSw {again:.2f}, at least {TRUSTED:.2f})."
        for name, again in zip(names, stable.segments, strict=True)
        if again < TRUSTED
    ]
    least = smallest(solution.everybody)
    reasons += [
        f"{name} has {size:,.0f} people; a segment needs {least:,.0f}."
        for name, size in zip(names, solution.counted, strict=True)
        if size < least
    ]
    reasons += [f"No item tells {names[a]} and {names[b]} apart." for a, b in solution.alike]
    return reasons
