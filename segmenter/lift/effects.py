"""Effects per persona: difference of response rates, confidence interval, verdict.

The difference of everybody is post-stratified: each persona's, weighted by its share of the people, so that arms whose
personas differ by chance are compared fairly. Its interval puts the personas' intervals together (Zou & Donner 2008,
MOVER).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import NormalDist
from typing import Literal

from segmenter.lift.outcomes import Stratum
from segmenter.stats.multiplicity import (
    Estimate,
    Heterogeneity,
    benjamini_hochberg,
    heterogeneity,
    holm,
    shrunken_estimates,
)
from segmenter.stats.power import more_needed
from segmenter.stats.proportions import Interval, Responses, newcombe
from segmenter.stats.sequential import always_valid, confidence_sequence, interim_look

EVERYONE = "everyone"
GUARDRAILS = ("unsubscribed", "complained")
"""What must not rise. They are judged among themselves: that nobody complained shall not make a success harder to see,
nor many looks at successes a harm."""
LEAST_EACH = 5
"""Below so many responders and so many others in both groups together, a rate's approximation is not believed."""

EffectVerdict = Literal["more", "less", "none", "too_few", "nobody"]


@dataclass(frozen=True, slots=True)
class Effect:
    """One metric of one persona: *treated* less *control*.

    Attributes:
        difference: Of rates (a share) or of means (the currency).
        interval: 95%, or of the confidence sequence where the end has not come.
        p: Of no difference; always valid where the end has not come.
        shrunken: The difference pulled towards that of all personas: what to expect next time.
        stands: Whether it stays a finding when all personas and metrics are looked at together.
        more: People per arm that are missing to see a rise worth knowing; 0 where there are enough.
    """

    persona: str
    metric: str
    treated: Responses
    control: Responses
    difference: float
    interval: Interval
    p: float
    variance: float
    shrunken: float
    stands: bool = False
    more: int = 0

    @property
    def verdict(self) -> EffectVerdict:
        """The verdict on the effect."""
        if not self.treated.people or not self.control.people:
            return "nobody"
        if self.stands and not self.interval.low <= 0 <= self.interval.high:
            return "more" if self.difference > 0 else "less"
        return "too_few" if self.more else "none"


@dataclass(frozen=True, slots=True)
class LiftQuestion:
    """A comparison to make: metric, treated and control variant, settings.

    Attributes:
        metric: A count of `Stratum`: clicked, ordered, opened, unsubscribed, complained.
        treated: Arm.
        control: Arm that it is compared with.
        mde: The least rise worth knowing.
        early: Whether the end has not come: then p and interval hold at every look.
        planned: People per arm at the end; tells the confidence sequence where to be tight.
        baseline: The rate that the sample size was planned with; None: the control's, as measured.
    """

    metric: str
    treated: str
    control: str
    mde: float
    early: bool = False
    planned: int = 0
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results of one metric: everyone, each persona, heterogeneity."""

    question: LiftQuestion
    everyone: Effect
    personas: tuple[Effect, ...]
    common: Heterogeneity


def compare_arms(strata: Sequence[Stratum], question: LiftQuestion) -> Comparison:
    """Compare two arms, for each persona and for everybody.

    Args:
        strata: People and responses by persona and arm.
        question: Metric, treated arm, control arm, and the smallest effect of interest.

    Returns:
        Differences of rates with 95% intervals, pooled over personas and for each; not yet corrected for multiplicity.
    """
    effects = []
    for persona in sorted({stratum.persona for stratum in strata}):
        sides = [_side(strata, persona, arm, question.metric) for arm in (question.treated, question.control)]
        effects.append(_effect(persona, sides[0], sides[1], question))
    usable = [effect for effect in effects if effect.verdict != "nobody"]
    common = heterogeneity([Estimate(effect.difference, effect.variance) for effect in usable])
    pulled = shrunken_estimates([Estimate(effect.difference, effect.variance) for effect in usable], common)
    better = dict(zip((effect.persona for effect in usable), pulled, strict=True))
    personas = tuple(replace(effect, shrunken=better.get(effect.persona, common.pooled)) for effect in effects)
    return Comparison(question, _everyone(usable, question), personas, common)


def corrected_for_multiplicity(comparisons: Sequence[Comparison], *, primary: str) -> list[Comparison]:
    """Set verdicts: the primary metric on everyone unadjusted, all others with Benjamini-Hochberg.

    Guardrails are a family of their own. Where several arms are compared with the same control, one false finding of
    the primary metric is as rare as with one arm (Holm). That personas differ in any metric is said in at most 5% of
    all cases in which they don't (Holm).
    """
    differ = holm([comparison.common.p for comparison in comparisons])
    first = [place for place, comparison in enumerate(comparisons) if comparison.question.metric == primary]
    sure = dict(zip(first, holm([comparisons[place].everyone.p for place in first]), strict=True))
    stands: dict[tuple[int, str], bool] = {}
    for guard in (False, True):
        family = [
            (place, comparison)
            for place, comparison in enumerate(comparisons)
            if (comparison.question.metric in GUARDRAILS) == guard
        ]
        tests = [
            ((place, e.persona), e.p)
            for place, comparison in family
            for e in comparison.personas
            if e.verdict != "nobody"
        ]
        tests += [
            ((place, EVERYONE), comparison.everyone.p)
            for place, comparison in family
            if comparison.question.metric != primary
        ]
        stands |= dict(zip((key for key, _ in tests), benjamini_hochberg([p for _, p in tests]), strict=True))
    return [
        replace(
            comparison,
            everyone=replace(
                comparison.everyone,
                stands=(len(first) == 1 or sure[place])
                and not comparison.everyone.interval.low <= 0 <= comparison.everyone.interval.high
                if place in sure
                else stands[place, EVERYONE],
            ),
            personas=tuple(replace(e, stands=stands.get((place, e.persona), False)) for e in comparison.personas),
            common=replace(comparison.common, differ=differ[place]),
        )
        for place, comparison in enumerate(comparisons)
    ]


def _side(strata: Sequence[Stratum], persona: str, arm: str, metric: str) -> Responses:
    responses = [stratum.responses(metric) for stratum in strata if stratum.persona == persona and stratum.arm == arm]
    return sum(responses, Responses(0, 0))


def _effect(persona: str, treated: Responses, control: Responses, question: LiftQuestion) -> Effect:
    difference = treated.rate - control.rate
    seen = interim_look(treated, control)
    if question.early:
        interval = confidence_sequence(treated, control, planned=question.planned)
        p = always_valid([seen], tau=question.mde)
    else:
        interval, p = newcombe(treated, control), p_value(treated, control)
    more = _missing(treated, control, interval, question)
    return Effect(
        persona,
        question.metric,
        treated,
        control,
        difference,
        interval,
        p,
        seen.variance or _smallest(treated, control),
        difference,
        more=more,
    )


def _missing(treated: Responses, control: Responses, interval: Interval, question: LiftQuestion) -> int:
    """Contacts missing for the minimum detectable effect; none where it is detected or excluded."""
    if not treated.people or not control.people or interval.low > 0 or interval.high < question.mde:
        return 0
    return more_needed(treated, control, mde=question.mde, base=question.baseline)


def _smallest(treated: Responses, control: Responses) -> float:
    """A variance for groups in which nobody, or everybody, responded: that of half a responder in each."""
    sides = [group for group in (treated, control) if group.people]
    return sum(0.5 * (group.people + 0.5) / (group.people + 1) ** 2 / group.people for group in sides)


def p_value(treated: Responses, control: Responses) -> float:
    """Return the two-sided p of equal rates: pooled z, or Fisher's exact test where responders are few."""
    pooled = treated + control
    if not treated.people or not control.people or pooled.converted in {0, pooled.people}:
        return 1.0
    if min(pooled.converted, pooled.people - pooled.converted) < 2 * LEAST_EACH:
        from scipy.stats import fisher_exact  # noqa: PLC0415 - half a second that most commands need not wait

        table = [[group.converted, group.people - group.converted] for group in (treated, control)]
        return float(fisher_exact(table).pvalue)
    error = sqrt(pooled.rate * (1 - pooled.rate) * (1 / treated.people + 1 / control.people))
    return 2 * (1 - NormalDist().cdf(abs(treated.rate - control.rate) / error))


def _everyone(effects: Sequence[Effect], question: LiftQuestion) -> Effect:
    people = sum(effect.treated.people + effect.control.people for effect in effects)
    treated = sum((effect.treated for effect in effects), Responses(0, 0))
    control = sum((effect.control for effect in effects), Responses(0, 0))
    if not people:
        return _effect(EVERYONE, treated, control, question)
    weights = [(effect.treated.people + effect.control.people) / people for effect in effects]
    difference = sum(w * effect.difference for w, effect in zip(weights, effects, strict=True))
    variance = sum(w * w * effect.variance for w, effect in zip(weights, effects, strict=True))
    if question.early:
        pooled = _effect(EVERYONE, treated, control, question)
        half = (pooled.interval.high - pooled.interval.low) / 2
        interval, p = Interval(max(-1.0, difference - half), min(1.0, difference + half)), pooled.p
    else:
        interval = _together(effects, weights, difference)
        p = 2 * (1 - NormalDist().cdf(abs(difference) / sqrt(variance))) if variance else 1.0
    more = _missing(treated, control, interval, question)
    return Effect(EVERYONE, question.metric, treated, control, difference, interval, p, variance, difference, more=more)


def _together(effects: Sequence[Effect], weights: Sequence[float], difference: float) -> Interval:
    """The interval of a weighted sum from the intervals of its parts (MOVER)."""
    low = sqrt(
        sum((w * (effect.difference - effect.interval.low)) ** 2 for w, effect in zip(weights, effects, strict=True))
    )
    high = sqrt(
        sum((w * (effect.interval.high - effect.difference)) ** 2 for w, effect in zip(weights, effects, strict=True))
    )
    return Interval(difference - low, difference + high)
