"""Keep, merge or retire a segment, and why: the knock-out criteria of segment evaluation.

Of the criteria of Dolnicar, Grün & Leisch 2018 (chapter 4) these can be read from data: large enough, reachable,
distinct (another message), and worth more than nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segmenter.minimum import PEOPLE, REACHABLE, SHARE, needs, of_a_segment
from segmenter.value.ranking import Ranked

Verdict = Literal["keep", "merge", "retire"]


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation for a segment: keep, merge or retire.

    Attributes:
        reasons: One sentence per failed criterion; else why to keep it.
        merge_with: The segment that gets the same message; "" unless the verdict is "merge".
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    merge_with: str = ""


def advise(ranking: Sequence[Ranked], messages: Mapping[str, str], *, valued: bool) -> dict[str, Advice]:
    """Return what to do with each ranked segment.

    Args:
        ranking: The most valuable first.
        messages: What each segment's people are told, as text that is equal where the message is.
        valued: Whether values are known; otherwise nothing is said of them.
    """
    people = sum(one.people for one in ranking)
    least = of_a_segment(people)
    first: dict[str, str] = {}
    found = {}
    for one in ranking:
        against = [*_small(one, least), *_unreachable(one), *(_worthless(one) if valued else ())]
        twin = first.setdefault(messages[one.name], one.name) if one.name in messages else one.name
        if twin != one.name:
            reasons = (f"same message as {twin}", *against)
            found[one.name] = Advice("merge", reasons, twin)
        elif against:
            found[one.name] = Advice("retire", tuple(against))
        else:
            found[one.name] = Advice("keep", ("large enough, reachable, and has its own message",))
    return found


def _small(one: Ranked, least: int) -> list[str]:
    if one.people >= least:
        return []
    return [f"too small: {needs('it', least, 'people', one.people)} (the larger of {PEOPLE} and {SHARE:.0%} of all)"]


def _unreachable(one: Ranked) -> list[str]:
    if one.reachable >= REACHABLE:
        return []
    return [f"not reachable: {needs('it', REACHABLE, 'marketable contacts who get email', one.reachable)}"]


def _worthless(one: Ranked) -> list[str]:
    if one.interval.low > 0:
        return []
    return ["its value may be zero: the 95% CI includes 0"]
