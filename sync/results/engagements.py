"""What people did in mails, with the opens of machines marked, and the moment up to which it is known."""

from __future__ import annotations

from datetime import datetime

from ibis import Table

from connectors.records import CAMPAIGNS, ENGAGEMENTS
from segmenter.lift.machine_opens import with_machines
from sync.session import Session


def latest_moment(session: Session) -> datetime:
    """Return now (UTC); where the platforms' clocks are ahead of ours, the newest thing that they told."""
    told = (session.warehouse.current(ENGAGEMENTS.name)["at"], session.warehouse.current(CAMPAIGNS.name).sent_at)
    newest: list[datetime | None] = [column.max().to_pyarrow().as_py() for column in told]
    return max([session.now(), *(moment for moment in newest if moment is not None)])


def engagements(session: Session) -> Table:
    """Return what people did in mails, the opens of machines marked as the workspace says."""
    warehouse = session.warehouse
    seconds = session.workspace.results.machine_open_seconds
    return with_machines(warehouse.current(ENGAGEMENTS.name), warehouse.current(CAMPAIGNS.name), seconds=seconds)
