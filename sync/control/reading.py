"""The control store in a file, read without SQLAlchemy, which takes longer to load than a small command to answer.

For `status`, `history`, `explain` and `classify`. What the methods return is what those of the same names return in
`sync.control.runs`, `plans`, `ledger`, `identities`, `pins` and `published`; tests hold them against each other.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from connectors.records import Change, Outcome
from connectors.secret import SecretUrl, remember
from sync.control.rows import BUSY_SECONDS, NEWEST_STEP, Pin, PlanRecord, Run, StreamPositions, newest_write
from sync.control.seal import Seal

if TYPE_CHECKING:
    from sync.control.store import Control

FILE = "sqlite:///"
AT_ONCE = 500  # values a statement; SQLite takes at least 999
Rows = Callable[..., list[Any]]
"""Given a statement and its values: the rows."""
ReadableControl = Union["Control", "ReadControl"]
"""A control store that is at least read."""


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _moment_or_none(text: str | None) -> datetime | None:
    return _moment(text) if text else None


@dataclass(frozen=True, slots=True)
class ReadRuns:
    """Commands that were run."""

    rows: Rows

    def latest(self, command: str | None = None, *, state: str | None = None) -> Run | None:
        """Return the newest run (of *command*, in *state*), or None."""
        where = "(?1 IS NULL OR command = ?1) AND (?2 IS NULL OR state = ?2)"
        runs = self._some(f"WHERE {where} ORDER BY run_id DESC LIMIT 1", command, state)
        return runs[0] if runs else None

    def get(self, run_id: str) -> Run | None:
        """Return a run, or None."""
        runs = self._some("WHERE run_id = ?", run_id)
        return runs[0] if runs else None

    def newest(self, limit: int = 20, *, but: str | None = None) -> list[Run]:
        """Return the newest runs (*but* those of one command), newest first."""
        return self._some("WHERE ?1 IS NULL OR command <> ?1 ORDER BY run_id DESC LIMIT ?2", but, limit)

    def last_write(self, *, but: str = "") -> Run | None:
        """Return the newest apply or undo that was not refused, *but* one command."""
        return newest_write(self.newest(200, but="serve"), but)

    def _some(self, which: str, *values: Any) -> list[Run]:
        columns = "run_id, command, state, started_at, finished_at, counts"
        rows = self.rows(f"SELECT {columns} FROM run {which}", *values)  # noqa: S608 - ours
        return [
            Run(id_, command, state, _moment(started), _moment_or_none(finished), json.loads(counts))
            for id_, command, state, started, finished, counts in rows
        ]


@dataclass(frozen=True, slots=True)
class _Position:
    position: Mapping[str, str]
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class ReadPositions(StreamPositions):
    """How far each stream has been read."""

    rows: Rows

    def _row(self, connection: str, stream: str) -> _Position | None:
        statement = "SELECT position, moved_at FROM cursor WHERE connection = ? AND stream = ?"
        rows = self.rows(statement, connection, stream)
        return _Position(json.loads(rows[0][0]), _moment(rows[0][1])) if rows else None


@dataclass(frozen=True, slots=True)
class ReadPlans:
    """Saved plans."""

    rows: Rows

    def latest(self) -> PlanRecord | None:
        """Return the newest plan."""
        columns = "plan_id, run_id, path, state, created_at, changes, summary"
        rows = self.rows(f'SELECT {columns} FROM "plan" ORDER BY run_id DESC LIMIT 1')  # noqa: S608 - ours
        for id_, run, path, state, created, changes, summary in rows:
            return PlanRecord(id_, run, path, state, _moment(created), changes, json.loads(summary))
        return None


CHANGE = "connection, platform_id, person_id, email, kind, name, before, after"


@dataclass(frozen=True, slots=True)
class ReadLedger:
    """Changes that were sent."""

    rows: Rows

    def unsettled(self) -> dict[str, list[Change]]:
        """Return changes without an outcome, or with outcome unknown, by run."""
        newer = (
            "SELECT 1 FROM ledger AS l WHERE l.connection = ledger.connection AND l.platform_id = ledger.platform_id "
            "AND l.kind = ledger.kind AND l.name = ledger.name AND l.entry > ledger.entry "
            "AND l.state NOT IN ('', 'unknown')"
        )
        statement = (
            f"SELECT run_id, {CHANGE} FROM ledger WHERE state IN ('', 'unknown') AND NOT EXISTS ({newer}) "  # noqa: S608
            "ORDER BY entry"
        )
        changes: dict[str, list[Change]] = {}
        for run, *values in self.rows(statement):
            changes.setdefault(run, []).append(Change(*values))
        return changes

    def outcomes(self, run_id: str, *, state: str) -> list[Outcome]:
        """Return settled changes of a run in one state, in the order in which they were sent."""
        statement = (
            f"SELECT {CHANGE}, state, reason, code FROM ledger "  # noqa: S608 - ours
            "WHERE run_id = ? AND state <> '' AND state = ? ORDER BY entry"
        )
        return [Outcome(Change(*row[:8]), *row[8:]) for row in self.rows(statement, run_id, state)]


@dataclass(frozen=True, slots=True)
class ReadLinks:
    """The identity map: contact_key -> person_id."""

    rows: Rows

    def newest(self) -> int:
        """Return the number of the last writing, 0 before any."""
        return int(self.rows("SELECT max(number) FROM link_writing")[0][0] or 0)

    def mapping(self) -> dict[str, str]:
        """Return all links as contact_key -> person_id."""
        return dict(self.rows("SELECT contact_key, person_id FROM link"))

    def of_keys(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the links of some contact keys."""
        return self._some("contact_key", keys)

    def of_persons(self, persons: Iterable[str]) -> dict[str, str]:
        """Return all links of some people."""
        return self._some("person_id", persons)

    def _some(self, column: str, values: Iterable[str]) -> dict[str, str]:
        wanted, links = sorted(set(values)), dict[str, str]()
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            places = ", ".join("?" * len(part))
            statement = f"SELECT contact_key, person_id FROM link WHERE {column} IN ({places})"  # noqa: S608 - ours
            links.update(dict(self.rows(statement, *part)))
        return links


@dataclass(frozen=True, slots=True)
class ReadPeople:
    """What the webhook service decided."""

    rows: Rows

    def waiting(self, most: int) -> list[int]:
        """Return the numbers of assignments that the warehouse has not taken in, oldest first."""
        statement = "SELECT entry FROM outbox WHERE taken_at IS NULL ORDER BY entry LIMIT ?"
        return [entry for (entry,) in self.rows(statement, most)]


@dataclass(frozen=True, slots=True)
class ReadPins:
    """Segments set by hand."""

    rows: Rows
    now: Callable[[], datetime]

    def in_force(self, at: datetime) -> list[Pin]:
        """Return the pins that count at a moment (UTC), oldest first."""
        columns = "pin, email, segment, until, reason, set_by, set_at, ended_by, ended_at"
        statement = f"SELECT {columns} FROM pin ORDER BY pin"  # noqa: S608 - ours
        pins = [
            Pin(number, email, segment, _moment(until), reason, by, _moment(set_at), ended_by, _moment_or_none(ended))
            for number, email, segment, until, reason, by, set_at, ended_by, ended in self.rows(statement)
        ]
        return [pin for pin in pins if pin.holds(at)]


@dataclass(frozen=True, slots=True)
class ReadObjections:
    """Objections that stand."""

    rows: Rows

    def newest(self) -> tuple[datetime, int] | None:
        """Return when the newest one was noted (UTC) and how many there are; None: nobody objected."""
        ((newest, count),) = self.rows("SELECT max(noted_at), count(*) FROM objection")
        return (_moment(newest), int(count)) if count else None


@dataclass(frozen=True, slots=True)
class ReadControl:
    """The control store, read only; one small class per concern."""

    runs: ReadRuns
    cursors: ReadPositions
    links: ReadLinks
    plans: ReadPlans
    ledger: ReadLedger
    people: ReadPeople
    pins: ReadPins
    objections: ReadObjections
    close: Callable[[], None]


def open_read_control(url: str, *, now: Callable[[], datetime]) -> ReadableControl:
    """Open the store to read; arguments and errors are those of `sync.control.store.open_control`.

    Returns:
        Without SQLAlchemy where it is a file whose tables are up to date; else what `open_control` returns.
    """
    remember(SecretUrl(url))
    file = Path(url.removeprefix(FILE))
    seal = Seal(file, reading=True) if url.startswith(FILE) and file.is_file() else None
    opened = _current(file) if seal else None
    if seal is None or opened is None:
        from sync.control.store import open_control  # noqa: PLC0415 - it loads SQLAlchemy

        if seal is not None:
            seal.close()
        return open_control(url, now=now)

    def close() -> None:
        opened.close()
        seal.close()

    def rows(statement: str, *values: Any) -> list[Any]:
        return opened.execute(statement, values).fetchall()

    return ReadControl(
        ReadRuns(rows),
        ReadPositions(rows),
        ReadLinks(rows),
        ReadPlans(rows),
        ReadLedger(rows),
        ReadPeople(rows),
        ReadPins(rows, now),
        ReadObjections(rows),
        close,
    )


def _current(file: Path) -> sqlite3.Connection | None:
    """The opened file; None where it needs more than reading, or can't be opened: `open_control` says why."""
    if not all(os.access(path, os.W_OK) for path in (file, file.parent)):
        return None
    with suppress(sqlite3.Error):
        opened = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)
        with suppress(sqlite3.Error):
            newest = opened.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST_STEP,)]
            if newest and opened.execute("SELECT 1 FROM run LIMIT 1").fetchall():  # one without a run may be a lost one
                return opened
        opened.close()
    return None
