"""What a poster shows, as values: facts with icons, what sets a persona apart, its week, what to say. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from segmenter.lift.advice import CampaignAdvice
from segmenter.lift.effects import EVERYONE
from segmenter.lift.offers import Best
from segmenter.lift.text import lead
from segmenter.profile.changes import profile_changes
from segmenter.profile.distinctive_traits import DistinctiveTrait
from segmenter.profile.profile import Profile
from segmenter.profile.text import everybody, figure, subject
from sync.design.plots import Measured, Plot, plot

FACTS = 4
BARS = 9
MOST = 3.0
"""Bars end at eight times, or an eighth of, the average: beyond it the number says it."""
AVERAGE = 100
MAPPED = ("property ", "answer ")
"""How the meanings of traits begin that a workspace maps."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = 24
SHADES = 5


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact with an icon.

    Attributes:
        family: Which icon.
        figure: Large; *words* say what it is of, *everyone* how all are.
        note: Its interval, shown under the pointer.
    """

    family: str
    figure: str
    words: str
    everyone: str
    note: str


@dataclass(frozen=True, slots=True)
class WeekCell:
    """An hour of a day: place in the drawing, shade from 0 (nothing) to `SHADES`."""

    day: int
    hour: int
    shade: int


@dataclass(frozen=True, slots=True)
class Message:
    """What to say, or what not: *why* in a few words, and the whole evidence."""

    text: str
    why: str
    evidence: str


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What changed since the last kept version: a badge, and every change."""

    badge: str
    lines: Sequence[str] = ()


def facts_of(profile: Profile) -> list[Fact]:
    """Return at most `FACTS` facts, the strongest of each family before a second of any."""
    families = list(profile.card().values())
    ordered = [fact for facts in families for fact in facts[:1]]
    rest = sorted((fact for facts in families for fact in facts[1:]), key=lambda fact: fact.strength, reverse=True)
    return [_fact(fact) for fact in [*ordered, *rest][:FACTS]]


def _fact(fact: DistinctiveTrait) -> Fact:
    return Fact(fact.family, figure(fact, fact.here), _label(fact), figure(fact, fact.everywhere), everybody(fact))


def _label(fact: DistinctiveTrait) -> str:
    """What the figure is of; of a trait that the workspace maps its name: its meaning names property and connection."""
    if not fact.meaning.startswith(MAPPED):
        return subject(fact)
    name = fact.trait.replace("_", " ")
    return f"{name}: {fact.value}" if fact.kind == "share" else f"{name}: median"


def apart_plot(profile: Profile, hue: int) -> Plot | None:
    """Return what sets a persona apart, by family: how many times as often as everyone, on a logarithmic axis."""
    families = profile.card()
    most = max(2, BARS // max(sum(1 for facts in families.values() if facts), 1))
    rows = []
    for family, facts in families.items():
        for fact in [f for f in facts if f.index and f.index_low is not None and f.index_high is not None][:most]:
            value, low, high = (_doublings(part) for part in (fact.index, fact.index_low, fact.index_high))
            label = f"{family.capitalize()} · {_label(fact).removesuffix(': median')}"
            shown = f"×{(fact.index or AVERAGE) / AVERAGE:.1f}"
            rows.append(Measured(label, value, low, high, shown, "", hue, everybody(fact)))
    caption = "Compared with everyone: 1 is average, 2 is twice as often or twice as much"
    return plot(caption, rows[:BARS], _times, around_zero=True, bars=True)


def _doublings(index: float | None) -> float:
    return max(-MOST, min(MOST, log2(max(index or 1.0, 1.0) / AVERAGE)))


def _times(doublings: float) -> str:
    return f"×{2**doublings:g}" if doublings == int(doublings) else ""


def week_of(counts: Sequence[Sequence[int]]) -> list[WeekCell]:
    """Return the cells of a week from Monday, with a shade by the share of the busiest hour; empty without any."""
    most = max((n for day in counts for n in day), default=0)
    if not most:
        return []
    return [WeekCell(d, h, -(-SHADES * n // most)) for d, day in enumerate(counts) for h, n in enumerate(day)]


def busiest(counts: Sequence[Sequence[int]]) -> str:
    """Return the busiest day and hour in words; "" without any."""
    cells = [(n, day, hour) for day, row in enumerate(counts) for hour, n in enumerate(row)]
    n, _, _ = max(cells, default=(0, 0, 0))
    if not n:
        return ""
    days, hours = [sum(row) for row in counts], [sum(row[hour] for row in counts) for hour in range(HOURS)]
    return f"Most on {DAYS[days.index(max(days))]}, most at {hours.index(max(hours)):02d}:00"


def what_to_say(persona: str, advice: CampaignAdvice, bests: Sequence[Best]) -> tuple[list[Message], list[Message]]:
    """Return what to say to a persona and what not, each carried by randomized evidence about it or about everyone.

    Returns:
        Both empty where nothing was significant.
    """
    mine = {persona, EVERYONE}
    say = [_message(best.best.offer, lead(best)) for best in bests if best.persona == persona and best.supported]
    chosen = {message.text for message in say}
    kept = [tip for tip in advice.go_on if tip.persona in mine and tip.about and f"“{tip.arm}”" not in chosen]
    say += [_message(tip.arm, tip.sentence.removeprefix(tip.headline).lstrip(": ")) for tip in kept]
    harmful = [tip for tip in advice.stop if tip.persona in mine]
    return say, [_message(tip.arm, tip.sentence.removeprefix(tip.headline).lstrip(": ")) for tip in harmful]


def _message(arm: str, evidence: str) -> Message:
    return Message(f"“{arm}”", evidence.partition(" (95% CI")[0].removeprefix(f"“{arm}” "), evidence)


def change_of(now: Profile, before: Profile | None, version: int) -> VersionChange:
    """Return what changed since a kept version, as a badge and in sentences; chance alone is no change."""
    if before is None:
        return VersionChange("no earlier version")
    changes = [change for change in profile_changes(before, now) if change.verdict in {"real", "other"}]
    if not changes:
        return VersionChange(f"unchanged since version {version}")
    what = f"{len(changes)} change{'s' if len(changes) > 1 else ''}"
    return VersionChange(f"{what} since version {version}", [change.sentence for change in changes])
