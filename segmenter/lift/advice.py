"""Recommendations from lift results: what to stop, to keep or scale, and to test next.

Only significant effects (`segmenter.lift.effects.corrected_for_multiplicity`) stop or keep anything. What to test next
is what is still unknown about the most valuable personas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from segmenter.lift.effects import EVERYONE, GUARDRAILS, Comparison, Effect
from segmenter.lift.network import SIDES
from segmenter.lift.offers import Best
from segmenter.lift.randomization import HOLDOUT
from segmenter.lift.text import RATES, carried, in_points, lead, listed, points, versus
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.power import people_needed
from segmenter.stats.proportions import Responses

GOOD = ("ordered", "clicked")
"""Metrics that should rise, the most important first. Opens decide nothing: half are machine opens."""

WORTH = 0.01
LEAST_BASE = 0.001
TESTS = 4
NOBODYS = (UNCLASSIFIED, "before any assignment")


@dataclass(frozen=True, slots=True)
class MeasuredCampaign:
    """A campaign or experiment with its comparisons.

    Attributes:
        about: Its name.
    """

    about: str
    comparisons: Sequence[Comparison]


@dataclass(frozen=True, slots=True)
class Tip:
    """A recommendation: one sentence, and the persona and variant that it is about.

    Attributes:
        arm: The variant; "" where nothing was tested yet.
    """

    persona: str
    arm: str
    sentence: str


@dataclass(frozen=True, slots=True)
class CampaignAdvice:
    """Recommendations: stop, keep or scale, test next.

    Attributes:
        measured: Whether anything was compared: before that there is nothing to stop or to keep.
        settled: Whether each persona has a significant winner among all offers: only then nothing is left to test.
    """

    stop: tuple[Tip, ...]
    go_on: tuple[Tip, ...]
    test_next: tuple[Tip, ...]
    measured: bool = False
    settled: bool = False


def advise_on_campaigns(
    measured: Sequence[MeasuredCampaign],
    offers: Sequence[Best],
    worth: Mapping[str, float],
    apart: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> CampaignAdvice:
    """Return what to stop, to keep or scale, and to test next.

    Args:
        measured: Campaigns and experiments, the newest first; of two findings about one persona and arm the newer
            one counts.
        offers: Each persona's offers that were compared with each other.
        worth: Of each persona: its value where that is known, else its number of people. Personas that are left out
            are not tested.
        apart: Groups of offers, by persona, that were never compared with each other.

    Returns:
        Tips with the finding that each rests on; whether anything was compared at all, and whether all is settled.
    """
    apart = apart or {}
    stop = _first(
        tip for measured_campaign in measured for tip in (*_harms(measured_campaign), *_worse(measured_campaign))
    )
    stopped = {(tip.persona, tip.arm) for tip in stop}
    better = [*(tip for measured_campaign in measured for tip in _better(measured_campaign)), *_supported(offers)]
    go_on = _first(tip for tip in better if not {(tip.persona, tip.arm), (EVERYONE, tip.arm)} & stopped)
    known = {best.persona for best in offers if best.supported} - set(apart)
    open_ones = [name for name in worth if name not in known and name not in NOBODYS]
    untold = _untold(measured, offers, {name: worth[name] for name in open_ones}, apart)
    settled = bool(known) and not open_ones and not set(apart) - set(NOBODYS)
    compared = bool(offers) or any(
        _sides(c.everyone) for measured_campaign in measured for c in measured_campaign.comparisons
    )
    return CampaignAdvice(tuple(stop), tuple(go_on), tuple(untold), compared, settled)


def _sides(effect: Effect) -> bool:
    """Whether both variants have contacts and any of them responded."""
    return effect.verdict != "nobody" and effect.treated.converted + effect.control.converted > 0


def _first(tips: Iterator[Tip]) -> list[Tip]:
    """The first tip of each persona and arm."""
    found: dict[tuple[str, str], Tip] = {}
    for tip in tips:
        found.setdefault((tip.persona, tip.arm), tip)
    return list(found.values())


def _harms(measured_campaign: MeasuredCampaign) -> Iterator[Tip]:
    for comparison in measured_campaign.comparisons:
        metric = comparison.question.metric
        # against people who get no mail every mail does some: that is what mailing costs, and no reason to stop one arm
        if metric in GUARDRAILS and comparison.question.control != HOLDOUT:
            for effect in _standing(comparison, "more"):
                yield _tip(effect, comparison, measured_campaign.about, "Stop")


def _worse(measured_campaign: MeasuredCampaign) -> Iterator[Tip]:
    for comparison in _wanted(measured_campaign):
        for effect in _standing(comparison, "less"):
            yield _tip(effect, comparison, measured_campaign.about, "Stop")


def _better(measured_campaign: MeasuredCampaign) -> Iterator[Tip]:
    for comparison in _wanted(measured_campaign):
        for effect in _standing(comparison, "more"):
            yield _tip(effect, comparison, measured_campaign.about, "Keep")


def _wanted(measured_campaign: MeasuredCampaign) -> list[Comparison]:
    """Comparisons that say whether a variant does better or worse; the holdout got no email and could not click."""
    comparisons = [
        comparison
        for comparison in measured_campaign.comparisons
        if comparison.question.metric in GOOD
        and (comparison.question.metric == "ordered" or comparison.question.control != HOLDOUT)
    ]
    return sorted(comparisons, key=lambda comparison: GOOD.index(comparison.question.metric))


def _standing(comparison: Comparison, verdict: str) -> list[Effect]:
    """Significant effects: on everyone; on each persona too where the effect differs between personas."""
    effects = [comparison.everyone, *(comparison.personas if comparison.common.differ else ())]
    return [effect for effect in effects if effect.verdict == verdict]


def _tip(effect: Effect, comparison: Comparison, about: str, verb: str) -> Tip:
    question = comparison.question
    low, high = 100 * effect.interval.low, 100 * effect.interval.high
    sentence = (
        f"{verb} “{question.treated}” for {effect.persona}: {RATES[effect.metric]} {points(effect.difference)} pp "
        f"{versus(comparison)} in {about} (95% CI {low:.1f} to {high:.1f}; {effect.treated.people:,} vs "
        f"{effect.control.people:,} contacts)."
    )
    return Tip(effect.persona, question.treated, sentence)


def _supported(offers: Sequence[Best]) -> Iterator[Tip]:
    for best in offers:
        if best.supported:
            sentence = (
                f"Send “{best.best.offer}” to {best.persona}, best of {listed(cell.offer for cell in best.offers)}: "
                f"{lead(best)}. Expected click rate, next send: {best.best.expected:.1%}. {carried(best)}."
            )
            yield Tip(best.persona, best.best.offer, sentence)


def _untold(
    measured: Sequence[MeasuredCampaign],
    offers: Sequence[Best],
    worth: Mapping[str, float],
    apart: Mapping[str, Sequence[Sequence[str]]],
) -> Iterator[Tip]:
    """What to test for these personas, the most valuable first."""
    rows: dict[str, Best] = {}
    for best in offers:
        rows.setdefault(best.persona, best)
    valued = [name for name in worth if worth[name] > 0]
    for name in sorted(valued, key=lambda name: (-worth[name], name))[:TESTS]:
        yield _test(name, rows.get(name), _missing(name, measured), apart.get(name, ()))


def _missing(persona: str, measured: Sequence[MeasuredCampaign]) -> int | None:
    """Contacts per variant that the newest comparison of *persona* lacks; None where it lacks none."""
    for measured_campaign in measured:
        for comparison in measured_campaign.comparisons[:1]:
            for effect in comparison.personas:
                if effect.persona == persona and effect.verdict == "too_few":
                    return effect.more
    return None


def _test(persona: str, row: Best | None, missing: int | None, apart: Sequence[Sequence[str]]) -> Tip:
    if (row is None or row.supported) and len(apart) >= SIDES:
        one, other = apart[0][0] if row is None else row.best.offer, apart[1][0]
        return Tip(persona, one, f"Test “{one}” vs “{other}” for {persona}: not compared yet.")
    if row is None:
        return Tip(persona, "", f"Test two offers for {persona}: no campaign has compared offers yet.")
    first, second = row.offers[:SIDES]
    pair = f"“{first.offer}” vs “{second.offer}”"
    if missing is not None:
        needed = f"{missing:,} more contacts per variant to detect {in_points(WORTH)}"
    else:
        pooled = sum((cell.responses for cell in row.offers), Responses(0, 0))
        base = min(max(pooled.rate, LEAST_BASE), 1 - WORTH)
        needed = f"{people_needed(base, base + WORTH):,} contacts per variant to detect {in_points(WORTH)}"
    told = f"Test {pair} again for {persona}: no significant winner yet; {needed}. {carried(row)}."
    return Tip(persona, first.offer, told)
