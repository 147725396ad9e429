"""Association of a question with groups: chi-squared and Cramér's V, for means Welch's analysis of variance.

With weights, chi-squared counts effective people: the first-order correction of Rao & Scott 1981, with Kish's design
effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from segmenter.stats.group_tests import chi_squared
from segmenter.stats.pairwise import SampleBase, cramers_v, group_moments, sample_of
from segmenter.surveys.questions import Question, Values

NAN = float("nan")
FEW, A_FIFTH = 5, 0.2


@dataclass(frozen=True, slots=True)
class Association:
    """How a question and a banner hang together over all groups.

    Attributes:
        banner: Its name.
        test: ``chi-squared``, or ``Welch's F`` for means.
        statistic: NaN: nothing to compare.
        p: Of the statistic.
        effect: Cramér's V, or the correlation ratio eta squared.
        size: The effect in a word, by Cohen 1988: negligible, small, medium or large.
        thin: Whether too many cells expect fewer than 5 people: over a fifth, or one below 1 (Cochran 1954).
    """

    banner: str
    test: str
    statistic: float
    p: float
    effect: float
    size: str = ""
    thin: bool = False

    @property
    def measure(self) -> str:
        """What the effect size is called."""
        return "Cramér's V" if self.test == "chi-squared" else "eta squared"


def associations(
    question: Question, banner: str, groups: Sequence[NDArray[np.bool_]], weights: Values
) -> Iterator[Association]:
    """Yield how *question* and the groups of *banner* hang together: over its answers, and over its mean.

    Args:
        question: With answers, numbers, or both.
        banner: Name of the groups.
        groups: (people,) who of those that answered is in each.
        weights: (people,) at least 0.
    """
    if question.answers:
        counts = np.array(
            [np.bincount(question.codes[mask], weights[mask], minlength=len(question.answers)) for mask in groups]
        ).reshape(len(groups), len(question.answers))
        everybody = sample_of(weights[np.any(groups, axis=0)]) if groups else SampleBase(0, 0.0, 0.0)
        table = counts * (everybody.effective / everybody.weighted) if everybody.weighted else counts
        table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
        test = chi_squared(table)
        effect = cramers_v(test.statistic, float(table.sum()), *table.shape)
        free = max(min(table.shape) - 1, 1)
        size = _in_a_word(effect * free**0.5, (0.1, 0.3, 0.5))
        yield Association(banner, "chi-squared", test.statistic, test.p, effect, size, _is_thin(table))
    if question.values is not None:
        known = ~np.isnan(question.values)
        yield _welch_anova(banner, question.values, [mask & known for mask in groups], weights)


def _welch_anova(banner: str, values: Values, groups: Sequence[NDArray[np.bool_]], weights: Values) -> Association:
    """Welch 1951, Biometrika 38: means of several groups of unequal variance; eta squared from sums of squares."""
    moments = [group_moments(values[mask], weights[mask]) for mask in groups]
    usable = [each for each in moments if isfinite(each.deviation) and each.deviation > 0]
    effect = _eta_squared(values, groups, weights)
    size = _in_a_word(effect, (0.01, 0.06, 0.14))
    if len(usable) < 2 or len(usable) < sum(each.effective > 0 for each in moments):  # noqa: PLR2004 - nothing to compare
        return Association(banner, "Welch's F", NAN, NAN, effect, size)
    from scipy.stats import f  # noqa: PLC0415 - as in `compare_means`

    n = np.array([each.effective for each in usable])
    means, precision = np.array([each.mean for each in usable]), n / np.array([each.deviation**2 for each in usable])
    k, total = len(usable), precision.sum()
    centre = (precision * means).sum() / total
    lost = ((1 - precision / total) ** 2 / (n - 1)).sum()
    between = (precision * (means - centre) ** 2).sum() / (k - 1)
    statistic = float(between / (1 + 2 * (k - 2) / (k**2 - 1) * lost))
    p = float(f.sf(statistic, k - 1, (k**2 - 1) / (3 * lost)))
    return Association(banner, "Welch's F", statistic, p, effect, size)


def _in_a_word(effect: float, limits: Sequence[float]) -> str:
    words = ("negligible", "small", "medium", "large")
    return words[sum(effect >= limit for limit in limits)] if isfinite(effect) else ""


def _is_thin(table: Values) -> bool:
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / max(table.sum(), 1e-12)
    return bool(expected.size and ((expected < FEW).mean() > A_FIFTH or (expected < 1).any()))


def _eta_squared(values: Values, groups: Sequence[NDArray[np.bool_]], weights: Values) -> float:
    everybody = np.any(groups, axis=0) if groups else np.zeros(len(values), bool)
    overall = group_moments(values[everybody], weights[everybody])
    all_of_it = float((weights[everybody] * (values[everybody] - overall.mean) ** 2).sum())
    if not all_of_it > 0:
        return NAN
    between = sum(
        float(weights[mask].sum()) * (group_moments(values[mask], weights[mask]).mean - overall.mean) ** 2
        for mask in groups
        if weights[mask].sum() > 0
    )
    return between / all_of_it
