"""Marker items of a segment, response styles, and descriptors that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.effect_sizes import GAP, LEVEL, RATIO, SPREAD
from segmenter.stats.group_tests import GroupTest, adjusted, chi_squared, contingency, rank_column
from segmenter.stats.item_matrix import Items, Labels, Matrix, coded
from segmenter.stats.one_sided import ITEMS_NEEDED, on_one_scale
from segmenter.stats.weighted import column_means, column_spreads

NEARLY = 1e-9  # of a limit: rounding


@dataclass(frozen=True, slots=True)
class Marker:
    """An item by which a segment is told from the others.

    Attributes:
        item: Its name, or ``item=answer``.
        here: Share of yes (or mean) in the segment.
        everywhere: The same in all; in the others for a mainstream (see `markers`).
        up: Whether it is higher here.
        others: Whether it is told from the others only, not from all.
    """

    item: str
    here: float
    everywhere: float
    up: bool
    others: bool = False

    def sentence(self) -> str:
        """Return the marker in words.

        Returns:
            The item, its value in the segment, and that of the others or of everybody.
        """
        return f"{self.item} {self.here:.2f} ({'others' if self.others else 'all'} {self.everywhere:.2f})"


def described(items: Items) -> tuple[tuple[str, ...], Matrix]:
    """Return names and values that segments are described by: shares of answers, or the numbers themselves."""
    if items.kind in ("binary", "metric"):
        return items.names, items.values
    indicators = coded(items)
    if items.kind == "categorical":
        return indicators.features, indicators.values
    number = ~_shares(items)
    values = np.where(indicators.known, indicators.values * indicators.scale + indicators.shift, np.nan)
    values[:, number] = items.values[:, [not options for options in items.categories]]
    names = iter(name for name, options in zip(items.names, items.categories, strict=True) if not options)
    titles = (next(names) if plain else name for name, plain in zip(indicators.features, number, strict=True))
    return tuple(titles), values


def _shares(items: Items) -> NDArray[np.bool_]:
    """Which of the columns that `described` returns are shares of an answer, not numbers, (columns,)."""
    if items.kind != "mixed":
        return np.full(len(described(items)[0]), items.kind != "metric")
    return np.concatenate([[bool(options)] * max(1, len(options)) for options in items.categories])


def segment_means(values: Matrix, labels: Labels, k: int, weights: Matrix | None = None) -> Matrix:
    """Return the mean of each column in each segment over those who answered, (k, columns); *weights* (people,)."""
    inside = [labels == j for j in range(k)]
    return np.array([column_means(values[own], None if weights is None else weights[own]) for own in inside])


def markers(items: Items, labels: Labels, k: int) -> tuple[tuple[Marker, ...], ...]:
    """Return the markers of each segment, the strongest first: items that are off by as much as flexclust asks.

    A mainstream of most people is itself most of "all" and never far from it: a segment that is not told from all is
    told from the others.
    """
    names, values = described(items)
    here, everywhere = segment_means(values, labels, k, items.weights), column_means(values, items.weights)
    results = []
    for j in range(k):
        own = _markers(items, names, here[j], everywhere, others=False)
        if not own:
            others = items.rows(labels != j)
            rest = column_means(values[labels != j], others.weights) if len(others.values) else everywhere
            own = _markers(items, names, here[j], rest, others=True)
        results.append(own)
    return tuple(results)


def _markers(items: Items, names: Sequence[str], here: Matrix, base: Matrix, *, others: bool) -> tuple[Marker, ...]:
    strength = _strength(items, here - base, base)
    answers = items.kind in ("binary", "categorical")
    order = np.argsort(-np.abs(here - base) if answers else -strength, kind="stable")
    return tuple(
        Marker(names[v], float(here[v]), float(base[v]), bool(here[v] > base[v]), others)
        for v in map(int, order)
        if strength[v] >= 1 - NEARLY
    )


def _strength(items: Items, off: Matrix, base: Matrix) -> Matrix:
    """How far items are off, in units of what makes a marker, (columns,); *base* is the share that is usual."""
    if items.kind in ("binary", "categorical"):
        return _strength_of_shares(off, base)
    spread = column_spreads(described(items)[1], items.weights)
    strength: Matrix = np.abs(off) / np.where(spread > 0, spread, 1.0) / SPREAD
    return strength if items.kind == "metric" else np.where(_shares(items), _strength_of_shares(off, base), strength)


def _strength_of_shares(off: Matrix, base: Matrix) -> Matrix:
    strength: Matrix = np.maximum(np.abs(off) / GAP, np.abs(off) / np.maximum(RATIO * base, 1e-12))
    return strength


def alike(items: Items, labels: Labels, k: int) -> tuple[tuple[int, int], ...]:
    """Return the pairs of segments that no item tells apart, by the measure of a marker.

    Args:
        items: The base.
        labels: (people,) segment of each, 0 to *k* - 1.
        k: Segments.

    Returns:
        Numbers of segments, the smaller first; empty where each pair differs somewhere.
    """
    _, values = described(items)
    here, everywhere = segment_means(values, labels, k, items.weights), column_means(values, items.weights)
    return tuple(
        (a, b)
        for a, b in combinations(range(k), 2)
        if not (_strength(items, here[a] - here[b], everywhere) >= 1 - NEARLY).any()
    )


def shares_above_mean(items: Items, labels: Labels, k: int) -> tuple[float, ...]:
    """Return each segment's share of items above the mean of all; NaN where items are no answers on a scale."""
    if len(items.names) < ITEMS_NEEDED or items.kind in ("categorical", "mixed") or not on_one_scale(items.values):
        return (float("nan"),) * k
    up = segment_means(items.values, labels, k, items.weights) > column_means(items.values, items.weights)
    return tuple(float(share) for share in up.mean(axis=1))


def centred_items(items: Items) -> Items:
    """Return each person's answers around that person's own mean: without the way of answering."""
    values = items.values - np.nanmean(items.values, axis=1, keepdims=True)
    varies = np.nanstd(values, axis=0) > 0
    names = tuple(name for name, keep in zip(items.names, varies, strict=True) if keep)
    return Items("metric", names, values[:, varies], weights=items.weights)


def reversed_items(items: Items) -> tuple[str, ...]:
    """Return items of a scale that run against the sum of the others: perhaps asked the other way round.

    Returns:
        Item names; empty for fewer than three items, or answers that are not numbers.
    """
    if items.kind != "metric" or len(items.names) < 3:  # noqa: PLR2004 - two items have no majority
        return ()
    values = np.where(np.isnan(items.values), np.nanmean(items.values, axis=0), items.values)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    rest = standard.sum(axis=1, keepdims=True) - standard
    return tuple(
        name
        for name, own, others in zip(items.names, standard.T, rest.T, strict=True)
        if others.std() > 0 and np.corrcoef(own, others)[0, 1] < -2 / np.sqrt(len(own)) - 0.2
    )


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Whether segments differ in something that they were not made from.

    Attributes:
        test: "chi-squared" or "Kruskal-Wallis".
        statistic: Its value.
        p: Unadjusted.
        adjusted: After Benjamini & Hochberg over all descriptors of the call.
    """

    name: str
    test: str
    statistic: float
    p: float
    adjusted: float

    @property
    def differs(self) -> bool:
        """Whether the segments differ."""
        return self.adjusted <= LEVEL


def descriptors(
    columns: Mapping[str, Sequence[str | None] | NDArray[np.float64]],
    labels: Labels,
    k: int,
    counts: Matrix | None = None,
) -> tuple[Descriptor, ...]:
    """Test whether *k* segments differ in each of *columns*: texts by chi-squared, numbers by Kruskal-Wallis.

    With weights both count people as `segmenter.stats.weighted.kish_counts` does: the statistic is divided by the
    design effect, the first-order correction of Rao & Scott 1981.

    Args:
        columns: Name -> one value per person: texts (None: unknown) or numbers (NaN: unknown).
        labels: (people,) the segment of each, 0 to *k* - 1.
        k: Number of segments.
        counts: (people,) as `Items.counts`; None: everybody counts once.

    Returns:
        One test per column that could be tested, with p and q (p after Benjamini-Hochberg).
    """
    raw: list[tuple[str, GroupTest]] = []
    for name, column in columns.items():
        if isinstance(column, np.ndarray):
            raw.append((name, rank_column(column, labels, k, counts).test))
        else:
            known = {value: code for code, value in enumerate(sorted({value for value in column if value}))}
            codes = np.array([known.get(value or "", -1) for value in column], dtype=np.int64)
            raw.append((name, chi_squared(contingency(codes, labels, k, len(known), counts))))
    tests = [(name, test) for name, test in raw if np.isfinite(test.p)]
    levels = adjusted([test.p for _, test in tests])
    return tuple(
        Descriptor(name, test.name, test.statistic, test.p, q) for (name, test), q in zip(tests, levels, strict=True)
    )
