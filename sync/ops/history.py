"""Run history, data freshness and rejected changes, for `status` and `history`."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.errors import FixSettingsError
from connectors.safe_cells import safe_cell
from sync.clock import duration
from sync.results.freshness import Freshness, freshness

if TYPE_CHECKING:
    from connectors.records import Outcome
    from sync.control.rows import Run
    from sync.session import Looked

COLUMNS = ("connection", "platform_id", "email", "kind", "name", "before", "after", "state", "code", "reason")
REJECTED = ("rejected", "unknown", "skipped")
FORMATS = (".csv", ".json")


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a workspace."""

    document: dict[str, Any]
    streams: Sequence[Freshness]
    compared: Sequence[tuple[str, str, int, int]]
    sentences: Sequence[str]


def workspace_status(session: Looked) -> Status:
    """Look at the stores only; nothing is asked of the platforms.

    Returns:
        Freshness by stream, the newest plan, and what is not confirmed, as a document and in sentences.
    """
    streams = freshness(session.workspace.connections, session.control.cursors)
    plan = session.control.plans.latest()
    unsettled = sum(len(changes) for changes in session.control.ledger.unsettled().values())
    newest = session.control.runs.last_write()
    compared = _compared(newest.counts if newest else {})
    document = {
        "streams": [
            {"connection": line.connection, "stream": line.stream, "rows": line.rows, "read_at": line.at}
            for line in streams
        ],
        "plan": {"id": plan.plan_id, "state": state_name(plan.state), "changes": plan.changes, "path": plan.path}
        if plan
        else None,
        "unsettled": unsettled,
        "last_write": {"run": newest.run_id, "state": state_name(newest.state), **newest.counts} if newest else None,
    }
    summary = f"Newest plan {plan.plan_id}: {state_name(plan.state)}, {plan.changes:,} changes." if plan else NO_PLAN
    waiting = f"{unsettled:,} changes are not confirmed yet; the next apply checks them." if unsettled else ALL_SETTLED
    sentences = [summary, waiting]
    if newest and "predicted_minutes" in newest.counts:
        took, least = newest.counts.get("seconds", 0), 60 * newest.counts["predicted_minutes"]
        sentences.append(f"The last apply took {duration(took)}; the estimate was {duration(least)}.")
    return Status(document, streams, compared, sentences)


NO_PLAN, ALL_SETTLED = "No plan yet.", "All changes confirmed."


CALLED = {
    "fresh": "queued",
    "applying": "working",
    "running": "working",
    "applied": "done",
    "rejects": "done with rejections",
}


def state_name(state: str) -> str:
    """Return how people call the state of a run or a plan."""
    return CALLED.get(state, state)


@dataclass(frozen=True, slots=True)
class Past:
    """A run as `history` shows it.

    Attributes:
        state: queued (a plan that waits for its apply), working, done, done with rejects, refused, failed.
    """

    run: Run
    state: str


def past(session: Looked, *, limit: int, service: bool) -> list[Past]:
    """Return the newest runs, newest first.

    Args:
        session: The open workspace.
        limit: At most so many.
        service: Whether those of the webhook service count.

    Returns:
        Also runs that are still going.
    """
    runs = session.control.runs.newest(limit, but=None if service else "serve")
    return [Past(run, _state(session, run)) for run in runs]


def past_run(session: Looked, run_id: str) -> Past:
    """Return one run.

    Args:
        session: The open workspace.
        run_id: As `history` shows it.

    Returns:
        With its state as people call it.

    Raises:
        FixSettingsError: There is none of that id.
    """
    run = session.control.runs.get(run_id)
    if run is None:
        raise FixSettingsError(f"Run {run_id!r} not found.", fix="See `personasync history`.")
    return Past(run, _state(session, run))


def history_document(shown: Sequence[Past]) -> dict[str, Any]:
    """Return runs as a JSON document; their own records, such as a definition, are left out.

    Returns:
        In the order of *shown*.
    """
    return {
        "runs": [
            {
                "run": past_run.run.run_id,
                "command": past_run.run.command,
                "state": past_run.state,
                "started_at": past_run.run.started_at,
                "counts": {name: count for name, count in past_run.run.counts.items() if name != "record"},
            }
            for past_run in shown
        ]
    }


def _state(session: Looked, run: Run) -> str:
    """A plan that nobody applied waits, as long as it is the newest."""
    newest = session.control.plans.latest() if run.command == "plan" else None
    waits = newest is not None and newest.run_id == run.run_id and newest.state == "fresh" and newest.changes > 0
    return "queued" if waits else state_name(run.state)


def _compared(counts: Any) -> list[tuple[str, str, int, int]]:
    """Requests of the last apply: connection, endpoint, predicted, sent."""
    predicted, sent = counts.get("predicted", {}), counts.get("endpoints", {})
    return [
        (name, end, predicted.get(name, {}).get(end, 0), sent.get(name, {}).get(end, 0))
        for name in predicted
        for end in {**predicted[name], **sent.get(name, {})}
    ]


def rejects(session: Looked, run_id: str, path: Path) -> int:
    """Write what became of the changes of a run that were not applied, with the platform's own words.

    Args:
        session: The open workspace.
        run_id: As `history` shows it.
        path: A file that ends in .csv or .json.

    Returns:
        How many there are.

    Raises:
        FixSettingsError: There is no such run, or the file's name ends otherwise.
    """
    outcomes = rejected(session, run_id)
    if path.suffix not in FORMATS:
        raise FixSettingsError(
            f"{path.name} must end in .csv or .json.", fix="Use a name like rejects.csv or rejects.json."
        )
    rows = [dict(zip(COLUMNS, _row(outcome), strict=True)) for outcome in outcomes]
    try:
        _write(rows, path)
    except OSError as error:
        raise FixSettingsError(f"{path} can't be written: {error.strerror}.", fix="Choose another file.") from error
    return len(rows)


def rejected(session: Looked, run_id: str) -> list[Outcome]:
    """Return what became of the changes of a run that were not applied, with the platform's own words.

    Args:
        session: The open workspace.
        run_id: As `history` shows it.

    Returns:
        Rejected ones first, then those without an answer, then those that were skipped.

    Raises:
        FixSettingsError: There is no such run.
    """
    if session.control.runs.get(run_id) is None:
        raise FixSettingsError(f"Run {run_id!r} not found.", fix="See `personasync history`.")
    return [outcome for state in REJECTED for outcome in session.control.ledger.outcomes(run_id, state=state)]


def _write(rows: Sequence[dict[str, str | None]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".json":
            json.dump(rows, file, ensure_ascii=False, indent=1)
        else:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({name: safe_cell(cell) for name, cell in row.items()} for row in rows)


def _row(outcome: Outcome) -> tuple[str | None, ...]:
    c = outcome.change
    return (
        c.connection,
        c.platform_id,
        c.email,
        c.kind,
        c.name,
        c.before,
        c.after,
        outcome.state,
        outcome.code,
        outcome.reason,
    )
