"""Saved plans and their state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update

from sync.control import schema
from sync.control.rows import PlanRecord


class Plans:
    """Saved plans and their state."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def record(self, plan_id: str, *, run_id: str, path: str, changes: int, summary: Mapping[str, Any]) -> None:
        """Note a new plan, state fresh.

        Args:
            plan_id: The plan's id.
            run_id: The run that made it.
            path: Of its file, from the workspace's folder.
            changes: How many it has.
            summary: Counts, as plain JSON.
        """
        values = {
            "plan_id": plan_id,
            "run_id": run_id,
            "path": path,
            "state": "fresh",
            "created_at": self.now(),
            "changes": changes,
            "summary": dict(summary),
        }
        with self.engine.begin() as connection:
            connection.execute(insert(schema.plan).values(values))

    def move(self, plan_id: str, state: str) -> None:
        """Set the state of a plan.

        Args:
            plan_id: The plan's id; an unknown one changes nothing.
            state: The new state, such as "applied".
        """
        with self.engine.begin() as connection:
            connection.execute(update(schema.plan).where(schema.plan.c.plan_id == plan_id).values(state=state))

    def get(self, plan_id: str) -> PlanRecord | None:
        """Return a plan.

        Returns:
            None where no plan has that id.
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(schema.plan).where(schema.plan.c.plan_id == plan_id)).first()
        return _record(row) if row else None

    def latest(self) -> PlanRecord | None:
        """Return the newest plan.

        Returns:
            None where there is no plan yet.
        """
        with self.engine.connect() as connection:
            row = connection.execute(select(schema.plan).order_by(schema.plan.c.run_id.desc()).limit(1)).first()
        return _record(row) if row else None


def _record(row: Row[Any]) -> PlanRecord:
    return PlanRecord(row.plan_id, row.run_id, row.path, row.state, row.created_at, row.changes, row.summary)
