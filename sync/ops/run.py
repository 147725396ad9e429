"""The run job: all steps in order, for cron and the demo."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from connectors.errors import FixSettingsError
from connectors.records import SetupStep
from sync.apply.job import Applied, apply
from sync.assign.job import Assigned, assign
from sync.erasure.retention import apply_retention, refuse_short_retention
from sync.export.tables import export_tables
from sync.ops.setup import create_missing, missing_steps
from sync.plan.job import Planned, plan
from sync.pull.job import Pulled, pull
from sync.report.job import Written, write_report
from sync.results.job import results
from sync.session import Progress, Session, no_progress

Done = TypeVar("Done")


@dataclass(slots=True)
class Loop:
    """What one run of all steps did."""

    pulled: Pulled
    assigned: Assigned
    created: int
    planned: Planned
    applied: Applied
    imported: Pulled
    written: Written
    seconds: dict[str, float] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    writes: int = 0
    deleted: dict[str, int] = field(default_factory=dict)


def quiet(text: str) -> None:
    """Tell nobody."""


def run_loop(
    session: Session,
    *,
    as_of: datetime | None = None,
    override: frozenset[str] = frozenset(),
    progress: Progress = no_progress,
    tell: Callable[[str], None] = quiet,
    before_results: Callable[[], None] = lambda: None,
    set_up: bool = False,
) -> Loop:
    """Pull, assign, set up, plan, apply, import results, report, delete what `[retention]` says, and write `[export]`.

    Args:
        session: The open workspace.
        as_of: The moment for which people are classified, UTC; None is now.
        override: Guardrails to set aside.
        progress: Told what is being read or written.
        tell: Told each step as it starts.
        set_up: Create fields and groups that are missing; otherwise they are an error, since people see them first.
        before_results: What happens between apply and results: the demo sends a campaign there.

    Returns:
        The result of each step, with its seconds and requests.

    Raises:
        FixSettingsError: A field or group is missing, and *set_up* is not set.
        GuardrailError: A guardrail refused the data or the plan; everything before it is done and kept.
    """
    refuse_short_retention(session)
    meter, writes = _Meter(session, tell), _writes(session)
    step = meter.step
    pulled = step("pull", lambda: pull(session, override=override, progress=progress))
    assigned = step("assign", lambda: assign(session, as_of=as_of or session.now(), override=override))
    steps = step("setup", lambda: missing_steps(session))
    if not set_up:
        _refuse_unseen(steps)
    if steps:
        step("create", lambda: create_missing(session, steps))
    planned = step("plan", lambda: plan(session))
    applied = step("apply", lambda: apply(session, planned.path, override=override, progress=progress))
    before_results()
    imported = step("results", lambda: results(session, progress=progress))
    written = step("report", lambda: write_report(session, progress))
    deleted = step("retention", lambda: apply_retention(session))
    _export_tables(session, step)
    new_writes, sent = _writes(session) - writes, meter.requests
    return Loop(
        pulled, assigned, len(steps), planned, applied, imported, written, meter.seconds, sent, new_writes, deleted
    )


def _export_tables(session: Session, step: Callable[[str, Callable[[], object]], object]) -> None:
    folder = session.workspace.export.folder
    if folder is not None:
        step("tables", lambda: export_tables(session, session.workspace.directory / folder))


@dataclass(slots=True)
class _Meter:
    """Seconds and requests of each step, by its name."""

    session: Session
    tell: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)

    def step(self, name: str, work: Callable[[], Done]) -> Done:
        self.tell(name)
        before, started = _sent(self.session), time.monotonic()
        done = work()
        self.seconds[name] = round(time.monotonic() - started, 2)
        self.requests[name] = _sent(self.session) - before
        return done


def _refuse_unseen(steps: Sequence[SetupStep]) -> None:
    if steps:
        listed = ", ".join(f"{setup_step.name} on {setup_step.connection}" for setup_step in steps)
        raise FixSettingsError(
            f"Missing on the platforms: {listed}.", fix="Run `personasync setup` to review and create them."
        )


def _sent(session: Session) -> int:
    return sum(sum(counts.values()) for counts in session.requests().values())


def _writes(session: Session) -> int:
    return sum(connector.traffic.writes for connector in session.opened.values())
