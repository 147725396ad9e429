"""What people did in mails, with the opens of machines marked, and the moment up to which it is known."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from ibis import Table

from connectors.records import CAMPAIGNS, ENGAGEMENTS
from segmenter.lift.machine_opens import with_machines
from sync.session import Session


def latest_moment(session: Session) -> datetime:
    """Return now (UTC); where the platforms' clocks are ahead of ours, the newest thing that they moments."""
    newest = session.warehouse.read_once.get("newest moments", lambda: _newest(session))
    return max([session.now(), *(moment for moment in newest if moment is not None)])


def _newest(session: Session) -> list[datetime | None]:
    moments = (session.warehouse.current(ENGAGEMENTS.name)["at"], session.warehouse.current(CAMPAIGNS.name).sent_at)
    return [column.max().to_pyarrow().as_py() for column in moments]


def untracked_table(session: Session) -> Table | None:
    """Return who may not be tracked (``person_id``), of whom opens and clicks are absent; None: nobody."""
    persons = sorted(session.withheld().tracking)
    rows = pa.table({"person_id": pa.array(persons, pa.string())})
    return session.warehouse.memtable(rows) if persons else None


def engagements(session: Session) -> Table:
    """Return what people did in mails, the opens of machines marked as the workspace says."""
    warehouse = session.warehouse
    seconds = session.workspace.results.machine_open_seconds
    return warehouse.read_once.get(
        ("engagements", seconds),
        lambda: with_machines(warehouse.current(ENGAGEMENTS.name), warehouse.current(CAMPAIGNS.name), seconds=seconds),
    )
