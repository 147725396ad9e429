"""View models of the report page: cards, values, lift, migration, recommendations. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sync.design.hues import GREY
from sync.design.plots import Plot, Slice, Spark
from sync.report.front import FrontDecision, Tile
from sync.report.sentences import PersonaShare, ShownCampaign


@dataclass(frozen=True, slots=True)
class Card:
    """A persona card, formatted.

    Attributes:
        anchor: Of the card in the page.
        hue: The persona's, see `sync.design.hues`.
        value: In words; "" where it is not known.
        headlines: The strongest facts, one of each family that has any, without their statistics.
        distinctive: Family and what is said of it, in sentences; *quiet*: families of which nothing is.
        made_from: Facts about what the segment was made from.
        typical: Its typical member, in sentences.
        confidence: How far all this may be believed, in sentences.
        silent: Why there are no facts; "" where there are some.
        quote: Written by the team, like the story.
        picture: A ``data:`` address: the team's picture, or the drawn avatar.
        drawn: Whether *picture* is the drawn avatar.
        channels: Where they can be reached, in words.
        path: Steps of the usual way, in words.
        copy: Label and text of each template field.
        history: Campaigns with the persona's click rate, the newest first: name, rate, interval.
        clicks: The newest click rate and its interval; "" for none. *course* is its course.
    """

    share: PersonaShare
    anchor: str
    hue: int = GREY
    value: str = ""
    headlines: Sequence[str] = ()
    distinctive: Sequence[tuple[str, Sequence[str]]] = ()
    quiet: str = ""
    made_from: Sequence[str] = ()
    typical: Sequence[str] = ()
    confidence: Sequence[str] = ()
    silent: str = ""
    quote: str = ""
    picture: str = ""
    drawn: bool = False
    channels: Sequence[str] = ()
    path: Sequence[str] = ()
    copy: Sequence[tuple[str, str]] = ()
    history: Sequence[tuple[str, str, str]] = ()
    hours: str = ""
    clicks: tuple[str, str] = ("", "")
    course: Spark | None = None


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A row of the value ranking, formatted."""

    place: int
    segment: str
    persona: str
    people: int
    reachable: int
    value: str
    interval: str
    ranks: str
    naive: int
    advice: str


@dataclass(frozen=True, slots=True)
class ShownLift:
    """The lift of one campaign or experiment, per persona, formatted.

    Attributes:
        headline: Metric and arms of the drawing; *lead* what it says of everyone.
        sentences: Of its first metric: everybody, whether personas differ, each persona.
        others: Sentences about everybody in the other metrics.
    """

    about: str
    anchor: str
    headline: str
    lead: str
    sentences: Sequence[str]
    others: Sequence[str]
    notes: Sequence[str]
    plot: Plot | None


@dataclass(frozen=True, slots=True)
class OfferRow:
    """A persona's row in the offer table: rates in column order, best offer, sentence."""

    persona: str
    rates: Sequence[str]
    best: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Moves:
    """Segment migration between two dates: people by segment before (rows) and after (columns)."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[tuple[str, Sequence[MoveCell]]] = ()
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class MoveCell:
    """People who went one way.

    Attributes:
        depth: 0 to 4, how dark it is shown.
        stays: Whether both segments are the same.
    """

    people: int
    depth: int
    stays: bool


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One address in a campaign: people who clicked it, and their share of all who clicked."""

    url: str
    people: int
    share: str


@dataclass(frozen=True, slots=True)
class CampaignPart:
    """A campaign with its links and what machines opened."""

    shown: ShownCampaign
    anchor: str
    links: Sequence[LinkRow]
    machines: str


@dataclass(frozen=True, slots=True)
class AdviceLine:
    """A sentence of advice; *tone* is stop, go or test."""

    tone: str
    text: str


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Every section of the page.

    Attributes:
        chart: Of the front page; *chart_title* what it answers.
        refused: Experiments without a result, and why.
    """

    tiles: Sequence[Tile] = ()
    decisions: Sequence[FrontDecision] = ()
    chart: Plot | None = None
    chart_title: str = ""
    refused: Sequence[str] = ()
    changes: Sequence[str] = ()
    advice: Sequence[tuple[str, Sequence[AdviceLine]]] = ()
    values: Sequence[ValueRow] = ()
    value_notes: Sequence[str] = ()
    value_warnings: Sequence[str] = ()
    cards: Sequence[Card] = ()
    moves: Moves = field(default_factory=lambda: Moves(""))
    lifts: Sequence[ShownLift] = ()
    offers: Sequence[OfferRow] = ()
    offer_names: Sequence[str] = ()
    offer_notes: Sequence[str] = ()
    campaigns: Sequence[CampaignPart] = ()
    quality: Sequence[str] = ()
    drifts: Sequence[str] = ()
    shares: Sequence[Slice] = ()
