"""After a run under a clock that was ahead: its times are set to now, and what it read is read again."""

from __future__ import annotations

from datetime import timedelta

from connectors.errors import FixSettingsError
from sync.control.future import SLACK
from sync.session import Session
from sync.warehouse.future import heal_future


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
