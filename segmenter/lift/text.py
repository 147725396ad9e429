"""What was found, in plain sentences: with the interval, and without more than the figures carry."""

from __future__ import annotations

from segmenter.lift.effects import EVERYONE, GUARDRAILS, Comparison, Effect
from segmenter.lift.offers import Best
from segmenter.lift.randomization import HOLDOUT

VERBS = {
    "clicked": "clicked",
    "ordered": "ordered",
    "opened": "opened",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
}


def sentences(found: Comparison) -> list[str]:
    """Return a sentence for everybody, whether personas differ, and one for each persona."""
    told = [sentence(found.everyone, found)]
    if len(found.personas) > 1:
        told.append(differ(found))
        told += [sentence(one, found) for one in found.personas]
    return told


def differ(found: Comparison) -> str:
    """Say whether there is evidence that personas differ."""
    if found.common.differ:
        return f"Personas differ in this (Q = {found.common.q:.1f}, p = {found.common.p:.3f})."
    return f"No evidence that personas differ in this (p = {found.common.p:.2f}): expect the same of each."


def sentence(one: Effect, found: Comparison) -> str:
    """Say what may be said of one persona, or of everybody."""
    who = "Everyone" if one.persona == EVERYONE else one.persona
    than = "the holdout" if found.question.control == HOLDOUT else f"with “{found.question.control}”"
    with_what = "" if found.question.control == HOLDOUT else f" with “{found.question.treated}”"
    if one.verdict == "nobody":
        return f"{who}: nothing to compare, one side has nobody."
    points = (
        f"{100 * one.difference:+.1f} points, 95% interval {_points(one.interval.low)} to {_points(one.interval.high)}"
    )
    verb = VERBS[one.metric]
    if one.metric in GUARDRAILS and one.verdict in {"none", "too_few"} and one.interval.low <= 0:
        worst = f"at worst {_points(one.interval.high)} points more ({points}{_early(found)})."
        known = (
            f"no sign that more {verb};" if one.verdict == "none" else f"not enough data to rule out that more {verb}:"
        )
        return f"{who}: {known} {worst}"
    if one.verdict in {"more", "less"}:
        much = f"{abs(100 * one.difference):.1f} points {one.verdict}"
        interval = f"95% interval {_points(one.interval.low)} to {_points(one.interval.high)}"
        return f"{who} {verb} {much}{with_what} than {than}, {interval}{_early(found)}."
    if one.verdict == "too_few":
        return (
            f"{who}: not enough data ({points}); needs {one.more:,} more people an arm to see a rise of "
            f"{counted(found.question.worth)}{_early(found)}."
        )
    if not one.interval.low <= 0 <= one.interval.high:
        return f"{who}: {points} in who {verb}{_early(found)}, which may be chance when all are looked at together."
    return f"{who}: no evidence of a difference in who {verb} ({points}{_early(found)})."


def counted(share: float) -> str:
    """Return a difference of rates in points, as people say it."""
    return "1 point" if abs(share - 0.01) < 1e-9 else f"{100 * share:g} points"  # noqa: PLR2004 - what floats lose


def offer_sentence(best: Best) -> str:
    """Say which offer a persona gets best, or that nobody can tell yet."""
    if best.supported:
        lead = f"95% interval {100 * best.lead.low:.1f} to {100 * best.lead.high:.1f} points above the others"
        return f"{best.persona}: “{best.best.offer}” works best ({best.best.expected:.1%} expected again, {lead})."
    return f"{best.persona}: no offer is better for sure yet (p = {best.p:.2f}); go on testing."


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _early(found: Comparison) -> str:
    return ", valid at every look" if found.question.early else ""
