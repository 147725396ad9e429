"""The front page: key figures, at most three decisions, one chart. Pure.

A figure of an experiment is what the experiment measured on its own people, never a projection onto others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from segmenter.lift.advice import CampaignAdvice, Gain, Tip
from segmenter.lift.effects import EVERYONE, Comparison, Effect
from segmenter.lift.text import RATES, contrast, points
from segmenter.stats.proportions import Interval
from sync.design.hues import GREY
from sync.design.plots import Measured, Plot, Spark, plot, spark
from sync.report.changes import KeyFigures

DECISIONS = 3
COURSE = 12
"""Reports that a sparkline shows."""
RESPONSES = {
    "clicked": "clicks",
    "ordered": "orders",
    "opened": "opens",
    "unsubscribed": "unsubscribes",
    "complained": "spam complaints",
}
BASED_ON = "Based on"
"""How the sentence on the comparisons begins (`segmenter.lift.text.carried`): they are one click away."""
VERBS = {"stop": "Stop", "go": "Keep", "test": "Test"}


@dataclass(frozen=True, slots=True)
class Tile:
    """A key figure.

    Attributes:
        key: What the next report finds it by.
        detail: Its interval, or what it is of.
        change: Since the last report, or the state; "" for none; *tone* its colour.
    """

    key: str
    label: str
    shown: str
    detail: str
    change: str = ""
    tone: str = ""
    spark: Spark | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A key figure before it is compared with earlier reports.

    Attributes:
        value: None where it is unknown.
        text: Of a value; *difference* that of a change.
        level: Changes below it are none.
    """

    key: str
    label: str
    value: float | None
    detail: str
    text: Callable[[float], str]
    difference: Callable[[float], str]
    level: float = 0.5
    note: str = ""


def tile_of(figure: KeyFigure, earlier: Sequence[KeyFigures]) -> Tile:
    """Return a key figure with its change since the last report and its course.

    Args:
        figure: As it is now.
        earlier: Key figures of earlier reports, the oldest first.
    """
    if figure.value is None:
        return Tile(figure.key, figure.label, "–", figure.detail, note=figure.note)
    course = [report.tiles[figure.key] for report in earlier if figure.key in report.tiles][-(COURSE - 1) :]
    line = spark([*course, figure.value], figure.text)
    if not course:
        return Tile(figure.key, figure.label, figure.text(figure.value), figure.detail, "first report", "", line)
    moved = figure.value - course[-1]
    change = figure.difference(moved) if abs(moved) >= figure.level else "unchanged"
    tone = "" if change == "unchanged" else "mark"
    return Tile(figure.key, figure.label, figure.text(figure.value), figure.detail, change, tone, line, figure.note)


def count_text(value: float) -> str:
    """Return a number of people or money as text."""
    return f"{value:,.0f}"


def whole_share(value: float) -> str:
    """Return a share as text."""
    return f"{value:.0%}"


def count_change(value: float) -> str:
    """Return a change of a number as text, with its sign."""
    return f"{value:+,.0f}"


def share_change(value: float) -> str:
    """Return a change of a share in percentage points."""
    return f"{points(value)} pp"


@dataclass(frozen=True, slots=True)
class FrontDecision:
    """What to do, what it brings, and where the evidence stands.

    Attributes:
        tone: "stop", "go" or "test"; *verb* the same as a word.
        gain: Clicks, orders or complaints; "" for what is only to be tested.
        evidence: The anchor on the page.
    """

    tone: str
    verb: str
    headline: str
    gain: str
    gain_detail: str
    because: str
    evidence: str


def decisions(advice: CampaignAdvice, anchors: Mapping[str, str]) -> list[FrontDecision]:
    """Return the most important recommendations, at most `DECISIONS`, one of each kind before a second of any.

    Args:
        advice: Everything that the evidence carries.
        anchors: Where a campaign or experiment is shown, by its name.
    """
    kept = sorted(advice.go_on, key=lambda tip: -_worth(tip))
    kinds = [[("stop", tip) for tip in advice.stop], [("go", tip) for tip in kept]]
    rounds = zip_longest(*kinds, [("test", tip) for tip in advice.test_next])
    first = [pair for pair in chain.from_iterable(rounds) if pair is not None][:DECISIONS]
    ordered = sorted(first, key=lambda pair: list(VERBS).index(pair[0]))
    return [_decision(tone, tip, anchors) for tone, tip in ordered]


def _worth(tip: Tip) -> float:
    """Orders before clicks, measured gains before expected ones."""
    if tip.gain is None:
        return 0.0
    return abs(tip.gain.more) * (10.0 if tip.gain.metric == "ordered" else 1.0) + (1e6 if tip.gain.measured else 0.0)


def _decision(tone: str, tip: Tip, anchors: Mapping[str, str]) -> FrontDecision:
    because = tip.sentence.removeprefix(tip.headline).partition(f" {BASED_ON} ")[0].lstrip(":, ")
    gain, detail = _gain(tip.gain) if tip.gain else ("", "")
    evidence = anchors.get(tip.about, "offers")
    return FrontDecision(tone, VERBS[tone], tip.headline, gain, detail, because[:1].upper() + because[1:], evidence)


def _gain(gain: Gain) -> tuple[str, str]:
    what = RESPONSES[gain.metric]
    span = f"95% CI {gain.low:+,.0f} to {gain.high:+,.0f}"
    people = f"{gain.people:,} contacts who got it" if gain.measured else f"{gain.people:,} contacts"
    return f"{gain.more:+,.0f} {what}", f"per {people} ({span})" if not gain.measured else f"from {people} ({span})"


def extra_responses(comparison: Comparison | None, about: str) -> KeyFigure:
    """Return the key figure of the newest comparison: responses that its treated people gave in addition."""
    if comparison is None:
        why = "no campaign with variants yet"
        return KeyFigure("gain", "Extra clicks by personalization", None, why, count_text, count_change)
    question, effect = comparison.question, comparison.everyone
    what, people = RESPONSES[question.metric], effect.treated.people
    span = Interval(people * effect.interval.low, people * effect.interval.high)
    detail = f"{span.low:+,.0f} to {span.high:+,.0f} (95% CI), {contrast(comparison)}"
    note = f"{about}: {people:,} contacts got “{question.treated}”; {_effect(effect, comparison)}"
    key = f"gain {about} {question.metric}"
    return KeyFigure(
        key, f"Extra {what}, “{about}”", people * effect.difference, detail, count_change, count_change, note=note
    )


def _effect(effect: Effect, comparison: Comparison) -> str:
    low, high = 100 * effect.interval.low, 100 * effect.interval.high
    metric = RATES[comparison.question.metric]
    return f"{metric} {points(effect.difference)} pp (95% CI {low:.1f} to {high:.1f})"


def effect_plot(comparison: Comparison, hues: Mapping[str, int], most: int | None = None) -> Plot | None:
    """Return each persona's difference in percentage points, everyone first; None where nobody is compared.

    Args:
        comparison: Two variants in one metric.
        hues: By the persona's name.
        most: Only so many personas, those with the most contacts, in the order of all; None: all of them.
    """
    personas = [e for e in comparison.personas if e.verdict != "nobody"]
    if most is not None:
        largest = sorted(personas, key=lambda e: -(e.treated.people + e.control.people))[:most]
        personas = [e for e in personas if e in largest]
    effects = [e for e in (comparison.everyone,) if e.verdict != "nobody"] + personas
    rows = [
        Measured(
            "Everyone" if effect.persona == EVERYONE else effect.persona,
            100 * effect.difference,
            100 * effect.interval.low,
            100 * effect.interval.high,
            f"{points(effect.difference)} pp",
            f"{100 * effect.interval.low:.1f} to {100 * effect.interval.high:.1f}",
            hues.get(effect.persona, GREY),
            f"{effect.treated.people:,} vs {effect.control.people:,} contacts",
        )
        for effect in effects
    ]
    interim = "; interim, peeking-safe" if comparison.question.early else ""
    caption = f"{RATES[comparison.question.metric].capitalize()}, {contrast(comparison)}: pp with 95% CI{interim}"
    return plot(caption, rows, lambda value: f"{value:+g}" if value else "0", around_zero=True)
