"""Lift results as sentences: effect in percentage points, 95% confidence interval, verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from segmenter.lift.effects import EVERYONE, GUARDRAILS, Comparison, Effect
from segmenter.lift.offers import Best
from segmenter.lift.randomization import HOLDOUT
from segmenter.stats.multiplicity import FALSE_SHARE

CARRIED = 3
"""How many comparisons are named; the others are only counted."""
GROUPS = 4
INTERIM = "; interim, peeking-safe"
NO_SENDS = "No sends yet: no email has reached its variants since it began."
RATES = {
    "clicked": "click rate",
    "ordered": "order rate",
    "opened": "open rate",
    "unsubscribed": "unsubscribe rate",
    "complained": "spam complaint rate",
}


def rate_name(metric: str) -> str:
    """Return what a metric's rate is called: "click rate"; of an outcome of one's own "share with “visit”"."""
    return RATES.get(metric, f"share with “{metric}”")


def sentences(comparison: Comparison) -> list[str]:
    """Return one sentence for everyone, one on whether personas differ, and one for each persona.

    Returns:
        The persona lines only where there are several personas.
    """
    lines = [effect_sentence(comparison.everyone, comparison)]
    if len(comparison.personas) > 1:
        lines.append(differ(comparison))
        lines += [effect_sentence(persona, comparison) for persona in comparison.personas]
    return lines


def differ(comparison: Comparison) -> str:
    """State whether the effect differs between personas (Cochran's Q)."""
    if comparison.common.differ:
        return f"The effect differs between personas (Q = {comparison.common.q:.1f}, {p_text(comparison.common.p)})."
    corrected = " after correction for multiple comparisons" if comparison.common.p <= FALSE_SHARE else ""
    return (
        f"No significant difference between personas{corrected} ({p_text(comparison.common.p)}): expect the same "
        "effect for each."
    )


def effect_sentence(outcome: Effect, comparison: Comparison) -> str:
    """State the effect on one persona, or on everyone.

    Args:
        outcome: The effect, of a persona or of `EVERYONE`.
        comparison: What it is from: arms, metric, and whether the interval is peeking-safe.

    Returns:
        One sentence with percentage points and a 95% interval.
    """
    who = "Everyone" if outcome.persona == EVERYONE else outcome.persona
    if outcome.verdict == "nobody":
        return f"{who}: nothing to compare: a variant has no contacts, or no email that can be compared."
    rate, versus = rate_name(outcome.metric), contrast(comparison)
    effect = f"{points(outcome.difference)} pp, {versus} (95% CI {_interval(outcome, comparison)})"
    if outcome.metric in GUARDRAILS and outcome.verdict in {"none", "too_few"} and outcome.interval.low <= 0:
        known = "no significant rise in" if outcome.verdict == "none" else "not enough data to rule out a rise in"
        return f"{who}: {known} {rate}, at most {points(outcome.interval.high)} pp: {effect}."
    if outcome.verdict in {"more", "less"}:
        return f"{who}: {rate} {effect}."
    if outcome.verdict == "too_few":
        needed = f"{outcome.more:,} more contacts per variant to detect {in_points(comparison.question.mde)}"
        return f"{who}: not enough data on {rate}: {effect}; {needed}."
    if not outcome.interval.low <= 0 <= outcome.interval.high:
        return f"{who}: {rate} {effect}, not significant after correction for multiple comparisons."
    return f"{who}: no significant difference in {rate}: {effect}."


def verdict(comparisons: Sequence[Comparison], primary: str) -> list[str]:
    """Return the answer of the first pair of variants in at most three sentences, and one for each other pair.

    The effect on everyone in the *primary* metric, whether personas differ, and what the guardrails say.

    Args:
        comparisons: Of one experiment; each pair of variants has one in the *primary* metric.
        primary: Name of the metric that decides.

    Returns:
        Sentences in the order of the pairs; empty where nothing was compared.
    """
    pairs: dict[tuple[str, str], list[Comparison]] = {}
    for comparison in comparisons:
        pairs.setdefault((comparison.question.treated, comparison.question.control), []).append(comparison)
    lines: list[str] = []
    for mine in pairs.values():
        asked = next(measure for measure in mine if measure.question.metric == primary)
        first = not lines
        lines.append(effect_sentence(asked.everyone, asked))
        if first and len(asked.personas) > 1 and asked.everyone.verdict != "nobody":
            lines.append(differ(asked))
        guards = [measure for measure in mine if measure.question.metric in GUARDRAILS]
        rising = [guard for guard in guards if guard.everyone.verdict == "more"]
        lines += [f"Guardrail: {effect_sentence(guard.everyone, guard)}" for guard in rising]
        if first and not rising:
            lines += _quiet(guards)
    return lines


def _quiet(guards: Sequence[Comparison]) -> list[str]:
    """A sentence on guardrails of which none is known to rise; none where nothing was measured."""
    measured = [guard for guard in guards if guard.everyone.verdict != "nobody"]
    parts = [
        f"{said} {' and '.join(rate_name(guard.question.metric) for guard in mine)}"
        for said, mine in (
            ("no significant rise in", [guard for guard in measured if guard.everyone.verdict != "too_few"]),
            (
                "not enough data to rule out a rise in",
                [guard for guard in measured if guard.everyone.verdict == "too_few"],
            ),
        )
        if mine
    ]
    return [f"Guardrails: {'; '.join(parts)}."] if parts else []


def contrast(comparison: Comparison) -> str:
    """Return what is compared: “b” vs “a”, or “b” vs the holdout."""
    return f"“{comparison.question.treated}” {versus(comparison)}"


def versus(comparison: Comparison) -> str:
    """Return the control: vs “a”, or vs the holdout."""
    return "vs the holdout" if comparison.question.control == HOLDOUT else f"vs “{comparison.question.control}”"


def in_points(share: float) -> str:
    """Return an effect size in percentage points, without a sign."""
    return f"{100 * share:g} pp"


def points(share: float) -> str:
    """Return a difference of rates in percentage points, with its sign and without the unit."""
    return f"{100 * share:+.1f}"


def p_text(p: float) -> str:
    """Return a p-value as text: two digits, or that it is tiny."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"  # noqa: PLR2004 - digits shown


def offer_sentence(best: Best, metric: str = "clicked") -> str:
    """Name the best offer of a persona, or say that none is significantly better.

    Args:
        best: The persona's offers that were compared.
        metric: What counted as a response.

    Returns:
        Text of some sentences, with the interval (95%) in percentage points and the comparisons behind it.
    """
    offers = listed(cell.offer for cell in best.offers)
    if best.supported:
        return (
            f"{best.persona}: “{best.best.offer}” is the best of {offers}: {lead(best)}. "
            f"Expected {rate_name(metric)}, next send: {best.best.expected:.1%}. {carried(best)}."
        )
    return (
        f"{best.persona}: no significant winner among {offers} yet{corrected(best)}: {lead(best)}; {p_text(best.p)}. "
        f"{carried(best)}. "
        "Keep testing."
    )


def corrected(best: Best) -> str:
    """Say that a lead whose interval excludes 0 does not stand among all personas; "" of any other."""
    return " after correction for multiple comparisons" if best.lead.low > 0 and not best.supported else ""


def lead(best: Best) -> str:
    """State the lead of the best offer over its closest rival."""
    if best.lead.low <= -1 and best.lead.high >= 1:
        return f"too few responses to compare “{best.best.offer}” with “{best.rival}”"
    peeking = INTERIM if best.early else ""
    low, high = _points(best.lead.low), _points(best.lead.high)
    return f"“{best.best.offer}” {points(best.difference)} pp vs “{best.rival}” (95% CI {low} to {high}{peeking})"


def carried(best: Best) -> str:
    """Name the comparisons behind a result, with the contacts of each offer."""
    wanted = [best.best.offer, best.rival] if best.direct else [cell.offer for cell in best.offers]
    parts = []
    for trial in best.trials[:CARRIED]:
        people = trial.people()
        parts.append(f"{trial.name} ({', '.join(f'{people[name]:,} “{name}”' for name in wanted if name in people)})")
    if len(best.trials) > CARRIED:
        parts.append(f"{len(best.trials) - CARRIED} more")
    through = "" if best.direct else "; an indirect comparison, through offers that they share"
    return f"Based on {', '.join(parts)}{through}"


def apart_sentence(persona: str, groups: Sequence[Sequence[str]]) -> str:
    """Name the offers that were never compared with each other for a persona.

    Args:
        persona: The persona's name.
        groups: Offers, by group; within a group they were compared.

    Returns:
        One sentence that lists the first groups and counts the others.
    """
    shown = [listed(group, word="or") for group in groups[:GROUPS]]
    more = f" or {len(groups) - GROUPS} other groups" if len(groups) > GROUPS else ""
    return f"{persona}: not compared yet: {' with '.join(shown)}{more}."


def listed(names: Iterable[str], *, word: str = "and") -> str:
    """Return names in quotation marks, as a list in a sentence.

    Args:
        names: In their order.
        word: What stands before the last one.

    Returns:
        “a”, “b” and “c”; "" for no names.
    """
    quoted = [f"“{name}”" for name in names]
    return f" {word} ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


def _interval(effect: Effect, comparison: Comparison) -> str:
    interim = INTERIM if comparison.question.early else ""
    return f"{_points(effect.interval.low)} to {_points(effect.interval.high)}{interim}"


def _points(share: float) -> str:
    return f"{100 * share:.1f}"
