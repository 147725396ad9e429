"""Classification metrics of held-out people: hit rate, kappa, proper scores, calibration, AUC (SCIENCE.md 4.1, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmenter.classifier.discrimination import GainPoint, Ranking, gain_curve, ranking
from segmenter.classifier.proper_scores import Band, ScoreGain, bands, brier_losses, log_losses, score_gain
from segmenter.classifier.thresholds import Thresholds
from segmenter.stats.weighted import effective_size, mean_of

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
    """Figures of one segment, or one outcome. Numbers are people of the sample, shares and rates of the population.

    Attributes:
        people: Held-out people who belong to it.
        share: Of everybody.
        hit: Share of them whose likeliest label it is.
        assigned: People who were assigned to it above the thresholds.
        right: Of these, those who belong to it.
        precision: The share that they are; None: nobody was assigned.
        assigned_effective: By how many people without weights the precision is told as exactly (Kish 1965).
        ranking: How well its probability ranks people.
        gains: What its highest probabilities reach.
        bands: Its probability beside what is true, in bands.
    """

    people: int
    share: float
    hit: float
    assigned: int
    right: int
    precision: float | None
    assigned_effective: float
    ranking: Ranking
    gains: tuple[GainPoint, ...]
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class ModelQuality:
    """Figures of one classification of people whom it did not learn from; with weights of the population.

    Attributes:
        people: How many were classified.
        effective: Size of a sample without weights that is as exact (Kish 1965).
        hit: Share of them that got their own segment.
        largest_share: What calling everybody by the largest segment would hit.
        proportional_chance: sum p^2: what drawing segments by their shares would hit.
        kappa: Cohen's; 0 is chance, 1 is perfect.
        balanced: Mean over the segments of the share of each that was found.
        press_q: (N - h N k)^2 / (N (k - 1)), N effective: chi-squared with 1 degree of freedom where it is chance.
        ece: Mean distance of confidence from hit rate over ten equal bins of confidence, weighted by people.
        brier_gain: Brier score (mean squared distance of the probabilities from the truth, summed over segments)
            beside that of the segments' shares.
        log_gain: Log score (mean -ln of the truth's probability) beside that of the shares.
        precision: Of those assigned to a segment above the thresholds, the share that belongs there; None: nobody was.
        coverage: Share of people that were assigned above the thresholds.
        curve: Coverage against hit rate.
        labels: Figures by label, in the order of the confusion table.
        confusion: People by own label (row) and likeliest label (column); with weights as many as there are people,
            each in the proportion of the weight.
    """

    people: int
    effective: float
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
    confusion: tuple[tuple[float, ...], ...]

    @property
    def weighted(self) -> bool:
        """Whether people count by weights."""
        return self.effective < self.people

    @property
    def brier(self) -> float:
        """Brier score, summed over segments."""
        return self.brier_gain.model

    @property
    def log_loss(self) -> float:
        """Mean -ln of the truth's probability."""
        return self.log_gain.model


def model_quality(
    likely: Floats,
    truth: Places,
    labels: Sequence[str],
    thresholds: Thresholds,
    *,
    folds: int,
    counts: Floats | None = None,
) -> ModelQuality:
    """Judge held-out probabilities.

    Args:
        likely: Shape (people, labels).
        truth: Place of each person's own label.
        labels: Their names.
        thresholds: Above which a person is assigned.
        folds: In how many folds they were held out; 2 or more.
        counts: (people,) how many each counts as, by the weights; None: once.
    """
    people, many = likely.shape
    total, n = (people, people) if counts is None else (float(counts.sum()), effective_size(counts))
    best = likely.argmax(axis=1)
    right = best == truth
    shares = np.bincount(truth, counts, minlength=many) / total
    hit = mean_of(right, counts)
    confidence = likely.max(axis=1)
    assigned = _assigned(likely, thresholds)
    by_chance = float((shares * np.bincount(best, counts, minlength=many) / total).sum())
    recalls = [_share(right, truth == place, counts) or 0.0 for place in range(many) if shares[place]]
    flat = np.tile(shares, (people, 1))
    precision = {label: _share(right, assigned & (best == place), counts) for place, label in enumerate(labels)}
    sure = [(least, confidence >= least) for least in CURVE]
    return ModelQuality(
        people=people,
        effective=float(n),
        hit=hit,
        largest_share=float(shares.max()),
        proportional_chance=float((shares**2).sum()),
        kappa=(hit - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0,
        balanced=float(np.mean(recalls)),
        press_q=(n - hit * n * many) ** 2 / (n * (many - 1)),
        ece=calibration_error(confidence, right, counts),
        brier_gain=score_gain(brier_losses(likely, truth), brier_losses(flat, truth), folds, counts),
        log_gain=score_gain(log_losses(likely, truth), log_losses(flat, truth), folds, counts),
        precision=precision,
        coverage=mean_of(assigned, counts),
        curve=tuple(CurvePoint(least, mean_of(who, counts), _share(right, who, counts)) for least, who in sure),
        labels={label: _of_label(likely, truth, place, assigned, counts) for place, label in enumerate(labels)},
        confusion=_confusion(truth, best, many, counts),
    )


def _of_label(
    likely: Floats, truth: Places, place: int, assigned: NDArray[np.bool_], counts: Floats | None
) -> LabelQuality:
    positive, own = truth == place, likely.argmax(axis=1) == place
    chosen = assigned & own
    return LabelQuality(
        people=int(positive.sum()),
        share=mean_of(positive, counts),
        hit=_share(own, positive, counts) or 0.0,
        assigned=int(chosen.sum()),
        right=int((chosen & positive).sum()),
        precision=_share(positive, chosen, counts),
        assigned_effective=float(chosen.sum()) if counts is None else effective_size(counts[chosen]),
        ranking=ranking(likely[:, place], positive, counts),
        gains=gain_curve(likely[:, place], positive, counts),
        bands=bands(likely[:, place], positive, counts),
    )


def _confusion(truth: Places, best: Places, many: int, counts: Floats | None) -> tuple[tuple[float, ...], ...]:
    counted = np.bincount(truth * many + best, counts, minlength=many * many).reshape(many, many)
    if counts is None:
        return tuple(tuple(int(people) for people in row) for row in counted)
    return tuple(tuple((row * len(truth) / counts.sum()).tolist()) for row in counted)


def _assigned(likely: Floats, thresholds: Thresholds) -> NDArray[np.bool_]:
    ordered = np.sort(likely, axis=1)
    sure: NDArray[np.bool_] = ordered[:, -1] >= thresholds.confidence
    return sure & (ordered[:, -1] - ordered[:, -2] >= thresholds.margin)


def _share(right: NDArray[np.bool_], among: NDArray[np.bool_], counts: Floats | None) -> float | None:
    return mean_of(right[among], None if counts is None else counts[among]) if among.any() else None


def calibration_error(confidence: Floats, right: NDArray[np.bool_], counts: Floats | None = None) -> float:
    """Return the expected calibration error over `BINS` equal bins of confidence.

    Args:
        confidence: (people,) of the likeliest label.
        right: Whether it is the true one.
        counts: (people,) how many each counts as, by the weights; None: once.
    """
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    error = 0.0
    for place in range(BINS):
        inside = places == place
        if inside.any():
            own = None if counts is None else counts[inside]
            error += mean_of(inside, counts) * abs(mean_of(confidence[inside], own) - mean_of(right[inside], own))
    return error
