"""Push of changes through one connection, with recovery of unconfirmed outcomes.

Each change is in the ledger before it leaves, and its outcome before the next batch does. A change that nobody
answered for is looked for on the platform before it is sent again; of what was said to be applied a sample is looked
at, since a platform may answer "done" and have done nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock

from connectors.connector import Connector, Still, as_given
from connectors.errors import PersonasyncError, TryLaterError
from connectors.records import Change, Outcome
from sync.control.ledger import INTERRUPTED
from sync.session import Progress, RecordedRun, Recording

NOT_KEPT = "not_kept"
CONSENT = "consent_changed"  # code of outcomes
OBJECTED = "Objected after this was planned."
AT_ONCE = 5_000  # contacts a slice: whole batches of HubSpot, one job of Mailchimp
NOTED_TOGETHER = 100  # changes at least that the ledger takes at once: some fifteen contacts
ABSENT = "\0"  # no platform shows this

CurrentValues = Mapping[tuple[str, str, str], str | None]


@dataclass(slots=True)
class Sent:
    """What became of changes.

    Attributes:
        states: Changes by (connection, outcome state).
        reasons: Changes that were not applied, by (connection, reason).
        failed: By connection: why it stopped before its end; its remaining changes wait.
    """

    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """How many changes the platforms refused, or did not answer for."""
        return sum(count for (_, state), count in self.states.items() if state in {"rejected", "unknown"})

    def count(self, state: str) -> int:
        """Return how many changes ended in *state*, on all connections."""
        return sum(count for (_, ending), count in self.states.items() if ending == state)


class _Leaving:
    """What every request asks just before it leaves: what may still be written, and it is in the ledger by then.

    The ledger gets some of what follows as well, and never a whole plan: a kill leaves that much to be looked for.

    Args:
        changes: All that shall be written, in order.
        still: Returns which of a request's changes may still be written.
        note: Notes changes in the ledger.

    Attributes:
        outcomes: Of changes that *still* left out.
    """

    def __init__(self, changes: Sequence[Change], still: Still, note: Callable[[Sequence[Change]], None]) -> None:
        self._still, self._note, self._lock = still, note, Lock()
        self._coming = {key(change): change for change in changes}
        self.outcomes: list[Outcome] = []

    def __call__(self, changes: Sequence[Change]) -> Sequence[Change]:
        left = self._still(changes)
        kept = {key(change) for change in left}
        with self._lock:  # senders ask side by side
            self.outcomes += [
                Outcome(change, "skipped", OBJECTED, CONSENT) for change in changes if key(change) not in kept
            ]
            if new := [self._coming.pop(name) for name in map(key, left) if name in self._coming]:
                following = list(islice(self._coming, max(NOTED_TOGETHER - len(new), 0)))
                self._note([*new, *map(self._coming.pop, following)])
        return left


def send_changes(
    session: Recording,
    connector: Connector,
    changes: Sequence[Change],
    sent: Sent,
    run: RecordedRun,
    progress: Progress,
    *,
    sample: bool = True,
    still: Still = as_given,
) -> None:
    """Write *changes* through *connector*; outcomes are in the ledger of *run*, and counted in *sent*.

    Args:
        session: Where the ledger is.
        connector: Where to.
        changes: What.
        sent: What became of them, counted on.
        run: Whose ledger.
        progress: Told how far it is.
        sample: Whether some of what was said to be applied is looked at.
        still: Asked before each request which of its changes may still be written; the others are skipped.
    """
    outcomes: dict[tuple[str, str, str], Outcome] = {}
    leaving = _Leaving(changes, still, lambda some: session.control.ledger.intend(run.run_id, some))
    try:
        _push(session, connector, changes, outcomes, run, progress, leaving)
        _send_again(session, connector, outcomes, run, progress, leaving)
        if sample:
            _look_at_some(session, connector, outcomes, run)
    except PersonasyncError as error:
        # one platform in trouble does not hold up the other; what is left keeps waiting in the ledger
        sent.failed[connector.name] = str(error)
    if leaving.outcomes:
        session.control.ledger.settle(run.run_id, leaving.outcomes)
        outcomes.update({key(outcome.change): outcome for outcome in leaving.outcomes})
    if any(outcome.state == "unchanged" and outcome.change.kind == "group" for outcome in outcomes.values()):
        # our picture of its groups is not what is there: the next pull reads all of them, whatever the platform says
        stream = "memberships" if "memberships" in connector.streams else "contacts"  # groups come with one of them
        session.control.cursors.move(connector.name, stream, {}, run.run_id)
    for outcome in outcomes.values():
        sent.states[connector.name, outcome.state] += 1
        if outcome.state not in {"applied", "unchanged"}:
            sent.reasons[connector.name, outcome.reason or outcome.code] += 1


def in_slices(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Yield the *changes* of some contacts at a time, all of a contact together.

    Between two slices of a long apply, consent is checked again.
    """
    of_contact: dict[str, list[Change]] = {}
    for change in changes:
        of_contact.setdefault(change.platform_id, []).append(change)
    contacts = list(of_contact.values())
    for start in range(0, len(contacts), AT_ONCE):
        yield [change for mine in contacts[start : start + AT_ONCE] for change in mine]


def onward(progress: Progress, before: int, total: int) -> Progress:
    """Return a *progress* of one slice that tells how far all of them are: *before* were done, of *total*."""
    return lambda what, done, _: progress(what, before + done, total)


def recover(session: Recording, connector: Connector) -> int:
    """Find out what became of changes of earlier runs that have no outcome, and note it in their ledger.

    Returns:
        How many there were.
    """
    left = {
        run_id: mine
        for run_id, changes in session.control.ledger.unsettled().items()
        if (mine := [change for change in changes if change.connection == connector.name])
    }
    if left:
        shown = connector.read_back([change for changes in left.values() for change in changes])
        for run_id, changes in left.items():
            session.control.ledger.settle(run_id, [_found(change, shown) for change in changes])
    return sum(map(len, left.values()))


def _push(
    session: Recording,
    connector: Connector,
    changes: Sequence[Change],
    outcomes: dict[tuple[str, str, str], Outcome],
    run: RecordedRun,
    progress: Progress,
    leaving: _Leaving,
) -> None:
    done = 0
    for batch in connector.push(changes, leaving):
        session.control.ledger.settle(run.run_id, batch)
        outcomes.update({key(outcome.change): outcome for outcome in batch})
        done += len(batch)
        progress(f"{connector.name} changes", done, len(changes))


def _send_again(
    session: Recording,
    connector: Connector,
    outcomes: dict[tuple[str, str, str], Outcome],
    run: RecordedRun,
    progress: Progress,
    leaving: _Leaving,
) -> None:
    """Look for what was not answered for, and send once more what did not take effect."""
    unknown = [outcome.change for outcome in outcomes.values() if outcome.state == "unknown"]
    if not unknown:
        return
    shown = connector.read_back(unknown)
    results = [_found(change, shown) for change in unknown]
    settled = [outcome for outcome in results if outcome.code != INTERRUPTED]
    session.control.ledger.settle(run.run_id, settled)
    outcomes.update({key(outcome.change): outcome for outcome in settled})
    again = [outcome.change for outcome in results if outcome.code == INTERRUPTED]
    if again:
        _push(session, connector, again, outcomes, run, progress, leaving)
    still = [outcome.change for outcome in outcomes.values() if outcome.state == "unknown"]
    if still:
        raise TryLaterError(f"{connector.name} did not confirm {len(still)} changes.")


def _look_at_some(
    session: Recording, connector: Connector, outcomes: dict[tuple[str, str, str], Outcome], run: RecordedRun
) -> None:
    """Read a sample back; where one of it did not last, read all of them."""
    applied = [outcome.change for outcome in outcomes.values() if outcome.state == "applied"]
    if not applied:
        return
    shown = connector.read_back_sample(applied)
    lost = [change for change in applied if key(change) in shown and not _shows(change, shown)]
    if lost:
        shown = connector.read_back(applied)
        lost = [change for change in applied if not _shows(change, shown)]
    broken = [Outcome(change, "rejected", _not_kept(change, shown), NOT_KEPT) for change in lost]
    session.control.ledger.settle(run.run_id, broken)
    outcomes.update({key(outcome.change): outcome for outcome in broken})


def key(change: Change) -> tuple[str, str, str]:
    """Return what names a change within its connection."""
    return change.platform_id, change.kind, change.name


def _shows(change: Change, shown: CurrentValues) -> bool:
    present = shown.get(key(change), ABSENT)
    return (present or None) == (change.after or None)


def _found(change: Change, shown: CurrentValues) -> Outcome:
    if key(change) not in shown:
        return Outcome(change, "rejected", "This contact no longer exists on the platform.", "gone")
    if _shows(change, shown):
        return Outcome(change, "applied", "Confirmed by reading it back from the platform.", "seen")
    return Outcome(change, "rejected", "Not applied: the run ended first.", INTERRUPTED)


def _not_kept(change: Change, shown: CurrentValues) -> str:
    present = shown.get(key(change), ABSENT)
    shows = "contact not found" if present == ABSENT else repr(present or "")
    return f"The platform reported success but returned {shows} when read back."
