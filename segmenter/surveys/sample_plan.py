"""A plan of a sample: what its size must be, or what a size allows, over all and within segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import ceil

from segmenter.stats.power import least_lift
from segmenter.surveys.sample_size import (
    LEVEL,
    POWER,
    level_of_pairs,
    margin_of_error,
    power_of_difference,
    power_of_effect,
    respondents_for_difference,
    respondents_for_effect,
    respondents_for_margin,
)


@dataclass(frozen=True, slots=True)
class SampleAim:
    """What a survey is to tell.

    Attributes:
        margin: Margin of error of a share, over all and within each segment.
        share: The expected share; 0.5 is the worst case.
        level: Of confidence.
        power: Chance to detect a difference between segments.
        difference: Difference of shares between any two segments to detect; None: not planned.
        effect: Difference of means in standard deviations to detect; None: not planned.
        segments: Name -> part of all who answer.
        population: Of how many people; None: of far more.
        design_effect: How much weights enlarge the variance.
        response: Share of the invited who answer; None: not known.
        respondents: A size that is given; None: it is planned.
    """

    margin: float = 0.05
    share: float = 0.5
    level: float = LEVEL
    power: float = POWER
    difference: float | None = None
    effect: float | None = None
    segments: Mapping[str, float] = field(default_factory=dict)
    population: int | None = None
    design_effect: float = 1.0
    response: float | None = None
    respondents: int | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing to tell, and how many people must answer for it; *limit*: what the planned size allows instead."""

    what: str
    respondents: int
    limit: str = ""


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """A plan.

    Attributes:
        requirements: Each with the respondents that it needs.
        respondents: The size that was given, else the most that a requirement needs.
        invited: How many to invite at the expected response rate; None where that is not known.
        limited: The population is smaller than what is needed.
    """

    requirements: tuple[Requirement, ...]
    respondents: int
    invited: int | None
    limited: bool


def plan_sample(aim: SampleAim) -> SamplePlan:
    """Return how many people must answer, and what a size allows.

    Args:
        aim: What the survey is to tell.

    Returns:
        Each aim with the number that it needs and what the planned number allows.
    """
    needed = _needed(aim)
    most = max(needed.values())
    size = most if aim.respondents is None else aim.respondents
    limits = _limits(aim, size)
    requirements = tuple(Requirement(what, many, limits.get(what, "")) for what, many in needed.items())
    invited = None if aim.response is None else ceil(size / aim.response - 1e-9)
    limited = aim.population is not None and max(size, invited or 0) > aim.population
    return SamplePlan(requirements, size, invited, limited)


def _everybody(aim: SampleAim) -> str:
    return f"everybody: a share within ±{100 * aim.margin:g} pp"


def _needed(aim: SampleAim) -> dict[str, int]:
    needed = {
        _everybody(aim): respondents_for_margin(
            aim.margin,
            share=aim.share,
            level=aim.level,
            population=aim.population,
            design_effect=aim.design_effect,
        )
    }
    for name, part in aim.segments.items():
        own = None if aim.population is None else max(1, round(aim.population * part))
        inside = respondents_for_margin(
            aim.margin, share=aim.share, level=aim.level, population=own, design_effect=aim.design_effect
        )
        needed[_inside(aim, name)] = ceil(inside / part - 1e-9)
    level = level_of_pairs(len(aim.segments), aim.level)
    common = {"level": level, "power": aim.power, "design_effect": aim.design_effect}
    for first, second in combinations(aim.segments, 2):
        parts = (aim.segments[first], aim.segments[second])
        if aim.difference is not None:
            shares = _shares(aim, aim.difference)
            needed[_shares_apart(aim, first, second)] = respondents_for_difference(*shares, parts, **common)
        if aim.effect is not None:
            needed[_means_apart(aim, first, second)] = respondents_for_effect(aim.effect, parts, **common)
    return needed


def _shares(aim: SampleAim, difference: float) -> tuple[float, float]:
    """Two shares that far apart: the expected one, and one towards the middle or beyond."""
    other = aim.share + difference
    return aim.share, other if other <= 1 else aim.share - difference


def _inside(aim: SampleAim, name: str) -> str:
    return f"{name}: a share within ±{100 * aim.margin:g} pp"


def _shares_apart(aim: SampleAim, first: str, second: str) -> str:
    return f"{first} vs {second}: {100 * (aim.difference or 0):g} pp"


def _means_apart(aim: SampleAim, first: str, second: str) -> str:
    return f"{first} vs {second}: d = {aim.effect:g}"


def _limits(aim: SampleAim, size: int) -> dict[str, str]:
    """What *size* allows of each requirement."""
    about = {"level": aim.level, "design_effect": aim.design_effect}
    whole = margin_of_error(aim.share, size, population=aim.population, **about)
    limits = {_everybody(aim): f"±{100 * whole:.1f} pp"}
    for name, part in aim.segments.items():
        own = None if aim.population is None else max(1, round(aim.population * part))
        margin = margin_of_error(aim.share, size * part, population=own, **about)
        limits[_inside(aim, name)] = f"±{100 * margin:.1f} pp, {size * part:,.0f} people"
    level = level_of_pairs(len(aim.segments), aim.level)
    for first, second in combinations(aim.segments, 2):
        n, m = (size * aim.segments[name] / aim.design_effect for name in (first, second))
        if aim.effect is not None:
            limits[_means_apart(aim, first, second)] = f"power {power_of_effect(aim.effect, (n, m), level=level):.0%}"
        if aim.difference is not None:
            power = power_of_difference(*_shares(aim, aim.difference), (n, m), level=level)
            least = least_lift(aim.share, int(n), int(m), power=aim.power, false_alarm=1 - level)
            shown = "no difference" if least is None else f"{100 * least:.1f} pp"
            limits[_shares_apart(aim, first, second)] = f"power {power:.0%}; detects {shown} at {aim.power:.0%}"
    return limits
