"""Crosstabs: column percentages and means by group, letters of significance, effect sizes, bases with weights.

A letter in a cell names a column whose figure is significantly lower: a capital at 95%, a small letter at 90%. Columns
of one banner are compared pairwise within each row, z for proportions and Welch's t for means, with Kish's effective
bases where there are weights; p-values are corrected over the pairs of the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.pairwise import (
    Correction,
    GroupMoments,
    PairResult,
    SampleBase,
    compare_means,
    compare_proportions,
    corrected_p,
    group_moments,
    sample_of,
)
from segmenter.surveys.association import Association, associations
from segmenter.surveys.questions import Banner, Question, Values

RowKind = Literal["answer", "net", "mean"]

LEAST_BASE = 30.0
"""Effective base below which a column is not tested: the usual rule of tables in market research."""
LEAST_EXPECTED = 5.0
"""Expected people in each cell of a pair from which z holds (Cochran 1954)."""
STRONG, WEAK = 0.05, 0.10
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class CrosstabColumn:
    """A column: its letter ("" for the total), and the group that it shows."""

    letter: str
    banner: str
    group: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure: a share (0 to 1) or a mean, NaN where there is none; *letters* of the columns that it is above."""

    value: float
    letters: str = ""


@dataclass(frozen=True, slots=True)
class CrosstabRow:
    """An answer, several that count together, or the mean; *deviations* are those of a mean, else empty."""

    label: str
    kind: RowKind
    cells: tuple[Cell, ...]
    deviations: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PairTest:
    """Two columns compared in one row.

    Attributes:
        row: Its label.
        kind: What the row is.
        columns: The letters, in the order of the table.
        difference: First less second.
        comparison: Statistic, p and effect size; NaN: not tested, and *reason* says why.
        corrected: p, corrected over the pairs of the row.
        reason: Why there is no test; "": there is.
    """

    row: str
    kind: RowKind
    columns: tuple[str, str]
    difference: float
    comparison: PairResult
    corrected: float
    reason: str


@dataclass(frozen=True, slots=True)
class QuestionTable:
    """The table of one question; *bases* stand for the columns in order, the total first."""

    question: str
    text: str
    bases: tuple[SampleBase, ...]
    rows: tuple[CrosstabRow, ...]
    tests: tuple[PairTest, ...]
    associations: tuple[Association, ...]


@dataclass(frozen=True, slots=True)
class Crosstab:
    """Tables of several questions with the same columns.

    Attributes:
        columns: The total first.
        bases: Of all who are in a column, whatever they answered.
        tables: One per question.
        correction: Of p-values, within a row.
        least_base: Effective base below which a column is not tested.
    """

    columns: tuple[CrosstabColumn, ...]
    bases: tuple[SampleBase, ...]
    tables: tuple[QuestionTable, ...]
    correction: Correction
    least_base: float

    @property
    def tested(self) -> int:
        """How many pairs were tested."""
        return sum(isfinite(test.comparison.p) for table in self.tables for test in table.tests)


@dataclass(frozen=True, slots=True)
class CrosstabOptions:
    """Correction of p-values, and the least effective base of a column that is tested."""

    correction: Correction = "holm"
    least_base: float = LEAST_BASE


def letter_of(place: int) -> str:
    """Return the letter of a column: A to Z, then AA, AB and so on; *place* counts from 0."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = LETTERS[rest] + name
    return name


def make_crosstab(
    questions: Sequence[Question], banners: Sequence[Banner], weights: Values, options: CrosstabOptions
) -> Crosstab:
    """Return the tables of *questions* by the groups of *banners*.

    Args:
        questions: All of the same people.
        banners: Columns; groups of one banner are compared with each other only.
        weights: (people,) at least 0; 1 for everybody where there are none.
        options: How it is tested.

    Returns:
        Shares of those who answered (0 to 1) and means, by column.
    """
    masks, columns = [np.ones(len(weights), bool)], [CrosstabColumn("", "", "Total")]
    families: list[list[int]] = []
    for banner in banners:
        families.append(list(range(len(columns), len(columns) + len(banner.groups))))
        for place, group in enumerate(banner.groups):
            columns.append(CrosstabColumn(letter_of(len(columns) - 1), banner.name, group))
            masks.append(banner.codes == place)
    made = _Made(tuple(columns), masks, families, [b.name for b in banners], weights, options)
    tables = tuple(_table(question, made) for question in questions)
    bases = tuple(sample_of(weights[mask]) for mask in masks)
    return Crosstab(tuple(columns), bases, tables, options.correction, options.least_base)


@dataclass(frozen=True, slots=True)
class _Made:
    """Columns and who is in them; *families* are the places of columns that are compared."""

    columns: tuple[CrosstabColumn, ...]
    masks: list[NDArray[np.bool_]]
    families: list[list[int]]
    banners: list[str]
    weights: Values
    options: CrosstabOptions


@dataclass(frozen=True, slots=True)
class _Figures:
    """A row before it is tested: a figure per column, and for means the moments behind it."""

    label: str
    kind: RowKind
    values: list[float]
    moments: list[GroupMoments]


def _table(question: Question, made: _Made) -> QuestionTable:
    answered = question.answered
    inside = [mask & answered for mask in made.masks]
    bases = tuple(sample_of(made.weights[mask]) for mask in inside)
    rows: list[CrosstabRow] = []
    tests: list[PairTest] = []
    for figures in _figures(question, made, inside):
        own = [test for family in made.families for test in _tests(figures, family, bases, made)]
        letters = _letters(own, made)
        cells = tuple(Cell(value, letters.get(place, "")) for place, value in enumerate(figures.values))
        rows.append(
            CrosstabRow(figures.label, figures.kind, cells, tuple(moments.deviation for moments in figures.moments))
        )
        tests += own
    families = [
        [inside[place] for place in family if bases[place].effective >= made.options.least_base]
        for family in made.families
    ]
    overall = tuple(
        association
        for name, groups in zip(made.banners, families, strict=True)
        for association in associations(question, name, groups, made.weights)
    )
    return QuestionTable(question.name, question.text, bases, tuple(rows), tuple(tests), overall)


def _figures(question: Question, made: _Made, inside: Sequence[NDArray[np.bool_]]) -> Iterator[_Figures]:
    sums = [float(made.weights[mask].sum()) for mask in inside]

    def shares(of: NDArray[np.bool_]) -> list[float]:
        return [
            float(made.weights[mask & of].sum()) / total if total else NAN
            for mask, total in zip(inside, sums, strict=True)
        ]

    for place, answer in enumerate(question.answers):
        yield _Figures(answer, "answer", shares(question.codes == place), [])
    for label, places in question.nets:
        yield _Figures(label, "net", shares(np.isin(question.codes, places)), [])
    if question.values is not None:
        known = ~np.isnan(question.values)
        moments = [group_moments(question.values[mask & known], made.weights[mask & known]) for mask in inside]
        yield _Figures("Mean", "mean", [each.mean for each in moments], moments)


def _tests(figures: _Figures, family: list[int], bases: Sequence[SampleBase], made: _Made) -> list[PairTest]:
    pairs = list(combinations(family, 2))
    results = [_compared(figures, first, second, bases, made.options.least_base) for first, second in pairs]
    corrected = corrected_p([comparison.p for comparison, _ in results], made.options.correction)
    return [
        PairTest(
            figures.label,
            figures.kind,
            (made.columns[first].letter, made.columns[second].letter),
            figures.values[first] - figures.values[second],
            comparison,
            p,
            reason,
        )
        for (first, second), (comparison, reason), p in zip(pairs, results, corrected, strict=True)
    ]


NOT_TESTED = PairResult(NAN, NAN, NAN)


def _compared(
    figures: _Figures, first: int, second: int, bases: Sequence[SampleBase], least: float
) -> tuple[PairResult, str]:
    n, m = bases[first].effective, bases[second].effective
    if min(n, m) < least:
        return NOT_TESTED, "small base"
    if figures.moments:
        tested = compare_means(figures.moments[first], figures.moments[second])
        return tested, "" if isfinite(tested.p) else "nobody in either column differs"
    own, other = figures.values[first], figures.values[second]
    tested = compare_proportions(own, n, other, m)
    pooled = (own * n + other * m) / (n + m)
    if not isfinite(tested.p):
        return tested, "all said the same"
    if min(pooled, 1 - pooled) * min(n, m) < LEAST_EXPECTED:
        if all(bases[place].design_effect < 1 + 1e-9 for place in (first, second)):
            return PairResult(tested.statistic, _exact(own, n, other, m), tested.effect), ""
        return NOT_TESTED, "fewer than 5 expected"
    return tested, ""


def _exact(own: float, n: float, other: float, m: float) -> float:
    """Fisher's exact test: where there are no weights, shares are counts."""
    from scipy.stats import fisher_exact  # noqa: PLC0415 - only where a pair is thin

    said, also, people, others = round(own * n), round(other * m), round(n), round(m)
    return float(fisher_exact([[said, people - said], [also, others - also]]).pvalue)


def _letters(tests: Sequence[PairTest], made: _Made) -> dict[int, str]:
    places = {column.letter: place for place, column in enumerate(made.columns) if column.letter}
    letters: dict[int, list[str]] = {}
    for test in tests:
        if not test.corrected <= WEAK:  # NaN is no finding
            continue
        high, low = test.columns if test.comparison.statistic > 0 else test.columns[::-1]
        letters.setdefault(places[high], []).append(low if test.corrected <= STRONG else low.lower())
    return {place: " ".join(sorted(below, key=str.upper)) for place, below in letters.items()}
