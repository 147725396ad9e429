"""What was found, in plain sentences: with the interval, and without more than the figures carry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from segmenter.lift.effects import EVERYONE, GUARDRAILS, Comparison, Effect
from segmenter.lift.offers import Best
from segmenter.lift.randomization import HOLDOUT

CARRIED = 3
"""So many comparisons are named; of the others their number."""
GROUPS = 4
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
    """Say which of the offers that were compared a persona gets best, or that nobody can tell yet."""
    if best.supported:
        return (
            f"{best.persona}: “{best.best.offer}” works best of {listed(cell.offer for cell in best.offers)} "
            f"({best.best.expected:.1%} expected again; {lead(best)}; {carried(best)})."
        )
    return (
        f"{best.persona}: no offer of {listed(cell.offer for cell in best.offers)} is better for sure yet "
        f"(p = {best.p:.2f}; {carried(best)}); go on testing."
    )


def lead(best: Best) -> str:
    """Say how far the best offer is before the one that is hardest to tell from it."""
    return (
        f"{100 * best.difference:.1f} points more than “{best.rival}”, 95% interval {_points(best.lead.low)} to "
        f"{_points(best.lead.high)}{', valid at every look' if best.early else ''}"
    )


def carried(best: Best) -> str:
    """Name the comparisons that carry what is said, with the people of each offer."""
    wanted = [best.best.offer, best.rival] if best.direct else [cell.offer for cell in best.offers]
    told = []
    for one in best.trials[:CARRIED]:
        people = one.people()
        told.append(f"{one.name}: " + ", ".join(f"{people[name]:,} “{name}”" for name in wanted if name in people))
    more = f" and {len(best.trials) - CARRIED} more" if len(best.trials) > CARRIED else ""
    through = "" if best.direct else ", never side by side but through offers that these share"
    return f"compared in {'; '.join(told)}{more}{through}"


def apart_sentence(persona: str, groups: Sequence[Sequence[str]]) -> str:
    """Name the offers that a persona never had compared with each other."""
    shown = [listed(group, word="or") for group in groups[:GROUPS]]
    more = f", nor with {len(groups) - GROUPS} others" if len(groups) > GROUPS else ""
    return f"{persona}: never compared were {' with '.join(shown)}{more}."


def listed(names: Iterable[str], *, word: str = "and") -> str:
    """Return names in quotes, as people list them."""
    quoted = [f"“{name}”" for name in names]
    return f" {word} ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else "".join(quoted)


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _early(found: Comparison) -> str:
    return ", valid at every look" if found.question.early else ""
