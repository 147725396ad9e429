"""The `results` step: import campaigns, deliveries, opens, clicks, unsubscribes, bounces, spam complaints, orders."""

from __future__ import annotations

from dataclasses import asdict

from connectors.errors import MissingScopeError
from sync.pull.job import Pulled, read_stream
from sync.session import Progress, Session, no_progress, recorded


def results(session: Session, *, only: str | None = None, progress: Progress = no_progress) -> Pulled:
    """Read the campaigns of every connection, what became of each delivery, and the orders since.

    Args:
        session: The open workspace.
        only: One connection, None for all.
        progress: Told what is being read.

    Returns:
        Rows read by stream, and versions kept by table.
    """
    pulled = Pulled()
    connectors = session.connectors(only)
    with recorded(session, "results") as run:
        for connector in connectors:
            orders = tuple(stream for stream in connector.streams if stream == "orders")
            for stream in orders:
                read_stream(session, connector, stream, pulled, run=run, full=False, progress=progress)
            for stream in connector.result_streams:
                try:
                    read_stream(session, connector, stream, pulled, run=run, full=False, progress=progress)
                except MissingScopeError as error:  # small plans have no marketing e-mail; the rest works without
                    pulled.unread.append(f"{connector.name}: {stream} not read. {error}")
            pulled.unread.extend(getattr(connector, "remarks", ()))
        run.counts.update(asdict(pulled))
    return pulled
