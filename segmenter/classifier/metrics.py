"""Classification metrics (hit rate, kappa, Brier score, calibration) and the quality gate (SCIENCE.md 4.1, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.classifier.thresholds import Thresholds

BINS = 10  # of the expected calibration error
CURVE = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # least confidences of the curve

LEAST_KAPPA = 0.2
LEAST_LEAD = 0.05  # of the hit rate over the largest share
LEAST_PRECISION = 0.5  # of each segment, among those assigned to it

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A point of the coverage curve: share of people with at least this *confidence*, and their hit rate.

    Attributes:
        hit: None where nobody is so sure.
    """

    confidence: float
    coverage: float
    hit: float | None


@dataclass(frozen=True, slots=True)
class ModelQuality:
    """Figures of one classification of people whom it did not learn from.

    Attributes:
        people: How many were classified.
        hit: Share of them that got their own segment.
        largest_share: What calling everybody by the largest segment would hit.
        proportional_chance: sum p^2: what drawing segments by their shares would hit.
        kappa: Cohen's; 0 is chance, 1 is perfect.
        balanced: Mean over the segments of the share of each that was found.
        press_q: (N - h N k)^2 / (N (k - 1)), about chi-squared with 1 degree of freedom where it is chance.
        ece: Mean distance of confidence from hit rate over ten equal bins of confidence, weighted by people.
        brier: Mean squared distance of the probabilities from the truth, summed over segments.
        brier_of_shares: The same where everybody gets the segments' shares as probabilities.
        log_loss: Mean -ln of the truth's probability.
        precision: Of those assigned to a segment above the thresholds, the share that belongs there; None: nobody was.
        coverage: Share of people that were assigned above the thresholds.
        curve: Coverage against hit rate.
    """

    people: int
    hit: float
    largest_share: float
    proportional_chance: float
    kappa: float
    balanced: float
    press_q: float
    ece: float
    brier: float
    brier_of_shares: float
    log_loss: float
    precision: Mapping[str, float | None]
    coverage: float
    curve: tuple[CurvePoint, ...]


def model_quality(likely: Floats, truth: Places, labels: Sequence[str], thresholds: Thresholds) -> ModelQuality:
    """Judge held-out probabilities.

    Args:
        likely: Shape (people, labels).
        truth: Place of each person's own label.
        labels: Their names.
        thresholds: Above which a person is assigned.
    """
    people, many = likely.shape
    best = likely.argmax(axis=1)
    right = best == truth
    shares = np.bincount(truth, minlength=many) / people
    hit = float(right.mean())
    confidence = likely.max(axis=1)
    assigned = _assigned(likely, thresholds)
    by_chance = float((shares * np.bincount(best, minlength=many) / people).sum())
    recalls = [float(right[truth == place].mean()) for place in range(many) if shares[place]]
    precision = {label: _share(right, assigned & (best == place)) for place, label in enumerate(labels)}
    return ModelQuality(
        people=people,
        hit=hit,
        largest_share=float(shares.max()),
        proportional_chance=float((shares**2).sum()),
        kappa=(hit - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0,
        balanced=float(np.mean(recalls)),
        press_q=(people - hit * people * many) ** 2 / (people * (many - 1)),
        ece=calibration_error(confidence, right),
        brier=_brier(likely, truth),
        brier_of_shares=_brier(np.tile(shares, (people, 1)), truth),
        log_loss=float(-np.log(np.clip(likely[np.arange(people), truth], 1e-15, 1)).mean()),
        precision=precision,
        coverage=float(assigned.mean()),
        curve=tuple(CurvePoint(c, float((confidence >= c).mean()), _share(right, confidence >= c)) for c in CURVE),
    )


def _assigned(likely: Floats, thresholds: Thresholds) -> NDArray[np.bool_]:
    ordered = np.sort(likely, axis=1)
    sure: NDArray[np.bool_] = ordered[:, -1] >= thresholds.confidence
    return sure & (ordered[:, -1] - ordered[:, -2] >= thresholds.margin)


def _share(right: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return float(right[among].mean()) if among.any() else None


def _brier(likely: Floats, truth: Places) -> float:
    wanted = np.zeros_like(likely)
    wanted[np.arange(len(truth)), truth] = 1
    return float(((likely - wanted) ** 2).sum(axis=1).mean())


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over `BINS` equal bins of confidence."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    error = 0.0
    for place in range(BINS):
        inside = places == place
        if inside.any():
            error += float(inside.mean()) * abs(float(confidence[inside].mean()) - float(right[inside].mean()))
    return error


@dataclass(frozen=True, slots=True)
class QualityGate:
    """The quality gate of a model: whether it may be used, and if not, why."""

    passed: bool
    sentences: tuple[str, ...]


NO_BETTER = "The model predicts these segments no better than chance"


def gate(quality: ModelQuality, *, rules_hit: float | None = None) -> QualityGate:
    """Apply the quality gate to a model (SCIENCE.md 4.1).

    Args:
        quality: On held-out people.
        rules_hit: What the workspace's rules hit among the same people, None where there is nothing to compare with.
    """
    reasons = []
    lead = quality.hit - quality.largest_share
    if quality.kappa < LEAST_KAPPA or lead < LEAST_LEAD:
        reasons.append(
            f"{NO_BETTER}: hit rate {quality.hit:.0%}, largest segment {quality.largest_share:.0%} "
            f"(a lead of {LEAST_LEAD * 100:.0f} pp is required), kappa {quality.kappa:.2f} "
            f"(at least {LEAST_KAPPA} is required)."
        )
    if not quality.coverage:
        reasons.append("Nobody reaches the confidence needed for an assignment.")
    for label, precision in quality.precision.items():
        if precision is not None and precision < LEAST_PRECISION:
            reasons.append(f"Precision of {label!r} is {precision:.0%}; at least {LEAST_PRECISION:.0%} is required.")
    if rules_hit is not None and rules_hit >= quality.hit:
        reasons.append(
            f"Keep the rules: their hit rate on the same people is {rules_hit:.0%}, the model's {quality.hit:.0%}."
        )
    return QualityGate(not reasons, tuple(reasons))
