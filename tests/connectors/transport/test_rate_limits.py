"""Windows that slide: never more than the platform allows, as the platform counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.transport import RateHeaders, RateWindow, Slots

HEADERS = RateHeaders(
    most="X-HubSpot-RateLimit-Max",
    left="X-HubSpot-RateLimit-Remaining",
    milliseconds="X-HubSpot-RateLimit-Interval-Milliseconds",
    today="X-HubSpot-RateLimit-Daily-Remaining",
)


@dataclass
class Time:
    """A clock that moves only when somebody waits."""

    now: float = 0.0
    waited: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds


@given(st.floats(0, 2), st.lists(st.floats(1.0, 1.25), min_size=5, max_size=80), st.integers(1, 10), st.floats(0, 1))
def test_no_window_of_the_platform_ever_holds_more_than_it_allows(
    way: float, variations: list[float], allowed: int, share: float
) -> None:
    """Whatever part of the way a request takes there and back, as long as ways vary by no more than a quarter."""
    assert held(RateWindow, [way * variation for variation in variations], allowed, share)


@given(st.lists(st.floats(0, 3), min_size=5, max_size=80), st.integers(1, 10), st.floats(0, 1))
def test_once_refused_a_window_counts_on_no_way_at_all(latencies: list[float], allowed: int, share: float) -> None:
    def refused(*arguments: Any, **more: Any) -> RateWindow:
        window = RateWindow(*arguments, **more)
        window.refused()
        return window

    assert held(refused, latencies, allowed, share)


@given(st.floats(0.01, 0.2), st.floats(1, 20), st.integers(5, 9), st.floats(0, 1))
def test_a_slow_start_does_not_make_the_way_seem_long(way: float, slower: float, slow: int, share: float) -> None:
    """The first of many requests queue at the platform: what they took is not what later ones take."""
    assert held(RateWindow, [way * slower] * slow + [way] * 40, 10, share)


def held(make: Callable[..., RateWindow], latencies: list[float], allowed: int, share: float) -> bool:
    """Send requests one after the other; tell whether the platform never saw more than it allows."""
    time = Time()
    window = make(allowed, 10.0, clock=time.clock, wait=time.wait)
    arrivals = []
    for latency in latencies:
        with window.turn():
            arrivals.append(time.now + latency * share)  # somewhere between departure and answer
            time.now += latency
    return all(sum(start <= at < start + 10.0 - 1e-9 for at in arrivals) <= allowed for start in arrivals)


def test_the_platforms_maximum_replaces_the_first_guess() -> None:
    time = Time()
    window = RateWindow(1, 10.0, clock=time.clock, wait=time.wait, headers=HEADERS)
    window.follow({"X-HubSpot-RateLimit-Max": "190", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"})
    for _ in range(190):
        with window.turn():
            pass

    assert time.waited == []


def test_headers_resize_the_window_and_without_them_it_stays() -> None:
    ordinary = {"X-HubSpot-RateLimit-Max": "190", "X-HubSpot-RateLimit-Interval-Milliseconds": "5000"}
    of_a_search = {"X-HubSpot-RateLimit-Daily-Remaining": "249999"}
    usual, search = RateWindow(100, 10.0, headers=HEADERS), RateWindow(5, 1.0, headers=HEADERS)

    for headers in (ordinary, {}, {"X-HubSpot-RateLimit-Max": "many"}):
        usual.follow(headers)
    search.follow(of_a_search)

    assert (usual.requests, usual.seconds) == (190, 5.0)
    assert (search.requests, search.seconds, search.left_today) == (5, 1.0, 249_999)


def test_what_others_have_used_is_left_to_them() -> None:
    time = Time()
    window = RateWindow(10, 10.0, clock=time.clock, wait=time.wait, headers=HEADERS)
    with window.turn():
        window.follow({"X-HubSpot-RateLimit-Max": "10", "X-HubSpot-RateLimit-Remaining": "2"})
    for _ in range(2):
        with window.turn():
            pass
    assert time.waited == []
    with window.turn():
        pass

    assert sum(time.waited) >= 9.9


def test_no_more_requests_are_under_way_than_there_are_slots() -> None:
    slots, most, under_way, lock = Slots(3), 0, 0, threading.Lock()
    gate = threading.Barrier(3, timeout=5)

    def work() -> None:
        nonlocal most, under_way
        with slots.turn():
            with lock:
                under_way += 1
                most = max(most, under_way)
            gate.wait()
            with lock:
                under_way -= 1

    threads = [threading.Thread(target=work) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == 3
