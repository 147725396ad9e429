"""HubSpot contact stream: a full pull first, then incremental changes and deletions.

Search and lists tell who is there, never who went. So HubSpot's count of contacts, which every search for the newest
changes brings along, is compared with what we know: where it differs, the archived ones are read, and where these
don't explain it, everything is. A merge shows on the record that took the other in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from connectors.connector import Connection, Known
from connectors.fetched import erased_contact
from connectors.hubspot import contacts
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import CONTACTS_PAGE
from connectors.hubspot.scan import AllContacts, Seen, ids_of, read_by_ids
from connectors.hubspot.search import HubSpotRecord, Search, list_pages
from connectors.hubspot.times import hubspot_moment, milliseconds
from connectors.records import CONTACTS, Cursor, Page
from connectors.values import without_hidden

OVERLAP = timedelta(minutes=5)  # the search index lags behind writes: so far back the next window begins
GATHER = 2_000  # rows that are handed on together: the warehouse has a price a page


class ContactStream:
    """Contacts of one account as pages of the warehouse's table.

    Args:
        everything: Makes the reader of all contacts.
        page: Rows a page of the list.
        connection: Its name, the types of the properties that we own, and which contacts count for nobody.
    """

    def __init__(
        self,
        api: HubSpotApi,
        connection: Connection,
        search: Search,
        everything: AllContacts,
        *,
        page: int,
    ) -> None:
        self._api, self._name, self._search, self._everything, self._page = (
            api,
            connection.name,
            search,
            everything,
            page,
        )
        self._kinds, self._hidden = connection.kinds, connection.hidden
        self._rows: list[HubSpotRecord] = []
        self._merged: list[str] = []

    def read(self, cursor: Cursor, known: Known) -> Iterator[Page]:
        """Yield pages.

        The cursor holds ``since`` (epoch ms), ``gap`` (contacts that HubSpot counts more than we know, for reasons of
        its own) and ``surplus`` (a difference that is not explained yet).
        """
        self._rows, self._merged = [], []
        since = hubspot_moment(cursor.get("since"))
        if since is None:
            yield from self._all(known(("active",)), None)
        else:
            yield from self._changes(since, cursor, known(("active",)))

    # -- everything ----------------------------------------------------------------------------------------
    def _all(self, known: pa.Array, before: int | None) -> Iterator[Page]:
        """Read everything. *before* is the difference for which it is done; if it stays, HubSpot counts otherwise."""
        gone, started = Seen(), None
        for rows, total in self._everything.read(known):
            started = started or self._api.transport.present()
            yield from self._gather(rows, total)
        begun = (started or self._api.transport.present()) - OVERLAP
        for rows in self._archived():
            gone.note([{**row, "archived": False} for row in rows])
            yield from self._gather(rows)
        newest = self._search.newest()
        for rows, _ in self._search.changed(begun, newest):
            self._everything.seen.note(rows)
            yield from self._gather(rows)
        if self._everything.by_ids and self._everything.seen.count() + len(set(self._merged)) < int(newest["total"]):
            for rows, total in self._everything.listed():  # some came back that we thought gone
                yield from self._gather(rows, total)
        # a contact that was archived while we read is no contact in use any more
        away = _union(gone.ids(), _numbers(self._merged))
        seen = _without(self._everything.seen.ids(), away)
        yield from self._flush()
        yield from self._erased(_without(_without(known.cast(pa.int64()), seen), away))
        shown = without_hidden(self._everything.seen.ids(), self._hidden)
        surplus = int(newest["total"]) - len(_without(shown, away))
        accepted = surplus == before
        # somebody may have come or gone between the count and the pages: the next reading decides what it means
        yield self._end(begun, surplus if accepted else 0, 0 if accepted else surplus)

    # -- changes -------------------------------------------------------------------------------------------
    def _changes(self, since: datetime, cursor: Cursor, known: pa.Array) -> Iterator[Page]:
        gap, newest = int(cursor.get("gap", 0)), self._search.newest()
        following, seen = self._api.transport.present() - OVERLAP, Seen()
        for rows, total in self._search.changed(since, newest):
            seen.note(rows)
            yield from self._gather(rows, total)
        expected = _union(known.cast(pa.int64()), without_hidden(seen.ids(), self._hidden))
        expected = _without(expected, _without(_numbers(self._merged), seen.ids()))
        surplus = int(newest["total"]) - len(expected) - gap
        if surplus:
            gone = Seen()
            for rows in self._archived():
                gone.note([{**row, "archived": False} for row in rows])
                yield from self._gather(rows)
            surplus = int(newest["total"]) - len(_without(expected, gone.ids())) - gap
        yield from self._flush()
        # What just changed the index may not have counted yet: the next reading decides. The difference need not be
        # the same then: where somebody is erased every day, it grows from one to the next, and nobody would be missed.
        again = surplus * int(cursor.get("surplus", 0)) > 0
        if surplus and (again or not seen.count()):
            yield from self._all(known, gap + surplus)
        else:
            yield self._end(following, gap, surplus)

    def _archived(self) -> Iterator[Sequence[HubSpotRecord]]:
        # search never finds the archived, and neither does the usual list
        query = {"limit": self._page, "properties": list(self._search.properties), "archived": True}
        return list_pages(self._api, CONTACTS_PAGE, query)

    def _erased(self, ids: pa.Array) -> Iterator[Page]:
        """Contacts of which HubSpot knows nothing any more, and says so: nothing of them is kept."""
        at, keys = self._api.transport.present(), [str(key) for key in ids.to_pylist()]
        for start in range(0, len(keys), self._page):
            part = keys[start : start + self._page]
            rows = read_by_ids(self._api, part, self._search.properties)
            here = {key for row in rows for key in ids_of(row)}
            self._everything.seen.note(rows)
            yield from self._gather(rows)
            gone = [erased_contact(self._name, key, at) for key in part if key not in here]
            if gone:
                yield Page("contacts", pa.Table.from_pylist(gone, schema=CONTACTS.columns))
        yield from self._flush()

    # -- pages ---------------------------------------------------------------------------------------------
    def _gather(self, rows: Sequence[HubSpotRecord], total: int | None = None) -> Iterator[Page]:
        self._rows.extend(rows)
        self._merged += [old for row in rows for old in contacts.merged_ids(row)]
        if len(self._rows) >= GATHER:
            yield from self._flush(total)

    def _flush(self, total: int | None = None) -> Iterator[Page]:
        rows, self._rows = self._rows, []
        if rows:
            yield Page(
                "contacts", contacts.contact_rows(self._name, rows, self._search.properties, self._kinds), None, total
            )

    def _end(self, following: datetime, gap: int, surplus: int) -> Page:
        cursor = {"since": str(milliseconds(following)), "gap": str(gap), "surplus": str(surplus)}
        return Page("contacts", CONTACTS.columns.empty_table(), cursor)


def _numbers(texts: Sequence[str]) -> pa.Array:
    return pa.array([int(text) for text in texts if text.isdigit()], pa.int64())


def _union(array: pa.Array, other: pa.Array) -> pa.Array:
    return pc.unique(pa.concat_arrays([array, other])) if len(other) else array


def _without(array: pa.Array, other: pa.Array) -> pa.Array:
    return array.filter(pc.invert(pc.is_in(array, value_set=other))) if len(array) and len(other) else array
