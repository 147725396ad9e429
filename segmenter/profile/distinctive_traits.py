"""Distinctive traits of groups: tests, effect sizes and an index against everyone.

Three gates in this order. Do the groups differ in the trait at all: chi-squared or Kruskal-Wallis over all groups,
Benjamini & Hochberg over all traits. Does this group differ from the rest in this value: tested within the traits that
passed, at the level that Benjamini & Bogomolov 2014 demand after such a selection. Is it worth saying: a marker
(`segmenter.discover.markers`), or an effect that is not negligible. Of few people nothing is said at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segmenter.profile.columns import TraitColumn, stem
from segmenter.stats.effect_sizes import GAP, LEVEL, RATIO, SPREAD
from segmenter.stats.group_tests import GroupTest, adjusted, against_rest, chi_squared, contingency, rank_column
from segmenter.stats.intervals import index, index_interval, median_interval
from segmenter.stats.item_matrix import Labels, Matrix
from segmenter.stats.proportions import Responses, wilson
from segmenter.traits.trait_families import Family

FEWEST = 10
"""Minimum people per figure (privacy)."""

SMALL_EFFECT = 0.05
"""Cliff's delta below which a difference is negligible, however significant."""

MOST_VALUES = 30
ANY = "any"
"""Category of a count or rate that is zero for most people: above zero or not."""


@dataclass(frozen=True, slots=True)
class DistinctiveTrait:
    """A distinctive trait: a figure of the group against everyone.

    Attributes:
        kind: "share" of people (of whom the trait is known) with a value, or "median".
        value: Of a share: which value; `ANY` for numbers above zero. Of a median: "".
        here: The share or median in the group; *here_low* and *here_high* are its 95% interval.
        everywhere: The same in all, the group among them.
        index: 100 here / everywhere, with a 95% interval; None where a ratio of medians means nothing.
        people: Of the group, who have the value; of a median, of whom the trait is known.
        known: Of the group, of whom the trait is known.
        effect: Cliff's delta against everybody else, -1 to 1; its sign says which way.
        p: That the group is like everybody else in it.
        test: Over all groups, with its statistic and its *trait_p* after Benjamini & Hochberg.
        marker: Whether it tells the group from others at sight (SCIENCE 3.6).
        base: Whether the group was made from the trait, so that the difference is by definition.
        said: Whether it passed all three gates. What did not is kept for comparisons with other versions only.
    """

    trait: str
    meaning: str
    unit: str
    family: Family
    kind: Literal["share", "median"]
    value: str
    here: float
    here_low: float
    here_high: float
    everywhere: float
    index: float | None
    index_low: float | None
    index_high: float | None
    people: int
    known: int
    effect: float
    p: float
    test: str
    statistic: float
    trait_p: float
    marker: bool
    base: bool = False
    said: bool = False

    @property
    def strength(self) -> tuple[bool, float]:
        """Sort key of traits: the effect size."""
        return self.marker, abs(self.effect)


@dataclass(frozen=True, slots=True)
class Scale:
    """Standardization of a number: (f(x) - shift) / spread, f being log1p or nothing."""

    logged: bool
    shift: float
    spread: float


@dataclass(frozen=True, slots=True)
class TraitTest:
    """Comparison of one trait: figures of each group (large enough, or none), and the test over all."""

    trait: str
    distinctive: tuple[tuple[DistinctiveTrait, ...], ...]
    test: GroupTest
    scale: Scale | None


def measure(column: TraitColumn, labels: Labels, groups: int, *, fewest: int) -> TraitTest | None:
    """Compare the groups in one trait; None where nobody has it, or all have the same.

    Args:
        column: The trait of everybody.
        labels: The group of everybody, 0 to *groups* - 1.
        groups: How many there are.
        fewest: People that a figure must be of.

    Returns:
        The test over all groups, and of each group what sets it apart.
    """
    if column.categories is None:
        return _numbers(column, labels, groups, fewest)
    codes, names = _most_usual(column, fewest)
    return _shares(column, codes, names, labels, groups, fewest)


def _most_usual(column: TraitColumn, fewest: int) -> tuple[Labels, list[str]]:
    """Codes of the most usual values; the others together are the last, without a name."""
    names = column.categories or ()
    counts = np.bincount(column.values[column.values >= 0], minlength=len(names))
    order = [int(code) for code in np.argsort(-counts, kind="stable")[:MOST_VALUES] if counts[code] >= fewest]
    new = np.full(len(names) + 1, len(order), dtype=np.int64)
    new[order] = np.arange(len(order))
    new[-1] = -1  # unknown stays unknown
    return new[column.values], [names[code] for code in order]


def _shares(
    column: TraitColumn, codes: Labels, names: Sequence[str], labels: Labels, groups: int, fewest: int
) -> TraitTest | None:
    table = contingency(codes, labels, groups, len(names) + 1)
    test = chi_squared(table)
    if not np.isfinite(test.p):
        return None
    p = against_rest(table)
    known, everybody = table.sum(axis=1), table.sum(axis=0)
    both = len(names) == 2 and not everybody[-1]  # noqa: PLR2004 - yes and no
    distinctive = []
    for j in range(groups):
        own = []
        for v, name in enumerate(names):
            here = Responses(int(known[j]), int(table[j, v]))
            rest = Responses(int(known.sum() - known[j]), int(everybody[v] - table[j, v]))
            if here.converted >= fewest and rest.people:
                own.append(_share(column, name, here, rest, float(p[j, v]), test, two=both or names == [ANY]))
        distinctive.append(tuple(_one_of_two(own) if both else own))
    return TraitTest(column.trait.name, tuple(distinctive), test, None)


def _share(
    column: TraitColumn, name: str, here: Responses, rest: Responses, p: float, test: GroupTest, *, two: bool
) -> DistinctiveTrait:
    """The share of the more distinctive of *two* values."""
    everybody, span, ends = (here + rest).rate, wilson(here), index_interval(here, rest)
    apart, rarer = abs(here.rate - everybody), min(everybody, 1 - everybody) if two else everybody
    return _fact(
        column,
        "share",
        name,
        here.rate,
        (span.low, span.high),
        everybody,
        (index(here, rest), ends.low, ends.high),
        (here.converted, here.people),
        here.rate - rest.rate,
        p,
        test,
        marker=apart >= GAP or apart >= RATIO * rarer,
    )


def _one_of_two(own: Sequence[DistinctiveTrait]) -> list[DistinctiveTrait]:
    """The value of yes and no that is over-represented in the group; both would say the same."""
    return [max(own, key=lambda fact: fact.here / fact.everywhere)] if own else []


def _numbers(column: TraitColumn, labels: Labels, groups: int, fewest: int) -> TraitTest | None:
    known = column.known()
    if not known.any():
        return None
    scale = _scale(column.values[known], column.trait.least)
    if column.trait.least == 0 and np.median(column.values[known]) == 0:
        above = np.where(known, column.values > 0, -1).astype(np.int64)
        measured = _shares(column, np.where(above == 0, 1, np.where(above == 1, 0, -1)), [ANY], labels, groups, fewest)
        return measured and replace(measured, scale=scale)
    ranked_values = rank_column(column.values, labels, groups)
    if not np.isfinite(ranked_values.test.p):
        return None
    everybody = column.values[known]
    distinctive: list[tuple[DistinctiveTrait, ...]] = []
    for j in range(groups):
        own = column.values[known & (labels == j)]
        if len(own) < fewest or len(own) == len(everybody):
            distinctive.append(())
            continue
        distinctive.append(
            (
                _median(
                    column,
                    own,
                    everybody,
                    float(ranked_values.effect[j]),
                    float(ranked_values.p[j]),
                    ranked_values.test,
                ),
            )
        )
    return TraitTest(column.trait.name, tuple(distinctive), ranked_values.test, scale)


def _median(
    column: TraitColumn,
    own: NDArray[np.float64],
    everybody: NDArray[np.float64],
    effect: float,
    p: float,
    test: GroupTest,
) -> DistinctiveTrait:
    here, all_of_them, span = float(np.median(own)), float(np.median(everybody)), median_interval(own)
    # The median of all is taken as it is: for a part of all that makes the interval too wide rather than too narrow.
    ratio = 100 / all_of_them if column.trait.least == 0 and all_of_them > 0 else None
    ends = (ratio * here, ratio * span.low, ratio * span.high) if ratio else (None, None, None)
    apart = abs(float(own.mean() - everybody.mean()))
    return _fact(
        column,
        "median",
        "",
        here,
        (span.low, span.high),
        all_of_them,
        ends,
        (len(own), len(own)),
        effect,
        p,
        test,
        marker=apart >= SPREAD * float(everybody.std()),
    )


def _fact(
    column: TraitColumn,
    kind: Literal["share", "median"],
    value: str,
    here: float,
    span: tuple[float, float],
    everywhere: float,
    ends: tuple[float | None, float | None, float | None],
    counts: tuple[int, int],
    effect: float,
    p: float,
    test: GroupTest,
    *,
    marker: bool,
) -> DistinctiveTrait:
    trait = column.trait
    what = (trait.name, trait.meaning.split(";")[0], trait.unit, trait.family)
    return DistinctiveTrait(
        *what,
        kind,
        value,
        here,
        *span,
        everywhere,
        *ends,
        *counts,
        effect,
        p,
        test.name,
        test.statistic,
        trait_p=1.0,
        marker=marker,
    )


def _scale(known: NDArray[np.float64], least: float | None) -> Scale | None:
    """Scale of a number for distances: skewed counts are log-transformed, as in `discover`."""
    spread = known.std()
    if not spread:
        return None
    logged = least is not None and known.min() >= 0 and float(np.mean(((known - known.mean()) / spread) ** 3)) > 1
    values = np.log1p(known) if logged else known
    return Scale(bool(logged), float(values.mean()), float(values.std()))


def distinctive_traits(
    measured: Iterable[TraitTest], groups: int, base: Mapping[int, frozenset[str]]
) -> list[tuple[DistinctiveTrait, ...]]:
    """Return the facts of each group, the strongest first, with what may be said marked as such.

    Args:
        measured: Of every trait that was asked for.
        groups: How many there are.
        base: By group: the traits that it was made from; their other windows count as the same.

    Returns:
        One tuple per group, in the order of the groups; what is not significant is in it, with ``said`` false.
    """
    tests = list(measured)
    made = {j: {stem(name) for name in names} for j, names in base.items()}
    levels = adjusted([test.test.p for test in tests])
    passed = sum(level <= LEVEL for level in levels)
    facts: list[list[DistinctiveTrait]] = [[] for _ in range(groups)]
    for result, level in zip(tests, levels, strict=True):
        cells = [(j, fact) for j, own in enumerate(result.distinctive) for fact in own]
        within = adjusted([fact.p for _, fact in cells])
        for (j, fact), p in zip(cells, within, strict=True):
            may = level <= LEVEL and p <= LEVEL * passed / len(tests) and _worth(fact)
            facts[j].append(replace(fact, trait_p=level, base=stem(fact.trait) in made.get(j, ()), said=may))
    return [tuple(sorted(own, key=lambda fact: fact.strength, reverse=True)) for own in facts]


def _worth(fact: DistinctiveTrait) -> bool:
    """Whether it is a marker or no negligible effect, and its interval leaves out what everybody is like."""
    low, high, nothing = (
        (fact.index_low, fact.index_high, 100.0)
        if fact.index_low is not None and fact.index_high is not None
        else (fact.here_low, fact.here_high, fact.everywhere)
    )
    return (fact.marker or abs(fact.effect) >= SMALL_EFFECT) and not low <= nothing <= high


def one_a_stem(distinctive: Sequence[DistinctiveTrait], most: int) -> list[DistinctiveTrait]:
    """Return the strongest of *facts*, at most *most*, of each thing its strongest window: three windows say one thing.

    Categories of one trait are different things, so they may stand together.
    """
    chosen: list[DistinctiveTrait] = []
    for fact in distinctive:
        if len(chosen) < most and all(
            stem(fact.trait) != stem(distinctive_trait.trait) or fact.trait == distinctive_trait.trait
            for distinctive_trait in chosen
        ):
            chosen.append(fact)
    return chosen


def spread_of(scale: Scale, values: Matrix) -> Matrix:
    """Return standardised numbers; NaN stays NaN."""
    matrix: Matrix = (np.log1p(np.maximum(values, 0)) if scale.logged else values) - scale.shift
    return matrix / scale.spread
