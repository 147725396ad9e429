"""Classification metrics of held-out people: hit rate, kappa, proper scores, calibration, AUC (SCIENCE.md 4.1, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.classifier.discrimination import GainPoint, Ranking, gain_curve, ranking
from segmenter.classifier.proper_scores import Band, ScoreGain, bands, brier_losses, log_losses, score_gain
from segmenter.classifier.thresholds import Thresholds

BINS = 10  # of the expected calibration error
CURVE = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # least confidences of the curve

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
class LabelQuality:
    """Figures of one segment, or one outcome.

    Attributes:
        people: Held-out people who belong to it.
        hit: Share of them whose likeliest label it is.
        assigned: People who were assigned to it above the thresholds.
        right: Of these, those who belong to it.
        ranking: How well its probability ranks people.
        gains: What its highest probabilities reach.
        bands: Its probability beside what is true, in bands.
    """

    people: int
    hit: float
    assigned: int
    right: int
    ranking: Ranking
    gains: tuple[GainPoint, ...]
    bands: tuple[Band, ...]


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
        brier_gain: Brier score (mean squared distance of the probabilities from the truth, summed over segments)
            beside that of the segments' shares.
        log_gain: Log score (mean -ln of the truth's probability) beside that of the shares.
        precision: Of those assigned to a segment above the thresholds, the share that belongs there; None: nobody was.
        coverage: Share of people that were assigned above the thresholds.
        curve: Coverage against hit rate.
        labels: Figures by label, in the order of the confusion table.
        confusion: People by own label (row) and likeliest label (column).
    """

    people: int
    hit: float
    largest_share: float
    proportional_chance: float
    kappa: float
    balanced: float
    press_q: float
    ece: float
    brier_gain: ScoreGain
    log_gain: ScoreGain
    precision: Mapping[str, float | None]
    coverage: float
    curve: tuple[CurvePoint, ...]
    labels: Mapping[str, LabelQuality]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def brier(self) -> float:
        """Brier score, summed over segments."""
        return self.brier_gain.model

    @property
    def log_loss(self) -> float:
        """Mean -ln of the truth's probability."""
        return self.log_gain.model


def model_quality(
    likely: Floats, truth: Places, labels: Sequence[str], thresholds: Thresholds, *, folds: int
) -> ModelQuality:
    """Judge held-out probabilities.

    Args:
        likely: Shape (people, labels).
        truth: Place of each person's own label.
        labels: Their names.
        thresholds: Above which a person is assigned.
        folds: In how many folds they were held out; 2 or more.
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
    flat = np.tile(shares, (people, 1))
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
        brier_gain=score_gain(brier_losses(likely, truth), brier_losses(flat, truth), folds),
        log_gain=score_gain(log_losses(likely, truth), log_losses(flat, truth), folds),
        precision=precision,
        coverage=float(assigned.mean()),
        curve=tuple(CurvePoint(c, float((confidence >= c).mean()), _share(right, confidence >= c)) for c in CURVE),
        labels={label: _of_label(likely, truth, place, assigned) for place, label in enumerate(labels)},
        confusion=_confusion(truth, best, many),
    )


def _of_label(likely: Floats, truth: Places, place: int, assigned: NDArray[np.bool_]) -> LabelQuality:
    positive, best = truth == place, likely.argmax(axis=1)
    chosen = assigned & (best == place)
    return LabelQuality(
        people=int(positive.sum()),
        hit=float((best[positive] == place).mean()) if positive.any() else 0.0,
        assigned=int(chosen.sum()),
        right=int((chosen & positive).sum()),
        ranking=ranking(likely[:, place], positive),
        gains=gain_curve(likely[:, place], positive),
        bands=bands(likely[:, place], positive),
    )


def _confusion(truth: Places, best: Places, many: int) -> tuple[tuple[int, ...], ...]:
    counted = np.bincount(truth * many + best, minlength=many * many).reshape(many, many)
    return tuple(tuple(int(people) for people in row) for row in counted)


def _assigned(likely: Floats, thresholds: Thresholds) -> NDArray[np.bool_]:
    ordered = np.sort(likely, axis=1)
    sure: NDArray[np.bool_] = ordered[:, -1] >= thresholds.confidence
    return sure & (ordered[:, -1] - ordered[:, -2] >= thresholds.margin)


def _share(right: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
    return float(right[among].mean()) if among.any() else None


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over `BINS` equal bins of confidence."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    error = 0.0
    for place in range(BINS):
        inside = places == place
        if inside.any():
            error += float(inside.mean()) * abs(float(confidence[inside].mean()) - float(right[inside].mean()))
    return error
