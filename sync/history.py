"""What `status` tells: how fresh everything is, the newest plan, and what has no outcome yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sync.report import Freshness
from sync.reporting import freshness
from sync.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a workspace."""

    document: dict[str, Any]
    streams: Sequence[Freshness]
    plan_sentence: str
    ledger_sentence: str


def status(bench: Workbench) -> Status:
    """Look at the stores only; nothing is asked of the platforms."""
    streams = freshness(bench)
    plan = bench.control.plans.latest()
    unsettled = sum(len(changes) for changes in bench.control.ledger.unsettled().values())
    document = {
        "streams": [
            {"connection": line.connection, "stream": line.stream, "rows": line.rows, "read_at": line.at}
            for line in streams
        ],
        "plan": {"id": plan.plan_id, "state": plan.state, "changes": plan.changes, "path": plan.path} if plan else None,
        "unsettled": unsettled,
    }
    told = f"Newest plan {plan.plan_id}: {plan.state}, {plan.changes:,} changes." if plan else "There is no plan yet."
    waiting = (
        f"{unsettled:,} changes have no outcome yet; the next pull and plan find out."
        if unsettled
        else "Every change has its outcome."
    )
    return Status(document, streams, told, waiting)
