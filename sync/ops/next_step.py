"""The next sensible command, decided by what a workspace has done. `next_step` is pure; every command asks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sync.clock import trial_note
from sync.control.rows import PlanRecord
from sync.workspace.run_manifest import settings_digests

if TYPE_CHECKING:
    from sync.session import Looked

RECORDED = ("setup", "pull", "assign", "results", "report")
BESIDE = ("discover",)
"""Done where somebody wants it; no step waits for it."""
BY_HAND = ("pin", "unpin", "object", "forget")
SAMPLE = 20
DAILY = timedelta(hours=24)
DEMO = "demo.toml"  # in a workspace whose platforms ended with the demo
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NextStep:
    """A command, and what it does.

    Attributes:
        command: Without "personasync"; it runs as it stands.
        why: Goes on after the command: "shows what would change".
        first: What a person does before, a whole sentence.
    """

    command: str
    why: str
    first: str = ""

    def sentence(self, where: str = "") -> str:
        """Return it for people; *where* is the option that names the workspace, "" for the current folder."""
        asked = f"`personasync {self.command}{where}`"
        return f"Next: {self.first} Then {asked} {self.why}." if self.first else f"Next: {asked} {self.why}."


@dataclass(frozen=True, slots=True)
class WaitingPlan:
    """The newest plan. `state`: as `sync.control.rows.PlanRecord`; `fix`: how to go on where a guardrail blocks it."""

    state: str
    made_at: datetime
    changes: int
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a workspace has done so far; all times UTC.

    Attributes:
        now: The workspace's present.
        done_at: When each step of `RECORDED` and `BESIDE`, and the last change by hand, was last done; not those that
            never were.
        unlike: Steps that were done with other settings files than those of now.
        plan: The newest one.
        written_at: When something was last written to a platform.
        undone: Whether that was an undo.
        oldest_pull: The age at which data may not decide any more.
        local: Whether the platforms are those of this machine.
        ended: Whether they ran for a demo, and no longer do.
        sent_at: When a campaign was last sent there.
        running: Experiments that run now.
        measured: Experiments that began before results were last imported.
    """

    now: datetime
    done_at: Mapping[str, datetime] = field(default_factory=dict)
    unlike: frozenset[str] = frozenset()
    plan: WaitingPlan | None = None
    written_at: datetime | None = None
    undone: bool = False
    oldest_pull: timedelta = timedelta(hours=48)
    local: bool = False
    ended: bool = False
    sent_at: datetime | None = None
    running: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()


def workspace_standing(looked: Looked, *, now: datetime) -> Standing:
    """Return where a workspace stands at *now* (UTC), from its control store, open to read, and its files."""
    runs = {name: looked.control.runs.latest(name, state="done") for name in (*RECORDED, *BESIDE)}
    directory, results = looked.workspace.directory, runs["results"]
    settings, note = settings_digests(directory), trial_note(directory)
    by_hand = [run for run in (looked.control.runs.latest(name, state="done") for name in BY_HAND) if run]
    done_at = {name: run.started_at for name, run in runs.items() if run}
    if by_hand:
        done_at["by hand"] = max(run.started_at for run in by_hand)
    wrote, record = looked.control.runs.last_write(), looked.control.plans.latest()
    experiments = looked.workspace.experiments.values()
    return Standing(
        now=now,
        done_at=done_at,
        unlike=frozenset(name for name, run in runs.items() if run and _settings_of(run.counts) != settings),
        plan=_waiting(record) if record else None,
        written_at=wrote.started_at if wrote else None,
        undone=wrote is not None and wrote.command.startswith("undo"),
        oldest_pull=timedelta(hours=looked.workspace.guardrails.max_data_age_hours),
        local=note is not None,
        ended=(directory / DEMO).exists(),
        sent_at=_sent_at(note or {}),
        running=tuple(known.name for known in experiments if known.begins <= now < (known.ends or LATEST)),
        measured=tuple(known.name for known in experiments if results and known.begins < results.started_at),
    )


def _waiting(record: PlanRecord) -> WaitingPlan:
    return WaitingPlan(record.state, record.created_at, record.changes, record.summary.get("fix") or "")


def _sent_at(note: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(note["sent_at"])
    except (KeyError, TypeError, ValueError):
        return None


def _settings_of(counts: Mapping[str, Any]) -> Any:
    return counts.get("manifest", {}).get("settings")


AFTER = {
    "init": NextStep("doctor", "checks your connections", "Set the environment variables that personasync.toml names."),
    "restore": NextStep("pull", "reads what changed since"),
    "rebuild": NextStep("pull", "reads everything again"),
    "sandbox send": NextStep("results", "imports who opened and clicked"),
}


def next_step(standing: Standing, *, command: str = "", status: int = 0) -> NextStep:
    """Return the next sensible command.

    Args:
        standing: Of the workspace.
        command: What was just run, such as "sandbox send".
        status: Its exit status.

    Returns:
        One that can be run as it stands, and after which another one comes next.
    """
    if standing.ended:
        return _after_a_demo(standing, command)
    if command == "doctor" and status:
        return NextStep("doctor", "checks again", "Fix what failed above.")
    if command in AFTER:
        return AFTER[command]
    return _to_begin(standing, command) or _to_write(standing) or _to_measure(standing, command)


def _after_a_demo(standing: Standing, command: str) -> NextStep:
    """Its platforms no longer answer, so what is left is to decide anew by what was read, and to look."""
    done, name = standing.done_at, next(iter(standing.measured), "")
    look = NextStep("console", "shows people, segments, plans and campaigns in your browser")
    if "pull" not in done:  # it was broken off
        return look
    if "assign" not in done or "assign" in standing.unlike or done["assign"] < _latest(done, "pull", "by hand"):
        return NextStep("assign", "gives everybody a segment and a persona")
    if "report" not in done or done["report"] < _latest(done, "assign", "results"):
        return NextStep("report", "compares personas, with confidence intervals")
    if command == "report" and name:
        return _lift_of(name)
    if "discover" not in done:
        return NextStep("discover", "looks for other segments in what these people did")
    return look


def _lift_of(experiment: str) -> NextStep:
    return NextStep(f"lift --experiment {experiment}", "says what the experiment brought, for each persona")


def _to_begin(standing: Standing, command: str) -> NextStep | None:
    """From nothing to data that were just read."""
    done = standing.done_at
    if not done and command != "doctor":
        return NextStep("doctor", "checks connections and settings")
    if "setup" not in done:
        return NextStep("setup", "shows the fields, tags and lists that it would create, and asks")
    if "setup" in standing.unlike:
        return NextStep("setup", "creates what the changed settings need")
    if "pull" not in done:
        return NextStep("pull", "reads your contacts, orders and events")
    return None


def _to_write(standing: Standing) -> NextStep | None:
    """From data to platforms that show what was decided; None: they do."""
    done, plan = standing.done_at, standing.plan
    old = standing.now - done["pull"] >= standing.oldest_pull
    first = NextStep("pull", "reads what is new: the data are too old to decide by")
    if plan and plan.state == "applying":
        return first if old else NextStep("apply", "sends the rest of the plan")
    if "assign" not in done or "assign" in standing.unlike or done["assign"] < _latest(done, "pull", "by hand"):
        return first if old else NextStep("assign", "gives everybody a segment and a persona")
    if plan is None or plan.made_at < done["assign"] or (plan.changes and plan.state in {"stale", "refused"}):
        return first if old else NextStep("plan", "shows what would change; nothing is sent")
    if plan.changes and plan.state == "fresh":
        return first if old else _to_apply(standing, plan)
    if standing.undone:
        return NextStep("assign", "decides again", "Change segments.toml or personas.toml.")
    return None


def _to_apply(standing: Standing, plan: WaitingPlan) -> NextStep:
    if plan.fix:
        return NextStep("plan --show", "says which guardrail blocks the plan, and how to go on")
    if standing.written_at is None:
        return NextStep(f"apply --limit {SAMPLE}", f"sends the plan to {SAMPLE} people, as a first sample")
    return NextStep("apply", "sends exactly this plan")


def _latest(done: Mapping[str, datetime], *names: str) -> datetime:
    return max((done[name] for name in names if name in done), default=EARLIEST)


def _to_measure(standing: Standing, command: str) -> NextStep:
    """From platforms that are up to date to what it brought."""
    done, wrote, name = standing.done_at, standing.written_at, next(iter(standing.measured), "")
    results = done.get("results")
    if wrote and (results is None or results < wrote):
        return _to_send(standing)
    if results and ("report" not in done or done["report"] < results):
        return NextStep("report", "compares personas, with confidence intervals")
    if standing.now - done["pull"] >= DAILY:
        return NextStep("run", "does all steps again: it is the one command that cron needs")
    if name and command != "lift":
        return _lift_of(name)
    if not standing.running and not name and results:
        return NextStep(
            "experiment create spring --arm old --arm new --holdout 10%", "measures what your next campaign brings"
        )
    return NextStep("run", "does all steps again: it is the one command that cron needs")


def _to_send(standing: Standing) -> NextStep:
    if not standing.local:
        return NextStep(
            "results", "imports who opened and clicked", "Send your campaign from your platform, as always."
        )
    if standing.sent_at and standing.written_at and standing.sent_at >= standing.written_at:
        return AFTER["sandbox send"]
    which = f" --experiment {standing.running[0]}" if standing.running else ""
    return NextStep(f"sandbox send{which}", "sends a campaign on the local platforms; four days pass")
