"""What `status` and `history` tell: how fresh everything is, what was sent, and what the platforms refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError
from connectors.records import Outcome
from sync.planning import last_write
from sync.report import Freshness
from sync.reporting import freshness
from sync.workbench import Workbench

COLUMNS = ("connection", "platform_id", "email", "kind", "name", "before", "after", "state", "code", "reason")
REJECTED = ("rejected", "unknown", "parked")
FORMATS = (".csv", ".json")


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a workspace."""

    document: dict[str, Any]
    streams: Sequence[Freshness]
    compared: Sequence[tuple[str, str, int, int]]
    sentences: Sequence[str]


def status(bench: Workbench) -> Status:
    """Look at the stores only; nothing is asked of the platforms."""
    streams = freshness(bench)
    plan = bench.control.plans.latest()
    unsettled = sum(len(changes) for changes in bench.control.ledger.unsettled().values())
    newest = last_write(bench)
    compared = _compared(newest.counts if newest else {})
    document = {
        "streams": [
            {"connection": line.connection, "stream": line.stream, "rows": line.rows, "read_at": line.at}
            for line in streams
        ],
        "plan": {"id": plan.plan_id, "state": plan.state, "changes": plan.changes, "path": plan.path} if plan else None,
        "unsettled": unsettled,
        "last_write": {"run": newest.run_id, "state": newest.state, **newest.counts} if newest else None,
    }
    told = f"Newest plan {plan.plan_id}: {_called(plan.state)}, {plan.changes:,} changes." if plan else NO_PLAN
    waiting = f"{unsettled:,} changes have no outcome yet; the next apply finds out." if unsettled else ALL_SETTLED
    sentences = [told, waiting]
    if newest and "predicted_minutes" in newest.counts:
        minutes = newest.counts.get("seconds", 0) / 60
        sentences.append(f"The last apply took {minutes:.1f} of {newest.counts['predicted_minutes']:.1f} minutes.")
    return Status(document, streams, compared, sentences)


NO_PLAN, ALL_SETTLED = "There is no plan yet.", "Every change has its outcome."


def _called(state: str) -> str:
    return {"fresh": "queued", "applying": "working", "applied": "done"}.get(state, state)


def _compared(counts: Any) -> list[tuple[str, str, int, int]]:
    """Requests of the last apply: connection, endpoint, predicted, sent."""
    predicted, sent = counts.get("predicted", {}), counts.get("endpoints", {})
    return [
        (name, end, predicted.get(name, {}).get(end, 0), sent.get(name, {}).get(end, 0))
        for name in predicted
        for end in {**predicted[name], **sent.get(name, {})}
    ]


def rejects(bench: Workbench, run_id: str, path: Path) -> int:
    """Write what became of the changes of a run that were not applied, with the platform's own words.

    Args:
        bench: The open workspace.
        run_id: As `history` shows it.
        path: A file that ends in .csv or .json.

    Returns:
        How many there are.

    Raises:
        FixSettingsError: There is no such run, or the file's name ends otherwise.
    """
    if bench.control.runs.get(run_id) is None:
        raise FixSettingsError(f"There is no run {run_id!r}.", mend="See `personasync history`.")
    if path.suffix not in FORMATS:
        raise FixSettingsError(f"{path.name} is neither .csv nor .json.", mend="Name it rejects.csv or rejects.json.")
    found = [one for state in REJECTED for one in bench.control.ledger.outcomes(run_id, state=state)]
    rows = [dict(zip(COLUMNS, _row(one), strict=True)) for one in found]
    try:
        _write(rows, path)
    except OSError as error:
        raise FixSettingsError(f"{path} can't be written: {error.strerror}.", mend="Name another file.") from error
    return len(rows)


def _write(rows: Sequence[dict[str, str | None]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".json":
            json.dump(rows, file, ensure_ascii=False, indent=1)
        else:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)


def _row(one: Outcome) -> tuple[str | None, ...]:
    c = one.change
    return (
        c.connection, c.platform_id, c.email, c.kind, c.name, c.before, c.after, one.state, one.code, one.reason
    )  # fmt: skip
