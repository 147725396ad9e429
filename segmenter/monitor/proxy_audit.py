"""Proxy audit: how well segments and traits predict a sensitive attribute, and the four-fifths rule on offers.

The flag is supplied for the audit only. Nothing here keeps it: what comes out are rates of groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segmenter.stats.folds import folds

Matrix = NDArray[np.float64]
Flags = NDArray[np.bool_]
AuditVerdict = Literal["ok", "warn", "block"]

WARN, BLOCK = 0.65, 0.80  # AUC (SCIENCE.md 8)
FOUR_FIFTHS = 0.8  # of the highest offer rate; a convention of US employment law
LEAST = 20  # people on each side: with fewer an AUC tells nothing
FOLDS = 5
LETTING_ITERATE = 5000


@dataclass(frozen=True, slots=True)
class Separation:
    """Predictability (AUC) of a group from one set of columns.

    Attributes:
        group: The flag's value.
        people: How many have it.
        auc: Cross-validated area under the ROC curve: .5 is chance, 1 is certainty.
    """

    group: str
    people: int
    auc: float

    @property
    def verdict(self) -> AuditVerdict:
        """Return what follows from it."""
        if self.auc > BLOCK:
            return "block"
        return "warn" if self.auc > WARN else "ok"


@dataclass(frozen=True, slots=True)
class OfferRate:
    """Share of each group in one segment (who gets its offer).

    Attributes:
        rates: By group.
    """

    segment: str
    rates: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """The lowest rate over the highest; 1 where nobody is offered anything."""
        highest = max(self.rates.values(), default=0.0)
        return min(self.rates.values()) / highest if highest > 0 else 1.0

    @property
    def verdict(self) -> AuditVerdict:
        """Warn below four fifths."""
        return "warn" if self.ratio < FOUR_FIFTHS else "ok"


def auc(scores: Matrix, flags: Flags) -> float:
    """Return the share of pairs (one flagged, one not) that *scores* put in the right order; ties are halves.

    Mann & Whitney 1947: U over the number of pairs.
    """
    values, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    del values
    ranks = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of those that are equal
    with_flag, without = int(flags.sum()), int((~flags).sum())
    above = float(ranks[places][flags].sum()) - with_flag * (with_flag + 1) / 2
    return above / (with_flag * without)


def separations(columns: Matrix, groups: Sequence[str], generator: Generator) -> list[Separation]:
    """Return for each group how well *columns* (people, features; without gaps) tell it from the others.

    Logistic regression on standardised columns, held out in five folds. Of two groups one speaks for both. Groups
    of fewer than 20 people, or with fewer than 20 people outside, are left out.

    Args:
        columns: As `columns_of` makes them.
        groups: The group of each person.
        generator: Draws the folds.

    Returns:
        One entry per group with its people and the area under the ROC curve: 0.5 is chance, 1 a perfect proxy.
    """
    flag = np.asarray(groups)
    kinds, counts = np.unique(flag, return_counts=True)
    large = [str(kind) for kind, count in zip(kinds, counts, strict=True) if LEAST <= count <= len(flag) - LEAST]
    asked = large[-1:] if len(kinds) == 2 else large  # noqa: PLR2004 - the two mirror each other
    with threadpool_limits(1):
        return [
            Separation(kind, int((flag == kind).sum()), _held_out_auc(columns, flag == kind, generator))
            for kind in asked
        ]


def _held_out_auc(columns: Matrix, flags: Flags, generator: Generator) -> float:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - 1.8 s, only for an audit
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    placed = folds(flags.astype(np.int64), FOLDS, generator)
    areas = []
    for fold in range(FOLDS):
        model: Any = make_pipeline(StandardScaler(), LogisticRegression(max_iter=LETTING_ITERATE))
        model.fit(columns[placed != fold], flags[placed != fold])
        scores = np.asarray(model.decision_function(columns[placed == fold]), dtype=np.float64)
        areas.append(auc(scores, flags[placed == fold]))  # within a fold: models of two folds have scales of their own
    return float(np.mean(areas))


def offer_rates(segments: Sequence[str | None], groups: Sequence[str]) -> list[OfferRate]:
    """Return for each segment the share of every group of at least 20 people that is in it.

    Args:
        segments: Of each person; None is unclassified.
        groups: Of each person.

    Returns:
        One entry per segment, by name, with group -> share (0 to 1); empty where no group is large enough.
    """
    flag = np.asarray(groups)
    kinds, counts = np.unique(flag, return_counts=True)
    large = [str(kind) for kind, count in zip(kinds, counts, strict=True) if count >= LEAST]
    placed = np.asarray([segment or "" for segment in segments])
    names = sorted({segment for segment in segments if segment})
    return [
        OfferRate(name, {kind: float((placed[flag == kind] == name).mean()) for kind in large})
        for name in (names if large else [])
    ]


def columns_of(values: Mapping[str, Sequence[object]], *, most_options: int = 20) -> Matrix:
    """Return traits as columns without gaps: numbers with their mean in the gaps, texts as one column an option.

    What is unknown is a column of its own, since that can tell as well.

    Args:
        values: By trait, one value a person; None is unknown.
        most_options: Of a text only so many of its commonest options are columns.

    Returns:
        (people, columns); constant columns are left out, and one column of zeros remains where nothing else does.
    """
    columns: list[Matrix] = []
    for value in values.values():
        known = np.array([value is not None and value == value for value in value])  # noqa: PLR0124 - NaN
        if any(isinstance(value, int | float) for value in value):
            columns.append(_numbers(value, known))
        else:
            columns.extend(_options([str(v) if k else None for v, k in zip(value, known, strict=True)], most_options))
        columns.append((~known).astype(np.float64))
    kept = [column for column in columns if np.ptp(column) > 0]
    people = len(next(iter(values.values()), ()))
    return np.column_stack(kept) if kept else np.zeros((people, 1))


def _numbers(values: Sequence[object], known: NDArray[np.bool_]) -> Matrix:
    numbers = np.array([float(v) if k else np.nan for v, k in zip(values, known, strict=True)])  # type: ignore[arg-type] # numbers
    return np.where(known, numbers, float(numbers[known].mean()) if known.any() else 0.0)


def _options(texts: Sequence[str | None], most: int) -> list[Matrix]:
    names, counts = np.unique([text for text in texts if text is not None], return_counts=True)
    commonest = names[np.argsort(-counts, kind="stable")][:most]
    return [np.array([float(text == name) for text in texts]) for name in commonest]
