"""Profile of a persona: distinctive traits, typical member, credibility; saved as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from segmenter.profile.credibility import Trust
from segmenter.profile.distinctive_traits import DistinctiveTrait, one_a_stem
from segmenter.profile.typical_member import Typical
from segmenter.traits.trait_families import TRAIT_FAMILIES, Family

MOST_SAID = 4
"""Maximum traits per family on a card."""

DIGITS = 4


@dataclass(frozen=True, slots=True)
class Definition:
    """One segment that a persona stands for, as it was when its people were described."""

    name: str
    rule: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile of a persona's people as of a moment.

    Attributes:
        slug: The persona.
        as_of: Of the traits and the assignments, ISO 8601, UTC.
        segments: Whose people they are.
        distinctive_traits: The strongest first; also those that may not be said (see `told`).
        trust: How far it may be believed.
        typical: None where nobody may be told of.
        compared: Traits that could be compared, by family: what is not said is not known where none could.
        silent: Why nothing is said, in a sentence; "" where something is.
    """

    slug: str
    as_of: str
    segments: tuple[Definition, ...]
    trust: Trust
    distinctive_traits: tuple[DistinctiveTrait, ...] = ()
    typical: Typical | None = None
    compared: Mapping[Family, int] = field(default_factory=dict)
    silent: str = ""

    def told(self) -> tuple[DistinctiveTrait, ...]:
        """Return the facts that may be said.

        Returns:
            Those with ``said`` set, strongest first.
        """
        return tuple(fact for fact in self.distinctive_traits if fact.said)

    def card(self) -> dict[Family, list[DistinctiveTrait]]:
        """Return the strongest facts of each family, each thing once; those that the segment was made from left out.

        Returns:
            Every family, at most `MOST_SAID` facts each; an empty list where there is nothing to say.
        """
        facts = [fact for fact in self.told() if not fact.base]
        return {f: one_a_stem([fact for fact in facts if fact.family == f], MOST_SAID) for f in TRAIT_FAMILIES}

    def made_from(self) -> list[DistinctiveTrait]:
        """Return the strongest facts about what the segment was made from: they show what it is, and are no news.

        Returns:
            At most `MOST_SAID`; of one trait in several windows only the strongest.
        """
        return one_a_stem([fact for fact in self.told() if fact.base], MOST_SAID)

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON; figures are rounded, which also keeps medians from being anybody's own value.

        Returns:
            Strings, numbers, lists and objects only.
        """
        rounded: dict[str, Any] = _rounded(asdict(self))
        return rounded

    @property
    def moment(self) -> datetime:
        """The moment that it is of."""
        return datetime.fromisoformat(self.as_of)


def rounded_profile(profile: Profile) -> Profile:
    """Return *profile* as it will be read again: rounded.

    Returns:
        Equal to what is read from the store later.
    """
    return _READ.validate_python(profile.document())


_READ = TypeAdapter(Profile)


def profile_of(document: Mapping[str, Any]) -> Profile | None:
    """Return what `Profile.document` wrote; None where it is in a form that is not known any more.

    Returns:
        The profile, rounded as it was written.
    """
    try:
        return _READ.validate_python(document)
    except ValidationError:
        return None


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return value
