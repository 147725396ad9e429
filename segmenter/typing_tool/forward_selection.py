"""Forward selection of items: each step adds the item with the best classification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator

from segmenter.stats.folds import folds
from segmenter.typing_tool.lda import Labels, Matrix, Moments, probabilities

TINY = 1e-12  # below any probability that could matter; keeps a logarithm finite


def forward_selection(
    values: Matrix, labels: Labels, generator: Generator, *, most: int, folds_within: int = 5
) -> list[int]:
    """Return the places of the *most* best items, in the order in which they were chosen.

    An item's worth is the cross-validated hit rate of discriminant analysis with it; among equals the likelihood
    of the right segments decides, then the order of the columns.

    Args:
        values: (people, items), without gaps.
        labels: (people,) 0 to segments - 1.
        generator: Draws the folds.
        most: At most so many items.
        folds_within: How many parts the people are cut into for it.
    """
    segments = int(labels.max()) + 1
    placed = folds(labels, folds_within, generator)
    parts = [
        (Moments.of(values[placed != fold], labels[placed != fold], segments), values[placed == fold], where)
        for fold in range(folds_within)
        if (where := labels[placed == fold]).size
    ]
    chosen: list[int] = []
    while len(chosen) < min(most, values.shape[1]):
        chosen.append(max(_left(values.shape[1], chosen), key=lambda item: _worth(parts, [*chosen, item])))
    return chosen


def _left(items: int, chosen: Sequence[int]) -> Iterator[int]:
    return (item for item in range(items) if item not in chosen)


def _worth(parts: Sequence[tuple[Moments, Matrix, Labels]], items: Sequence[int]) -> tuple[int, float]:
    hits, likelihood = 0, 0.0
    for moments, held_out, truth in parts:
        matrix = probabilities(moments.discriminant(items).scores(held_out[:, items]))
        hits += int((matrix.argmax(axis=1) == truth).sum())
        likelihood += float(np.log(matrix[np.arange(len(truth)), truth] + TINY).sum())
    return hits, round(likelihood, 9)
