"""Forward selection of items: each step adds the item with the best classification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmenter.stats.discriminant import Labels, Matrix, Moments, probabilities
from segmenter.stats.folds import folds

TINY = 1e-12  # below any probability that could matter; keeps a logarithm finite


def forward_selection(
    values: Matrix,
    labels: Labels,
    generator: Generator,
    *,
    most: int,
    folds_within: int = 5,
    counts: Matrix | None = None,
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
        counts: (people,) how many each counts as; None: once.
    """
    segments = int(labels.max()) + 1
    placed = folds(labels, folds_within, generator)
    parts = [
        _Part(
            Moments.of(values[rows], labels[rows], segments, _of(counts, rows)),
            values[~rows],
            labels[~rows],
            _of(counts, ~rows),
        )
        for fold in range(folds_within)
        if (placed == fold).any() and (rows := placed != fold) is not None
    ]
    chosen: list[int] = []
    while len(chosen) < min(most, values.shape[1]):
        chosen.append(max(_left(values.shape[1], chosen), key=lambda item: _worth(parts, [*chosen, item])))
    return chosen


def _left(items: int, chosen: Sequence[int]) -> Iterator[int]:
    return (item for item in range(items) if item not in chosen)


class _Part(NamedTuple):
    moments: Moments
    held_out: Matrix
    truth: Labels
    counts: Matrix | None


def _of(counts: Matrix | None, rows: NDArray[np.bool_]) -> Matrix | None:
    return None if counts is None else counts[rows]


def _worth(parts: Sequence[_Part], items: Sequence[int]) -> tuple[float, float]:
    hits, likelihood = 0.0, 0.0
    for part in parts:
        matrix = probabilities(part.moments.discriminant(items).scores(part.held_out[:, items]))
        right = matrix.argmax(axis=1) == part.truth
        logs = np.log(matrix[np.arange(len(part.truth)), part.truth] + TINY)
        hits += float(right.sum() if part.counts is None else part.counts[right].sum())
        likelihood += float(logs.sum() if part.counts is None else logs @ part.counts)
    return round(hits, 9), round(likelihood, 9)
