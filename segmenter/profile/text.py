"""Distinctive traits as text: share or median of the group and of everyone, index, and 95% CI."""

from __future__ import annotations

from datetime import timedelta
from math import isfinite

from segmenter.profile.columns import EPOCH
from segmenter.profile.distinctive_traits import DistinctiveTrait
from segmenter.profile.profile import Profile
from segmenter.profile.typical_member import Said
from segmenter.traits.trait_families import Family

DATE = "date"
MONEY_LIKE = ("main currency", "")
"""Units that are not printed: the meaning contains them."""


def trait_sentence(fact: DistinctiveTrait, people: int) -> str:
    """Return a distinctive trait of *people* as text, with the share of them that it is known of."""
    known = f"; known of {fact.known / people:.0%}" if fact.known < people else ""
    return f"{what(fact)} ({everybody(fact)}{known})"


def what(fact: DistinctiveTrait) -> str:
    """Return what it is and how the group's people are: "country: CH 62%"."""
    return f"{subject(fact)} {figure(fact, fact.here)}"


def subject(fact: DistinctiveTrait) -> str:
    """Return what the figure is of."""
    return f"{fact.meaning}: {fact.value}" if fact.kind == "share" else f"{fact.meaning}: median"


def everybody(fact: DistinctiveTrait) -> str:
    """Return how all are, and the index with its interval, or the interval of the median where there is none."""
    phrase = f"all {figure(fact, fact.everywhere)}"
    if fact.index is not None and fact.index_low is not None and fact.index_high is not None:
        return f"{phrase}; index {fact.index:,.0f}, 95% CI {fact.index_low:,.0f} to {fact.index_high:,.0f}"
    return f"{phrase}; 95% CI {figure(fact, fact.here_low)} to {figure(fact, fact.here_high)}"


def figure(fact: DistinctiveTrait, value: float) -> str:
    """Return a share as a percentage, a median with its unit, a date as a month."""
    if fact.kind == "share":
        return f"{value:.0%}" if value >= 0.01 or value == 0 else f"{value:.1%}"  # noqa: PLR2004 - digits
    if fact.unit == DATE:
        return f"{EPOCH + timedelta(days=value):%B %Y}"
    return f"{format_number(value)}{_unit(fact.unit, format_number(value))}"


def _unit(unit: str, figure: str) -> str:
    if unit in MONEY_LIKE or unit.startswith("share"):
        return ""
    singular = f"{unit.removesuffix('ies')}y" if unit.endswith("ies") else unit.removesuffix("s")
    return f" {singular if figure == '1' else unit}"


def format_number(value: float) -> str:
    """Return a number with as many digits as it deserves."""
    size = abs(value)
    if not isfinite(value) or size >= 10 or value == int(value):  # noqa: PLR2004 - digits
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 1 else f"{value:.2f}"


def said_of_member(said: Said) -> str:
    """Return one thing about the typical member."""
    counted = said.value[:1].isdigit() and "%" not in said.value
    return f"{said.meaning}: {said.value}{_unit(said.unit, said.value) if counted else ''}"


def family_lines(profile: Profile) -> dict[Family, list[str]]:
    """Return what is said of each family: its facts, or why there are none.

    Returns:
        Family -> sentences, at least one each.
    """
    return {
        family: [trait_sentence(fact, profile.trust.people) for fact in distinctive]
        or [_nothing(profile.compared.get(family, 0))]
        for family, distinctive in profile.card().items()
    }


def made_from(profile: Profile) -> list[str]:
    """Return the facts about what the segment was made from.

    Returns:
        One sentence per trait of the segment definition.
    """
    return [trait_sentence(fact, profile.trust.people) for fact in profile.made_from()]


def _nothing(compared: int) -> str:
    if not compared:
        return "No data: no trait of this family varies."
    return f"No significant differences; {compared} trait{'s' if compared > 1 else ''} compared."


def typical_sentences(profile: Profile) -> list[str]:
    """Return who the typical member is, and how they were found.

    Returns:
        Empty where no member could be shown as ranges.
    """
    member = profile.typical
    if member is None:
        return []
    how = (
        f"A real person, closest to the segment's centre (Euclidean distance over {len(member.traits)} "
        f"standardised traits, {member.distance:.2f} standard deviations per trait). Shown as ranges: "
        f"{member.alike:,} people of the segment share all of them."
    )
    return [*(said_of_member(trait) for trait in member.said), how]
