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
from segmenter.lift.text import (
    CARRIED,
    INTERIM,
    RATES,
    carried,
    contrast,
    corrected,
    in_points,
    lead,
    listed,
    points,
    versus,
)
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.power import more_needed, sample_size

GOOD = ("ordered", "clicked")
"""Metrics that should rise, the most important first. Opens decide nothing: half are machine opens."""

WORTH = 0.01
TESTS = 4
THOUSAND = 1000
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
class Gain:
    """Responses more than with the other variant; with a 95% interval.

    Attributes:
        metric: Such as "clicked".
        people: Contacts that it was measured on, or for how many it is reckoned.
        measured: Whether these people got the variant; otherwise it is what as many people more would bring.
    """

    metric: str
    more: float
    low: float
    high: float
    people: int
    measured: bool


@dataclass(frozen=True, slots=True)
class Tip:
    """A recommendation: one sentence, and the persona and variant that it is about.

    Attributes:
        arm: The variant; "" where nothing was tested yet.
        headline: What to do, without why; the sentence begins with it.
        about: The campaign or experiment that it rests on; "" where it is none, or the table of offers.
        gain: What it brings or brought, as the evidence carries it; None for what is only to be tested.
    """

    persona: str
    arm: str
    sentence: str
    headline: str = ""
    about: str = ""
    gain: Gain | None = None


@dataclass(frozen=True, slots=True)
class CampaignAdvice:
    """Recommendations: stop, keep or scale, test next.

    Attributes:
        compared: The comparisons that neither stop nor keep anything rests on; "" before there is one.
        settled: Each persona's significant winner among all offers, with its comparisons; "" unless every persona has
            one: only then nothing is left to test.
    """

    stop: tuple[Tip, ...] = ()
    go_on: tuple[Tip, ...] = ()
    test_next: tuple[Tip, ...] = ()
    compared: str = ""
    settled: str = ""


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
        Tips with the finding that each rests on; what was compared at all, and what settles everything.
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
    winners = [best for best in offers if best.supported and best.persona not in NOBODYS]
    whole = bool(known) and not open_ones and not set(apart) - set(NOBODYS)
    settled = "; ".join(f"{best.persona}: {_winner(best)}" for best in winners) if whole else ""
    return CampaignAdvice(tuple(stop), tuple(go_on), tuple(untold), _compared(measured), settled)


def _compared(measured: Sequence[MeasuredCampaign]) -> str:
    """Name the comparisons between variants, each with its effect on everyone; the holdout could not click."""
    comparisons = [
        f"{measured_campaign.about} ({RATES[asked.question.metric]} {_effect(asked.everyone, asked)})"
        for measured_campaign in measured
        for asked in _pairs(measured_campaign)
        if _sides(asked.everyone) and (asked.question.metric == GOOD[0] or asked.question.control != HOLDOUT)
    ]
    return ", ".join(
        [*comparisons[:CARRIED], *([f"and {len(comparisons) - CARRIED} more"] if len(comparisons) > CARRIED else [])]
    )


def _pairs(measured_campaign: MeasuredCampaign) -> list[Comparison]:
    """The first comparison of each pair of variants: that of its primary metric."""
    first: dict[tuple[str, str], Comparison] = {}
    for comparison in measured_campaign.comparisons:
        first.setdefault((comparison.question.treated, comparison.question.control), comparison)
    return list(first.values())


def _effect(effect: Effect, comparison: Comparison) -> str:
    low, high = 100 * effect.interval.low, 100 * effect.interval.high
    interim = INTERIM if comparison.question.early else ""
    return (
        f"{points(effect.difference)} pp, {contrast(comparison)}, 95% CI {low:.1f} to {high:.1f}{interim}; "
        f"{effect.treated.people:,} vs {effect.control.people:,} contacts"
    )


def _winner(best: Best) -> str:
    offers = listed(cell.offer for cell in best.offers)
    return f"“{best.best.offer}” is the best of {offers}, {lead(best)}, {carried(best)}"


def _sides(effect: Effect) -> bool:
    """Whether both variants have contacts and any of them responded."""
    return effect.verdict != "nobody" and effect.treated.converted + effect.control.converted > 0


def _first(tips: Iterator[Tip]) -> list[Tip]:
    """The first tip of each persona and arm."""
    firsts: dict[tuple[str, str], Tip] = {}
    for tip in tips:
        firsts.setdefault((tip.persona, tip.arm), tip)
    return list(firsts.values())


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
    interim = INTERIM if question.early else ""
    people = effect.treated.people
    gain = Gain(
        effect.metric,
        people * effect.difference,
        people * effect.interval.low,
        people * effect.interval.high,
        people,
        measured=True,
    )
    headline = f"{verb} “{question.treated}” for {effect.persona}"
    sentence = (
        f"{headline}: {RATES[effect.metric]} {points(effect.difference)} pp "
        f"{versus(comparison)} in {about} (95% CI {low:.1f} to {high:.1f}{interim}; {effect.treated.people:,} vs "
        f"{effect.control.people:,} contacts)."
    )
    return Tip(effect.persona, question.treated, sentence, headline, about, gain)


def _supported(offers: Sequence[Best]) -> Iterator[Tip]:
    for best in offers:
        if best.supported:
            headline = f"Send “{best.best.offer}” to {best.persona}"
            more, low, high = (THOUSAND * part for part in (best.difference, best.lead.low, best.lead.high))
            gain = Gain("clicked", more, low, high, THOUSAND, measured=False)
            sentence = (
                f"{headline}, best of {listed(cell.offer for cell in best.offers)}: "
                f"{lead(best)}. Expected click rate, next send: {best.best.expected:.1%}. {carried(best)}."
            )
            yield Tip(best.persona, best.best.offer, sentence, headline, gain=gain)


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
        yield _test(name, rows.get(name), measured, apart.get(name, ()))


def _test(persona: str, row: Best | None, measured: Sequence[MeasuredCampaign], apart: Sequence[Sequence[str]]) -> Tip:
    if (row is None or row.supported) and len(apart) >= SIDES:
        offer, other = apart[0][0] if row is None else row.best.offer, apart[1][0]
        headline = f"Test “{offer}” vs “{other}” for {persona}"
        return Tip(persona, offer, f"{headline}: not compared yet.", headline)
    if row is None:
        headline = f"Test two offers for {persona}"
        return Tip(persona, "", f"{headline}: none have been compared for {persona} yet.", headline)
    pair = f"“{row.best.offer}” vs “{row.rival}”"
    headline = f"Test {pair} again for {persona}"
    sentence = f"{headline}: no significant winner yet{corrected(row)}: {lead(row)}"
    sentence += f"; {_needed(row, measured)}."
    return Tip(persona, row.best.offer, f"{sentence} {carried(row)}.", headline)


def _needed(row: Best, measured: Sequence[MeasuredCampaign]) -> str:
    """How many contacts a winner needs: as the lift of the two says where they were compared, else by their rates."""
    effect = _lift_of(row, measured)
    if effect is not None:
        asked, more = effect
        return f"{more:,} more contacts per variant to detect {in_points(asked.question.mde)}"
    cells = {cell.offer: cell.responses for cell in row.offers}
    best, rival = cells[row.best.offer], cells[row.rival]
    if more := more_needed(best, rival, mde=WORTH):
        return f"{more:,} more contacts per variant to detect {in_points(WORTH)}"
    half = WORTH / 2  # they are enough for one point, so that a winner would lead by less
    return f"{sample_size(rival.rate, half):,} contacts per variant to detect {in_points(half)}"


def _lift_of(row: Best, measured: Sequence[MeasuredCampaign]) -> tuple[Comparison, int] | None:
    """The newest comparison that carries *row* and had too few contacts of its persona, and how many they lack."""
    names = {trial.name for trial in row.trials}
    for measured_campaign in measured:
        for comparison in _pairs(measured_campaign) if measured_campaign.about in names else ():
            if {comparison.question.treated, comparison.question.control} != {row.best.offer, row.rival}:
                continue
            for effect in comparison.personas:
                if effect.persona == row.persona and effect.verdict == "too_few":
                    return comparison, effect.more
    return None
