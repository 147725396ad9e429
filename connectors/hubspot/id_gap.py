"""Progress of a parallel contact scan: one reader goes up by id, others down, until they meet."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, bisect_right

import pyarrow as pa

HIGHEST = 1 << 62


class Meeting:
    """The gap between what was read upwards and what was read, or is being read, downwards.

    Attributes:
        ended: Set when everything was handed on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._high, self._low = 0, HIGHEST
        self._known: array[int] | None = None
        self._under_way = 0
        self.ended = threading.Event()

    @property
    def low(self) -> int:
        """The lowest id that was read downwards, or that somebody has taken upon him to read."""
        with self._lock:
            return self._low

    def reached(self, *, high: int = 0, low: int = HIGHEST) -> bool:
        """Note a page that was handed on, and tell whether the readers have met."""
        with self._lock:
            self._high, self._low = max(self._high, high), min(self._low, low)
            return self._met()

    def know(self, ids: pa.Array) -> None:
        """Say which ids there are (int64, ascending): from now on the gap can be shared out."""
        with self._lock:
            self._known = array("q", ids.to_numpy().tobytes())

    def take(self, count: int) -> list[int] | None:
        """Return the highest *count* known ids of the gap, for the caller to read; None as long as none are known."""
        with self._lock:
            if self._known is None:
                return None
            stop = bisect_left(self._known, self._low)
            start = max(stop - count, bisect_right(self._known, self._high))
            taken = self._known[start:stop].tolist()
            if taken:
                self._low = taken[0]
                self._under_way += 1
            return taken

    def handed_on(self) -> None:
        """Note that what one `take` gave was read and handed on."""
        with self._lock:
            self._under_way -= 1
            self._met()

    def _met(self) -> bool:
        met = self._low <= self._high + 1
        if met and not self._under_way:
            self.ended.set()
        return met
