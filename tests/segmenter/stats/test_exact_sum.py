"""Sums do not depend on the order of rows, and are those of exact arithmetic."""

from __future__ import annotations

from math import fsum, inf, nan

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmenter.stats.exact_sum import exact_sum

AMOUNTS = st.lists(st.floats(-1e9, 1e9).map(lambda amount: round(amount, 2)), min_size=1, max_size=30)


def added(amounts: list[float]) -> float | None:
    rows = ibis.memtable(pa.table({"amount": pa.array(amounts, pa.float64())}))
    return rows.aggregate(total=exact_sum(rows.amount)).to_pyarrow().to_pylist()[0]["total"]  # type: ignore[no-any-return]


@settings(max_examples=40, deadline=None)
@given(AMOUNTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(amounts: list[float], chance: object) -> None:
    shuffled = list(amounts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert added(amounts) == added(shuffled)
    assert added(amounts) == pytest.approx(fsum(amounts), rel=1e-12, abs=1e-8 * len(amounts))


def test_tenths_add_up_in_any_order_where_floats_do_not() -> None:
    assert sum([0.1, 0.2, 0.3]) != sum([0.3, 0.2, 0.1])
    assert added([0.1, 0.2, 0.3]) == added([0.3, 0.2, 0.1]) == 0.6


def test_what_is_no_amount_is_left_out() -> None:
    assert added([1.5, inf, -inf, nan, 1e30]) == 1.5
    assert added([inf]) is None
