"""What changed since the last report: the key facts of each report, kept with its run, compared in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MOVED = 0.02
"""A persona's share that moved by less is not worth a sentence."""

VERDICTS = {
    "more": "does better",
    "less": "does worse",
    "none": "shows no evidence of a difference",
    "too_few": "has too few people to tell",
    "nobody": "has nobody to compare",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report said, in short.

    Attributes:
        made_at: ISO 8601, UTC.
        names: Persona slug -> name.
        shares: Persona slug -> share of all persons.
        ranks: Segment -> place by value, 1 is the most valuable.
        offers: Persona's name -> its best supported offer.
        verdicts: Campaign -> what was found of everybody.
    """

    made_at: str
    names: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    offers: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the facts for the run's counts."""
        return asdict(self)


def facts_of(document: Any) -> Facts | None:
    """Return the facts that a run kept; None where it kept none, or in a form that is not known any more."""
    try:
        return Facts(**document)
    except TypeError:
        return None


def changes(before: Facts, now: Facts) -> list[str]:
    """Say what is another than at the last report."""
    told = [*_renamed(before, now), *_shares(before, now), *_ranks(before, now), *_offers(before, now)]
    told += _verdicts(before, now)
    when = before.made_at[:16].replace("T", " ")
    return told or [f"Nothing worth a sentence changed since the last report ({when} UTC)."]


def _renamed(before: Facts, now: Facts) -> Iterator[str]:
    for slug, name in now.names.items():
        old = before.names.get(slug)
        if old is None and before.names:
            yield f"{name} is a new persona."
        elif old is not None and old != name:
            yield f"{old} is called {name} now."
    for slug, name in before.names.items():
        if slug not in now.names:
            yield f"{name} is no persona any more."


def _shares(before: Facts, now: Facts) -> Iterator[str]:
    if not any(before.shares.values()):
        return  # nobody was assigned then: that everybody came since is no news
    for slug, share in now.shares.items():
        old = before.shares.get(slug)
        if old is not None and abs(share - old) >= MOVED:
            grew = "grew" if share > old else "shrank"
            yield f"{now.names.get(slug, slug)} {grew} from {old:.0%} to {share:.0%} of all persons."


def _ranks(before: Facts, now: Facts) -> Iterator[str]:
    for name, place in now.ranks.items():
        old = before.ranks.get(name)
        if old is not None and old != place:
            yield f"{name} {'rose' if place < old else 'fell'} from place {old} to {place} by value."


def _offers(before: Facts, now: Facts) -> Iterator[str]:
    old_names = {now.names.get(slug, name): name for slug, name in before.names.items()}
    for name, offer in now.offers.items():
        old = before.offers.get(old_names.get(name, name))
        if old is None:
            yield f"{name} has a best offer now: “{offer}”."
        elif old != offer:
            yield f"The best offer of {name} is “{offer}” now, and was “{old}”."
    for name, offer in before.offers.items():
        if name not in {old_names.get(one, one) for one in now.offers}:
            yield f"“{offer}” is not surely the best offer of {name} any more."


def _verdicts(before: Facts, now: Facts) -> Iterator[str]:
    for about, verdict in now.verdicts.items():
        old = before.verdicts.get(about)
        if old is None:
            yield f"{about} is new: it {VERDICTS.get(verdict, verdict)}."
        elif old != verdict:
            yield f"{about} {VERDICTS.get(verdict, verdict)} now; before, it {VERDICTS.get(old, old)}."
