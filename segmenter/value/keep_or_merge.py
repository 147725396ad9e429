"""Keep, merge or retire a segment, and why: the knock-out criteria of segment evaluation.

Of the criteria of Dolnicar, Grün & Leisch 2018 (chapter 4) these can be read from data: large enough, reachable,
distinct (another message), and worth more than nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segmenter.minimum import PEOPLE, REACHABLE, SHARE, needs, of_a_segment
from segmenter.value.ranking import RankedSegment

SegmentAction = Literal["keep", "merge", "retire"]


@dataclass(frozen=True, slots=True)
class SegmentAdvice:
    """A recommendation for a segment: keep, merge or retire.

    Attributes:
        reasons: One sentence per failed criterion; else why to keep it.
        merge_with: The segment that gets the same message; "" unless the verdict is "merge".
    """

    verdict: SegmentAction
    reasons: tuple[str, ...]
    merge_with: str = ""


def advise_on_segments(
    ranking: Sequence[RankedSegment], messages: Mapping[str, str], *, valued: bool
) -> dict[str, SegmentAdvice]:
    """Return what to do with each ranked segment.

    Args:
        ranking: The most valuable first.
        messages: What each segment's people are told, as text that is equal where the message is.
        valued: Whether values are known; otherwise nothing is said of them.

    Returns:
        Verdict keep, merge or retire with its reasons, by segment name.
    """
    people = sum(ranked_segment.people for ranked_segment in ranking)
    least = of_a_segment(people)
    first: dict[str, str] = {}
    advice = {}
    for ranked_segment in ranking:
        against = [
            *_small(ranked_segment, least),
            *_unreachable(ranked_segment),
            *(_worthless(ranked_segment) if valued else ()),
        ]
        twin = (
            first.setdefault(messages[ranked_segment.name], ranked_segment.name)
            if ranked_segment.name in messages
            else ranked_segment.name
        )
        if twin != ranked_segment.name:
            reasons = (f"same message as {twin}", *against)
            advice[ranked_segment.name] = SegmentAdvice("merge", reasons, twin)
        elif against:
            advice[ranked_segment.name] = SegmentAdvice("retire", tuple(against))
        else:
            advice[ranked_segment.name] = SegmentAdvice("keep", ("large enough, reachable, and has its own message",))
    return advice


def _small(ranked_segment: RankedSegment, least: int) -> list[str]:
    if ranked_segment.people >= least:
        return []
    missing = needs("it", least, "people", ranked_segment.people)
    return [f"too small: {missing} (the larger of {PEOPLE} and {SHARE:.0%} of all)"]


def _unreachable(ranked_segment: RankedSegment) -> list[str]:
    if ranked_segment.reachable >= REACHABLE:
        return []
    return [f"not reachable: {needs('it', REACHABLE, 'marketable contacts who get email', ranked_segment.reachable)}"]


def _worthless(ranked_segment: RankedSegment) -> list[str]:
    if ranked_segment.interval.low > 0:
        return []
    return ["its value may be zero: the 95% CI includes 0"]
