"""The apply job: send a saved plan and record the outcome of every change.

The same command after a kill sends only what has no final outcome yet; setting a value twice is harmless. A part of
a plan may go first: one connection, some people, a share of them. The rest waits for the next apply of that plan.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError, PersonasyncError
from connectors.records import CONTACTS, Change, Outcome
from sync.apply.approval import refuse_unapproved
from sync.apply.consent_check import ConsentCheck, leave_out
from sync.apply.push import Sent, in_slices, key, onward, recover, send_changes
from sync.breach import GuardrailError, refuse_broken_assumptions, stale_connections
from sync.control.ledger import SENT_AGAIN
from sync.fields.platform_persona import co_owned_fields
from sync.online.handoff import look_again, overtaken_persons
from sync.plan.cost import seconds_of
from sync.plan.file import NEW_PLAN, SavedPlan, read_plan
from sync.plan.guardrails import how_to_override
from sync.plan.inputs import changes_about
from sync.plan.job import basis
from sync.session import Progress, RecordedRun, Session, no_progress, recorded
from sync.traits.data_checks import max_age


@dataclass(frozen=True, slots=True)
class PlanSelection:
    """The part of a plan to send: a limit or a canary share.

    Attributes:
        only: Some connections, none for all.
        limit: At most so many persons, None for all.
        canary: Share of the persons (0 to 1), None for all.
    """

    only: frozenset[str] = frozenset()
    limit: int | None = None
    canary: float | None = None

    def of(self, plan: SavedPlan) -> list[Change]:
        """Return the changes that are meant; whom a sample takes is chance, but always the same for one plan.

        Returns:
            In the order of the plan.
        """
        meant = [change for change in plan.changes if not self.only or change.connection in self.only]
        if self.limit is None and self.canary is None:
            return meant
        persons = sorted({change.person_id for change in meant}, key=lambda person: _chance(plan.plan_id, person))
        most = len(persons) if self.canary is None else ceil(self.canary * len(persons))
        chosen = set(persons[: most if self.limit is None else min(most, self.limit)])
        return [change for change in meant if change.person_id in chosen]


ALL = PlanSelection()
DATA_AGE = "max_data_age_hours"
NOT_TAKEN_BACK = "What people who objected are shown could not be taken back."


@dataclass(slots=True)
class Applied(Sent):
    """What became of a plan.

    Attributes:
        waiting: Changes of the plan that were not sent yet.
        skipped: Changes of people whose consent changed after the last pull, or of contacts that are gone since.
        overtaken: Changes of persons for whom the webhook service decided after the plan was made; they are left out.
        taken_back: Changes that took back what people were still shown who objected since the plan was made.
        recovered: Changes of earlier, interrupted runs of which it was found out what became of them.
        predicted: Requests that this apply should take, by connection and endpoint: a part of a plan takes fewer.
        predicted_seconds: What they should take at the accounts' limits.
    """

    plan_id: str = ""
    run_id: str = ""
    waiting: int = 0
    skipped: int = 0
    overtaken: int = 0
    taken_back: int = 0
    recovered: int = 0
    predicted: dict[str, dict[str, int]] = field(default_factory=dict)
    predicted_seconds: float = 0.0


def apply(
    session: Session,
    path: Path | None = None,
    *,
    override: frozenset[str] = frozenset(),
    part: PlanSelection = ALL,
    progress: Progress = no_progress,
    code: str = "",
) -> Applied:
    """Send the plan at *path* (None: the newest one).

    Args:
        session: The open workspace.
        path: A file that `plan` wrote.
        override: Guardrails that are set aside for this one plan.
        part: What of it shall be sent.
        progress: Told how many changes have an outcome.
        code: As a person typed it, of a plan that an assistant asked for.

    Returns:
        Outcomes by connection, what was not sent and why, and how requests and seconds compare with the plan.

    Raises:
        FixSettingsError: There is no plan, it was edited, applied already, lacks its code, or the world moved under it.
        GuardrailError: A guardrail refused the plan.
    """
    plan = _unapplied(session, path or _newest(session), code)
    names = _written_to(session, part)
    refuse_broken_assumptions("apply", {name: session.control.probed.broken(name) for name in names}, override)
    _refuse(session, plan, override)
    applied = Applied(plan_id=plan.plan_id)
    with recorded(session, f"apply {plan.plan_id}") as run:
        applied.run_id = run.run_id
        session.control.plans.move(plan.plan_id, "applying")
        meant = part.of(plan)
        for name in names:
            applied.recovered += _recovered(session, name, applied)
        check = ConsentCheck(session, _waiting(session, plan, meant))
        for name in names:
            mine = [change for change in check.changes if change.connection == name]
            _send(session, plan, name, mine, check, applied, run, progress)
        _take_back(session, plan, names, check.objected(), applied, progress)
        for name, requests in applied.predicted.items():
            applied.predicted[name] = dict(Counter(requests) + Counter(check.requests.get(name, {})))
        applied.waiting = len(_still_meant(session, plan, _waiting(session, plan, plan.changes)))
        if not applied.waiting and not applied.failed:
            session.control.plans.move(plan.plan_id, "applied")
        run.state = "failed" if applied.failed else "rejects" if applied.rejected else "done"
        run.counts.update(_counts(plan, applied))
    return applied


def _written_to(session: Session, part: PlanSelection) -> list[str]:
    """The connections that a part of a plan is about, and that can be written to."""
    wanted = part.only or frozenset(session.workspace.connections)
    return [n for n in session.workspace.connections if n in wanted and session.workspace.writes(n, session.manifest)]


def _send(
    session: Session,
    plan: SavedPlan,
    name: str,
    changes: Sequence[Change],
    check: ConsentCheck,
    applied: Applied,
    run: RecordedRun,
    progress: Progress,
) -> None:
    """Send the changes of one connection, slice by slice: who opts out during a long apply is found before the next."""
    done, connector = 0, session.connector(name)
    for some in in_slices(changes):
        waiting = _still_meant(session, plan, some, applied)
        waiting = _permitted(session, name, waiting, check, applied, run)
        waiting = _untouched(session, name, waiting, applied, run)
        if name in applied.failed:
            return
        if waiting:
            requests = connector.requests_for(waiting)
            applied.predicted_seconds += seconds_of(session, name, requests)
            applied.predicted[name] = dict(Counter(applied.predicted.get(name, {})) + Counter(requests))
            began = session.now()
            further = onward(progress, done, len(changes))
            send_changes(session, connector, waiting, applied, run, further, still=check.without_objections)
            look_again(session, waiting, since=began, run_id=run.run_id)
        done += len(some)


def _take_back(
    session: Session, plan: SavedPlan, names: Sequence[str], objected: set[str], applied: Applied, progress: Progress
) -> None:
    """Show those the fallback who objected since the plan was made.

    A batch that a platform has accepted can't be called back: what it wrote about them goes here, at once.
    """
    if not objected:
        return
    changes = [change for change in changes_about(session, objected) if change.before]
    with recorded(session, f"apply {plan.plan_id}") as run:
        sent = Sent()
        for name in names:
            mine = [change for change in changes if change.connection == name and name not in applied.failed]
            if mine:
                send_changes(session, session.connector(name), mine, sent, run, progress)
        applied.taken_back = sent.count("applied")
        applied.failed |= {name: f"{NOT_TAKEN_BACK} {reason}" for name, reason in sent.failed.items()}
        run.state = "failed" if sent.failed else "rejects" if sent.rejected else "done"
        run.counts.update(plan=plan.plan_id, taken_back=applied.taken_back)


def _recovered(session: Session, name: str, sent: Sent) -> int:
    try:
        return recover(session, session.connector(name))
    except PersonasyncError as error:
        sent.failed[name] = str(error)
        return 0


def _counts(plan: SavedPlan, applied: Applied) -> dict[str, Any]:
    """Counts of an apply, for `history` and `status`."""
    skipped = plan.summary.get("skipped", {})
    refused = sum(plan.summary.get("refused", {}).values())
    return {
        "plan": plan.plan_id,
        "tally": {
            "total": sum(plan.summary.get("contacts", {}).values()),
            "changed": sum(plan.summary.get("changed_contacts", {}).values()),
            "invalid": refused,
            "skipped_contacts": sum(skipped.values()) - refused,
            "sent": sum(applied.states.values()),
            **{state: applied.count(state) for state in ("applied", "rejected", "unchanged", "unknown")},
            "waiting": applied.waiting,
            "overtaken": applied.overtaken,
            "skipped_changes": applied.skipped,
        },
        "outcomes": {f"{name} {state}": count for (name, state), count in applied.states.items()},
        "failed": applied.failed,
        "predicted": applied.predicted,
        "predicted_minutes": round(applied.predicted_seconds / 60, 2),
    }


def _chance(plan_id: str, person: str) -> str:
    return hashlib.sha256(f"{plan_id} {person}".encode()).hexdigest()


def _newest(session: Session) -> Path:
    newest = session.control.plans.latest()
    if newest is None:
        raise FixSettingsError("No plan yet.", fix="Run `personasync plan` first.")
    return session.workspace.directory / newest.path


def _unapplied(session: Session, path: Path, code: str) -> SavedPlan:
    """The plan at *path*, which this workspace made and has not applied yet, and which a person approved."""
    plan = read_plan(path)
    record = session.control.plans.get(plan.plan_id)
    if record is None:
        raise FixSettingsError(f"{plan.path} was made in another workspace.", fix=NEW_PLAN)
    if record.state == "applied":
        raise FixSettingsError(f"Plan {plan.plan_id} was already applied.", fix=NEW_PLAN)
    refuse_unapproved(session, plan.plan_id, code)
    return plan


def _refuse(session: Session, plan: SavedPlan, override: frozenset[str]) -> None:
    """Refuse a plan that the world moved under, that is too old, or that breaks a guardrail."""
    _refuse_stale(session, plan)
    _refuse_old(session, plan, override)
    _refuse_breaches(session, plan, override)


def _refuse_stale(session: Session, plan: SavedPlan) -> None:
    """A plan holds only in the world that it was made from; what it did itself is part of that world."""
    present = basis(session, own=plan.plan_id)
    moved = [what for what in present if present[what] != plan.basis.get(what)]
    if moved:
        session.control.plans.move(plan.plan_id, "stale")
        raise FixSettingsError(
            f"Plan {plan.plan_id} is out of date. Changed since it was made: {', '.join(moved)}.",
            fix=NEW_PLAN,
        )


def _refuse_old(session: Session, plan: SavedPlan, override: frozenset[str]) -> None:
    """A plan ages, and so do the data that it was made from: what was young enough then may be too old now."""
    limit, now = max_age(session), session.now()
    if DATA_AGE in override:
        return
    read = {name: session.control.cursors.read_at(name, CONTACTS.name) for name in session.workspace.connections}
    messages = [
        connection.message for connection in stale_connections(limit, {k: at for k, at in read.items() if at}, now)
    ]
    if now - plan.created_at > limit:
        hours = timedelta(hours=1)
        age = f"Plan {plan.plan_id} was made {(now - plan.created_at) / hours:,.0f} hours ago, the limit is"
        messages.insert(0, f"{age} {limit / hours:,.0f} ([guardrails] {DATA_AGE}).")
    if messages:
        _note_refusal(session, plan, [DATA_AGE])
        raise GuardrailError(" ".join(messages), fix=how_to_override([DATA_AGE]))


def _refuse_breaches(session: Session, plan: SavedPlan, override: frozenset[str]) -> None:
    standing = [breach for breach in plan.summary["breaches"] if breach["guardrail"] not in override]
    if standing:
        _note_refusal(session, plan, [breach["guardrail"] for breach in standing])
        every = [breach["guardrail"] for breach in plan.summary["breaches"]]
        raise GuardrailError(" ".join(breach["message"] for breach in standing), fix=how_to_override(every))


def _note_refusal(session: Session, plan: SavedPlan, guardrails: Sequence[str]) -> None:
    session.control.plans.move(plan.plan_id, "refused")
    with recorded(session, f"apply {plan.plan_id}") as run:
        run.state = "refused"
        run.counts.update(plan=plan.plan_id, refused=list(guardrails))


def _still_meant(
    session: Session, plan: SavedPlan, changes: Sequence[Change], applied: Applied | None = None
) -> list[Change]:
    """Changes of people whom the webhook service has not updated since the plan's assignments."""
    assigned = session.control.runs.get(plan.basis.get("assign", ""))
    since = assigned.started_at if assigned else plan.created_at
    newer = overtaken_persons(session, since)
    left = [change for change in changes if change.person_id not in newer]
    if applied is not None:
        applied.overtaken += len(changes) - len(left)
    return left


def _permitted(
    session: Session, name: str, changes: Sequence[Change], check: ConsentCheck, applied: Applied, run: RecordedRun
) -> list[Change]:
    """Changes whose people are still marketable; skips the others.

    Raises:
        PersonasyncError: Nobody could be asked, and nothing has been written yet.
    """
    if not changes or name in applied.failed:
        return list(changes)
    try:
        refused = check.refused(changes)
    except PersonasyncError as error:
        if not applied.states:
            raise
        applied.failed[name] = str(error)
        return list(changes)
    left = leave_out(session, refused, changes, applied, run)
    applied.skipped += len(changes) - len(left)
    return left


def _untouched(
    session: Session, name: str, changes: Sequence[Change], applied: Applied, run: RecordedRun
) -> list[Change]:
    """Changes that overwrite no edit since the last pull; skips the others."""
    guarded = {field for field, overwrite in co_owned_fields(session, name).items() if not overwrite}
    asked = [change for change in changes if change.name in guarded and change.kind == "field"]
    if not asked or name in applied.failed:
        return list(changes)
    try:
        shown = session.connector(name).read_back(asked)
    except PersonasyncError as error:
        applied.failed[name] = str(error)
        return list(changes)
    moved = [change for change in asked if (shown.get(key(change)) or None) not in {change.before, change.after}]
    outcomes = [
        Outcome(change, "skipped", "Edited by someone since the last pull.", "set_by_others") for change in moved
    ]
    session.control.ledger.settle(run.run_id, outcomes)
    applied.states[name, "skipped"] += len(moved)
    left = set(map(key, moved))
    return [change for change in changes if key(change) not in left]


def _waiting(session: Session, plan: SavedPlan, meant: Sequence[Change]) -> list[Change]:
    """Those of *meant* that no apply of the plan has settled."""
    settled = {
        (outcome.change.connection, outcome.change.platform_id, outcome.change.kind, outcome.change.name)
        for run in session.control.runs.of_command(f"apply {plan.plan_id}")
        for outcome in session.control.ledger.outcomes(run.run_id)
        if outcome.state != "unknown" and outcome.code not in SENT_AGAIN
    }
    return [c for c in meant if (c.connection, c.platform_id, c.kind, c.name) not in settled]
