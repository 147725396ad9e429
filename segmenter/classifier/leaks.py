"""Traits that tell an outcome too well: they are probably known after it, not before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmenter.classifier.discrimination import ranking

NAMED = 3
MOSTLY_KNOWN = 0.5  # share of people of whom a trait must be known to be judged

Floats = NDArray[np.float64]


def separating_features(features: tuple[str, ...], rows: Floats, truth: NDArray[np.str_]) -> list[str]:
    """Return the features that alone tell one label from all others, without a single overlap.

    Args:
        features: Names, one a column.
        rows: Shape (people, features); NaN is unknown.
        truth: Each person's label.

    Returns:
        Names in the order of *features*; those known of fewer than half of the people are not judged.
    """
    labels = np.unique(truth)
    separating = []
    for place, name in enumerate(features):
        known = ~np.isnan(rows[:, place])
        if known.mean() < MOSTLY_KNOWN:
            continue
        values, own = rows[known, place], truth[known]
        rankings = [ranking(values, own == label) for label in labels]
        if any(spread.auc in (0.0, 1.0) for spread in rankings):
            separating.append(name)
    return separating


def leak_sentence(features: tuple[str, ...], rows: Floats, truth: NDArray[np.str_], *, late: frozenset[str]) -> str:
    """Return why an outcome looks as if its model read what was known only after it, "" where it does not.

    Args:
        features: As `separating_features` takes them.
        rows: As there.
        truth: As there.
        late: Features that may have been known only after the outcome; others are not judged.

    Returns:
        A sentence that names the traits, and how to fix it.
    """
    places = [place for place, name in enumerate(features) if name in late]
    if not places:
        return ""
    separating = separating_features(tuple(features[place] for place in places), rows[:, places], truth)
    if not separating:
        return ""
    named = ", ".join(repr(name) for name in separating[:NAMED]) + (" and others" if len(separating) > NAMED else "")
    return (
        f"{named} alone tells the outcome of everybody: it is probably known only after it. Give the file a column "
        "`at` and pass --as-of with an earlier day, or choose traits with --trait."
    )
