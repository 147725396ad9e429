"""A segmentation found anew among some of its people, so that a model can be judged on people it never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segmenter.discover.clustering import EXACT, kmeans
from segmenter.discover.items import Items, Matrix, coded

STARTS = 20

Places = NDArray[np.intp]


def found_again(items: Items, k: int, rng: Generator) -> Callable[[Places], Sequence[str]]:
    """Return what finds *k* segments by k-means among some people, and gives everybody the nearest centre's number.

    Logarithms, means and spreads are those of the people among whom it looks; nothing of the others is used.

    Args:
        items: Numbers, of everybody.
        k: Segments, before any were merged or let go.
        rng: Chance of the starts.
    """

    def label(inside: Places) -> list[str]:
        known = coded(items.rows(inside))
        logged = [feature.startswith("log1p(") for feature in known.features]
        everybody = np.where(logged, np.log1p(np.maximum(items.values, 0)), items.values)
        everybody = (np.where(np.isnan(everybody), known.fill, everybody) - known.shift) / _spread(known.scale)
        own = everybody[inside]
        centres = kmeans(own, np.ones((1, len(own))), k, starts=STARTS, rng=rng, tolerance=EXACT)
        return [str(number) for number in centres.labels(everybody)[0]]

    return label


def _spread(scale: Matrix) -> Any:
    """A trait that is the same for all of these people tells nothing; it is left as it is."""
    return np.where(scale > 0, scale, 1.0)
