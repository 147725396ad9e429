"""Moments of erased people are set back, and compare with each border as before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync.erasure.anonymous import coarse
from tests.examples import examples

moments = st.datetimes(datetime(2026, 11, 20), datetime(2026, 11, 24), timezones=st.just(UTC))  # noqa: DTZ001


@examples(200)
@given(moments, st.lists(moments, max_size=6))
def test_a_coarse_moment_compares_with_each_border_as_the_exact_one(at: datetime, borders: list[datetime]) -> None:
    told = coarse(at, borders)

    assert told is not None
    assert at - timedelta(days=1) < told <= at
    assert [(told > border, told < border) for border in borders] == [(at > border, at < border) for border in borders]


def test_without_a_border_only_the_day_stays() -> None:
    assert coarse(datetime(2026, 11, 24, 9, 31, 12, tzinfo=UTC), []) == datetime(2026, 11, 24, tzinfo=UTC)
    assert coarse(None, []) is None
