"""Target segments of a typing tool: given labels, or a segmentation recalculated in each fold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from segmenter.classifier.train import aligned
from segmenter.discover.cross_fit import found_again
from segmenter.stats.discriminant import Labels, Matrix
from segmenter.stats.item_matrix import rebuilt_items

Relabeller = Callable[[Labels, Generator], Labels]
"""Told the rows (places) it may learn from; answers the segment (0 to k - 1) of every row.

The truth of somebody who was held out is what a segmentation of the others says of their full set of answers."""


def given(labels: Labels) -> Relabeller:
    """Return a labeller for segments that are known: nothing is learned.

    Returns:
        Called with places of respondents and a generator, it returns *labels* for everybody.
    """

    def known(rows: Labels, generator: Generator) -> Labels:
        del rows, generator
        return labels

    return known


def found_anew(values: Matrix, segments: int, truth: Labels, weights: Matrix | None = None) -> Relabeller:
    """Return a labeller for k-means segments: it recalculates them on the given rows.

    Told everybody, it answers *truth*: that is what they are.

    Args:
        values: (people, items) what they were found on; gaps are NaN.
        segments: How many there were before any were merged.
        truth: (people,) the segment of each; new ones are called as those they share most people with.
        weights: (people,) above 0, with which they are found; None: all alike.

    Returns:
        Called with places of respondents and a generator, it returns (people,) segments found on those only.
    """
    items = rebuilt_items({str(place): column for place, column in enumerate(values.T)}, most=segments)
    items = items if weights is None else items.weighted(weights)
    names = truth.astype(str)

    def relabel(rows: Labels, generator: Generator) -> Labels:
        if len(rows) == len(truth):
            return truth
        labels = found_again(items, segments, generator)(rows)
        return aligned(labels, names, rows).astype(np.int64)

    return relabel
