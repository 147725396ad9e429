"""Events from a file: visits, forms, replies, and whatever else people did; one row per event."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from connectors.files.cells import CellError, Formats
from connectors.files.columns import FileColumns
from connectors.files.rows import FileRow, Rejects, rows_of
from connectors.files.table import FileTable
from connectors.records import ENGAGEMENTS

KINDS = {
    **dict.fromkeys(("visit", "visits", "visited", "page_view", "pageview", "page_viewed"), "visit"),
    **dict.fromkeys(("form", "forms", "form_submit", "form_submission", "form_submitted", "submit"), "form"),
    **dict.fromkeys(("reply", "replies", "replied"), "reply"),
    **dict.fromkeys(("open", "opens", "opened", "email_open", "email_opened"), "open"),
    **dict.fromkeys(("click", "clicks", "clicked", "email_click", "email_clicked"), "click"),
    **dict.fromkeys(("bounce", "bounces", "bounced"), "bounce"),
    **dict.fromkeys(("complaint", "complaints", "spam", "spam_complaint", "marked_as_spam"), "complaint"),
}
"""Words for the kinds that traits count; any other word is a kind of its own."""
OPT_OUTS = ("unsubscribe", "unsubscribes", "unsubscribed", "opt_out", "opted_out")


def read_events(
    table: FileTable, columns: FileColumns, formats: Mapping[str, Formats], connection: str, rejects: Rejects
) -> pa.Table:
    """Return the file's events in the schema of `ENGAGEMENTS`.

    An event without an id is told from others by who, what, when and where; of equal ones each counts.
    """
    events: dict[str, dict[str, Any]] = {}
    seen: Counter[str] = Counter()
    for number, row in rows_of(table, columns, formats, rejects):
        try:
            event = _event(row, connection)
        except CellError as error:
            rejects.skip(number, error, row.cells)
            continue
        if event["event_id"] is None:
            about = "/".join(str(event[name]) for name in ("contact_key", "kind", "at", "url", "product"))
            seen[about] += 1
            event["event_id"] = f"{about}/{seen[about]}"
        elif event["event_id"] in events:
            rejects.replace(number, "the event", event["event_id"], row.cells)
        events[event["event_id"]] = event
    return pa.Table.from_pylist(list(events.values()), ENGAGEMENTS.columns)


def _event(row: FileRow, connection: str) -> dict[str, Any]:
    at = row.time("at")
    if at is None:
        raise CellError(f"column {row.columns.header('at')!r}: the event has no time")
    return {
        "connection": connection,
        "event_id": row.text("id"),
        "kind": _kind(row),
        "contact_key": row.contact_key(connection),
        "campaign_id": row.text("campaign"),
        "at": at,
        "url": row.text("address"),
        "product": row.text("product"),
        "value": row.number("value"),
    }


def _kind(row: FileRow) -> str:
    word = re.sub(r"\W+", "_", (row.text("kind") or "").lower()).strip("_")
    where = f"column {row.columns.header('kind')!r}"
    if not word:
        raise CellError(f"{where}: the event has no kind")
    if word in OPT_OUTS:
        raise CellError(f"{where}: an opt-out is no event; it belongs into the consent column of the contacts file")
    return KINDS.get(word, word)
