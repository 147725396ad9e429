"""Whole runs of `assign` are decided again from their evidence, and compared row by row with what was recorded."""

from __future__ import annotations

from collections import Counter
from typing import Any

from connectors.records import ASSIGNMENTS
from sync.assign.evidence import assign_run_before, past_decision
from sync.session import Session


def in_force(session: Session) -> dict[str, dict[str, Any]]:
    """Return the assignments in force now, by person."""
    rows = session.warehouse.current(ASSIGNMENTS.name).to_pyarrow().to_pylist()
    return {row["person_id"]: row for row in rows}


def replayed_sources(session: Session, run_id: str, recorded: dict[str, dict[str, Any]]) -> Counter[str]:
    """Decide again what a run decided; every row must be as it was recorded.

    Args:
        session: The open workspace, whose definitions may be others by now.
        run_id: Of an `assign`.
        recorded: What `in_force` returned just after it.

    Returns:
        How many decisions were equal, by source.
    """
    run = session.control.runs.get(run_id)
    assert run is not None
    assert run.finished_at is not None
    assert assign_run_before(session, run.finished_at).run_id == run_id
    again = past_decision(session, run).decide()
    assert again == recorded
    return Counter(str(row["source"]) for row in again.values())
