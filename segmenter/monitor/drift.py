"""Drift detection: PSI, chi-squared, CUSUM. Counts in, verdicts out.

Population drift: the population stability index of traits, scores and shares (PSI; its thresholds .1 and .25 are a
convention without an error rate: Yurdakul & Naranjo 2020, so chance is added to ours). Concept drift: a segment
answers otherwise than it did. Structural drift, segments that would be cut otherwise, is `segmenter.monitor.structure`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, log, sqrt

from segmenter.stats.chi_squared import chi_squared_quantile
from segmenter.stats.multiplicity import Estimate, benjamini_hochberg

WATCH = 0.1
"""PSI (population stability index) below which there is no drift (convention)."""
CERTAINTY = 0.999
"""Quantile of PSI without drift (chi-squared): one false alarm in 1,000 checks."""
CONTINUITY = 0.5  # added to every bin: an empty one has a logarithm
SLACK, DECISION = 0.5, 5.0
"""CUSUM allowance and limit in standard errors: detects changes of one (Page 1954; Montgomery, table 9.4)."""
LEAST_MOVE = 0.05
"""Changes of a share or of mean confidence below 5 pp are not reported, however significant."""
SURE = 0.001  # p-value below which such a move is more than chance


@dataclass(frozen=True, slots=True)
class Drift:
    """Drift of one trait or score against the reference.

    Attributes:
        psi: Over the values that the reference knew.
        threshold: What it must exceed to be an alarm, given how many people there are.
        new: Values that the reference never had, with the people who have them now.
        people: How many there are now.
    """

    psi: float
    threshold: float
    new: Mapping[str, int]
    people: int

    @property
    def alarm(self) -> bool:
        """Whether the distribution moved by more than convention and chance allow."""
        return self.psi > self.threshold

    @property
    def share_new(self) -> float:
        """Share of people with a value that the reference never had."""
        return sum(self.new.values()) / self.people if self.people else 0.0


def psi(reference: Sequence[float], present: Sequence[float]) -> float:
    """Return sum (q - p) ln(q / p) over bins, .5 added to the count of each; 0 for fewer than two bins.

    Args:
        reference: People by bin, (bins,).
        present: People by the same bins, (bins,).
    """
    bins = len(reference)
    before = [(count + CONTINUITY) / (sum(reference) + CONTINUITY * bins) for count in reference]
    now = [(count + CONTINUITY) / (sum(present) + CONTINUITY * bins) for count in present]
    return sum((q - p) * log(q / p) for p, q in zip(before, now, strict=True))


def psi_threshold(reference: float, present: float, bins: int) -> float:
    """Return the PSI above which there is drift: max(.1, (1/n + 1/m) chi2_.999(bins - 1)).

    Args:
        reference: People of the reference, n.
        present: People now, m.
        bins: How many there are.
    """
    if bins < 2 or not reference or not present:  # noqa: PLR2004 - one bin can't move
        return float("inf")
    return max(WATCH, (1 / reference + 1 / present) * chi_squared_quantile(CERTAINTY, bins - 1))


def drift(reference: Mapping[str, int], present: Mapping[str, int]) -> Drift:
    """Compare people by value or by bin; what the reference never had is "new", and no part of the PSI.

    Args:
        reference: People by value or bin, at the earlier time.
        present: The same for now; bins must have the same edges.

    Returns:
        PSI with its threshold at these sizes, people by new value, and people now.
    """
    known = [value for value, count in reference.items() if count]
    before = [reference[value] for value in known]
    now = [present.get(value, 0) for value in known]
    new = {value: count for value, count in present.items() if count and not reference.get(value)}
    return Drift(psi(before, now), psi_threshold(sum(before), sum(now), len(known)), new, sum(present.values()))


@dataclass(frozen=True, slots=True)
class ResponseCount:
    """Responses: people asked, and how many of them bought, clicked or said yes."""

    people: int
    answers: int

    @property
    def rate(self) -> float:
        """Share that answered; 0 for nobody."""
        return self.answers / self.people if self.people else 0.0


@dataclass(frozen=True, slots=True)
class ResponseDrift:
    """Change of one segment's response rate against the reference.

    Attributes:
        z: Of the two-proportion test, pooled; above 0: more than before.
        p: Two-sided.
        stands: Whether it is a finding when all segments are looked at together.
    """

    segment: str
    before: ResponseCount
    now: ResponseCount
    z: float
    p: float
    stands: bool


def two_proportions(before: ResponseCount, now: ResponseCount) -> tuple[float, float]:
    """Return z (pooled variance) and the two-sided p-value of two shares; (0, 1) where nothing can be compared."""
    if not before.people or not now.people:
        return 0.0, 1.0
    pooled = (before.answers + now.answers) / (before.people + now.people)
    variance = pooled * (1 - pooled) * (1 / before.people + 1 / now.people)
    if variance <= 0.0:
        return 0.0, 1.0
    z = (now.rate - before.rate) / sqrt(variance)
    return z, erfc(abs(z) / sqrt(2))


def responses(reference: Mapping[str, ResponseCount], present: Mapping[str, ResponseCount]) -> list[ResponseDrift]:
    """Compare what segments answered, judged together (Benjamini-Hochberg); those without a reference are left out.

    Args:
        reference: People and responses by segment, of earlier campaigns.
        present: The same of the newest campaign.

    Returns:
        One entry per segment in both, with z, two-sided p and whether it stands.
    """
    both = [segment for segment in present if segment in reference]
    tests = [two_proportions(reference[segment], present[segment]) for segment in both]
    stands = benjamini_hochberg([p for _, p in tests])
    return [
        ResponseDrift(segment, reference[segment], present[segment], z, p, stand)
        for segment, (z, p), stand in zip(both, tests, stands, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Moved:
    """Incremental response of one segment, before and now.

    Attributes:
        stands: Whether it is another when all segments are looked at together.
    """

    segment: str
    before: Estimate
    now: Estimate
    p: float
    stands: bool


def lifts_moved(earlier: Sequence[Mapping[str, Estimate]], present: Mapping[str, Estimate]) -> list[Moved]:
    """Compare lifts with those before, put together by their precision; judged together (Benjamini-Hochberg).

    Args:
        earlier: Difference and variance by segment, of each earlier measurement.
        present: Of the newest; segments that were never measured before are left out.

    Returns:
        One entry per segment that was measured before, with p and whether it stands.
    """
    before = {
        name: _together([measurement[name] for measurement in earlier if name in measurement]) for name in present
    }
    both = {name: estimate for name, estimate in before.items() if estimate is not None}
    p_values = [_apart(estimate, present[name]) for name, estimate in both.items()]
    stood = benjamini_hochberg(p_values)
    return [
        Moved(name, estimate, present[name], p, verdict)
        for (name, estimate), p, verdict in zip(both.items(), p_values, stood, strict=True)
    ]


def _together(estimates: Sequence[Estimate]) -> Estimate | None:
    usable = [estimate for estimate in estimates if estimate.variance > 0.0]
    if not usable:
        return None
    total = sum(1 / estimate.variance for estimate in usable)
    return Estimate(sum(estimate.difference / estimate.variance for estimate in usable) / total, 1 / total)


def _apart(before: Estimate, now: Estimate) -> float:
    """The two-sided p-value of two independent differences."""
    if now.variance <= 0.0:
        return 1.0
    return erfc(abs(now.difference - before.difference) / sqrt(before.variance + now.variance) / sqrt(2))


def slow_change(reference: ResponseCount, later: Sequence[ResponseCount]) -> int | None:
    """Return the place of the first of *later* at which small changes have added up, None where they have not.

    A two-sided CUSUM of the standardised differences from the reference's rate, whose own error counts too.

    Args:
        reference: People and responses of the first campaign.
        later: Of those after it, in order.

    Returns:
        A place in *later*, from 0.
    """
    up = down = 0.0
    for place, response_count in enumerate(later):
        z, _ = two_proportions(reference, response_count)
        up, down = max(0.0, up + z - SLACK), max(0.0, down - z - SLACK)
        if max(up, down) > DECISION:
            return place
    return None


def share_moved(before: ResponseCount, now: ResponseCount) -> bool:
    """Whether a share (of unclassified people) changed by 5 pp or more, and significantly.

    Args:
        before: People, and how many of them count.
        now: The same today.

    Returns:
        True only where the change is both large enough and significant.
    """
    _, p = two_proportions(before, now)
    return p < SURE and abs(now.rate - before.rate) >= LEAST_MOVE


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation of a number over people."""

    people: int
    mean: float
    deviation: float


def mean_moved(before: Spread, now: Spread) -> bool:
    """Whether a mean (of confidence) changed by 5 pp or more, and significantly (Welch's z).

    Args:
        before: People, mean and standard deviation, 0 to 1.
        now: The same today.

    Returns:
        False where either has no people.
    """
    moved = abs(now.mean - before.mean)
    if not before.people or not now.people or moved < LEAST_MOVE:
        return False
    error = sqrt(before.deviation**2 / before.people + now.deviation**2 / now.people)
    return error == 0.0 or erfc(moved / error / sqrt(2)) < SURE
