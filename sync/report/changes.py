"""Changes since the last report: compares the key figures that each report keeps with its run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MOVED = 0.02
"""Changes of a persona's share below this are not reported."""

VERDICTS = {
    "more": "significant increase",
    "less": "significant decrease",
    "none": "no significant difference",
    "too_few": "not enough data",
    "nobody": "nothing to compare",
}


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """Key figures of a report.

    Attributes:
        made_at: ISO 8601, UTC.
        names: Persona slug -> name.
        shares: Persona slug -> share of all people.
        ranks: Segment -> rank by value, 1 is the most valuable.
        offers: Persona's name -> its best supported offer.
        verdicts: Campaign -> verdict on everyone in the primary metric.
        tiles: Figures of the front page, by `Tile.key`.
        complaints: Persona's name -> spam complaints and deliveries of the newest campaign.
    """

    made_at: str
    names: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    offers: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)
    tiles: Mapping[str, float] = field(default_factory=dict)
    complaints: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the facts for the run's counts."""
        return asdict(self)


def key_figures_of(document: Any) -> KeyFigures | None:
    """Return the key figures that a run kept; None where it kept none, or in an unknown format."""
    try:
        return KeyFigures(**document)
    except TypeError:
        return None


def report_changes(before: KeyFigures, now: KeyFigures) -> list[str]:
    """Return one sentence per change since the last report."""
    sentences = [*_renamed(before, now), *_shares(before, now), *_ranks(before, now), *_offers(before, now)]
    sentences += _verdicts(before, now)
    when = before.made_at[:16].replace("T", " ")
    return sentences or [f"No significant changes since the last report ({when} UTC)."]


def _renamed(before: KeyFigures, now: KeyFigures) -> Iterator[str]:
    for slug, name in now.names.items():
        old = before.names.get(slug)
        if old is None and before.names:
            yield f"{name} is a new persona."
        elif old is not None and old != name:
            yield f"{old} is now called {name}."
    for slug, name in before.names.items():
        if slug not in now.names:
            yield f"{name} is no longer a persona."


def _shares(before: KeyFigures, now: KeyFigures) -> Iterator[str]:
    if not any(before.shares.values()):
        return  # nobody was assigned then: everyone is new since
    for slug, share in now.shares.items():
        old = before.shares.get(slug)
        if old is not None and abs(share - old) >= MOVED:
            grew = "grew" if share > old else "shrank"
            yield f"{now.names.get(slug, slug)} {grew} from {old:.0%} to {share:.0%} of all people."


def _ranks(before: KeyFigures, now: KeyFigures) -> Iterator[str]:
    for name, place in now.ranks.items():
        old = before.ranks.get(name)
        if old is not None and old != place:
            yield f"{name} {'rose' if place < old else 'fell'} from rank {old} to rank {place} by value."


def _offers(before: KeyFigures, now: KeyFigures) -> Iterator[str]:
    old_names = {now.names.get(slug, name): name for slug, name in before.names.items()}
    for name, offer in now.offers.items():
        old = before.offers.get(old_names.get(name, name))
        if old is None:
            yield f"{name} now has a best offer: “{offer}”."
        elif old != offer:
            yield f"Best offer of {name}: now “{offer}”, was “{old}”."
    for name, offer in before.offers.items():
        if name not in {old_names.get(offer, offer) for offer in now.offers}:
            yield f"“{offer}” is no longer a significant winner for {name}."


def _verdicts(before: KeyFigures, now: KeyFigures) -> Iterator[str]:
    for about, verdict in now.verdicts.items():
        old = before.verdicts.get(about)
        if old is None:
            yield f"New result: {about}: {VERDICTS.get(verdict, verdict)}."
        elif old != verdict:
            yield f"{about}: now {VERDICTS.get(verdict, verdict)}, was {VERDICTS.get(old, old)}."
