"""Multiple comparisons: heterogeneity (Cochran's Q), shrinkage, Benjamini-Hochberg and Holm corrections.

Sources: Cochran 1954 (Q); DerSimonian & Laird 1986 (the variance between groups, which the shrinkage uses);
Benjamini & Hochberg 1995; Holm 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segmenter.stats.chi_squared import chi_squared_tail

FALSE_SHARE = 0.05
"""False discovery rate of a campaign's findings (Benjamini-Hochberg)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A difference of one persona, and its variance."""

    difference: float
    variance: float


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether the differences of several personas differ more than chance explains.

    Attributes:
        q: Cochran's statistic.
        freedom: Personas minus one.
        p: Of Q under the same effect for all; 1 for fewer than two personas.
        between: The variance of the true effects between personas.
        pooled: Their mean effect.
        differ: Whether there is evidence that personas differ, all metrics and variants that are looked at considered
            (`segmenter.lift.effects.corrected_for_multiplicity`).
    """

    q: float
    freedom: int
    p: float
    between: float
    pooled: float
    differ: bool = False


def heterogeneity(estimates: Sequence[Estimate]) -> Heterogeneity:
    """Compare the effects of several personas; those without a variance take no part.

    Returns:
        Cochran's Q, its degrees of freedom and p, tau squared (DerSimonian-Laird), and the pooled difference.
    """
    usable = [estimate for estimate in estimates if estimate.variance > 0.0]
    if not usable:
        return Heterogeneity(0.0, 0, 1.0, 0.0, 0.0)
    weights = [1 / estimate.variance for estimate in usable]
    total = sum(weights)
    mean = sum(w * estimate.difference for w, estimate in zip(weights, usable, strict=True)) / total
    freedom = len(usable) - 1
    if freedom == 0:
        return Heterogeneity(0.0, 0, 1.0, 0.0, mean)
    q = sum(w * (estimate.difference - mean) ** 2 for w, estimate in zip(weights, usable, strict=True))
    between = max(0.0, (q - freedom) / (total - sum(w * w for w in weights) / total))
    again = [1 / (between + estimate.variance) for estimate in usable]
    pooled = sum(w * estimate.difference for w, estimate in zip(again, usable, strict=True)) / sum(again)
    return Heterogeneity(q, freedom, chi_squared_tail(q, freedom), between, pooled)


def shrunken_estimates(estimates: Sequence[Estimate], common: Heterogeneity) -> list[float]:
    """Pull each difference towards the common one, the further the noisier it is (empirical Bayes).

    A persona without a variance (nobody compared) takes the common difference.

    Args:
        estimates: Difference and variance of each persona.
        common: What `heterogeneity` found for them.

    Returns:
        One difference per estimate, in the same order.
    """
    return [
        common.pooled
        if estimate.variance <= 0.0
        else common.pooled
        + common.between / (common.between + estimate.variance) * (estimate.difference - common.pooled)
        for estimate in estimates
    ]


def benjamini_hochberg(p_values: Sequence[float], *, share: float = FALSE_SHARE) -> list[bool]:
    """Return which findings stand when at most *share* of them may be false (Benjamini-Hochberg's step up).

    Args:
        p_values: One per finding.
        share: False discovery rate.

    Returns:
        One answer per finding, in the same order.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    last = -1
    for rank, place in enumerate(order):
        if p_values[place] <= share * (rank + 1) / len(order):
            last = rank
    stands = {order[rank] for rank in range(last + 1)}
    return [place in stands for place in range(len(p_values))]


def holm(p_values: Sequence[float], *, family: float = FALSE_SHARE) -> list[bool]:
    """Return which findings stand when a single false one among them may come in *family* of all cases (Holm).

    Args:
        p_values: One per finding.
        family: Family-wise error rate.

    Returns:
        One answer per finding, in the same order.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    stands: set[int] = set()
    for rank, place in enumerate(order):
        if p_values[place] > family / (len(order) - rank):
            break
        stands.add(place)
    return [place in stands for place in range(len(p_values))]
