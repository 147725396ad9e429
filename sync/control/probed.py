"""What the last probe of each assumption found on the user's own account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine, select

from sync.control import schema
from sync.control.dialects import insert_for, writing

PROBED = schema.probed


class ProbeStates:
    """Held or broken, by connection and number of the assumption."""

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self.engine, self.now = engine, now

    def note(self, connection: str, states: Mapping[str, str], run_id: str) -> None:
        """Note what a probe found; what it could not test stays as it was.

        Args:
            connection: Name of the connection.
            states: "held" or "broken" by number of the assumption.
            run_id: The run that probed.
        """
        common = {"connection": connection, "probed_at": self.now(), "run_id": run_id}
        rows = [{**common, "assumption": number, "state": state} for number, state in states.items()]
        statement = insert_for(self.engine, PROBED)
        names = ("state", "probed_at", "run_id")
        newer = {name: statement.excluded[name] for name in names}
        key = [PROBED.c.connection, PROBED.c.assumption]
        if rows:
            with writing(self.engine) as store:
                store.execute(statement.on_conflict_do_update(index_elements=key, set_=newer), rows)

    def of(self, connection: str) -> dict[str, tuple[str, datetime]]:
        """Return what was found last, and when (UTC), by number of the assumption.

        Args:
            connection: Name of the connection.

        Returns:
            Assumptions that were never tested are left out.
        """
        query = select(PROBED.c.assumption, PROBED.c.state, PROBED.c.probed_at).where(PROBED.c.connection == connection)
        with self.engine.connect() as store:
            return {row.assumption: (row.state, row.probed_at) for row in store.execute(query)}

    def broken(self, connection: str) -> list[str]:
        """Return the numbers of the assumptions that the last probe found broken.

        Args:
            connection: Name of the connection.

        Returns:
            In no promised order.
        """
        return [number for number, (state, _) in self.of(connection).items() if state == "broken"]
