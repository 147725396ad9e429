"""What consent withholds is not kept either: assignments, values and arms, and each open, click and visit.

Reading withholds it at once (`sync.warehouse.withheld`); `assign` deletes it. Of the opens of who may not be tracked
the day of the last one stays, by address: whoever never opens must not be mailed for ever (deliverability).
"""

from __future__ import annotations

import pyarrow as pa

from connectors.records import ENGAGEMENTS, LAST_OPENS, VALUES
from segmenter.traits.tracking import TRACKED_KINDS
from sync.session import Session
from sync.traits.aggregates import KeptAggregates
from sync.warehouse.erase import erase_rows
from sync.warehouse.withheld import OF_PERSONS

TRACKING = "tracking"


def delete_withheld(session: Session) -> None:
    """Delete what may not be kept of people whose consent, or its lack, withholds it.

    How much it was is told to nobody: that they opened seven emails is what may not be used.

    Args:
        session: The open workspace; nothing happens to a copy of its warehouse.
    """
    withheld = session.withheld_rows()
    if withheld is None or session.copied:
        return
    warehouse = session.warehouse
    kept = KeptAggregates(warehouse) if warehouse.embedded else None
    mark = kept.mark() if kept else None
    up_to, counted = mark.sequence if mark else 0, 0
    persons = pa.table({"person_id": withheld.unprofiled["person_id"].unique()})
    session.control.decisions.forget(persons["person_id"].to_pylist())
    untracked = withheld.untracked["person_id"].unique().to_pylist()
    session.control.decisions.forget_withheld(dict.fromkeys(untracked, (TRACKING,)))
    for name in OF_PERSONS:
        old = erase_rows(warehouse, name, persons, up_to=up_to)
        counted += old if name == VALUES.name else 0
    counted += _forget_opens(session, withheld.untracked, up_to)
    if kept is not None:
        kept.erased(counted)


def _forget_opens(session: Session, untracked: pa.Table, up_to: int) -> int:
    """Keep the day of the last open of each contact, and delete each open, click and visit."""
    if not untracked.num_rows:
        return 0
    warehouse = session.warehouse
    rows = warehouse.everything(ENGAGEMENTS.name)
    theirs = rows.filter(rows.kind.isin(TRACKED_KINDS)).semi_join(warehouse.memtable(untracked), "contact_key")
    opened = theirs.filter(theirs.kind == "open", theirs["at"].notnull())
    days = opened.group_by("connection", "contact_key").aggregate(day=opened["at"].max().date().cast("string"))
    before = warehouse.current(LAST_OPENS.name)
    newest = days.union(before).group_by("connection", "contact_key").aggregate(day=lambda table: table.day.max())
    fresh = newest.semi_join(days, ["connection", "contact_key"]).to_pyarrow()
    warehouse.append(LAST_OPENS.name, fresh.cast(LAST_OPENS.columns), recorded_at=session.now())
    keys = theirs.select(*ENGAGEMENTS.key).distinct().to_pyarrow()
    return erase_rows(warehouse, ENGAGEMENTS.name, keys, up_to=up_to)
