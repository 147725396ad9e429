"""Plans: what would change, in numbers and samples; guardrails in words; approve and apply; undo."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import FixSettingsError
from sync.apply import undo as undoing
from sync.apply.job import Applied, PlanSelection, apply
from sync.apply.push import Sent
from sync.apply.text import NOTHING_SENT, left_out_of_apply, pending_after_apply, undone_sentences
from sync.console.pages import Asked, ConsolePage, Desk, Elsewhere
from sync.console.tasks import Finished, Work
from sync.ops.history import Past, past, state_name
from sync.plan.file import PlanHeader, plan_code, read_header
from sync.plan.job import plan
from sync.session import Progress, ReadStores, Session

SECTION = "/plans"
STEPS = ("Make a plan", "Review it", "Approve it", "Applied")
OPEN_STATES = ("fresh", "applying", "refused")
RUNS = 200
UNDOABLE_SHOWN = 8
REASONS = 10
WRONG_CODE = "The code is not that of this plan, so nothing was sent. Its code stands beside the field."
OTHER_PLAN = "There is a newer plan by now, so nothing was sent. Review the one below."


@dataclass(frozen=True, slots=True)
class PlanShown:
    """The newest plan as the page shows it; *state* as people call it, *step* its place in `STEPS`."""

    header: PlanHeader
    state: str
    code: str
    open: bool
    step: int


def newest_plan(looked: ReadStores) -> PlanShown | None:
    """Return the newest plan; None where there is none yet."""
    record = looked.control.plans.latest()
    if record is None:
        return None
    header = read_header(looked.workspace.directory / record.path)
    waits = record.state in OPEN_STATES and record.changes > 0
    return PlanShown(header, state_name(record.state), plan_code(record.plan_id), waits, 1 if waits else len(STEPS))


def plans_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Return the newest plan, and what can be undone."""
    del asked
    return _page(desk)


def _page(desk: Desk, message: str = "") -> ConsolePage:
    with desk.reader.stores() as looked:
        shown, workspace = newest_plan(looked), looked.workspace
        runs = [run for run in past(looked, limit=RUNS, service=False) if _undoable(run)][:UNDOABLE_SHOWN]
    values = {
        "shown": shown,
        "message": message,
        "steps": STEPS,
        "runs": runs,
        "connections": list(workspace.connections),
        "segments": {each.name for each in workspace.segments},
    }
    return ConsolePage(SECTION, "Plans", "plans.html.j2", values, 400 if message else 200)


def _undoable(run: Past) -> bool:
    return run.run.command.startswith(undoing.UNDOABLE) and any(
        "applied" in name for name in run.run.counts.get("outcomes", {})
    )


def make_plan_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Make a new plan; nothing is sent."""
    del asked

    def work(session: Session, progress: Progress) -> Finished:
        progress("Comparing what people should see with what the platforms show", 0, None)
        made = plan(session)
        changes = len(made.plan.changes)
        text = (
            f"{changes:,} changes. Nothing was sent." if changes else "Nothing to change: the platforms are up to date."
        )
        return Finished([text, *(breach.message for breach in made.breaches)], (), SECTION, "Review the plan")

    return _task(desk, "Make a plan", work)


def apply_task(desk: Desk, asked: Asked) -> ConsolePage | Elsewhere:
    """Apply the newest plan, or a part of it, once its code was typed."""
    with desk.reader.stores() as looked:
        shown = newest_plan(looked)
    if shown is None or asked.field("plan") != shown.header.plan_id:
        return _page(desk, OTHER_PLAN)
    if not hmac.compare_digest(asked.field("code").strip().lower().encode(), shown.code.encode()):
        return _page(desk, WRONG_CODE)
    path = shown.header.path
    override, code = frozenset(asked.fields("override")), shown.code
    connection, people = asked.field("connection"), asked.field("people").strip()
    if people and not (people.isascii() and people.isdigit() and int(people[:9]) > 0):
        return _page(desk, f"“{people}” is not a number of people, so nothing was sent.")

    def work(session: Session, progress: Progress) -> Finished:
        names = frozenset({connection} if connection else ())
        part = PlanSelection(names, int(people) if people else None)
        applied = apply(session, path, override=override, part=part, progress=progress, code=code)
        return Finished(_applied_text(applied), _rows(applied), f"/data/runs/{applied.run_id}", "See this run")

    return _task(desk, f"Apply plan {shown.code}", work)


def _applied_text(applied: Applied) -> list[str]:
    said = [*left_out_of_apply(applied), *pending_after_apply(applied)]
    if not applied.states and not applied.failed:
        said.append(NOTHING_SENT)
    return [*said, *(f"{name}, {n:,} times: {reason}" for (name, reason), n in applied.reasons.most_common(REASONS))]


def _rows(sent: Sent) -> list[tuple[str, int]]:
    return [(f"{name}: {state}", count) for (name, state), count in sorted(sent.states.items())]


def look_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Find out what an undo would do; nothing is written."""
    run = asked.field("run") or undoing.NEWEST

    def work(session: Session, progress: Progress) -> Finished:
        progress("Comparing with what the platforms show now", 0, None)
        intended = undoing.intended(session, run)
        return Finished([], (), outcome=intended)

    return _task(desk, "What an undo would do", work)


def undo_page(desk: Desk, asked: Asked) -> ConsolePage:
    """Ask whether to undo, with what it would do."""
    task = desk.tasks.get(asked.path["task"])
    intended = _found(task)
    values: Mapping[str, Any] = {"intended": intended, "task": task}
    return ConsolePage(SECTION, "Undo", "undo.html.j2", values)


def _found(task: Any) -> undoing.Intended:
    looked = task.finished.outcome if task is not None and task.finished is not None else None
    if not isinstance(looked, undoing.Intended):
        raise FixSettingsError("What the undo would do is not known any more.", fix="Begin the undo again.")
    return looked


def undo_task(desk: Desk, asked: Asked) -> Elsewhere:
    """Undo what was looked at, except what was edited since."""
    agreed = _found(desk.tasks.get(asked.path["task"]))

    def work(session: Session, progress: Progress) -> Finished:
        undone = undoing.undo(session, undoing.still_intended(session, agreed), progress=progress)
        return Finished(undone_sentences(undone), _rows(undone), f"/data/runs/{undone.run_id}", "See this run")

    return _task(desk, "Undo", work)


def _task(desk: Desk, title: str, work: Work) -> Elsewhere:
    task = desk.tasks.start(title, SECTION, work)
    return Elsewhere(f"/tasks/{task.task_id}")
