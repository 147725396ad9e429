"""Trait definition: one measured value of a person as of a moment; and the input tables of traits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from segmenter.traits.trait_families import Family

if TYPE_CHECKING:
    from ibis import Table

TraitType = Literal["number", "text", "boolean", "date"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What values of a trait of the workspace's own can be; values outside are reported, and stay.

    Attributes:
        least: The smallest possible number.
        most: The largest possible number.
        allowed: The possible texts; empty: all.
    """

    least: float | None = None
    most: float | None = None
    allowed: tuple[str, ...] = ()


ANYTHING = Limits()


@dataclass(frozen=True, slots=True)
class Trait:
    """One column of the trait table.

    Attributes:
        unit: What a number counts: orders, days, share 0 to 1, main currency, hour of the day (local time).
        source: The table it is measured from.
        window: Days before the moment that count, None for the whole history.
        least: The smallest possible number, None where every number is possible.
        most: The largest possible number.
        sensitive: Whether it may enter a model or a template only when the workspace names the purpose.
        family: What it tells of a persona; it decides nothing, so it is no part of the catalogue's digest.
        limits: What the workspace says that values can be; it changes none, so it is no part of the digest either.
    """

    name: str
    meaning: str
    unit: str
    type: TraitType
    source: str
    window: int | None = None
    sensitive: bool = False
    least: float | None = None
    most: float | None = None
    family: Family = "behavioural"
    limits: Limits = ANYTHING


@dataclass(frozen=True, slots=True)
class MappedTrait:
    """A trait that the workspace maps from a property of one platform.

    Attributes:
        words: What a text counts as, where a number is written in words: ("yes", 1.0).
        family: None: the one that the property's name tells of, else demographic.
    """

    name: str
    connection: str
    property: str
    type: TraitType = "text"
    meaning: str = ""
    sensitive: bool = False
    words: tuple[tuple[str, float], ...] = ()
    family: Family | None = None
    limits: Limits = ANYTHING


@dataclass(frozen=True, slots=True)
class SurveyTrait:
    """A trait that is a person's latest answer to one item of a survey.

    Attributes:
        words: As of `MappedTrait`.
        family: None: the one that the item's name tells of, else psychographic.
    """

    name: str
    survey: str
    item: str
    type: TraitType = "text"
    meaning: str = ""
    sensitive: bool = False
    words: tuple[tuple[str, float], ...] = ()
    family: Family | None = None
    limits: Limits = ANYTHING


def trait_definition(trait: Trait | MappedTrait | SurveyTrait) -> dict[str, Any]:
    """Return all that its values follow from, for digests: family and limits are not among it.

    Returns:
        Attribute -> value, ready for JSON.
    """
    return {key: value for key, value in asdict(trait).items() if key not in {"family", "limits"}}


@dataclass(frozen=True, slots=True)
class Inputs:
    """The tables that traits are measured from: versions in force, in the schemas of `connectors.records`.

    Attributes:
        links: Columns ``contact_key``, ``person_id``.
        answers: Survey answers.
        base: As `segmenter.traits.traits.base_rates` returns it, where the tables hold some persons only; None:
            everybody.
        offsets: Of time zones, as `segmenter.traits.local_time.with_local_hour` takes them; None: hours are
            those of UTC.
        values: Every version of what the value model said (`VALUES`); None where it is not asked.
        campaigns: For counts by the name of a campaign; None: only its id tells.
        untracked: Column ``person_id``: of whom opens, clicks, visits and hours are absent; None: of nobody.
    """

    contacts: Table
    links: Table
    orders: Table
    order_lines: Table
    deliveries: Table
    engagements: Table
    answers: Table
    base: Table | None = None
    offsets: Table | None = None
    values: Table | None = None
    campaigns: Table | None = None
    untracked: Table | None = None
