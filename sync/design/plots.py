"""Drawings as values: positions on one axis, in percent of its width, for the templates to draw. Pure.

Positions in percent let a drawing be as wide as its place while its letters keep their size, on a phone as on paper,
and its colours follow the stylesheet, in the dark too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from statistics import median

TICKS = 5
WIDEST = 4.0
"""An interval that is this many times as wide as the usual one is cut at the axis' end, with an arrow."""
SPARK_WIDTH, SPARK_HEIGHT = 80.0, 24.0
LEAST_POINTS = 2  # one point is no course


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure with its interval, as it is to be drawn.

    Attributes:
        shown: The figure as text; *interval* its interval as text.
        hue: 0 to 8, see `sync.design.hues`.
        note: Said when the pointer rests on it.
    """

    label: str
    value: float
    low: float
    high: float
    shown: str
    interval: str
    hue: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of a plot. Positions are percentages of the axis.

    Attributes:
        at: Of the figure; *start* and *end* of its interval.
        before: Whether the interval goes on before the axis begins; *beyond*: after it ends.
    """

    row: Measured
    at: float
    start: float
    end: float
    before: bool
    beyond: bool


@dataclass(frozen=True, slots=True)
class Plot:
    """Figures with intervals on one axis.

    Attributes:
        caption: What is drawn, with its unit.
        ticks: Position and text.
        zero: Position of zero where it lies on the axis and is a border between more and less; else None.
        bars: Whether figures are drawn as bars from zero rather than as points.
    """

    caption: str
    strips: Sequence[Strip]
    ticks: Sequence[tuple[float, str]]
    zero: float | None = None
    bars: bool = False


def plot(
    caption: str,
    rows: Sequence[Measured],
    text: Callable[[float], str],
    *,
    around_zero: bool = False,
    bars: bool = False,
) -> Plot | None:
    """Return figures on an axis that fits them; None where there is none.

    A few very wide intervals (those of one person, say) do not squeeze the rest: they are cut.

    Args:
        caption: What is drawn.
        rows: In the order in which they stand.
        text: Of a tick.
        around_zero: Whether zero is a border that must be seen.
        bars: Whether to draw bars from zero.
    """
    usable = [row for row in rows if all(isfinite(part) for part in (row.value, row.low, row.high))]
    if not usable:
        return None
    usual = max(median(row.high - row.low for row in usable) * WIDEST, 1e-12)
    fitting = [row for row in usable if row.high - row.low <= usual] or usable
    low = min(*(row.low for row in fitting), *(row.value for row in usable))
    high = max(*(row.high for row in fitting), *(row.value for row in usable))
    if around_zero or bars:
        low, high = min(low, 0.0), max(high, 0.0)
    steps = ticks(low, high)
    left, right = min(steps[0], low), max(steps[-1], high)

    def place(value: float) -> float:
        return round(100 * (min(max(value, left), right) - left) / (right - left), 2)

    strips = [
        Strip(row, place(row.value), place(row.low), place(row.high), row.low < left, row.high > right)
        for row in usable
    ]
    marks = [(place(step), text(step)) for step in steps]
    return Plot(caption, strips, marks, place(0.0) if around_zero and left <= 0 <= right else None, bars)


def ticks(low: float, high: float, most: int = TICKS) -> list[float]:
    """Return round numbers that span *low* to *high*, at most *most* + 1 of them, at least two."""
    if not high > low:
        low, high = (low - 0.5, high + 0.5) if low else (0.0, 1.0)
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


@dataclass(frozen=True, slots=True)
class Spark:
    """A line without axes.

    Attributes:
        points: Of an SVG polyline in a box of `SPARK_WIDTH` by `SPARK_HEIGHT`; *last* is its end.
        text: The course as text.
    """

    points: str
    last: tuple[float, float]
    text: str


def spark(values: Sequence[float], text: Callable[[float], str]) -> Spark | None:
    """Return the course of a figure, the newest last; None below two points."""
    course = [value for value in values if isfinite(value)]
    if len(course) < LEAST_POINTS:
        return None
    low, high = min(course), max(course)
    span = (high - low) or 1.0
    level = 0.5 if high == low else 0.0
    dots = [
        (
            round(2 + (SPARK_WIDTH - 4) * place / (len(course) - 1), 1),
            round(SPARK_HEIGHT - 3 - (SPARK_HEIGHT - 6) * ((value - low) / span + level), 1),
        )
        for place, value in enumerate(course)
    ]
    said = f"Last {len(course)} reports: {', '.join(text(value) for value in course)}"
    return Spark(" ".join(f"{x},{y}" for x, y in dots), dots[-1], said)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a whole: position and width in percent."""

    label: str
    shown: str
    hue: int
    start: float
    width: float


def parts_of_whole(parts: Sequence[tuple[str, float, int]]) -> list[Slice]:
    """Return parts of a whole side by side: label, share from 0 to 1, hue."""
    drawn, start = [], 0.0
    for label, share, hue in parts:
        width = round(100 * share, 2)
        drawn.append(Slice(label, f"{share:.0%}", hue, round(start, 2), width))
        start += width
    return drawn
