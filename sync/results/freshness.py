"""How fresh each stream is, from the control store alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

CONTACTS = "contacts"
STREAMS = (CONTACTS, "memberships", "orders", "events", "survey_answers", "campaigns", "activity")


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh one stream of one connection is.

    Attributes:
        rows: Active contacts when they were last read; None for other streams, and where nobody counted yet.
        at: When the last reading that came to the end began, UTC.
    """

    connection: str
    stream: str
    rows: int | None
    at: datetime | None

    @property
    def shown(self) -> str:
        """The time, for tables."""
        return f"{self.at:%Y-%m-%d %H:%M} UTC" if self.at else "never"


class Readings(Protocol):
    """What the control store's cursors know of each stream (`sync.control.runs.Cursors`)."""

    def read_at(self, connection: str, stream: str) -> datetime | None:
        """Return when the last complete reading began, UTC."""

    def held(self, connection: str, stream: str) -> int | None:
        """Return how many rows were in force then."""


def freshness(connections: Iterable[str], cursors: Readings) -> list[Freshness]:
    """Return when each stream was last read to its end, and how many contacts there were.

    Args:
        connections: Names of the workspace's connections.
        cursors: Of its control store.

    Returns:
        By connection and stream, with the moment (UTC; None: never); streams other than contacts only where they were
        read.
    """
    streams = []
    for name in connections:
        for stream in STREAMS:
            moved = cursors.read_at(name, stream)
            if moved is not None or stream == CONTACTS:
                streams.append(Freshness(name, stream, cursors.held(name, stream), moved))
    return streams
