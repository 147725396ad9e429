"""Send a saved plan, exactly as it was written, and keep what became of every change.

Each change is in the ledger before it leaves and its outcome before the next batch does. The same command
after a kill sends only what has no final outcome yet; setting a value twice is harmless.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.connector import Connector
from connectors.errors import FixSettingsError, PersonasyncError
from connectors.records import Change, Outcome
from sync.plan_file import NEW_PLAN, SavedPlan, read_plan
from sync.planning import basis
from sync.workbench import Progress, RecordedRun, Workbench, no_progress, recorded


class GuardrailError(PersonasyncError):
    """A guardrail refused; the message says which and by how much."""

    exit_code = 3


@dataclass(slots=True)
class Applied:
    """What became of a plan.

    Attributes:
        states: Changes by (connection, outcome state).
        reasons: Changes that were not applied, by (connection, code or reason).
        failed: By connection: why it stopped before its end; its remaining changes wait for the next apply.
    """

    plan_id: str
    run_id: str = ""
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """How many changes the platforms refused, or did not answer for."""
        return sum(count for (_, state), count in self.states.items() if state in {"rejected", "unknown"})


def apply(
    bench: Workbench,
    path: Path | None = None,
    *,
    override: frozenset[str] = frozenset(),
    progress: Progress = no_progress,
) -> Applied:
    """Send the plan at *path* (None: the newest one).

    Args:
        bench: The open workspace.
        path: A file that `plan` wrote.
        override: Guardrails that are set aside for this one plan.
        progress: Told how many changes have an outcome.

    Raises:
        FixSettingsError: There is no plan, it was edited, applied already, or the world moved under it.
        GuardrailError: A guardrail refused the plan.
    """
    plan = read_plan(path or _newest(bench))
    record = bench.control.plans.get(plan.plan_id)
    if record is None:
        raise FixSettingsError(f"{plan.path} was not made in this workspace.", mend=NEW_PLAN)
    if record.state == "applied":
        raise FixSettingsError(f"Plan {plan.plan_id} was applied already.", mend=NEW_PLAN)
    if record.state != "applying":
        _refuse_stale(bench, plan)
    _refuse_breaches(bench, plan, override)
    applied = Applied(plan.plan_id)
    with recorded(bench, f"apply {plan.plan_id}") as run:
        applied.run_id = run.run_id
        bench.control.plans.move(plan.plan_id, "applying")
        for name in bench.workspace.connections:
            waiting = _waiting(bench, plan, name)
            if waiting:
                _push(bench, bench.connector(name), waiting, applied, run, progress)
        if not applied.failed:
            bench.control.plans.move(plan.plan_id, "applied")
        run.state = "failed" if applied.failed else "rejects" if applied.rejected else "done"
        run.counts.update(
            plan=plan.plan_id,
            outcomes={f"{name} {state}": count for (name, state), count in applied.states.items()},
            failed=applied.failed,
            predicted=plan.summary.get("requests", {}),
        )
    return applied


def _newest(bench: Workbench) -> Path:
    newest = bench.control.plans.latest()
    if newest is None:
        raise FixSettingsError("There is no plan yet.", mend="Run `personasync plan` first.")
    return bench.workspace.directory / newest.path


def _refuse_stale(bench: Workbench, plan: SavedPlan) -> None:
    """A plan holds only in the world that it was made from."""
    present = basis(bench)
    moved = [what for what in present if present[what] != plan.basis.get(what)]
    if moved:
        bench.control.plans.move(plan.plan_id, "stale")
        raise FixSettingsError(
            f"Plan {plan.plan_id} is stale: since it was made there was another {', another '.join(moved)}.",
            mend=NEW_PLAN,
        )


def _refuse_breaches(bench: Workbench, plan: SavedPlan, override: frozenset[str]) -> None:
    standing = [breach for breach in plan.summary["breaches"] if breach["guardrail"] not in override]
    if standing:
        bench.control.plans.move(plan.plan_id, "refused")
        raise GuardrailError(" ".join(breach["message"] for breach in standing))


def _waiting(bench: Workbench, plan: SavedPlan, connection: str) -> list[Change]:
    """The plan's changes of one connection that no earlier, interrupted apply of the same plan has settled."""
    earlier = [run for run in bench.control.runs.newest(100) if run.command == f"apply {plan.plan_id}"]
    settled = {
        (outcome.change.platform_id, outcome.change.kind, outcome.change.name)
        for run in earlier
        for outcome in bench.control.ledger.outcomes(run.run_id)
        if outcome.change.connection == connection and outcome.state != "unknown"
    }
    return [c for c in plan.changes if c.connection == connection and (c.platform_id, c.kind, c.name) not in settled]


def _push(
    bench: Workbench,
    connector: Connector,
    changes: Sequence[Change],
    applied: Applied,
    run: RecordedRun,
    progress: Progress,
) -> None:
    bench.control.ledger.intend(run.run_id, changes)
    done = 0
    try:
        for outcomes in connector.push(changes):
            bench.control.ledger.settle(run.run_id, outcomes)
            _tally(outcomes, applied)
            done += len(outcomes)
            progress(f"{connector.name} changes", done, len(changes))
    except PersonasyncError as error:
        # one platform in trouble does not hold up the other; what is left keeps waiting in the ledger
        applied.failed[connector.name] = str(error)


def _tally(outcomes: Sequence[Outcome], applied: Applied) -> None:
    for outcome in outcomes:
        connection = outcome.change.connection
        applied.states[connection, outcome.state] += 1
        if outcome.state not in {"applied", "unchanged"}:
            applied.reasons[connection, outcome.reason or outcome.code] += 1
