"""Times of the future, which a wrong clock left in the control store: found, and set to now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, func, select, update

from sync.control import schema
from sync.control.runs import Cursors

SLACK = timedelta(hours=1)  # clocks differ, and leases end in some minutes: this much is no future
TOLD = ("since", "read_at", "began", "as_of")  # keys of a position that hold a moment
OURS = tuple(
    column for table in schema.metadata.sorted_tables for column in table.columns if isinstance(column.type, schema.Utc)
)


class FutureTimes:
    """Times of the future in the control store: whatever comes before them would be taken for older, and hidden."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def latest(self, now: datetime) -> datetime | None:
        """Return the latest moment of a run or a cursor, if it lies in the future of *now* (UTC).

        Returns:
            UTC; None where nothing lies more than `SLACK` ahead.
        """
        moments = [self._started(), *(moment for _, moment in self._cursors())]
        newest = max((moment for moment in moments if moment is not None), default=now)
        return newest if newest > now + SLACK else None

    def heal(self, now: datetime) -> int:
        """Forget the cursors that are ahead of *now* (UTC), set every later time to it, and return how many it was."""
        count = 0
        ahead = {key for key, moment in self._cursors() if moment is not None and moment > now + SLACK}
        table = schema.cursor
        with self.engine.begin() as connection:
            for name, stream in sorted(ahead):
                mine = (table.c.connection == name, table.c.stream == stream)
                count += connection.execute(delete(table).where(*mine)).rowcount
            for column in OURS:
                late = update(column.table).where(column > now + SLACK).values({column.name: now})
                count += connection.execute(late).rowcount
        return count

    def _started(self) -> datetime | None:
        with self.engine.connect() as connection:
            moment: datetime | None = connection.execute(select(func.max(schema.run.c.started_at))).scalar()
        return moment

    def _cursors(self) -> list[tuple[tuple[str, str], datetime | None]]:
        with self.engine.connect() as connection:
            rows = connection.execute(select(schema.cursor)).all()
        return [((row.connection, row.stream), _moment(row.connection, row.position, row.moved_at)) for row in rows]


def _moment(connection: str, position: Mapping[str, Any], moved_at: datetime) -> datetime | None:
    """The latest moment that a cursor tells of; one that holds a number alone needs no reading from the start."""
    moments = [moment for key in TOLD if (moment := _parsed(position.get(key))) is not None]
    if connection == Cursors.EVERY:
        return max(moments, default=None)
    return max([*moments, moved_at])


def _parsed(text: Any) -> datetime | None:
    try:
        if str(text).isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        moment = datetime.fromisoformat(str(text))
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
