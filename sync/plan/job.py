"""The plan job: gather state, compute the diff, check guardrails, save the plan."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import field as default
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ibis import Table

from connectors.errors import FixSettingsError
from connectors.records import Change
from segmenter.personalize.creepiness import Concern
from sync.active_people import withheld_active
from sync.breach import Breach
from sync.experiments.definitions import refuse_edited_running
from sync.fields import privacy_checks as creepiness
from sync.fields.pushed_segments import PLANNED
from sync.plan.cost import PlanCost, plan_cost
from sync.plan.diff import SAMPLES, Plan
from sync.plan.file import plan_code, read_header, write_plan
from sync.plan.guardrails import GuardrailLimits, broken_limits, how_to_override
from sync.plan.inputs import assigned_at_or_raise, wanted_changes
from sync.plan.left_out import left_out_sentences, withheld_sentences
from sync.session import Looked, Session, recorded


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that was saved: where, what it would do, and whether it may be applied.

    Attributes:
        cost: What it costs on the platforms.
        focus: Which segments `[value] focus` leaves out, in a sentence; "": none.
        skipped_segments: Segments with too few people to be pushed, and how many.
        notes: What is skipped and how that changes, in sentences.
        withheld: People who are left out for a purpose, by purpose.
        proposed_by: "assistant" where an assistant asked for the plan: `apply` wants its code then; "": a person did.
    """

    plan_id: str
    path: Path
    plan: Plan
    breaches: Sequence[Breach]
    cost: PlanCost
    focus: str
    concerns: Sequence[Concern]
    skipped_segments: Mapping[str, int]
    notes: Sequence[str]
    withheld: Mapping[str, int] = default(default_factory=dict)
    proposed_by: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The plan as `plan` prints it as JSON."""
        return {"plan": self.plan_id, "path": str(self.path), **self.summary}

    @property
    def summary(self) -> dict[str, Any]:
        """The plan in numbers and samples, as the file holds it and people read it."""
        counts = self.plan.counts
        return {
            "as_of": self.plan.as_of.isoformat() if self.plan.as_of else None,
            "changes": len(self.plan.changes),
            "focus": self.focus or None,
            "contacts": dict(counts.contacts),
            "changed_contacts": dict(counts.changed),
            "replaced_contacts": dict(counts.replaced),
            "moved_contacts": dict(counts.moved),
            "explained_contacts": dict(counts.explained),
            "by_field": _named(+counts.by_field),
            "personas": dict(counts.by_persona),
            "skipped_segments": dict(self.skipped_segments),
            "notes": list(self.notes),
            "memberships_taken_back": dict(counts.removed),
            "values_of_others": _named(counts.kept),
            "memberships_of_others": dict(counts.foreign),
            "memberships_of_others_samples": [asdict(membership) for membership in self.plan.foreign],
            "skipped": _named(counts.skipped),
            "left_out": [*left_out_sentences(counts.skipped), *withheld_sentences(self.withheld)],
            "withheld": dict(self.withheld),
            "refused": _named(counts.refused),
            "samples": [_sample(change) for change in _spread(self.plan.changes)],
            "skipped_samples": [
                {"connection": p.connection, "email": p.email, "id": p.platform_id, "reason": p.reason}
                for p in self.plan.skipped[:SAMPLES]
            ],
            "requests": {name: dict(requests) for name, requests in self.cost.requests.items()},
            "prices": {name: asdict(price) for name, price in self.cost.prices.items()},
            "creepy": [
                {"sentence": concern.sentence(), **{k: v for k, v in asdict(concern).items() if k != "example"}}
                for concern in self.concerns
            ],
            "creepy_samples": {concern.place: concern.example for concern in self.concerns if concern.example},
            "minutes": round(self.cost.seconds / 60, 2),
            "breaches": [{"guardrail": breach.guardrail, "message": breach.message} for breach in self.breaches],
            "fix": how_to_override([breach.guardrail for breach in self.breaches]),
            "proposed_by": self.proposed_by or None,
        }


def plan(session: Session, *, proposed_by: str = "") -> Planned:
    """Decide what would change on the platforms now, and save it under ``.personasync/plans``.

    Args:
        session: The open workspace.
        proposed_by: "assistant" where an assistant asked for it.

    Returns:
        The plan with its path, requests and seconds, broken guardrails, and what is skipped and why.

    Raises:
        EditedExperimentError: A running experiment was edited after its start.
    """
    with recorded(session, "plan") as run:
        as_of = assigned_at_or_raise(session)
        refuse_edited_running(session)
        wanted = wanted_changes(session, as_of)
        decided, notes = wanted.plan, [*wanted.notes]
        notes += _undefined_sentences(session, decided.changes)
        notes += pin_notes(session, wanted.state.assigned, as_of)
        concerns = creepiness.of_people(session, wanted.state.assignments, wanted.people)
        breaches = broken_guardrails(session, decided)
        cost = plan_cost(session, decided.changes)
        plan_id = f"{session.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        path = session.workspace.state_dir / "plans" / f"{plan_id}.jsonl"
        known = (breaches, cost, wanted.focus, concerns, wanted.skipped, notes, withheld_active(session), proposed_by)
        planned = Planned(plan_id, path, decided, *known)
        write_plan(
            path,
            plan_id=plan_id,
            created_at=session.now(),
            basis=basis(session),
            summary=planned.summary,
            changes=decided.changes,
        )
        relative = path.relative_to(session.workspace.directory).as_posix()
        summary = {key: value for key, value in planned.summary.items() if "samples" not in key}
        session.control.plans.record(
            plan_id, run_id=run.run_id, path=relative, changes=len(decided.changes), summary=summary
        )
        run.counts.update(plan=plan_id, changes=len(decided.changes), **{PLANNED: wanted.pushed})
        if proposed_by:
            run.counts["proposed_by"] = proposed_by
    return planned


def newest_plan_document(looked: Looked) -> dict[str, Any]:
    """Return the newest plan as `plan --show` prints it as JSON; it is not read whole.

    Returns:
        Its summary with id, path, code and state.

    Raises:
        FixSettingsError: There is no plan yet, or its file is gone.
    """
    record = looked.control.plans.latest()
    if record is None:
        raise FixSettingsError("No plan yet.", fix="Run `personasync plan` first.")
    header = read_header(looked.workspace.directory / record.path)
    shown = {"plan": header.plan_id, "path": str(header.path), "code": plan_code(header.plan_id), **header.summary}
    return {**shown, "state": record.state}


def pin_notes(session: Session, assigned: Table, as_of: datetime | None) -> list[str]:
    """Say how many people are pinned, and whether pins changed since everybody was assigned."""
    pinned = int(assigned.filter(assigned.source == "pinned").count().execute())
    notes = [f"{_people(pinned)} pinned to a segment by hand; `personasync pins` lists them."] if pinned else []
    known = {segment.name for segment in session.workspace.segments}
    gone = sorted({pin.segment for pin in session.control.pins.in_force(session.now())} - known)
    if gone:
        notes.append(f"Pins to {', '.join(gone)} are without effect: there is no such segment. See `personasync pins`.")
    if as_of is not None and session.control.pins.touched_since(as_of):
        notes.append("Pins were set or have ended since the last assign: run `personasync assign`, then `plan`.")
    return notes


def _people(count: int) -> str:
    return "1 person is" if count == 1 else f"{count:,} people are"


def _undefined_sentences(session: Session, changes: Sequence[Change]) -> list[str]:
    """Say of each group that no definition names any more how many leave it."""
    leaving = Counter(
        (change.connection, change.name) for change in changes if change.kind == "group" and change.after is None
    )
    return [
        f"{name}: {leaving[name, group]:,} contacts leave {group!r}, which is no longer defined."
        for name in session.workspace.connections
        for group in session.undefined_groups(name)
        if leaving[name, group]
    ]


def basis(session: Session, *, own: str = "") -> dict[str, str]:
    """Return what a plan made now would stand on. A plan with another basis is stale.

    Args:
        session: The open workspace.
        own: A plan whose own applies do not count.

    Returns:
        What it stands on -> run id or digest; "" where there is no such run.
    """
    newest = {what: session.control.runs.latest(what) for what in ("pull", "assign")}
    wrote = session.control.runs.last_write(but=f"apply {own}")
    return {
        **{what: run.run_id if run else "" for what, run in newest.items()},
        "apply": wrote.run_id if wrote else "",
        "definition of segments or personas": session.workspace.digest,
    }


def broken_guardrails(session: Session, decided: Plan) -> list[Breach]:
    """Return the guardrails that *decided* breaks."""
    settings = session.workspace.guardrails
    limits = GuardrailLimits(
        max_changed=settings.max_changed,
        max_removed=settings.max_removed,
        max_unclassified=settings.max_unclassified,
        max_data_age=timedelta(hours=settings.max_data_age_hours),
    )
    pulled_at = {name: session.control.cursors.read_at(name, "contacts") for name in session.workspace.connections}
    return [
        *broken_limits(decided.counts, limits, pulled_at=pulled_at, now=session.now()),
    ]


def _named(counts: Counter[tuple[str, str]]) -> dict[str, int]:
    return {f"{first}: {second}": count for (first, second), count in sorted(counts.items())}


def _spread(changes: Sequence[Change]) -> list[Change]:
    """Some changes of every connection and name, not just the first ones."""
    seen: Counter[tuple[str, str]] = Counter()
    shown = []
    for change in changes:
        seen[change.connection, change.name] += 1
        if seen[change.connection, change.name] <= 2:  # noqa: PLR2004 - two examples of a kind tell enough
            shown.append(change)
    return shown


def _sample(change: Change) -> dict[str, str | None]:
    return {
        "connection": change.connection,
        "contact": change.email or change.platform_id,
        change.kind: change.name,
        "before": change.before,
        "after": change.after,
    }
