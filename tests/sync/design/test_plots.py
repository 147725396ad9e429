"""Drawings fit their figures: one very wide interval squeezes nobody, and every position lies on the axis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sync.design.plots import Measured, parts_of_whole, plot, spark, ticks

RATES = st.floats(-1e6, 1e6, allow_nan=False)


def row(value: float, low: float, high: float) -> Measured:
    return Measured("Ada", value, low, high, f"{value}", "")


@given(st.lists(st.tuples(RATES, RATES, RATES), min_size=1, max_size=8), st.sampled_from(["points", "zero", "bars"]))
def test_every_position_lies_on_the_axis(triples: list[tuple[float, float, float]], kind: str) -> None:
    rows = [row(sorted(each)[1], min(each), max(each)) for each in triples]
    drawn = plot("Rates", rows, str, around_zero=kind == "zero", bars=kind == "bars")

    assert drawn is not None
    assert all(0 <= strip.start <= strip.at <= strip.end <= 100 for strip in drawn.strips)
    assert all(0 <= at <= 100 for at, _ in drawn.ticks)
    assert len(drawn.strips) == len(rows)


def test_the_interval_of_one_person_is_cut_and_the_others_keep_their_room() -> None:
    drawn = plot("Rates", [row(5, 2, 8), row(7, 4, 10), row(4, 1, 7), row(0, -79, 79)], str, around_zero=True)

    assert drawn is not None
    assert drawn.strips[0].end - drawn.strips[0].start > 25
    assert [(strip.before, strip.beyond) for strip in drawn.strips] == [(False, False)] * 3 + [(True, True)]


def test_what_is_no_number_is_not_drawn() -> None:
    assert plot("Rates", [row(float("nan"), 0, 1), row(1, 0, float("inf"))], str) is None
    assert plot("Rates", [], str) is None


@given(RATES, RATES)
def test_ticks_are_few_and_span_the_figures(low: float, high: float) -> None:
    low, high = min(low, high), max(low, high)
    steps = ticks(low, high)

    nearly = 1e-6 * (high - low) + 1e-9

    assert 2 <= len(steps) <= 8
    assert high <= low or (steps[0] <= low + nearly and steps[-1] >= high - nearly)


def test_a_sparkline_needs_two_points_and_stays_in_its_box() -> None:
    line = spark([1, 3, 2], str)

    assert spark([1], str) is None
    assert line is not None
    assert line.points == "2.0,21.0 40.0,3.0 78.0,12.0"
    assert line.text == "Last 3 reports: 1, 3, 2"


def test_parts_of_a_whole_lie_side_by_side() -> None:
    assert [(part.start, part.width) for part in parts_of_whole([("a", 0.25, 1), ("b", 0.75, 2)])] == [
        (0, 25),
        (25, 75),
    ]
