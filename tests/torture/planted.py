"""Bugs that are planted to see whether the torture finds them: each is one that somebody could have written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

from connectors.mailchimp import push as mailchimp_push
from connectors.records import CONTACTS, TABLES, Change, Outcome
from sync.apply import job as apply_module
from sync.apply import push as sending
from sync.apply import undo
from sync.control.ledger import Ledger
from sync.control.person_ids import new_person_id
from sync.pull import identities as identity_map
from sync.pull import job as pull
from sync.warehouse import store as warehouse
from tests.torture.kills import SCENES, Expected, Scene, Verdict, killed, undisturbed
from tests.torture.stage import Stage

SCENE = {scene.name: scene for scene in SCENES}


@dataclass(frozen=True)
class Bug:
    """What is planted, and in which scene it should show."""

    name: str
    scene: Scene
    target: Any
    attribute: str
    replacement: Any


def _cursor_first(
    session: Any, connector: Any, stream: str, pulled: Any, *, run: Any, full: bool, clock: bool, progress: Any
) -> None:
    """Move the cursor before the rows are safe."""
    del full, clock, progress
    known = partial(session.warehouse.known_ids, connector.name)
    pages = list(connector.read(stream, session.control.cursors.get(connector.name, stream), known))
    session.control.cursors.move(connector.name, stream, pages[-1].cursor or {}, run.run_id)
    for page in pages:
        if page.table != "memberships":
            session.warehouse.append(page.table, page.rows, recorded_at=session.now())
    groups = [group for page in pages for group in page.groups]
    rows = [page.rows for page in pages if page.table == "memberships"]
    pull._keep_snapshot(session, connector, rows, groups, pulled)


def _outcome_first(
    session: Any, connector: Any, changes: Sequence[Change], outcomes: Any, run: Any, progress: Any, stopped: Any
) -> None:
    """Note the outcome before the request."""
    del progress
    settled = [Outcome(change, "applied") for change in changes]
    session.control.ledger.settle(run.run_id, settled)
    outcomes.update({sending.key(outcome.change): outcome for outcome in settled})
    for _ in connector.push(changes, stopped):
        pass


def _position_first(
    store: Any, control: Any, run_id: str, *, start: int | None = None, new_id: Any = new_person_id
) -> identity_map.Followed:
    """Move the position of identities before the links are written."""
    del start
    done, position = identity_map.Followed(), identity_map.position_of(control)
    keys, reached = store.written_after(CONTACTS.name, position, identity_map.AT_ONCE)
    control.cursors.move(*identity_map.POSITION, {"sequence": str(reached), "stored": "yes"}, run_id)
    identity_map._follow(store, control, keys, run_id, done, new_id)
    return done


def _blind_recovery(session: Any, connector: Any) -> int:
    """Take for granted that what was sent took effect."""
    for run_id, changes in session.control.ledger.unsettled().items():
        mine = [Outcome(change, "applied") for change in changes if change.connection == connector.name]
        session.control.ledger.settle(run_id, mine)
    return 0


def _unintended(self: Ledger, run_id: str, changes: Sequence[Change]) -> None:
    """Note nothing before it leaves."""


def _unsubscribing(changes: Sequence[Change]) -> dict[str, Any]:
    """Write the status along with the fields."""
    return {"merge_fields": {change.name: change.after or "" for change in changes}, "status": "unsubscribed"}


def _versions_twice(self: Any, schema: Any, incoming: Any) -> Any:
    """Keep every row that comes in as a new version."""
    del self, schema
    return incoming


def _blind_undo(session: Any, name: str, changes: Sequence[Change], intent: Any) -> list[Change]:
    """Put back what was there before, whatever is there now."""
    del session, name, intent
    return [
        Change(c.connection, c.platform_id, c.person_id, c.email, c.kind, c.name, c.after, c.before) for c in changes
    ]


BUGS = (
    Bug("the cursor moves before the rows are safe", SCENE["first pull"], pull, "read_stream", _cursor_first),
    Bug("an outcome is noted before the request", SCENE["apply"], sending, "_push", _outcome_first),
    Bug("identities are skipped after a kill", SCENE["first pull"], pull, "follow_identities", _position_first),
    Bug("what was interrupted counts as done", SCENE["apply"], apply_module, "recover", _blind_recovery),
    Bug("nothing is noted before it leaves", SCENE["apply"], Ledger, "intend", _unintended),
    Bug("a status goes along with the fields", SCENE["apply"], mailchimp_push, "_body", _unsubscribing),
    Bug("rows that are known become versions", SCENE["first pull"], warehouse.Warehouse, "_changed", _versions_twice),
    Bug("an undo does not look", SCENE["undo after people edited"], undo, "_taken_back", _blind_undo),
)

COUNT_FROM = warehouse.Warehouse._count_from
WRITTEN_AFTER = warehouse.Warehouse.written_after


def _number_in_memory(self: warehouse.Warehouse, present: Any) -> None:
    """Begin each process at the highest number that is stored, whatever was given and followed before."""
    COUNT_FROM(self, present)
    highest = max(self.engine.table(name).sequence.max().to_pyarrow().as_py() or 0 for name in TABLES)
    self._run(f"UPDATE last_sequence SET number = {highest}")  # noqa: S608 - a number


def _run_ahead(self: warehouse.Warehouse, name: str, sequence: int, most: int) -> tuple[Any, int]:
    """Go as far as numbers were given, not as far as they are stored."""
    keys, reached = WRITTEN_AFTER(self, name, sequence, most)
    return keys, self.last_sequence() if keys.num_rows else reached


@contextmanager
def running_ahead() -> Iterator[None]:
    """Have the bug that lost people between one process and the next."""
    store = warehouse.Warehouse
    with (
        mock.patch.object(store, "_count_from", _number_in_memory),
        mock.patch.object(store, "written_after", _run_ahead),
        mock.patch.object(pull, "is_replaced", return_value=False),  # each of these two would notice, and repair it
        mock.patch.object(pull, "heal", return_value=0),
    ):
        yield


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Have the bug in every command while the block runs."""
    with mock.patch.object(bug.target, bug.attribute, bug.replacement):
        yield


def caught(stage: Stage, bug: Bug) -> str:
    """Return how the torture found the bug, "" where it did not."""
    expected = undisturbed(stage, bug.scene)
    with planted(bug):
        for at in _spread(expected):
            verdict = Verdict()
            killed(stage, bug.scene, expected, at, 0, verdict)
            if not verdict.clean:
                faults = verdict.lost + verdict.duplicated + verdict.stuck + verdict.consent_changed
                return faults[0][:200]
    return ""


def _spread(expected: Expected) -> Iterator[int]:
    """Every call, since few may show a bug; from everywhere, early."""
    step = 7919
    for turn in range(expected.calls):
        yield 1 + turn * step % expected.calls
