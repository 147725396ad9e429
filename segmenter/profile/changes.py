"""Changes between two versions of a persona: measured traits (tested for significance) and written text.

Both versions mostly look at the same people, whose figures go together; the tests take them for two samples, so they
call a change real too seldom rather than too often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Literal

from segmenter.profile.distinctive_traits import DistinctiveTrait
from segmenter.profile.profile import Profile
from segmenter.profile.text import figure, subject
from segmenter.stats.effect_sizes import LEVEL
from segmenter.stats.group_tests import adjusted
from segmenter.stats.proportions import Responses

ChangeKind = Literal["real", "noise", "unknown", "other"]
NORMAL = NormalDist()
SPAN = 2 * 1.96  # standard errors in a 95% interval
NOISE = "within sampling noise"
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class PersonaChange:
    """A change between two versions.

    Attributes:
        part: "size", "facts", "segments", "typical member" or "confidence"; "invention" for written text.
        verdict: "real" beyond chance, "noise" within it, "unknown" where it can't be tested, "other" for no figures.
        p: Of a tested change, after Benjamini & Hochberg over all that were tested together.
    """

    part: str
    sentence: str
    verdict: ChangeKind
    p: float | None = None


def profile_changes(before: Profile, now: Profile) -> list[PersonaChange]:
    """Return what is another in the facts: definition, size, figures (the real ones first), confidence.

    Args:
        before: The earlier profile of a persona.
        now: The later one of the same persona.

    Returns:
        One sentence per change, with its kind; empty: the profiles say the same.
    """
    return [*_definition(before, now), *_figures(before, now), *_typical(before, now), *_grade(before, now)]


def rewritten(before: Mapping[str, str], now: Mapping[str, str]) -> list[PersonaChange]:
    """Return the changes of written text; see `segmenter.personalize.personas.Persona.invention`.

    Args:
        before: Place -> text, of the earlier version.
        now: Place -> text, of the later one.

    Returns:
        One per place whose text differs.
    """
    changes = []
    for place in dict.fromkeys((*before, *now)):
        old, new = before.get(place, ""), now.get(place, "")
        if old != new:
            words = f"“{new}”, was “{old}”" if old and new else f"added “{new}”" if new else f"removed “{old}”"
            changes.append(PersonaChange("invention", f"{place}: {words}.", "other"))
    return changes


def _definition(before: Profile, now: Profile) -> Iterator[PersonaChange]:
    old, new = ({segment.name: segment for segment in profile.segments} for profile in (before, now))
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield PersonaChange("segments", f"The persona no longer stands for {name}.", "other")
        elif name not in old:
            yield PersonaChange("segments", f"The persona now also stands for {name}.", "other")
        elif old[name] != new[name]:
            yield PersonaChange(
                "segments",
                f"{name} was redefined: rule “{new[name].rule}”, was “{old[name].rule}”.",
                "other",
            )


def _figures(before: Profile, now: Profile) -> list[PersonaChange]:
    tested = [*_size(before, now), *_facts(before, now)]
    levels = iter(adjusted([p for _, _, p in tested if p is not None]))
    changes = [_judged(part, words, None if p is None else next(levels)) for part, words, p in tested]
    order: list[ChangeKind] = ["real", "unknown", "noise"]
    return sorted(changes, key=lambda change: order.index(change.verdict))


def _judged(part: str, words: str, p: float | None) -> PersonaChange:
    if p is None:
        return PersonaChange(part, f"{words}.", "unknown")
    if p <= LEVEL:
        return PersonaChange(part, f"{words}: significant.", "real", p)
    return PersonaChange(part, f"{words}: {NOISE}.", "noise", p)


Tested = tuple[str, str, float | None]


def _size(before: Profile, now: Profile) -> Iterator[Tested]:
    old, new = (Responses(profile.trust.everybody, profile.trust.people) for profile in (before, now))
    if old != new:
        words = f"{new.converted:,} people, {new.rate:.1%} of all; was {old.converted:,}, {old.rate:.1%}"
        yield "size", words, _p_of_shares(old, new)


def _facts(before: Profile, now: Profile) -> Iterator[Tested]:
    """Each fact that one of both versions says; tested wherever both measured it."""
    old, new = _by_key(before), _by_key(now)
    for key in dict.fromkeys((*new, *old)):
        was, fact = old.get(key), new.get(key)
        if not ((was and was.said) or (fact and fact.said)):
            continue
        if was and fact:
            yield from _moved(was, fact)
        elif fact:
            yield "facts", f"New: {subject(fact)} {figure(fact, fact.here)}; not measurable before", None
        elif was:
            why = "measured differently now" if any(other[0] == key[0] for other in new) else "too few people"
            yield "facts", f"No longer shown: {subject(was)} {figure(was, was.here)}; {why}", None


def _moved(was: DistinctiveTrait, fact: DistinctiveTrait) -> Iterator[Tested]:
    old, new = figure(was, was.here), figure(fact, fact.here)
    moved = f"{subject(fact)} {new}, was {old}" if old != new else f"{subject(fact)} {new}, unchanged"
    p = _p_of_shares(_counts(was), _counts(fact)) if fact.kind == "share" else _p_of_medians(was, fact)
    if fact.said and not was.said:
        yield "facts", f"New: {moved}", p
    elif was.said and not fact.said:
        yield "facts", f"No longer distinctive: {moved}", p
    elif old != new:
        yield "facts", moved, p


def _by_key(profile: Profile) -> dict[Key, DistinctiveTrait]:
    return {(fact.trait, fact.kind, fact.value): fact for fact in profile.distinctive_traits}


def _counts(fact: DistinctiveTrait) -> Responses:
    return Responses(fact.known, fact.people)


def _p_of_shares(old: Responses, new: Responses) -> float | None:
    """Two-sided, of two proportions with the pooled variance."""
    if not old.people or not new.people:
        return None
    pooled = (old + new).rate
    variance = pooled * (1 - pooled) * (1 / old.people + 1 / new.people)
    return 1.0 if not variance else _both_sides((new.rate - old.rate) / sqrt(variance))


def _p_of_medians(old: DistinctiveTrait, new: DistinctiveTrait) -> float:
    """Two-sided, with standard errors read from the intervals of both; without any, a difference is real."""
    errors = [(fact.here_high - fact.here_low) / SPAN for fact in (old, new)]
    error = sqrt(sum(error * error for error in errors))
    if not error:
        return 0.0 if old.here != new.here else 1.0
    return _both_sides((new.here - old.here) / error)


def _both_sides(z: float) -> float:
    return 2 * NORMAL.cdf(-abs(z))


def _typical(before: Profile, now: Profile) -> Iterator[PersonaChange]:
    old, new = (
        {trait.meaning: trait.value for trait in profile.typical.said} if profile.typical else {}
        for profile in (before, now)
    )
    changes = [
        f"{meaning}: {new[meaning]}, was {old[meaning]}"
        for meaning in new
        if meaning in old and old[meaning] != new[meaning]
    ]
    if changes:
        yield PersonaChange("typical member", f"The typical member changed ({'; '.join(changes)}).", "other")


def _grade(before: Profile, now: Profile) -> Iterator[PersonaChange]:
    if before.trust.grade != now.trust.grade:
        yield PersonaChange("confidence", f"Confidence is {now.trust.grade}, was {before.trust.grade}.", "other")
