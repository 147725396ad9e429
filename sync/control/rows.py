"""Rows of the control store as values: runs, plans, pins, positions of streams. Without SQLAlchemy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from connectors.records import Cursor

NEWEST_STEP = "0012"
"""Of sync/control/migrations; a store that stands there needs none."""
BUSY_SECONDS = 30
WHOLE = ": whole"  # after the name of a stream: when it was last read to its end


@dataclass(frozen=True, slots=True)
class Run:
    """One command that was run. `state`: running | done | rejects | refused | failed."""

    run_id: str
    command: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, Any]


def newest_write(runs: Sequence[Run], but: str = "") -> Run | None:
    """Return the first apply or undo of *runs* that was not refused, *but* one command."""
    wrote = (run for run in runs if run.command.startswith(("apply ", "undo ")))
    return next((run for run in wrote if run.command != but and run.state != "refused"), None)


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan that was made. `state`: fresh | applying | applied | refused | stale."""

    plan_id: str
    run_id: str
    path: str
    state: str
    created_at: datetime
    changes: int
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pin:
    """A segment set by hand.

    Attributes:
        number: Counts up.
        email: An address of the person, normalised: whoever has it is pinned, also after a merge.
        until: From then on it counts no more, UTC.
        ended_at: When somebody ended it before, UTC.
    """

    number: int
    email: str
    segment: str
    until: datetime
    reason: str
    set_by: str
    set_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Return whether it counts at a moment, UTC."""
        return self.set_at <= at < min(self.until, self.ended_at or self.until)

    @property
    def version(self) -> str:
        """Names it in the assignments that it makes."""
        return f"pin {self.number}"


class StreamPosition(Protocol):
    """How far a stream was read, and when that was noted (UTC)."""

    @property
    def position(self) -> Mapping[str, str]:
        """A connector's cursor."""

    @property
    def moved_at(self) -> datetime:
        """UTC."""


class StreamPositions(ABC):
    """How far each stream has been read."""

    @abstractmethod
    def _row(self, connection: str, stream: str) -> StreamPosition | None: ...

    def get(self, connection: str, stream: str) -> Cursor:
        """Return the cursor of a stream, {} where it was never read.

        Args:
            connection: Name of the connection.
            stream: Such as "contacts".

        Returns:
            As the connector's last safe page carried it.
        """
        row = self._row(connection, stream)
        return dict(row.position) if row else {}

    def read_at(self, connection: str, stream: str) -> datetime | None:
        """Return when the last reading that came to the end of a stream began (UTC), None where none did.

        What was there by then is known; a cursor moves with each page, also of a reading that was killed half-way.

        Args:
            connection: Name of the connection.
            stream: Such as "contacts".

        Returns:
            UTC, by our clock.
        """
        began = self.get(connection, stream + WHOLE).get("began")
        return datetime.fromisoformat(began) if began else None

    def ended_at(self, connection: str, stream: str) -> datetime | None:
        """Return when the last reading that came to the end of a stream ended (UTC), None where none did.

        What was written after it, it did not see.

        Args:
            connection: Name of the connection.
            stream: Such as "contacts".

        Returns:
            UTC, by our clock.
        """
        row = self._row(connection, stream + WHOLE)
        return row.moved_at if row else None

    def held(self, connection: str, stream: str) -> int | None:
        """Return how many rows were in force when a stream was last read to its end; None where nobody counted.

        Args:
            connection: Name of the connection.
            stream: Such as "contacts".

        Returns:
            Number of rows.
        """
        rows = self.get(connection, stream + WHOLE).get("rows")
        return int(rows) if rows else None


BY_COMMAND = "command"
"""The source of an objection that a person noted here; only a person takes it back."""


@dataclass(frozen=True, slots=True)
class NotedObjection:
    """An objection as it was noted of one contact.

    Attributes:
        source: `BY_COMMAND`, or the place on a platform where it stands.
        said_by: Who noted it; "" where a platform shows it.
        noted_at: Since when we know it, UTC.
    """

    contact_key: str
    source: str
    said_by: str
    noted_at: datetime
