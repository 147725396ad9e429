"""The typical member is a real person, nearest to the middle, and so told that enough others are the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import default_rng

from segmenter.profile.columns import TraitColumn
from segmenter.profile.distinctive_traits import Scale
from segmenter.profile.text import said_of_member
from segmenter.profile.typical_member import span_of, typical
from segmenter.traits.definitions import Trait
from tests.examples import examples

PLAIN = Scale(logged=False, shift=0.0, spread=1.0)


def numbers(name: str, values: Any, most: float | None = None) -> TraitColumn:
    return TraitColumn(Trait(name, name, "orders", "number", "orders", most=most), np.asarray(values, dtype=np.float64))


def texts(name: str, values: Sequence[str | None]) -> TraitColumn:
    known = sorted({value for value in values if value})
    codes = np.array([known.index(value) if value else -1 for value in values], dtype=np.int64)
    return TraitColumn(Trait(name, name, "", "text", "contacts"), codes, tuple(known))


def test_it_is_the_person_nearest_to_the_middle() -> None:
    rng = default_rng(1)
    x, y = rng.normal(50, 10, 80), rng.normal(7, 2, 80)
    columns = [numbers("x", x), numbers("y", y)]
    scales = {"x": Scale(logged=False, shift=50, spread=10), "y": Scale(logged=False, shift=7, spread=2)}

    member = typical(columns, scales, fewest=5)

    z = np.column_stack([(x - 50) / 10, (y - 7) / 2])
    distances = np.linalg.norm(z - z.mean(axis=0), axis=1)
    assert member is not None
    assert member.distance == pytest.approx(distances.min() / np.sqrt(2))
    low, high = span_of(x[int(distances.argmin())])
    assert member.said[0].value == f"{low:.0f} to {high:.0f}"
    assert member.alike == ((x > low) & (x <= high)).sum() or len(member.said) == 2


def test_what_nobody_combines_is_not_told() -> None:
    """Half have much of one thing, half of the other: the average has some of both, and is nobody."""
    first, second = [0.0] * 30 + [40.0] * 30, [40.0] * 30 + [0.0] * 30
    scale = Scale(logged=False, shift=20, spread=20)

    member = typical([numbers("a", first), numbers("b", second)], {"a": scale, "b": scale}, fewest=10)

    assert member is not None
    assert {fact.value for fact in member.said} == {"0", "21 to 50"}
    assert member.alike == 30


ROWS = st.lists(
    st.tuples(st.integers(-3, 400) | st.none(), st.sampled_from(["CH", "DE", "AT", "Kleinwinternheim", None]),
              st.floats(0, 1) | st.none()), min_size=1, max_size=80)  # fmt: skip


@examples(150)
@given(ROWS, st.integers(2, 15))
def test_so_many_people_as_are_demanded_are_the_same_in_all_that_is_said(rows: list[Any], fewest: int) -> None:
    counts, places, rates = zip(*rows, strict=True)
    unknown = [[np.nan if value is None else value for value in column] for column in (counts, rates)]
    columns = [texts("place", list(places)), numbers("count", unknown[0]), numbers("rate", unknown[1], most=1)]
    columns = [column for column in columns if column.known().any()]

    member = typical(columns, {"count": PLAIN, "rate": PLAIN}, fewest=fewest)

    if member is not None:
        same = np.ones(len(rows), dtype=bool)
        for fact in member.said:
            if fact.trait == "place":
                same &= np.array([place == fact.value for place in places])
            else:
                values = np.array(unknown[fact.trait == "rate"])
                js = [j for j, v in enumerate(values) if not np.isnan(v) and _words(fact.trait, v) == fact.value]
                same &= np.isin(np.arange(len(rows)), js)
        assert same.sum() == member.alike
        assert member.alike >= fewest


def _words(trait: str, value: float) -> str:
    low, high = span_of(abs(value), share=trait == "rate")
    if trait == "rate":
        return f"{low:.0%} to {high:.0%}" if high else "0%"
    if not high:
        return "0"
    if value < 0:
        return f"-{high:,.0f} to {-low if low else 0:,.0f}"
    return f"{high:,.0f}" if low + 1 == high else f"{low + 1:,.0f} to {high:,.0f}"


@given(st.floats(0, 1e9))
def test_every_number_lies_in_its_span(value: float) -> None:
    low, high = span_of(value)

    assert (low < value <= high) or low == value == high == 0


def test_someone_of_whom_little_is_known_is_not_typical_for_it() -> None:
    values = [np.nan, *np.linspace(0, 10, 40).tolist()]
    other = [5.0, *[9.0] * 40]

    member = typical([numbers("a", values), numbers("b", other)], {"a": PLAIN, "b": PLAIN}, fewest=5)

    assert member is not None
    assert {fact.trait for fact in member.said} == {"a", "b"}


def test_where_everybody_is_different_nobody_is_told_of() -> None:
    assert typical([texts("town", [f"town {n}" for n in range(30)])], {}, fewest=10) is None
    assert typical([numbers("a", [np.nan] * 30)], {"a": PLAIN}, fewest=10) is None
    assert typical([], {}, fewest=10) is None


def test_units_follow_numbers_only() -> None:
    member = typical([numbers("a", [1.0] * 20), numbers("b", [0.3] * 20, most=1)], {"a": PLAIN, "b": PLAIN}, fewest=5)

    assert member is not None
    assert [said_of_member(fact) for fact in member.said] == ["a: 1 order", "b: 25% to 50%"]
