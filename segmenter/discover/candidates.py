"""Candidate solutions: one segmentation per k, with its stability and markers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from segmenter.discover.em_bootstrap import class_labels, one_hot_answers
from segmenter.discover.latent_class import MISSING, Classes
from segmenter.discover.markers import Marker, alike, markers, shares_above_mean
from segmenter.discover.membership import placed_again
from segmenter.discover.stability import CountStability, Effort, across, best_labels, bootstrap_refits, stability
from segmenter.discover.steps import Steps, silent
from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.kmeans import Rows
from segmenter.stats.weighted import effective_size

SearchMethod = Literal["auto", "kmeans", "lca"]

STARTS = 200  # of the solution that is proposed: k-means has many optima close to the best


@dataclass(frozen=True, slots=True)
class Solution:
    """*k* segments, by falling size.

    Attributes:
        labels: (people,).
        stability: A(k) and SLSw.
        across: SLSa against k - 1 segments.
        sizes: People of each segment.
        markers: Of each segment.
        up: Share of items above the mean of all, of each segment.
        alike: Pairs of segments that no item tells apart.
        shares: Of each segment in the population, by the weights; empty: all people count alike.
        enough: By how many people without weights each segment is told as exactly: the smaller of its share of the
            effective sample and of the effective size within it; empty as *shares*.
        effective: Effective size of the sample; 0 as *shares*.
    """

    k: int
    labels: Labels
    stability: CountStability
    across: tuple[float, ...]
    sizes: tuple[int, ...]
    markers: tuple[tuple[Marker, ...], ...]
    up: tuple[float, ...]
    alike: tuple[tuple[int, int], ...] = ()
    shares: tuple[float, ...] = ()
    enough: tuple[float, ...] = ()
    effective: int = 0

    @property
    def population(self) -> tuple[float, ...]:
        """Share of each segment in the population."""
        return self.shares or tuple(size / len(self.labels) for size in self.sizes)

    @property
    def counted(self) -> tuple[float, ...]:
        """People of each segment, as sizes are judged."""
        return self.enough or self.sizes

    @property
    def everybody(self) -> int:
        """People, as sizes are judged."""
        return self.effective or len(self.labels)


def solutions(
    items: Items,
    ks: Sequence[int],
    method: SearchMethod,
    effort: Effort,
    rng: Generator,
    classes: Mapping[int, Classes] | None = None,
    steps: Steps = silent,
) -> dict[int, Solution]:
    """Return the best solution for each of *ks*.

    Args:
        items: The base.
        ks: Numbers of segments, rising.
        method: "lca": the classes of *classes*; else k-means.
        effort: For the stability.
        rng: Chance.
        classes: Needed by "lca".
        steps: Told how far it is.
    """
    rows = _rows(items, method)
    candidates: dict[int, Solution] = {}
    before: Labels | None = None
    for place, k in enumerate(ks):
        steps("numbers of segments", place, len(ks))
        if method == "lca" and classes is not None:
            labels, drawn = _of_rows(rows, classes[k].labels), None
            again = class_labels(*_answers(items, rows), rows.bootstrap(effort.samples, rng), k, starts=3, rng=rng)
        else:
            labels, _, _ = best_labels(rows, k, starts=STARTS, rng=rng)
            again, drawn = bootstrap_refits(rows, k, effort, rng)
        parents = (1.0,) * k if before is None else across(before, labels, rows.counts, k - 1)
        stable = stability(rows, labels, again, k)
        if drawn is not None:
            stable = replace(stable, again=placed_again(rows, labels, again, drawn, k))
        candidates[k] = solution_of(items, k, labels[rows.place], stable, parents)
        before = labels
    return candidates


def _rows(items: Items, method: SearchMethod) -> Rows:
    if method != "lca":
        return Rows.of(coded(items).observed, items.counts).compact()
    return Rows.of(np.where(np.isnan(items.values), MISSING, items.values), items.counts)


def _of_rows(rows: Rows, labels: Labels) -> Labels:
    row_labels = np.empty(len(rows.counts), np.int64)
    row_labels[rows.place] = labels
    return row_labels


def _answers(items: Items, rows: Rows) -> tuple[Matrix, Labels]:
    columns, owner = one_hot_answers(items)
    matrix = np.empty((len(rows.counts), columns.shape[1]))
    matrix[rows.place] = columns
    return matrix, owner


def solution_of(items: Items, k: int, labels: Labels, stable: CountStability, parents: tuple[float, ...]) -> Solution:
    """Return *k* segments with what describes them.

    Args:
        items: The base.
        k: Segments.
        labels: (people,) segment of each, by falling size.
        stable: How stable they are.
        parents: SLSa of each.
    """
    sizes = tuple(int(size) for size in np.bincount(labels, minlength=k))
    made = Solution(k, labels, stable, parents, sizes, ((),) * k, (float("nan"),) * k)
    if items.weights is not None:
        made = _with_shares(made, items.weights)
    if min(sizes) == 0:  # a class that is nobody's likeliest has no profile
        return made
    up, same = shares_above_mean(items, labels, k), alike(items, labels, k)
    return replace(made, markers=markers(items, labels, k), up=up, alike=same)


def _with_shares(made: Solution, weights: Matrix) -> Solution:
    everybody = effective_size(weights)
    shares = np.bincount(made.labels, weights, minlength=made.k) / weights.sum()
    within = [effective_size(weights[made.labels == j]) for j in range(made.k)]
    enough = tuple(min(float(share) * everybody, own) for share, own in zip(shares, within, strict=True))
    return replace(made, shares=tuple(shares.tolist()), enough=enough, effective=round(everybody))
