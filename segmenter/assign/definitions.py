"""Definitions of an assignment: sources and their order, models, rules, hysteresis settings, and their version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Literal

from segmenter.classifier.label_groups import Meaning, meaning_of
from segmenter.classifier.linear import LinearModel
from segmenter.classifier.reasons import Speech
from segmenter.classifier.thresholds import Thresholds
from segmenter.errors import DefinitionError
from segmenter.personalize.personas import Persona
from segmenter.rules.caps import CONFIDENCE, ranked_by
from segmenter.rules.rules import Rule
from segmenter.rules.segments import Segment, Waterfall

Source = Literal["pinned", "declared", "survey", "rules", "model"]

SOURCES: tuple[Source, ...] = ("declared", "survey", "rules", "model")
UPPER, LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
"""Case is folded for these only: they are the letters in which every engine and Python agree."""


@dataclass(frozen=True, slots=True)
class Holding:
    """When a person who is in a segment may leave it (SCIENCE.md 4.3 and ADR 10).

    Attributes:
        lead: By how much a model must think the new segment likelier than the old one, twice in a row.
        rest: For how long nobody moves a second time, and after which a weaker answer that stays is followed as well.
        expiry: For how long a segment is kept that nothing confirms any more.
    """

    lead: float = 0.15
    rest: timedelta = timedelta(days=7)
    expiry: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A person's segment, set by hand: it goes before every source, and before a cap.

    Attributes:
        reasons: Who set it, until when and why, in a sentence without its full stop.
        version: Names it in the assignments that it makes.
    """

    segment: str
    reasons: str
    version: str


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model in use: a typing tool over survey answers, or a model over company data.

    Attributes:
        version: Names the model in the assignments that it makes.
        learned_from_rules: Whether its truth was what rules said. It then knows only people whom rules match, and is
            asked only about those whom a rule could not judge, never about those whom every rule left out.
        means: What its labels stand for where they are no segments: a segment that several are, None for one that was
            retired (`segmenter.classifier.label_groups`).
        who: Whom it is asked about; None: everybody.
        speech: How its reasons tell the answers to its questions.
    """

    model: LinearModel
    version: str
    thresholds: Thresholds = Thresholds()  # noqa: RUF009 - frozen
    learned_from_rules: bool = False
    means: Mapping[str, str | None] = field(default_factory=dict)
    who: Rule | None = None
    speech: Speech = field(default_factory=dict)

    @property
    def meaning(self) -> Meaning:
        """Meaning of its labels: the segment of each."""
        return meaning_of(self.model.labels, self.means)


@dataclass(frozen=True)
class Definitions:
    """The waterfall of sources: the first one that gives an answer decides.

    Attributes:
        steps: The rules.
        persona_of: Segment name -> persona slug.
        order: The sources in the order in which they are asked; one that is left out is not asked.
        declared: The trait in which people say themselves what they are.
        declared_values: What they may say (see `folded`) -> segment name; made by `declared_values`.
        tools: Typing tools in the order in which they are asked; the first one that is sure answers.
        model: The model over company data.
        holding: When a person may leave a segment.
        pinned: By person: a segment set by hand that is in force; of segments that are gone, none.
    """

    steps: Waterfall
    persona_of: Mapping[str, str]
    order: tuple[Source, ...] = SOURCES
    declared: str | None = None
    declared_values: Mapping[str, str] = field(default_factory=dict)
    tools: tuple[Scorer, ...] = ()
    model: Scorer | None = None
    holding: Holding = Holding()
    pinned: Mapping[str, Pinned] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse models that can't decide.

        Raises:
            DefinitionError: A source comes twice; a model tells no probabilities, or names an unknown segment.
        """
        if len(set(self.order)) != len(self.order):
            raise DefinitionError("duplicate source", where="the order of sources")
        for scorer in (*self.tools, *([self.model] if self.model else [])):
            where = f"model {scorer.version!r}"
            if not scorer.model.tells_probabilities:
                raise DefinitionError(
                    "this k-means proposal has no probabilities; run `discover` and accept it again", where=where
                )
            unknown = [name for name in scorer.meaning.segments if name is not None and name not in self.segments]
            if unknown:
                raise DefinitionError(f"there is no segment {unknown[0]!r}; fit it again", where=where)

    @cached_property
    def segments(self) -> frozenset[str]:
        """The names of all segments."""
        return frozenset(step.segment.name for step in self.steps.steps)

    @cached_property
    def capped(self) -> Mapping[str, frozenset[str]]:
        """The segments with a cap, each with the names of those that count."""
        return self.steps.capped()

    @cached_property
    def rankings(self) -> Mapping[str, tuple[str, bool]]:
        """Of each segment with a cap: what it goes by, and whether the least goes first."""
        named = self.steps.by_name()
        return {name: ranked_by(named[name].segment.cap_by) for name in self.capped}

    def closed_to(self, full: Collection[str]) -> frozenset[str]:
        """Return the segments that are closed to a person where *full* ones are: each of them, and those within it."""
        return frozenset().union(*(self.capped[name] for name in full))

    @cached_property
    def scorers(self) -> Mapping[Source, tuple[Scorer, ...]]:
        """The models that answer for a source."""
        return {"survey": self.tools, "model": (self.model,) if self.model else ()}

    @cached_property
    def traits(self) -> frozenset[str]:
        """The traits that any source asks for."""
        scorers = [scorer for source in self.order for scorer in self.scorers.get(source, ())]
        by_rule = "rules" in self.order or any(scorer.learned_from_rules for scorer in scorers)
        asked = {name for step in self.steps.steps for name in step.rule.names} if by_rule else set()
        asked |= {self.declared} if self.declared and "declared" in self.order else set()
        asked |= {trait for trait, _ in self.rankings.values() if trait != CONFIDENCE}
        asked |= {name for scorer in scorers if scorer.who for name in scorer.who.names}
        return frozenset(asked.union(*(scorer.model.traits for scorer in scorers)))

    @cached_property
    def said_version(self) -> str:
        """Short digest of what people may say, and what it means."""
        return _digest([self.declared, dict(self.declared_values)])

    @cached_property
    def versions(self) -> frozenset[str]:
        """The versions of everything that can decide; an assignment of another version is out of force."""
        scorers = [scorer.version for source in self.order for scorer in self.scorers.get(source, ())]
        own = {"declared": self.said_version, "rules": self.steps.version}
        return frozenset([*scorers, *(own[source] for source in self.order if source in own), self.version])

    @cached_property
    def version(self) -> str:
        """Short digest of all of it: the version of "unclassified", which every source has a part in."""
        scorers = (*self.tools, *([self.model] if self.model else []))
        settings = [
            [
                scorer.version,
                asdict(scorer.thresholds),
                scorer.learned_from_rules,
                dict(scorer.means),
                scorer.who and scorer.who.text,
            ]
            for scorer in scorers
        ]
        return _digest([self.order, self.said_version, self.steps.version, settings])


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]


def folded(text: str) -> str:
    """Return *text* without blanks around it and without upper case of A to Z."""
    return text.strip(" ").translate(str.maketrans(UPPER, LOWER))


def declared_values(
    personas: Sequence[Persona], segments: Sequence[Segment], persona_of: Mapping[str, str]
) -> dict[str, str]:
    """Return what people may say of themselves -> segment: names and titles of segments, slugs and names of personas.

    A persona that stands for several segments means the first one. A segment's own name goes before a persona's.

    Args:
        personas: In the order of personas.toml.
        segments: In the order of segments.toml.
        persona_of: Segment name -> persona slug; a persona's segments that are not in it do not count.

    Returns:
        What is said, without regard to case, -> segment name.
    """
    names: dict[str, str] = {}
    for segment in segments:
        for spelling in (segment.name, segment.title):
            names.setdefault(folded(spelling), segment.name)
    for persona in personas:
        own = [name for name in persona.segments if name in persona_of]
        for spelling in (persona.slug, persona.name) if own else ():
            names.setdefault(folded(spelling), own[0])
    return names
