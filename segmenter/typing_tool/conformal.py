"""Conformal prediction sets: the segments that a person may belong to, at an error rate that the user names.

A segment is in the set if its probability is at least a limit. The limit is a quantile of the probabilities that
people who were held out had for their true segment, so that the set misses the true one at most at the error rate,
whatever the model gets wrong (Vovk, Gammerman & Shafer 2005, chapter 4; with one limit a segment it holds within
each: Vovk 2012, "Mondrian"). Held out are the folds of a cross-validation (Vovk 2015, cross-conformal).

With weights the quantile is weighted, and the error rate is that of the population: respondents who were drawn with
known chances of being asked, of which the weights are the inverse, are exchangeable with a new person but for the
weight (Tibshirani, Foygel Barber, Candes & Ramdas 2019, "Conformal prediction under covariate shift", lemma 3). The new
person's own weight stands in the denominator. Nobody knows it, so it is taken for the largest one: that makes sets
larger, never smaller.
"""

from __future__ import annotations

import numpy as np

from segmenter.stats.discriminant import Labels, Matrix

NEVER_RULED_OUT = 1 / 3  # a segment as likely as that is in the set even where the error rate would allow to drop it
ROUNDED = 1e-12  # limits are probabilities of people: equal ones have to count as equal


def weight_needed(counts: Matrix, error_rate: float) -> float:
    """Return how much of the weight of people who were held out has to be told right.

    Args:
        counts: (people,) above 0, how many each counts as; ones without weights.
        error_rate: Share of people whose set may miss their segment.

    Returns:
        Above the sum of *counts* where these people are too few.
    """
    if not len(counts):
        return float("inf")
    total = float(counts.sum())
    return (total + float(counts.max())) * (1 - error_rate) - ROUNDED * total


def enough_for(counts: Matrix, error_rate: float) -> bool:
    """Return whether people who were held out can promise *error_rate*; *counts* as `weight_needed` takes them."""
    return weight_needed(counts, error_rate) <= float(counts.sum())


def set_limits(
    likely: Matrix, truth: Labels, segments: int, error_rate: float, *, per_segment: bool, counts: Matrix | None = None
) -> Matrix:
    """Return the least probability with which a segment is in the set, (segments,); 0 where it always is.

    At most `NEVER_RULED_OUT`: nobody is told "one segment" whose second one is nearly as likely.

    Args:
        likely: (people, segments) of people who had no part in the model.
        truth: (people,) their segment.
        segments: How many.
        error_rate: Share of people whose set may miss their segment.
        per_segment: Whether it has to hold within each segment.
        counts: (people,) how many each counts as, by the weights; None: once.
    """
    own, each = likely[np.arange(len(truth)), truth], np.ones(len(truth)) if counts is None else counts
    if not per_segment:
        return np.full(segments, _limit(own, each, error_rate))
    groups = [truth == segment for segment in range(segments)]
    return np.array([_limit(own[group], each[group], error_rate) for group in groups])


def _limit(own: Matrix, counts: Matrix, error_rate: float) -> float:
    if not enough_for(counts, error_rate):
        return 0.0
    falling = np.argsort(-own, kind="stable")
    place = int(np.searchsorted(np.cumsum(counts[falling]), weight_needed(counts, error_rate)))
    return min(float(own[falling[min(place, len(own) - 1)]]), NEVER_RULED_OUT)


def sets_of(likely: Matrix, least: Matrix) -> np.ndarray:
    """Return which segments each person may belong to, (people, segments): one or more, the likeliest always.

    Args:
        likely: (people, segments).
        least: As `set_limits` returns it.
    """
    inside = likely >= least - ROUNDED
    inside[np.arange(len(likely)), likely.argmax(axis=1)] = True
    return inside
