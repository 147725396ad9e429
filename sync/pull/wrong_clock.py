"""Clocks that differ: a pull is refused; after a run under one that was ahead, its times are set to now.

What that run read is read again.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.connector import Connector
from connectors.errors import FixSettingsError
from sync.breach import GuardrailError
from sync.control.future import SLACK
from sync.session import Session
from sync.warehouse.future import heal_future

APART = timedelta(minutes=5)


def refuse_wrong_clock(session: Session, connector: Connector) -> None:
    """See that this machine's clock and the platform's are not far apart, by the Date header of its last answer.

    What is read is kept under our time, and asked for from the platform's: between two that differ, changes are missed
    or counted as newer than those that follow.

    Raises:
        GuardrailError: They differ by more than `APART`.
    """
    theirs, ours = connector.traffic.present(), session.now()
    if theirs is None or abs(ours - theirs) <= APART:
        return
    title = session.workspace.spec(connector.name, session.manifest).title
    minutes, way = abs(ours - theirs) / timedelta(minutes=1), "ahead of" if ours > theirs else "behind"
    raise GuardrailError(
        f"This machine's clock is {minutes:,.0f} minutes {way} that of {title} ({connector.name}).",
        fix="Synchronize this machine's clock (NTP). If it is right: `personasync pull --override clock`, or "
        "`personasync run --override clock`.",
    )


def heal_times(session: Session) -> str:
    """Set times of the future to now, in both stores, and forget the cursors that are ahead.

    What is read afterwards would count as older than what that run read, and stay hidden until its time has come.

    Returns:
        What was found and done, in sentences; "" where no time lies in the future.

    Raises:
        FixSettingsError: A platform says that it is this machine's clock of now that is wrong.
    """
    now = session.now()
    latest = session.control.future.latest(now)
    if latest is None:
        return ""
    for connector in session.connectors():
        if session.workspace.spec(connector.name, session.manifest).kind != "files" and connector.now() > now + SLACK:
            behind = (connector.now() - now) / timedelta(hours=1)
            raise FixSettingsError(
                f"This machine's clock is {behind:,.0f} hours behind that of {connector.name}.",
                fix="Synchronize this machine's clock (NTP), then run `personasync pull`.",
            )
    versions = heal_future(session.warehouse, now)
    noted = session.control.future.heal(now)  # last: after a kill it is found again
    return (
        f"Saved times have future dates, up to {latest:%Y-%m-%d %H:%M} UTC: a clock was ahead. "
        f"{versions + noted:,} times were set to now, and everything that was read then is read again."
    )
