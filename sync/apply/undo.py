"""Undo of a run: restore previous values and memberships, except where they were edited since.

What a person, another program or a later run has changed since is left alone. An undo is a run like any other: it is
in the ledger, it can be killed and run again, and it can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from connectors.errors import FixSettingsError
from connectors.records import Change
from sync.apply.consent_check import ConsentCheck, leave_out
from sync.apply.push import Sent, in_slices, key, onward, recover, send_changes
from sync.control.rows import Run
from sync.session import Progress, RecordedRun, Session, no_progress, recorded

NEWEST = "last"
UNDOABLE = ("apply ", "undo ")


@dataclass(slots=True)
class Intended:
    """What an undo would do.

    Attributes:
        runs: The runs that are taken back, oldest first: a plan may have taken several.
        restore: By connection: the changes that take it back.
        restored: Changes that are back already.
        changed_since: Changes that show something else by now; left alone.
        gone: Changes of contacts that the platform does not know any more.
    """

    runs: list[Run]
    restore: dict[str, list[Change]] = field(default_factory=dict)
    restored: int = 0
    changed_since: int = 0
    gone: int = 0

    @property
    def run(self) -> Run:
        """The newest of the runs."""
        return self.runs[-1]

    @property
    def count(self) -> int:
        """How many changes would be sent."""
        return sum(map(len, self.restore.values()))


@dataclass(slots=True)
class Undone(Sent):
    """What an undo did.

    Attributes:
        undone_run: The run that was taken back.
        restored: Values and groups that are again as they were before it, this time or already.
        left: Those that were changed since, or whose contact is gone; left alone.
    """

    run_id: str = ""
    undone_run: str = ""
    restored: int = 0
    left: int = 0


def intended(session: Session, run_id: str) -> Intended:
    """Look at the platforms, and return what `undo` would do. Nothing is written there.

    Args:
        session: The open workspace.
        run_id: As `history` shows it; "last" is the newest plan that wrote something, in as many runs as it took. An
            undo that was stopped is done again with the same words, so "last" is never an undo itself.

    Raises:
        FixSettingsError: There is no such run, or it wrote nothing.
    """
    return _looked_at(session, _runs(session, run_id))


def still_intended(session: Session, agreed: Intended) -> Intended:
    """Look at the platforms again, and return what somebody agreed to and is still so; more than that is left alone."""
    intended = _looked_at(session, agreed.runs)
    for name, changes in intended.restore.items():
        known = set(agreed.restore.get(name, ()))
        intended.restore[name] = [change for change in changes if change in known]
        intended.changed_since += len(changes) - len(intended.restore[name])
    return intended


def _looked_at(session: Session, runs: list[Run]) -> Intended:
    intended = Intended(runs)
    for name in session.workspace.connections:
        if not session.workspace.writes(name, session.manifest):
            continue
        recover(session, session.connector(name))
        applied = [outcome for run in runs for outcome in session.control.ledger.outcomes(run.run_id, state="applied")]
        mine = [outcome.change for outcome in applied if outcome.change.connection == name]
        if mine:
            intended.restore[name] = _taken_back(session, name, mine, intended)
    return intended


def undo(session: Session, intended: Intended, *, progress: Progress = no_progress) -> Undone:
    """Do what `intended` found. To give a value back is to write to people: those who said no meanwhile are left out.

    Raises:
        TryLaterError: Who said no could not be asked.
    """
    # taking back what we wrote leaves people as they were, whatever they say; to give a value back is to write to them
    giving = [change for changes in intended.restore.values() for change in changes if change.after is not None]
    check = ConsentCheck(session, giving, whole=True)
    undone = Undone(undone_run=intended.run.run_id, left=intended.changed_since + intended.gone)
    with recorded(session, f"undo {intended.run.run_id}") as run:
        undone.run_id = run.run_id
        for name, changes in intended.restore.items():
            _restore(session, name, changes, check, undone, run, progress)
        undone.restored = intended.restored + undone.count("applied") + undone.count("unchanged")
        run.state = "failed" if undone.failed else "rejects" if undone.rejected else "done"
        run.counts.update(
            restored=undone.restored,
            left=undone.left,
            outcomes={f"{name} {state}": count for (name, state), count in undone.states.items()},
            failed=undone.failed,
        )
    return undone


def _restore(
    session: Session,
    name: str,
    changes: Sequence[Change],
    check: ConsentCheck,
    undone: Undone,
    run: RecordedRun,
    progress: Progress,
) -> None:
    done = 0
    for some in in_slices(changes):
        written = [change for change in some if change.after is not None]
        left = leave_out(session, check.refused(written), some, undone, run) if written else some
        if left:
            connector, further = session.connector(name), onward(progress, done, len(changes))
            send_changes(session, connector, left, undone, run, further, still=check.without_objections)
        if name in undone.failed:
            return
        done += len(some)


def _runs(session: Session, run_id: str) -> list[Run]:
    if run_id == NEWEST:
        wrote = session.control.runs.get(session.control.ledger.last_writer("apply ") or "")
        if wrote is None:
            raise FixSettingsError("No plan has written anything yet.", fix="See `personasync history`.")
        return session.control.runs.of_command(wrote.command)
    run = session.control.runs.get(run_id)
    if run is None:
        raise FixSettingsError(f"Run {run_id!r} not found, or it made no changes.", fix="See `personasync history`.")
    if not run.command.startswith(UNDOABLE):
        raise FixSettingsError(
            f"Run {run.run_id} was `{run.command}`, which makes no changes to undo.", fix="See `personasync history`."
        )
    return [run]


def _taken_back(session: Session, name: str, changes: Sequence[Change], intended: Intended) -> list[Change]:
    shown = session.connector(name).read_back(changes)
    wanted = []
    for change in changes:
        if key(change) not in shown:
            intended.gone += 1
            continue
        present = shown[key(change)] or None
        if present == (change.before or None):
            intended.restored += 1
        elif present == (change.after or None):
            wanted.append(replace(change, before=change.after, after=change.before))
        else:
            intended.changed_since += 1
    return wanted
