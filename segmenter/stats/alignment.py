"""Label alignment (Hungarian method) of two segmentations, so that personas keep their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segmenter.stats.item_matrix import Matrix

SAME = 0.5  # Jaccard from which a segment keeps its name


@dataclass(frozen=True, slots=True)
class Overlap:
    """Cross-tabulation of two labelings of the same people.

    Attributes:
        rows: Segments of the first; columns: of the second. None is "unclassified".
        counts: (rows, columns) people.
    """

    rows: tuple[str | None, ...]
    columns: tuple[str | None, ...]
    counts: Matrix

    def jaccard(self) -> Matrix:
        """Return people in both over people in either, (rows, columns).

        Returns:
            0 to 1; 0 where both are empty.
        """
        union = self.counts.sum(axis=1, keepdims=True) + self.counts.sum(axis=0, keepdims=True) - self.counts
        matrix: Matrix = np.divide(self.counts, union, out=np.zeros_like(self.counts), where=union > 0)
        return matrix

    def stayed(self) -> float:
        """Return the share of people whose segment has the same name in both; NaN for nobody."""
        same = sum(
            float(self.counts[i, j])
            for i, row in enumerate(self.rows)
            for j, column in enumerate(self.columns)
            if row == column
        )
        people = float(self.counts.sum())
        return same / people if people else float("nan")

    def agreement(self) -> float:
        """Return the adjusted Rand index of both labelings (Hubert & Arabie 1985)."""
        both = _couples(self.counts).sum()
        first, second = _couples(self.counts.sum(axis=1)).sum(), _couples(self.counts.sum(axis=0)).sum()
        people = _couples(self.counts.sum())
        expected = first * second / people if people else 0.0
        spread = (first + second) / 2 - expected
        return float((both - expected) / spread) if spread else 1.0


def _couples(people: Matrix) -> Matrix:
    return people * (people - 1) / 2


def overlap(pairs: Mapping[tuple[str | None, str | None], int]) -> Overlap:
    """Return the contingency table of *pairs*: (segment here, segment there) -> people.

    Returns:
        Counts with names in alphabetical order, None (unclassified) last.
    """

    def ordered(names: set[str | None]) -> tuple[str | None, ...]:
        return tuple(sorted(names, key=lambda name: (name is None, name or "")))

    rows, columns = ordered({here for here, _ in pairs}), ordered({there for _, there in pairs})
    counts = np.array([[float(pairs.get((row, column), 0)) for column in columns] for row in rows])
    return Overlap(rows, columns, counts.reshape(len(rows), len(columns)))


def kept_names(table: Overlap) -> dict[str, str]:
    """Return for each segment of the second labeling that is one of the first: its name there.

    The pairing with the most people in common (Kuhn 1955); of a pair the name is kept from a Jaccard of `SAME` on.

    Returns:
        Name there -> name here; segments without a counterpart are left out.
    """
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - only where models are made

    jaccard = table.jaccard()
    pairs = zip(*linear_sum_assignment(-table.counts), strict=True)
    return {
        new: old
        for i, j in pairs
        if jaccard[i, j] >= SAME and (old := table.rows[i]) is not None and (new := table.columns[j]) is not None
    }


def overlap_of_labels(here: Sequence[str | None], there: Sequence[str | None]) -> Overlap:
    """Return the overlap of two labelings of the same people in the same order.

    Args:
        here: The segment of each person; None is unclassified.
        there: Likewise, as long.

    Returns:
        People by both, as `overlap` returns them.
    """
    pairs: dict[tuple[str | None, str | None], int] = {}
    for pair in zip(here, there, strict=True):
        pairs[pair] = pairs.get(pair, 0) + 1
    return overlap(pairs)
