"""Linear discriminant analysis from sums, so that each subset of items costs one small matrix.

Fisher's linear functions with a pooled covariance: z_j = x' S^-1 m_j - m_j' S^-1 m_j / 2 + ln p_j, where S is the
scatter within the segments over n (the maximum likelihood estimate; McLachlan 1992, Discriminant Analysis, 3.3). Equal
to scikit-learn's ``LinearDiscriminantAnalysis(solver="svd")``, which has to read all rows again for each subset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Linear:
    """Linear functions of the items, one a segment: z = x @ weights.T + intercept.

    Attributes:
        weights: (segments, items).
        intercept: (segments,).
    """

    weights: Matrix
    intercept: Matrix

    def scores(self, values: Matrix) -> Matrix:
        """Return z of each segment.

        Args:
            values: (people, items).

        Returns:
            (people, segments).
        """
        return np.asarray(values @ self.weights.T + self.intercept, dtype=np.float64)

    def cooled(self, temperature: float) -> Linear:
        """Return the same functions divided by *temperature*: the same labels, other probabilities."""
        return Linear(self.weights / temperature, self.intercept / temperature)


def probabilities(scores: Matrix) -> Matrix:
    """Return the softmax of each row of *scores*.

    Args:
        scores: (people, segments).

    Returns:
        (people, segments), each row adding up to 1.
    """
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Moments:
    """Sufficient statistics for discriminant analysis.

    Attributes:
        counts: (segments,) people.
        means: (segments, items).
        within: (items, items) scatter around the segments' means.
    """

    counts: Matrix
    means: Matrix
    within: Matrix

    @classmethod
    def of(cls, values: Matrix, labels: Labels, segments: int, each: Matrix | None = None) -> Moments:
        """Return the moments of *values* (people, items); a segment without people has none and can't be answered.

        Args:
            values: (people, items).
            labels: (people,) segment of each.
            segments: How many.
            each: (people,) how many each counts as; None: once.

        Returns:
            Counts, means and scatter; of whole numbers *each* they are those of as many rows.
        """
        counts = np.bincount(labels, each, minlength=segments).astype(np.float64)
        sums = np.zeros((segments, values.shape[1]))
        own = values if each is None else values * each[:, None]
        np.add.at(sums, labels, own)
        means = sums / np.where(counts > 0, counts, 1.0)[:, None]
        rest = values - means[labels]
        around = rest if each is None else rest * each[:, None]
        return cls(counts, means, np.asarray(around.T @ rest, dtype=np.float64))

    def discriminant(self, items: Sequence[int]) -> Linear:
        """Return Fisher's functions over *items* (places of columns)."""
        chosen = np.asarray(items)
        people, present = self.counts.sum(), self.counts > 0
        covariance = self.within[np.ix_(chosen, chosen)] / people
        # an item that does not vary within the segments leaves a hole in the matrix; the pseudo-inverse steps over it
        means = self.means[:, chosen]
        weights = means @ np.linalg.pinv(covariance, hermitian=True)
        share = np.where(present, self.counts, 1.0) / people
        intercept = -0.5 * (weights * means).sum(axis=1) + np.where(present, np.log(share), -np.inf)
        return Linear(weights, intercept)
