"""Quality gate of a model: for which use it is good enough, judged by proper scores, AUC and counts.

Three uses, each with its own demand (SCIENCE.md 4.1, 4.2; marks J are judgement):

- **rank** people, the likeliest first: the 95% interval of an AUC lies above one half.
- **band** people by probability: the log score is better than that of the segments' shares (95% interval), the Brier
  score not shown to be worse, and no band is wrong by more than chance and by more than a fifth of what is true (J).
- **classify**: scores as for bands; at least two segments get 10 people or more (J), right more often than the
  segment's share (Wilson's 95% interval), and no segment is wrong more often than right.

With weights everything is of the population, and counts are effective numbers of people (Kish 1965).

The hit rate alone judges nothing: where 11% respond, calling everybody "no" hits 89%, and no model leads that by much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from segmenter.classifier.metrics import LabelQuality, ModelQuality
from segmenter.classifier.proper_scores import Band, ScoreGain
from segmenter.stats.proportions import Interval, wilson_of_rate

Use = Literal["rank", "band", "classify"]
LEAST_PRECISION = 0.5  # of each segment, among those assigned to it
LEAST_ASSIGNED = 10  # people of one segment: of fewer its precision says nothing
LEAST_LABELS = 2  # segments that are told apart
TOLERANCE = 0.2  # of a band's true rate
NO_BETTER = "The model predicts these segments no better than chance"


@dataclass(frozen=True, slots=True)
class UseVerdict:
    """Whether a model may be used in one way.

    Attributes:
        reasons: Why not, in sentences; empty: it may.
    """

    use: Use
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether it may be used so."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class QualityGate:
    """The quality gate of a model: a verdict for each use."""

    verdicts: tuple[UseVerdict, ...]

    @property
    def uses(self) -> tuple[Use, ...]:
        """The uses that pass."""
        return tuple(verdict.use for verdict in self.verdicts if verdict.passed)

    @property
    def passed(self) -> bool:
        """Whether it may classify people: what `assign` does with a model."""
        return "classify" in self.uses

    @property
    def sentences(self) -> tuple[str, ...]:
        """Why uses don't pass, each reason once; where none does, that comes first."""
        return tuple(dict.fromkeys(reason for verdict in self.verdicts for reason in verdict.reasons))


def gate(quality: ModelQuality, *, rules_hit: float | None = None, leak: str = "") -> QualityGate:
    """Apply the quality gate to a model.

    Args:
        quality: On held-out people.
        rules_hit: What the workspace's rules hit among the same people, None where there is nothing to compare with.
        leak: Why the figures can't be trusted for any use, as a sentence; "" where they can.

    Returns:
        Verdicts on rank, band and classify, in this order.
    """
    if leak:
        return QualityGate(tuple(UseVerdict(use, (leak,)) for use in ("rank", "band", "classify")))
    scores = tuple(_scores(quality))
    ranks = any(label.ranking.beats_chance for label in quality.labels.values())
    if not ranks and scores:
        scores = (f"{NO_BETTER}: {_gain('log score', quality.log_gain)}; {_best_auc(quality)}.", *scores)
    rank = () if ranks else (scores[:1] or (f"{NO_BETTER}: {_best_auc(quality)}.",))
    rules = tuple(_rules(quality, rules_hit))
    return QualityGate(
        (
            UseVerdict("rank", rank),
            UseVerdict("band", (*scores, *_calibration(quality))),
            UseVerdict("classify", (*scores, *_assignments(quality), *rules)),
        )
    )


def _scores(quality: ModelQuality) -> Iterator[str]:
    log, brier = quality.log_gain, quality.brier_gain
    if not log.better:
        yield f"Its probabilities are not shown to be better than the segments' shares: {_gain('log score', log)}."
    if brier.worse:
        yield f"Its probabilities are worse than the segments' shares: {_gain('Brier score', brier)}."


def _gain(name: str, gain: ScoreGain) -> str:
    low, high = (f"{100 * end / gain.shares:+.1f}" for end in (gain.interval.low, gain.interval.high))
    return f"{name} {100 * gain.relative:+.1f}% better than the shares (95% CI {low} to {high})"


def _best_auc(quality: ModelQuality) -> str:
    name, label = max(quality.labels.items(), key=lambda item: item[1].ranking.auc)
    place = label.ranking
    return f"highest AUC {place.auc:.2f} ({place.interval.low:.2f} to {place.interval.high:.2f}), of {name!r}"


def _calibration(quality: ModelQuality) -> Iterator[str]:
    for name, label in quality.labels.items():
        for band in label.bands:
            if band.misses(TOLERANCE):
                yield f"Its probability of {name!r} is off: {_band(band)}."
                break


def _band(band: Band) -> str:
    span = f"99% CI {band.interval.low:.1%} to {band.interval.high:.1%}"
    return f"{band.people:,} people were given {band.said:.1%}, and it is {band.true:.1%} ({span})"


def _assignments(quality: ModelQuality) -> Iterator[str]:
    told_apart = 0
    for name, label in quality.labels.items():
        precision = wilson_of_rate(label.precision or 0.0, label.assigned_effective)
        if label.assigned_effective >= LEAST_ASSIGNED and precision.high < LEAST_PRECISION:
            said = _precision(label, precision)
            yield f"Precision of {name!r} is {said}; at least {LEAST_PRECISION:.0%} is required."
        told_apart += label.assigned_effective >= LEAST_ASSIGNED and precision.low > label.share
    if told_apart < LEAST_LABELS:
        yield (
            f"It tells too few segments apart: {told_apart} of {len(quality.labels)} get {LEAST_ASSIGNED} people or "
            f"more and are right more often than their share ({_assigned(quality)})."
        )


def _precision(label: LabelQuality, interval: Interval) -> str:
    return (
        f"{label.precision or 0.0:.0%} of {label.assigned:,} people (95% CI {interval.low:.0%} to {interval.high:.0%})"
    )


def _assigned(quality: ModelQuality) -> str:
    """What is right; with weights as a share of the population, since some of the people count for more."""
    counted = quality.labels.items()
    if quality.weighted:
        return ", ".join(f"{name}: {label.precision or 0.0:.0%} of {label.assigned:,} right" for name, label in counted)
    return ", ".join(f"{name}: {label.right:,} of {label.assigned:,} right" for name, label in counted)


def _rules(quality: ModelQuality, rules_hit: float | None) -> Iterator[str]:
    if rules_hit is not None and rules_hit >= quality.hit:
        yield f"Keep the rules: their hit rate on the same people is {rules_hit:.0%}, the model's {quality.hit:.0%}."
