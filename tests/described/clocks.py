"""Clocks of a stand-in: the real one, one that a request moves on, and one on which nobody ever waits."""

from __future__ import annotations

import threading
import time
from typing import Protocol

BEGAN = 1_790_000_000.0  # September 2026


class StandInClock(Protocol):
    """Seconds since 1970."""

    def now(self) -> float:
        """Return the present second."""

    def asked(self) -> None:
        """Let the time of a request pass."""


class RealClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.time()

    def asked(self) -> None:
        """It passes by itself."""


class TickingClock:
    """Moves on by some seconds with each request."""

    def __init__(self, seconds: float) -> None:
        self._now, self._seconds, self._lock = BEGAN, seconds, threading.Lock()

    def now(self) -> float:
        return self._now

    def asked(self) -> None:
        self.move(self._seconds)

    def move(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


class SimulatedClock:
    """Who waits moves it on to the end of the waiting, and each answer moves it on by `latency` seconds.

    Several threads wait side by side: each moves it on to its own end, counted from when it last looked.
    """

    def __init__(self, latency: float) -> None:
        self._now, self._latency, self._lock, self._seen = BEGAN, latency, threading.Lock(), threading.local()

    def now(self) -> float:
        with self._lock:
            self._seen.at = self._now
            return self._now

    def wait(self, seconds: float) -> None:
        until = getattr(self._seen, "at", self._now) + seconds
        with self._lock:
            self._now = max(self._now, until)
            self._seen.at = self._now

    def asked(self) -> None:
        self.now()
        self.wait(self._latency)
