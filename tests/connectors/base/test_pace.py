"""Limits by endpoint: which windows count a request, how long many take, and that none is ever overrun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base.pace import budgets_of, seconds_in_windows, windows_of
from connectors.connector import Connection
from connectors.spec import parse_spec
from connectors.transport import RateWindow, SeveralWindows
from sync.workspace.manifest import plugin_manifest
from tests.connectors.transport.test_rate_limits import Time

SPEC = """
title = "Pond"
kind = "email"
base_url = "https://pond.example"
hosts = ["pond.example"]
rate_headers = {most = "X-Most", left = "X-Left"}
[[windows]]
requests = 75
seconds = 1
apart = true
[[windows]]
requests = 700
seconds = 60
apart = true
[[windows]]
requests = 100
seconds = 3600
endpoints = ["GET letters", "GET account"]
"""
POND = parse_spec(SPEC, where="pond.toml").as_mapping()


def names(endpoint: str) -> list[str]:
    return [name for name, _ in windows_of(POND["windows"], endpoint)]


def test_an_endpoint_that_is_named_counts_in_its_own_windows_and_in_no_other() -> None:
    assert names("GET letters") == names("GET account") == ["2"]  # together
    assert names("GET ducks") == ["0 GET ducks", "1 GET ducks"]  # each by itself
    assert names("PATCH ducks/{id}") == ["0 PATCH ducks/{id}", "1 PATCH ducks/{id}"]


def test_many_requests_take_as_long_as_the_last_window_to_let_them_through() -> None:
    def seconds(**requests: int) -> float:
        return seconds_in_windows(POND["windows"], {f"GET {name}": number for name, number in requests.items()})

    assert seconds() == 0
    assert seconds(ducks=7000) == seconds(ducks=7000, geese=7000) == 600  # each has windows of its own
    assert seconds(letters=50, account=50) == seconds(letters=100) == 3600
    assert seconds(letters=200, ducks=7000) == 7200


def test_headers_tell_about_the_longest_window_of_an_endpoint_alone() -> None:
    budgets = budgets_of(Connection("pond", {}, POND), "https://pond.example")
    ducks, geese = budgets["GET ducks"], budgets["GET geese"]
    ducks.follow({"X-Most": "750", "X-Left": "749"})

    assert budgets["GET ducks"] is ducks
    assert ducks.in_use() == "0 of 750 requests in 60 s"
    assert geese.in_use() == "0 of 700 requests in 60 s"


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 40)), min_size=1, max_size=3), st.integers(1, 60))
def test_no_window_of_several_is_ever_overrun(sizes: Sequence[tuple[int, int]], count: int) -> None:
    time = Time()
    windows = [RateWindow(most, seconds, clock=time.clock, wait=time.wait) for most, seconds in sizes]
    several, left = SeveralWindows(windows), list[float]()
    for _ in range(count):
        with several.turn():
            left.append(time.now)

    for most, seconds in sizes:
        assert all(later - earlier >= seconds for earlier, later in zip(left, left[most:], strict=False))


@pytest.mark.parametrize("wrong", [{"requests": 0, "seconds": 1}, {"requests": 1, "seconds": 0}, {"requests": 1}])
def test_a_window_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="windows"):
        type(plugin_manifest().connectors["klaviyo"]).model_validate({**POND, "windows": [wrong]})
