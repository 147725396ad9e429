"""Stratified folds for cross-validation."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from segmenter.stats.item_matrix import Labels


def folds(labels: Labels, number: int, generator: Generator) -> Labels:
    """Return the fold of each person, 0 to number - 1: by chance, every segment spread evenly over all of them.

    Args:
        labels: (people,) the segment of each.
        number: How many folds.
        generator: Shuffles the people of each segment.

    Returns:
        (people,) whole numbers.
    """
    placed = np.empty(len(labels), dtype=np.int64)
    start = 0
    for segment in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == segment))
        placed[members] = (np.arange(len(members)) + start) % number
        start += len(members)  # small segments don't all fill the first folds
    return placed
