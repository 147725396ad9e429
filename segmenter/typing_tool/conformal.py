"""Conformal prediction sets: the segments that a person may belong to, at an error rate that the user names.

A segment is in the set if its probability is at least a limit. The limit is a quantile of the probabilities that
people who were held out had for their true segment, so that the set misses the true one at most at the error rate,
whatever the model gets wrong (Vovk, Gammerman & Shafer 2005, chapter 4; with one limit a segment it holds within
each: Vovk 2012, "Mondrian"). Held out are the folds of a cross-validation (Vovk 2015, cross-conformal).
"""

from __future__ import annotations

from math import ceil

import numpy as np

from segmenter.typing_tool.lda import Labels, Matrix

NEVER_RULED_OUT = 1 / 3  # a segment as likely as that is in the set even where the error rate would allow to drop it
ROUNDED = 1e-12  # limits are probabilities of people: equal ones have to count as equal


def rank_of(people: int, error_rate: float) -> int:
    """Return which of *people* scores, ascending, is the limit: above *people* where there are too few of them."""
    return ceil((people + 1) * (1 - error_rate) - ROUNDED)


def enough_for(people: int, error_rate: float) -> bool:
    """Return whether *people* who were held out can promise *error_rate*."""
    return rank_of(people, error_rate) <= people


def set_limits(likely: Matrix, truth: Labels, segments: int, error_rate: float, *, per_segment: bool) -> Matrix:
    """Return the least probability with which a segment is in the set, (segments,); 0 where it always is.

    At most `NEVER_RULED_OUT`: nobody is told "one segment" whose second one is nearly as likely.

    Args:
        likely: (people, segments) of people who had no part in the model.
        truth: (people,) their segment.
        segments: How many.
        error_rate: Share of people whose set may miss their segment.
        per_segment: Whether it has to hold within each segment.
    """
    own = likely[np.arange(len(truth)), truth]
    groups = [own[truth == segment] if per_segment else own for segment in range(segments)]
    return np.array([_limit(group, error_rate) for group in groups])


def _limit(own: Matrix, error_rate: float) -> float:
    if not enough_for(len(own), error_rate):
        return 0.0
    falling = np.sort(own)[::-1]
    return min(float(falling[rank_of(len(own), error_rate) - 1]), NEVER_RULED_OUT)


def sets_of(likely: Matrix, least: Matrix) -> np.ndarray:
    """Return which segments each person may belong to, (people, segments): one or more, the likeliest always.

    Args:
        likely: (people, segments).
        least: As `set_limits` returns it.
    """
    inside = likely >= least - ROUNDED
    inside[np.arange(len(likely)), likely.argmax(axis=1)] = True
    return inside
