"""Credibility of a persona: size, confidence, stability and data age, as a grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Grade = Literal["strong", "fair", "weak"]

ENOUGH, FEW = 100, 50
"""People; a segment below fifty should not be (SCIENCE 3.5)."""

SURE, DOUBTFUL = 0.8, 0.6
"""Mean confidence of its people."""

STABLE, SHAKY = 0.75, 0.6
"""Jaccard over resamples: from .75 a segment is valid, below .6 not to be trusted (`fpc::clusterboot`)."""

FRESH, AGED = 30.0, 90.0
"""Days since the newest event of anyone."""

DEFINED = frozenset({"pinned", "rules", "declared"})
"""Sources that define a segment, rather than find it in data: stability does not apply."""


NAMES = {
    "pinned": "hand",
    "declared": "declaration",
    "survey": "the survey",
    "model": "the model",
    "proposal": "the proposal",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A source of the group's assignments (pinned, declared, survey, rules, model), with its mean confidence."""

    name: str
    people: int
    confidence: float | None


@dataclass(frozen=True, slots=True)
class SegmentStability:
    """Stability of one of the group's segments, from `discover`.

    Attributes:
        effective: With weights, the size of a sample without them that is as exact (Kish 1965); None: there were none.
    """

    segment: str
    proposal: str
    jaccard: float
    effective: float | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """Credibility figures of a persona.

    Attributes:
        people: In the group; *everybody*: in all groups and in none.
        sources: By people, the most first.
        kept: People whose segment nothing confirms any more.
        stability: Of the segments that come from a proposal.
        age_days: Age of the newest thing that was heard of anybody, when the facts were made; None: nothing ever was.
    """

    people: int
    everybody: int
    sources: tuple[Source, ...] = ()
    kept: int = 0
    stability: tuple[SegmentStability, ...] = ()
    age_days: float | None = None

    @property
    def confidence(self) -> float | None:
        """Mean confidence of its people, None where nobody has any."""
        pairs = [(source.people, source.confidence) for source in self.sources if source.confidence is not None]
        people = sum(n for n, _ in pairs)
        return sum(n * confidence for n, confidence in pairs) / people if people else None

    @property
    def defined(self) -> bool:
        """Whether people defined the segment, by rules or by what its members say."""
        return all(source.name in DEFINED for source in self.sources)

    @property
    def grade(self) -> Grade:
        """The lowest of all: a persona is as firm as its weakest leg, and what was not tested is fair at best."""
        grades = [_grade(self.people, ENOUGH, FEW)]
        if self.confidence is not None:
            grades.append(_grade(self.confidence, SURE, DOUBTFUL))
        grades += [_grade(stability.jaccard, STABLE, SHAKY) for stability in self.stability]
        if not self.stability and not self.defined:
            grades.append("fair")
        grades.append("fair" if self.age_days is None else _grade(-self.age_days, -FRESH, -AGED))
        order: Sequence[Grade] = ("weak", "fair", "strong")
        return min(grades, key=order.index)

    def sentences(self) -> list[str]:
        """Return the grade and its figures as sentences.

        Returns:
            People, sources, stability and age of the data, one sentence each.
        """
        share = self.people / self.everybody if self.everybody else 0.0
        lines = [f"{self.grade.capitalize()}: {self.people:,} people, {share:.0%} of all{_size(self.people)}."]
        lines += [_source(source) for source in self.sources]
        if self.kept:
            lines.append(
                f"{self.kept:,} of them keep the segment although no source confirms it any more (hysteresis)."
            )
        lines += [_stability(stability) for stability in self.stability]
        if not self.sources:  # the unclassified are no segment
            pass
        elif not self.stability and self.defined:
            lines.append("The segment is defined by rules, not found in data, so its stability is not tested.")
        elif not self.stability:
            lines.append("Stability is not tested: the segment comes from no accepted proposal of `discover`.")
        if self.age_days is None:
            lines.append("No order, email or visit was read: the traits rest on contact records alone.")
        else:
            lines.append(
                f"The newest order, email or visit was {_days(self.age_days)} old at the time of this profile."
            )
        return lines


def _grade(value: float, strong: float, fair: float) -> Grade:
    return "strong" if value >= strong else "fair" if value >= fair else "weak"


def _size(people: int) -> str:
    return "" if people >= ENOUGH else ", a small group" if people >= FEW else ", too few to rely on"


def _source(source: Source) -> str:
    who = f"{source.people:,} by {NAMES.get(source.name, source.name)}"
    if source.confidence is None:
        return f"{who}."
    if source.name == "rules":
        return f"{who}: on average {source.confidence:.0%} of the rules' traits are known."
    return f"{who}: mean confidence {source.confidence:.0%}."


def _stability(segment_stability: SegmentStability) -> str:
    wording = {
        "strong": "stable when people are resampled",
        "fair": "there is a pattern, but membership is uncertain",
        "weak": "not stable when people are resampled: do not rely on it",
    }[_grade(segment_stability.jaccard, STABLE, SHAKY)]
    segment, jaccard = segment_stability.segment, segment_stability.jaccard
    effective = segment_stability.effective
    weighted = "" if effective is None else f", weighted: as exact as {effective:,.0f} respondents without weights"
    return f"Stability of {segment} {jaccard:.2f} (proposal {segment_stability.proposal}{weighted}): {wording}."


def _days(days: float) -> str:
    return f"{days:,.0f} days" if days >= 1.5 else "about a day" if days >= 0.5 else "less than a day"  # noqa: PLR2004 - rounding
