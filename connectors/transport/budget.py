"""How fast a platform may be asked: windows that slide, and connections that are counted.

A request counts from its answer on, not from its departure: the platform counts when it arrives, which is earlier, so
what we think is still in the window is never less than what the platform thinks. That is why we earn no 429 by
our own fault.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol


class Budget(Protocol):
    """What a request waits for before it leaves, and learns from when its answer is there."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until a request may leave; it is under way while the block runs."""

    def follow(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers."""


class Slots:
    """At most *connections* requests at a time (Mailchimp's limit)."""

    def __init__(self, connections: int) -> None:
        self._slots = threading.BoundedSemaphore(connections)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a free connection, and hold it."""
        with self._slots:
            yield

    def follow(self, headers: Mapping[str, str]) -> None:
        """Mailchimp sends no headers about limits."""


class Window:
    """At most *requests* in any *seconds* (HubSpot's limits), and what the platform's headers say about others.

    Args:
        requests: How many; the first answer that names another maximum replaces it.
        seconds: Length of the window.
        clock: Monotonic seconds.
        wait: Waits some seconds.
    """

    def __init__(
        self,
        requests: int,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.requests, self.seconds = requests, seconds
        self._clock, self._wait = clock, wait
        self._answered: deque[float] = deque()
        self._under_way = 0
        self._others = 0  # requests in the window that other programs of this account sent, as last seen
        self._others_until = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until the window has room."""
        while (pause := self._take()) > 0:
            self._wait(pause)
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                self._answered.append(self._clock())

    def _take(self) -> float:
        """Take a place and return 0, or return how long to wait before asking again."""
        with self._lock:
            now = self._clock()
            while self._answered and self._answered[0] <= now - self.seconds:
                self._answered.popleft()
            others = self._others if now < self._others_until else 0
            if len(self._answered) + self._under_way + others < self.requests:
                self._under_way += 1
                return 0.0
            if self._answered:
                return max(self._answered[0] + self.seconds - now, 0.001)
            return min(0.05, self.seconds) if self._under_way else max(self._others_until - now, 0.001)

    def follow(self, headers: Mapping[str, str]) -> None:
        """Take over the maximum, and see how much of the window somebody else uses."""
        most, left = _number(headers, "X-HubSpot-RateLimit-Max"), _number(headers, "X-HubSpot-RateLimit-Remaining")
        span = _number(headers, "X-HubSpot-RateLimit-Interval-Milliseconds")
        with self._lock:
            if span:
                self.seconds = span / 1000
            if most:
                self.requests = most
            if most and left is not None:
                ours = len(self._answered) + self._under_way
                self._others = max(most - left - ours, 0)
                self._others_until = self._clock() + self.seconds


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdigit() else None
