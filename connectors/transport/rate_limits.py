"""Rate limits: sliding windows of requests, and concurrent connections.

The platform counts a request when it arrives, which is some time between its departure and its answer. Two requests
arrive at least *seconds* apart when the second one leaves that long after the answer to the first; the way back of
the first and the way there of the second together take no less than the fastest answer so far took, so most of that
is taken off: when the place is wanted again and not when the answer comes, since the first answers of a busy start are
slow. That is why we earn no 429 by our own fault, and lose next to nothing of the window. Both kinds note their
requests in a `Book`, so that all processes of an account keep one budget.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from connectors.errors import RateLimitError
from connectors.transport.rate_ledger import UNDER_WAY, Book, CountedRequest, MemoryBook

_NUMBERS = itertools.count(1)
LOOK_AGAIN = 0.005  # seconds between two looks for a free connection that another process holds
FEW_WAYS = 10  # answers that tell how long the way is, at least; two windows of search
TAKEN_OFF = 0.8  # of the fastest one: ways vary
GIVEN_UP = 130.0  # seconds after which a request without an answer counts no more: both platforms give up before
NEXT_DAY = "Run the command again after midnight in the account's time zone; it continues where it stopped."


class Budget(Protocol):
    """What a request waits for before it leaves, and learns from when its answer is there."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until a request may leave; it is under way while the block runs."""

    def follow(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers."""

    def refused(self) -> None:
        """Learn that the platform said "too many"."""

    def in_use(self) -> str:
        """Return how much of the budget was in use at the last look.

        Returns:
            In words, with the unit.
        """


class Slots:
    """At most *connections* requests at a time.

    Args:
        connections: Of the account.
        book: Shared by the processes of the account.
        share: Part of the connections that is left free while a service runs.
    """

    def __init__(
        self,
        connections: int,
        *,
        book: Book | None = None,
        share: float = 0.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.connections, self._share = connections, share
        self._book, self._wait = book or MemoryBook(), wait
        self._held = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a free connection, and hold it."""
        number = next(_NUMBERS)
        while not self._take(number):
            self._wait(LOOK_AGAIN)
        try:
            yield
        finally:
            with self._book.opened() as entries:
                entries[:] = [entry for entry in entries if (entry.process, entry.number) != (os.getpid(), number)]

    def _take(self, number: int) -> bool:
        now, most = time.monotonic(), _most(self.connections, self._share, self._book)
        with self._book.opened() as entries:
            # a sender that died took its connection with it: the platform sees that at once
            held = [entry for entry in entries if entry.until == UNDER_WAY and entry.began > now - GIVEN_UP]
            free = len(held) < most
            self._held = min(len(held) + 1, most)
            entries[:] = [*held, CountedRequest(UNDER_WAY, now, os.getpid(), number)] if free else held
        return free

    def follow(self, headers: Mapping[str, str]) -> None:
        """Learn nothing: such limits come without headers."""

    def refused(self) -> None:
        """Somebody else holds connections: nothing can be learned from it."""

    def in_use(self) -> str:
        """Return the connections that were in use at the last look.

        Returns:
            Such as "3 of 10 connections".
        """
        return f"{self._held} of {self.connections} connections"


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """Names of the headers that tell about a limit; "": the platform sends none.

    Attributes:
        most: Requests of a window.
        left: Of them, those that are left.
        milliseconds: Length of the window.
        today: Requests that are left today.
    """

    most: str = ""
    left: str = ""
    milliseconds: str = ""
    today: str = ""


class RateWindow:
    """At most *requests* in any *seconds*, and what the platform's headers say about others.

    Args:
        requests: How many; the first answer that names another maximum replaces it.
        seconds: Length of the window.
        book: Shared by the processes of the account.
        share: Part of the window that is left free while a service runs.
        headers: What the platform's answers tell about it.
        clock: Monotonic seconds.
        wait: Waits some seconds.
    """

    def __init__(
        self,
        requests: int,
        seconds: float,
        *,
        book: Book | None = None,
        share: float = 0.0,
        headers: RateHeaders = RateHeaders(),
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.requests, self.seconds = requests, seconds
        self.left_today: int | None = None  # as the platform's headers last said
        self._share, self._clock, self._wait, self._told_by = share, clock, wait, headers
        self._book = book or MemoryBook()
        self._others = 0  # requests in the window that programs which are not ours sent, as last seen
        self._others_until = 0.0
        self._used = 0
        self._taken_off = TAKEN_OFF
        self._answers, self._fastest = 0, math.inf  # seconds from departure to answer

    def refused(self) -> None:
        """Count on no way at all from now on: it may have become shorter."""
        self._taken_off = 0.0

    def in_use(self) -> str:
        """Return the requests of the present window, others' included, at the last look.

        Returns:
            Such as "40 of 100 requests in 10 s".
        """
        return f"{self._used} of {self.requests} requests in {self.seconds:.0f} s"

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until the window has room.

        Raises:
            RateLimitError: The day's requests are used up.
        """
        if self.left_today is not None and self.left_today <= 0:
            raise RateLimitError("The account's daily request limit is reached.", wait=None, daily=True, fix=NEXT_DAY)
        number = next(_NUMBERS)
        while (pause := self._take(number)) > 0:
            self._wait(pause)
        left = self._clock()
        try:
            yield
        finally:
            self._answered(number, left)

    def _take(self, number: int) -> float:
        """Take a place and return 0, or return how long to wait before asking again."""
        most = _most(self.requests, self._share, self._book)
        with self._book.opened() as entries:
            now = self._clock()
            later = now + self._way()
            entries[:] = [entry for entry in entries if _counts(entry, later)]
            others = self._others if now < self._others_until else 0
            self._used = min(len(entries) + others + 1, most)
            if len(entries) + others < most:
                entries.append(CountedRequest(UNDER_WAY, now, os.getpid(), number))
                return 0.0
            ends = [entry.until for entry in entries if entry.until != UNDER_WAY]
        if ends:
            return max(min(ends) - later, 0.001)
        return min(0.05, self.seconds) if entries else max(self._others_until - now, 0.001)

    def _answered(self, number: int, left: float) -> None:
        with self._book.opened() as entries:
            now = self._clock()
            self._answers, self._fastest = self._answers + 1, min(self._fastest, now - left)
            for entry in entries:
                if (entry.process, entry.number) == (os.getpid(), number):
                    entry.until = now + self.seconds
        if self.left_today is not None:
            self.left_today -= 1

    def _way(self) -> float:
        """Return the seconds by which a request may leave before the one whose place it takes stops counting."""
        if self._answers < FEW_WAYS:
            return 0.0
        return min(self._taken_off * self._fastest, self.seconds / 2)

    def follow(self, headers: Mapping[str, str]) -> None:
        """Take over the maximum, and see how much of the window somebody else uses."""
        most, left = _number(headers, self._told_by.most), _number(headers, self._told_by.left)
        span, today = _number(headers, self._told_by.milliseconds), _number(headers, self._told_by.today)
        if today is not None:
            self.left_today = today
        if span:
            self.seconds = span / 1000
        if most:
            self.requests = most
        if most and left is not None:
            with self._book.opened() as entries:
                now = self._clock()
                ours = sum(_counts(entry, now + self._way()) for entry in entries)
            self._others = max(most - left - ours, 0)
            self._others_until = now + self.seconds


class SeveralWindows:
    """Windows of different lengths: a request needs a place in each.

    Args:
        windows: At least one.
    """

    def __init__(self, windows: Sequence[RateWindow]) -> None:
        # the longest first: who waits a minute for it must not hold a place of this second
        self.windows = sorted(windows, key=lambda window: -window.seconds)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until every window has room."""
        with ExitStack() as places:
            for window in self.windows:
                places.enter_context(window.turn())
            yield

    def follow(self, headers: Mapping[str, str]) -> None:
        """Let each window learn from the headers that it knows."""
        for window in self.windows:
            window.follow(headers)

    def refused(self) -> None:
        """Let each window count on no way at all."""
        for window in self.windows:
            window.refused()

    def in_use(self) -> str:
        """Return the requests of the longest window.

        Returns:
            As `RateWindow.in_use` says it.
        """
        return self.windows[0].in_use()


def _counts(entry: CountedRequest, moment: float) -> bool:
    return entry.began > moment - GIVEN_UP if entry.until == UNDER_WAY else entry.until > moment


def _most(limit: int, share: float, book: Book) -> int:
    """Return how much of *limit* this process may use: less while a service runs."""
    return max(int(limit * (1 - share)), 1) if share and book.reserved() else limit


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdigit() else None
