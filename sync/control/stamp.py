"""The id of a workspace in its control store. The warehouse has it too: a lost or foreign store is noticed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, func, select

from sync.control import schema
from sync.control.runs import Cursors

PLACE = (Cursors.EVERY, "workspace")  # among the positions of our own
FOLLOWED = (Cursors.EVERY, "identity")  # the position of `sync.pull.identities`
ID = "id"


class Stamp:
    """The id of a workspace."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine, self._cursors = engine, Cursors(engine, now)

    def get(self) -> str | None:
        """Return the id; None where the store is new, or older than ids."""
        return self._cursors.get(*PLACE).get(ID)

    def set(self, workspace_id: str) -> None:
        """Keep the id."""
        self._cursors.move(*PLACE, {ID: workspace_id}, "")

    def followed(self) -> int:
        """Return how far the versions of contacts in the warehouse were followed, by their numbers."""
        position = self._cursors.get(*FOLLOWED)
        return int(position.get("sequence", 0)) if "stored" in position else 0

    def is_blank(self) -> bool:
        """Tell whether nothing was ever done with this store."""
        tables = (schema.run, schema.link, schema.cursor, schema.ledger)
        with self._engine.connect() as connection:
            return not any(connection.execute(select(func.count()).select_from(table)).scalar() for table in tables)
