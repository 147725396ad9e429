"""Signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from connectors.records import Change, Cursor, Outcome
from sync.identity import IdentityChanges


@dataclass(frozen=True, slots=True)
class Run:
    """One command that was run. `state`: running | done | rejects | refused | failed."""

    run_id: str
    command: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    counts: Mapping[str, Any]


class Runs:
    """Commands that were run."""

    def begin(self, command: str) -> str:
        """Note that *command* starts, and return the id of the run (sorts by time)."""
        raise NotImplementedError

    def finish(self, run_id: str, state: str, counts: Mapping[str, Any]) -> None:
        """Note how it ended: *state* is done | rejects | refused | failed; *counts* any JSON object."""
        raise NotImplementedError

    def latest(self, command: str | None = None, *, state: str | None = None) -> Run | None:
        """Return the newest run (of *command*, in *state*), or None."""
        raise NotImplementedError

    def newest(self, limit: int = 20) -> list[Run]:
        """Return the newest runs, newest first."""
        raise NotImplementedError


class Cursors:
    """How far each stream has been read."""

    def get(self, connection: str, stream: str) -> Cursor:
        """Return the cursor of a stream, {} where it was never read."""
        raise NotImplementedError

    def move(self, connection: str, stream: str, cursor: Cursor, run_id: str) -> None:
        """Set the cursor of a stream; call it after the rows are safe."""
        raise NotImplementedError

    def moved_at(self, connection: str, stream: str) -> datetime | None:
        """Return when a cursor last moved (UTC), None where it never did."""
        raise NotImplementedError


class Links:
    """The identity map: contact_key -> person_id."""

    def load(self) -> pa.Table:
        """Return all links: columns ``contact_key``, ``person_id``."""
        raise NotImplementedError

    def mapping(self) -> dict[str, str]:
        """Return all links as contact_key -> person_id, as `sync.identity.resolve` takes them."""
        raise NotImplementedError

    def write(self, changes: IdentityChanges, run_id: str) -> None:
        """Write what `sync.identity.resolve` found, whole or not at all."""
        raise NotImplementedError

    def merged(self) -> dict[str, str]:
        """Return person_id that is no more -> person_id in its place now."""
        raise NotImplementedError


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


class Plans:
    """Plans that were made."""

    def record(self, plan_id: str, *, run_id: str, path: str, changes: int, summary: Mapping[str, Any]) -> None:
        """Note a new plan, state fresh."""
        raise NotImplementedError

    def move(self, plan_id: str, state: str) -> None:
        """Set the state of a plan."""
        raise NotImplementedError

    def get(self, plan_id: str) -> PlanRecord | None:
        """Return a plan."""
        raise NotImplementedError

    def latest(self) -> PlanRecord | None:
        """Return the newest plan."""
        raise NotImplementedError


class Ledger:
    """Every change that we sent, with the value before, and what became of it."""

    def intend(self, run_id: str, changes: Sequence[Change]) -> None:
        """Note *changes* before they leave. A change noted twice in a run stays one entry."""
        raise NotImplementedError

    def settle(self, run_id: str, outcomes: Iterable[Outcome]) -> None:
        """Note what became of changes of a run; those not intended (parked by us) are added."""
        raise NotImplementedError

    def unsettled(self) -> dict[str, list[Change]]:
        """Return changes without an outcome, or with outcome unknown, by run: a crash or a lost answer."""
        raise NotImplementedError

    def counts(self, run_id: str) -> dict[tuple[str, str, str], int]:
        """Return how many changes of a run there are by (connection, state, code); state "" is unsettled."""
        raise NotImplementedError

    def outcomes(self, run_id: str, *, state: str | None = None, limit: int | None = None) -> list[Outcome]:
        """Return settled changes of a run, in the order in which they were sent."""
        raise NotImplementedError

    def groups_made(self) -> pa.Table:
        """Return memberships that we made and did not take back.

        Returns:
            Columns ``connection``, ``group_name``, ``platform_id``.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Control:
    """The control store, one small class per concern."""

    runs: Runs
    cursors: Cursors
    links: Links
    plans: Plans
    ledger: Ledger
    close: Callable[[], None]


def open_control(url: str, *, now: Callable[[], datetime]) -> Control:
    """Open the store at an SQLAlchemy URL, and bring its tables up to date under a lock."""
    raise NotImplementedError
