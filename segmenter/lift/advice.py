"""What to stop, to go on with and to test next, from what campaigns were found to do.

Only findings that stand (`segmenter.lift.effects.judged`) stop anything or let it go on. What is tested next is what
nobody knows yet of the people who are worth most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from segmenter.lift.effects import EVERYONE, GUARDRAILS, Comparison, Effect
from segmenter.lift.network import SIDES
from segmenter.lift.offers import Best
from segmenter.lift.randomization import HOLDOUT
from segmenter.lift.text import carried, lead, listed
from segmenter.personalize.personas import UNCLASSIFIED
from segmenter.stats.power import people_needed
from segmenter.stats.proportions import Responses

GOOD = ("ordered", "clicked")
"""Metrics whose rise is wanted, the weightier first. Opens decide nothing: half of them are by machines."""

WORTH = 0.01
LEAST_BASE = 0.001
TESTS = 4
NOBODYS = (UNCLASSIFIED, "before any assignment")


@dataclass(frozen=True, slots=True)
class Measured:
    """One campaign or experiment with its comparisons.

    Attributes:
        about: Its name.
    """

    about: str
    comparisons: Sequence[Comparison]


@dataclass(frozen=True, slots=True)
class Tip:
    """One thing to do, in a sentence, and for whom.

    Attributes:
        arm: What it is about; "" where nothing was tried yet.
    """

    persona: str
    arm: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next.

    Attributes:
        measured: Whether anything was compared: before that there is nothing to stop or to go on with.
        settled: Whether each persona has a best offer for sure, out of all that there are: only then nothing is left
            to test.
    """

    stop: tuple[Tip, ...]
    go_on: tuple[Tip, ...]
    test_next: tuple[Tip, ...]
    measured: bool = False
    settled: bool = False


def advise(
    measured: Sequence[Measured],
    offers: Sequence[Best],
    worth: Mapping[str, float],
    apart: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> Advice:
    """Return what to stop, to go on with and to test next.

    Args:
        measured: Campaigns and experiments, the newest first; of two findings about one persona and arm the newer
            one counts.
        offers: Each persona's offers that were compared with each other.
        worth: Of each persona: its value where that is known, else its number of people. Personas that are left out
            are not tested.
        apart: Groups of offers, by persona, that were never compared with each other.
    """
    apart = apart or {}
    stop = _first(tip for one in measured for tip in (*_harms(one), *_worse(one)))
    stopped = {(tip.persona, tip.arm) for tip in stop}
    better = [*(tip for one in measured for tip in _better(one)), *_supported(offers)]
    go_on = _first(tip for tip in better if not {(tip.persona, tip.arm), (EVERYONE, tip.arm)} & stopped)
    known = {best.persona for best in offers if best.supported} - set(apart)
    open_ones = [name for name in worth if name not in known and name not in NOBODYS]
    untold = _untold(measured, offers, {name: worth[name] for name in open_ones}, apart)
    settled = bool(known) and not open_ones and not set(apart) - set(NOBODYS)
    compared = bool(offers) or any(_sides(c.everyone) for one in measured for c in one.comparisons)
    return Advice(tuple(stop), tuple(go_on), tuple(untold), compared, settled)


def _sides(found: Effect) -> bool:
    """Whether anybody of both arms did anything that could be compared."""
    return found.verdict != "nobody" and found.treated.converted + found.control.converted > 0


def _first(tips: Iterator[Tip]) -> list[Tip]:
    """The first tip of each persona and arm."""
    found: dict[tuple[str, str], Tip] = {}
    for tip in tips:
        found.setdefault((tip.persona, tip.arm), tip)
    return list(found.values())


def _harms(one: Measured) -> Iterator[Tip]:
    for comparison in one.comparisons:
        metric = comparison.question.metric
        # against people who get no mail every mail does some: that is what mailing costs, and no reason to stop one arm
        if metric in GUARDRAILS and comparison.question.control != HOLDOUT:
            for effect in _standing(comparison, "more"):
                yield _tip(effect, comparison, one.about, "Stop", f"more of them {metric}")


def _worse(one: Measured) -> Iterator[Tip]:
    for comparison in _wanted(one):
        for effect in _standing(comparison, "less"):
            yield _tip(effect, comparison, one.about, "Stop", f"fewer {effect.metric}")


def _better(one: Measured) -> Iterator[Tip]:
    for comparison in _wanted(one):
        for effect in _standing(comparison, "more"):
            yield _tip(effect, comparison, one.about, "Go on with", f"more {effect.metric}")


def _wanted(one: Measured) -> list[Comparison]:
    """What says that an arm does better or worse; who got no mail could not click, which speaks for no arm."""
    found = [
        comparison
        for comparison in one.comparisons
        if comparison.question.metric in GOOD
        and (comparison.question.metric == "ordered" or comparison.question.control != HOLDOUT)
    ]
    return sorted(found, key=lambda comparison: GOOD.index(comparison.question.metric))


def _standing(comparison: Comparison, verdict: str) -> list[Effect]:
    """Findings that stand: everybody's alone where no persona differs for sure, else each persona's own too."""
    effects = [comparison.everyone, *(comparison.personas if comparison.common.differ else ())]
    return [effect for effect in effects if effect.verdict == verdict]


def _tip(effect: Effect, comparison: Comparison, about: str, verb: str, why: str) -> Tip:
    question = comparison.question
    than = "than in the holdout" if question.control == HOLDOUT else f"than with “{question.control}”"
    low, high = sorted((abs(100 * effect.interval.low), abs(100 * effect.interval.high)))
    sentence = (
        f"{verb} “{question.treated}” for {effect.persona}: {why} {than} in {about}, by "
        f"{abs(100 * effect.difference):.1f} points (95% interval {low:.1f} to {high:.1f}; "
        f"{effect.treated.people:,} people with it, {effect.control.people:,} without)."
    )
    return Tip(effect.persona, question.treated, sentence)


def _supported(offers: Sequence[Best]) -> Iterator[Tip]:
    for best in offers:
        if best.supported:
            sentence = (
                f"Send “{best.best.offer}” to {best.persona}: of {listed(cell.offer for cell in best.offers)} it works "
                f"best, with {best.best.expected:.1%} expected again; {lead(best)}; {carried(best)}."
            )
            yield Tip(best.persona, best.best.offer, sentence)


def _untold(
    measured: Sequence[Measured],
    offers: Sequence[Best],
    worth: Mapping[str, float],
    apart: Mapping[str, Sequence[Sequence[str]]],
) -> Iterator[Tip]:
    """What nobody knows of these personas, the most valuable first."""
    rows: dict[str, Best] = {}
    for best in offers:
        rows.setdefault(best.persona, best)
    valued = [name for name in worth if worth[name] > 0]
    for name in sorted(valued, key=lambda name: (-worth[name], name))[:TESTS]:
        yield _test(name, rows.get(name), _missing(name, measured), apart.get(name, ()))


def _missing(persona: str, measured: Sequence[Measured]) -> int | None:
    """How many people an arm the newest comparison of *persona* lacks; None where there is none that lacks any."""
    for one in measured:
        for comparison in one.comparisons[:1]:
            for effect in comparison.personas:
                if effect.persona == persona and effect.verdict == "too_few":
                    return effect.more
    return None


def _test(persona: str, row: Best | None, missing: int | None, apart: Sequence[Sequence[str]]) -> Tip:
    if (row is None or row.supported) and len(apart) >= SIDES:
        one, other = apart[0][0] if row is None else row.best.offer, apart[1][0]
        return Tip(persona, one, f"Test “{one}” against “{other}” for {persona}: they were never compared.")
    if row is None:
        return Tip(persona, "", f"Test two offers for {persona}: no campaign has compared any yet.")
    first, second = row.offers[:SIDES]
    pair = f"“{first.offer}” against “{second.offer}”"
    if missing is not None:
        needed = f"{missing:,} more people an arm are needed to see a rise of a point"
    else:
        pooled = sum((cell.responses for cell in row.offers), Responses(0, 0))
        base = min(max(pooled.rate, LEAST_BASE), 1 - WORTH)
        needed = f"{people_needed(base, base + WORTH):,} people an arm would show a rise of a point"
    told = f"Test {pair} again for {persona}: nothing is sure yet ({carried(row)}); {needed}."
    return Tip(persona, first.offer, told)
