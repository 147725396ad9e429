"""Linear discriminant analysis with weights, which scikit-learn's does not take.

Means, shares and the pooled covariance are weighted; of rows that stand several times it is scikit-learn's ("svd").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.discriminant import Moments

Floats = NDArray[np.float64]

FLAT = 1e-8  # variance of an axis within the segments below which it is none, as scikit-learn's tolerance of 1e-4


@dataclass(frozen=True, slots=True)
class FisherFunctions:
    """What scikit-learn's estimator holds of a fit, under its names.

    Attributes:
        coef_: (segments, features); of two segments one row, the second's lead.
        intercept_: (segments,); of two segments one.
        classes_: Names of the segments.
    """

    coef_: Floats
    intercept_: Floats
    classes_: NDArray[np.str_]


def fisher_functions(rows: Floats, labels: NDArray[np.str_], counts: Floats) -> FisherFunctions:
    """Fit Fisher's linear functions.

    Args:
        rows: (people, features), without NaN.
        labels: (people,) segment of each.
        counts: (people,) how many each counts as, above 0.

    Returns:
        Functions whose softmax is the posterior.
    """
    names, places = np.unique(labels, return_inverse=True)
    moments = Moments.of(rows, places.astype(np.int64), len(names), counts)
    people = float(moments.counts.sum())
    covariance = moments.within / people
    spread = np.sqrt(np.diag(covariance))
    spread = np.where(spread > 0, spread, 1.0)
    precision = _inverse(covariance / np.outer(spread, spread)) / np.outer(spread, spread)
    weights = moments.means @ precision
    intercepts = np.log(moments.counts / people) - (weights * moments.means).sum(axis=1) / 2
    if len(names) == 2:  # noqa: PLR2004 - as scikit-learn has it
        weights, intercepts = np.diff(weights, axis=0), np.diff(intercepts)
    return FisherFunctions(weights, intercepts, names)


def _inverse(correlations: Floats) -> Floats:
    """The pseudo-inverse without axes along which nobody differs: traits that say the same, or nothing."""
    roots, axes = np.linalg.eigh(correlations)
    kept = roots > FLAT
    inverse: Floats = (axes[:, kept] / roots[kept]) @ axes[:, kept].T
    return inverse
