"""The platforms' own clock: real time plus an offset that a test or the demo can move forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class PlatformClock:
    """Wall-clock time of the local platforms (UTC). Rate limits and latency use monotonic time instead."""

    def __init__(self, offset: timedelta = timedelta(0)) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """Return the platforms' present, UTC."""
        return datetime.now(UTC) + self.offset  # noqa: TID251 - the platforms' one door to the clock

    def advance(self, by: timedelta) -> None:
        """Let *by* pass at once."""
        self.offset += by
