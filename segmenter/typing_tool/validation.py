"""Cross-validated hit rate of a typing tool by number of items (nested, nothing leaks).

In each outer fold the segmentation, the selection of items and the model are made from the other folds alone. The
truth of somebody who was held out is the segment that this segmentation gives to their full set of answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.random import Generator
from threadpoolctl import threadpool_limits

from segmenter.stats.discriminant import Labels, Linear, Matrix, Moments, probabilities
from segmenter.stats.folds import folds
from segmenter.stats.proportions import wilson_of_rate
from segmenter.stats.weighted import column_means, effective_size, mean_of
from segmenter.typing_tool.forward_selection import TINY, forward_selection
from segmenter.typing_tool.targets import Relabeller

ToolMethod = Literal["lda", "logit"]
METHODS: tuple[ToolMethod, ...] = ("lda", "logit")
LETTING_ITERATE = 5000


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out predictions of one model and size; the rows of all outer folds, stacked.

    Attributes:
        scores: (people, segments) z of the linear functions.
        truth: (people,).
        rows: (people,) which person each row is.
        counts: (people,) how many each counts as, by the weights; None: once.
    """

    scores: Matrix
    truth: Labels
    rows: Labels
    counts: Matrix | None = None

    @property
    def hit_rate(self) -> float:
        """Share of people whose most likely segment is the true one."""
        return mean_of(self.scores.argmax(axis=1) == self.truth, self.counts)

    def interval(self) -> tuple[float, float]:
        """Return the 95% interval of the hit rate (Wilson 1927), with the effective number of people (Kish 1965).

        Returns:
            Low and high, 0 to 1.
        """
        n = float(len(self.truth)) if self.counts is None else effective_size(self.counts)
        interval = wilson_of_rate(self.hit_rate, n)
        return interval.low, interval.high

    def above(self, p_min: float, margin: float, temperature: float = 1.0) -> tuple[float, float]:
        """Return the share of people who are assigned (coverage), and the hit rate among them (NaN for nobody).

        Args:
            p_min: Least confidence of an assignment (Chow's rule).
            margin: Least lead over the runner-up.
            temperature: By which the scores are divided.
        """
        matrix = probabilities(self.scores / temperature)
        ordered = np.sort(matrix, axis=1)
        runner_up = ordered[:, -2] if ordered.shape[1] > 1 else np.zeros(len(ordered))
        sure = (ordered[:, -1] >= p_min) & (ordered[:, -1] - runner_up >= margin)
        hits = matrix.argmax(axis=1) == self.truth
        if not sure.any():
            return 0.0, float("nan")
        return mean_of(sure, self.counts), mean_of(hits[sure], None if self.counts is None else self.counts[sure])

    def temperature(self) -> float:
        """Return what the scores have to be divided by, so that a confidence is what it says (Guo et al. 2017)."""
        from scipy.optimize import minimize_scalar  # noqa: PLC0415 - only where a model is made

        def loss(log_temperature: float) -> float:
            matrix = probabilities(self.scores / np.exp(log_temperature))
            return -mean_of(np.log(matrix[np.arange(len(self.truth)), self.truth] + TINY), self.counts)

        return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded").x))

    def calibration_error(self, temperature: float = 1.0, bins: int = 10) -> float:
        """Return the expected calibration error: mean |hit rate - confidence| over *bins*, weighted by people."""
        matrix = probabilities(self.scores / temperature)
        sure, hits = matrix.max(axis=1), matrix.argmax(axis=1) == self.truth
        place = np.minimum((sure * bins).astype(np.int64), bins - 1)
        each = np.ones(len(self.truth)) if self.counts is None else self.counts
        off = each * hits, each * sure
        gaps = [abs(float(off[0][place == b].sum() - off[1][place == b].sum())) for b in range(bins)]
        return sum(gaps) / float(each.sum())


@dataclass(frozen=True, slots=True)
class Curve:
    """Hit rate by number of items, against chance.

    Attributes:
        held_out: By method and number of items.
        paths: The items (places) in the order in which each outer fold chose them.
        largest_share: Hit rate of "everybody is in the largest segment".
        proportional_chance: Hit rate of guessing by the shares: the sum of their squares.
    """

    held_out: Mapping[tuple[ToolMethod, int], HeldOut]
    paths: Sequence[Sequence[int]]
    largest_share: float
    proportional_chance: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of items that were tried, ascending."""
        return tuple(sorted({size for _, size in self.held_out}))

    def best_method(self, size: int) -> ToolMethod:
        """Return the method with the higher hit rate at *size* items; discriminant analysis among equals."""
        return max(METHODS, key=lambda method: self.held_out[method, size].hit_rate)

    def chosen_in(self, size: int) -> dict[int, float]:
        """Return each item that any outer fold has among its first *size*, with the share of folds that have it.

        Returns:
            Place of the item -> share (0 to 1), the most frequent first.
        """
        counted: dict[int, int] = {}
        for path in self.paths:
            for item in path[:size]:
                counted[item] = counted.get(item, 0) + 1
        return {item: times / len(self.paths) for item, times in sorted(counted.items(), key=lambda pair: -pair[1])}

    def agreement(self, size: int) -> float:
        """Return the mean Jaccard overlap of the first *size* items between two outer folds: 1 is always the same."""
        pairs = combinations([set(path[:size]) for path in self.paths], 2)
        return float(np.mean([len(first & two) / len(first | two) for first, two in pairs]))

    def enough(self, *, least: int = 5, most: int = 15, tolerance: float = 0.02) -> int:
        """Return the smallest size from *least* to *most* whose hit rate is within *tolerance* of the best there."""
        offered = [size for size in self.sizes if least <= size <= most] or [self.sizes[-1]]
        rates = {size: self.held_out[self.best_method(size), size].hit_rate for size in offered}
        return next(size for size in offered if rates[size] >= max(rates.values()) - tolerance)


def hit_rates(
    values: Matrix,
    labeller: Relabeller,
    generator: Generator,
    *,
    most: int,
    outer: int = 5,
    within: int = 5,
    counts: Matrix | None = None,
) -> Curve:
    """Return the curve of hit rates for 1 to *most* items.

    Args:
        values: (people, items); gaps (NaN) are filled with the item's mean in the folds that are learned from.
        labeller: Says which segment everybody is in, learned from some.
        generator: Draws the folds, and goes to the labeller.
        most: Longest tool that is tried.
        outer: Parts that are held out in turn.
        within: Parts for choosing items.
        counts: (people,) how many each counts as, by the weights; None: once.
    """
    with threadpool_limits(1):  # many small fits: threads cost more than they bring
        everybody = np.arange(len(values))
        first = labeller(everybody, generator)
        placed = folds(first, outer, generator)
        results: dict[tuple[ToolMethod, int], list[HeldOut]] = {}
        paths = []
        for fold in range(outer):
            rows, away = np.flatnonzero(placed != fold), np.flatnonzero(placed == fold)
            labels = labeller(rows, generator)
            each, others = (None, None) if counts is None else (counts[rows], counts[away])
            known = filled(values, fill_values(values[rows], each))
            own = labels[rows]
            path = forward_selection(known[rows], own, generator, most=most, folds_within=within, counts=each)
            paths.append(path)
            for method, size, model in _models(known[rows], own, path, each):
                scores = model.scores(known[away][:, path[:size]])
                results.setdefault((method, size), []).append(HeldOut(scores, labels[away], away, others))
    joined = {key: _joined(parts) for key, parts in results.items()}
    any_of = next(iter(joined.values()))
    summed = np.bincount(any_of.truth, any_of.counts)
    shares = summed / summed.sum()
    return Curve(joined, paths, float(shares.max()), float((shares**2).sum()))


def _joined(parts: Sequence[HeldOut]) -> HeldOut:
    known = [part.counts for part in parts if part.counts is not None]
    return HeldOut(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.rows for part in parts]),
        np.concatenate(known) if len(known) == len(parts) else None,
    )


def _models(
    values: Matrix, labels: Labels, path: Sequence[int], counts: Matrix | None
) -> Iterator[tuple[ToolMethod, int, Linear]]:
    segments = int(labels.max()) + 1
    moments = Moments.of(values, labels, segments, counts)
    for size in range(1, len(path) + 1):
        yield "lda", size, moments.discriminant(path[:size])
        yield "logit", size, logit(values[:, path[:size]], labels, segments, counts)


def logit(values: Matrix, labels: Labels, segments: int, counts: Matrix | None = None) -> Linear:
    """Return a multinomial logistic regression on standardised *values* as functions of the values themselves.

    Args:
        values: (people, items).
        labels: (people,) segment of each.
        segments: How many.
        counts: (people,) how many each counts as, in scaling and likelihood; None: once.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - 1.8 s, only where a model is made
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    scaler = StandardScaler().fit(values, sample_weight=counts)
    model: Any = LogisticRegression(max_iter=LETTING_ITERATE)
    model.fit(scaler.transform(values), labels, sample_weight=counts)
    coefficients, constant = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(model.classes_) == 2:  # noqa: PLR2004 - scikit-learn keeps one row of the two
        coefficients, constant = np.vstack([0 * coefficients, coefficients]), np.concatenate([[0.0], constant])
    weights, intercept = np.zeros((segments, values.shape[1])), np.full(segments, -np.inf)
    weights[model.classes_] = coefficients / scaler.scale_
    intercept[model.classes_] = constant - (coefficients * scaler.mean_ / scaler.scale_).sum(axis=1)
    return Linear(weights, intercept)


def fill_values(values: Matrix, counts: Matrix | None = None) -> Matrix:
    """Return each item's mean over those who answered it, 0 for an item that nobody did; (items,).

    Args:
        values: (people, items); NaN is missing.
        counts: (people,) how many each counts as; None: once.

    Returns:
        In the unit of the answers.
    """
    answered = ~np.isnan(values)
    if counts is not None:
        return np.nan_to_num(column_means(values, counts))
    sums = np.where(answered, values, 0.0).sum(axis=0)
    return np.asarray(sums / np.maximum(answered.sum(axis=0), 1), dtype=np.float64)


def filled(values: Matrix, fill: Matrix) -> Matrix:
    """Return *values* with *fill* in place of what was not answered.

    Args:
        values: (respondents, items); NaN is missing.
        fill: (items,), as `fill_values` returns them.

    Returns:
        (respondents, items) without NaN.
    """
    return np.where(np.isnan(values), fill, values)
