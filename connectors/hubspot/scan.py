"""HubSpot full pull of contacts, by the fastest path for the account's size.

========================  ==================================================================================
list                      100 a page, one after the other. Few contacts, and wherever another path does not add up
list and search           upwards through the list, downwards through search, until they meet: search has a limit
                          of its own outside the ten-second window (PLATFORMS: two lanes)
batch read                100 known ids a request, as many at a time as the window allows, and a search for those
                          above the highest known id
export                    as list and search, while HubSpot exports the ids of many contacts; from then on batch
                          reads fill what the list leaves of the window (switched on by the workspace)
========================  ==================================================================================

Search shows what its index knows, which lags some moments behind. So each fast path ends with a search for what
changed since shortly before it began, and the number of contacts that HubSpot counts must be the number that was read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.errors import ContractError, PersonasyncError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.export import exported_ids
from connectors.hubspot.id_gap import Meeting
from connectors.hubspot.operations import CONTACTS_PAGE, CONTACTS_READ
from connectors.hubspot.refusals import context, listed_errors
from connectors.hubspot.search import ASK_AGAIN, OBJECT_ID, HubSpotRecord, Search, list_pages, on_property
from connectors.transport import entries, in_order, side_by_side

PATHS = ("auto", "list", "side_by_side", "known", "export")
MERGED = "hs_merged_object_ids"
FEW = 1_000  # contacts up to which the list alone is as fast, and knows of no lag
MOSTLY_KNOWN = 0.8  # share of the contacts from which on reading by id beats reading all


class Seen:
    """Ids of the contacts in use that were read; eight bytes each."""

    def __init__(self) -> None:
        self._ids = array("q")

    def note(self, rows: Sequence[HubSpotRecord]) -> None:
        """Add the contacts of *rows* that are not archived."""
        self._ids.extend(int(row["id"]) for row in rows if not row.get("archived"))

    def ids(self) -> pa.Array:
        """Return each id once (int64)."""
        return pc.unique(pa.array(self._ids, pa.int64()))

    def count(self) -> int:
        """Return how many different contacts were read."""
        return len(self.ids())


class AllContacts:
    """Reads all contacts in use.

    Args:
        limits: ``page`` and ``batch``, rows a request; ``connections``, batch reads at a time; ``export_from``,
            contacts from which on an export is worth its while; ``export_look_seconds``, between two looks at it.
        path: "auto", or the one path that shall be taken: "list", "side_by_side", "known"; "export" is "auto" with
            an export of ids where there are many contacts.
    """

    def __init__(self, api: HubSpotApi, search: Search, *, limits: Mapping[str, int], path: str) -> None:
        self._api, self._search, self._path = api, search, path
        self._page, self._batch, self._workers = limits["page"], limits["batch"], limits["connections"]
        self._export_from, self._look_every = limits["export_from"], limits["export_look_seconds"]
        self.seen = Seen()
        self.exports = path == "export"
        self.by_ids = False  # whether the last reading was of known ids: whom nobody named was not read

    def read(self, known: pa.Array) -> Iterator[tuple[Sequence[HubSpotRecord], int | None]]:
        """Yield pages of contacts, with how many there are in all; `seen` then holds who was read."""
        self.seen, self.by_ids = Seen(), False
        if self._path == "list":
            yield from self.listed()
            return
        first = self._search.highest() if len(known) or self.exports else None
        total = None if first is None else int(first["total"])
        if first and (self._path == "known" or len(known) >= MOSTLY_KNOWN * int(first["total"])):
            self.by_ids = True
            yield from self._noted(self._by_id(known, first), total)
        else:
            yield from self._noted(self._side_by_side(first), total)

    def listed(self) -> Iterator[tuple[Sequence[HubSpotRecord], int | None]]:
        """Yield all pages of the list."""
        yield from self._noted(self._list(), None)

    def _noted(
        self, pages: Iterator[Sequence[HubSpotRecord]], total: int | None
    ) -> Iterator[tuple[Sequence[HubSpotRecord], int | None]]:
        for rows in pages:
            self.seen.note(rows)
            yield rows, total

    def _list(self) -> Iterator[Sequence[HubSpotRecord]]:
        query = {"limit": self._page, "properties": list(self._search.properties)}
        return list_pages(self._api, CONTACTS_PAGE, query)

    def _by_id(self, known: pa.Array, first: Mapping[str, Any]) -> Iterator[Sequence[HubSpotRecord]]:
        ordered = known.take(pc.sort_indices(known.cast(pa.int64())))
        parts = (ordered[start : start + self._batch].to_pylist() for start in range(0, len(ordered), self._batch))
        wanted = [*self._search.properties, self._search.moved]
        yield from in_order(lambda ids: read_by_ids(self._api, ids, wanted), parts, workers=self._workers)
        highest = int(ordered[-1].as_py()) if len(ordered) else 0
        new = [row for row in first["results"] if int(row["id"]) > highest]
        yield new
        if len(new) == len(first["results"]):
            for rows, _ in self._search.upwards((), highest):
                yield rows

    def _side_by_side(self, first: Mapping[str, Any] | None) -> Iterator[Sequence[HubSpotRecord]]:
        meeting = Meeting()
        legs = [lambda: self._upwards(meeting), lambda: self._downwards(meeting, first)]
        if self.exports and first and int(first["total"]) >= self._export_from:
            legs.append(lambda: self._by_export(meeting))
        yield from side_by_side(legs, meeting.ended)

    def _upwards(self, meeting: Meeting) -> Iterator[Sequence[HubSpotRecord]]:
        for rows in self._list():
            yield rows
            if meeting.reached(high=max((int(row["id"]) for row in rows), default=0)):
                return
        meeting.ended.set()  # that was the whole list

    def _downwards(self, meeting: Meeting, first: Mapping[str, Any] | None) -> Iterator[Sequence[HubSpotRecord]]:
        answer = first or self._search.highest()
        if int(answer["total"]) <= FEW and self._path in {"auto", "export"}:
            return  # the list is there first
        while answer["results"]:
            yield answer["results"]
            low = min(int(row["id"]) for row in answer["results"])
            if meeting.reached(low=low) or int(answer["total"]) <= len(answer["results"]):
                return
            yield from self._shared(meeting)
            answer = self._below(meeting.low)

    def _shared(self, meeting: Meeting) -> Iterator[Sequence[HubSpotRecord]]:
        """Search the parts of the gap that this reader takes, as long as it is known who is in it."""
        while taken := meeting.take(self._search.page):
            for rows, _ in self._search.upwards([on_property(OBJECT_ID, "LTE", taken[-1])], taken[0] - 1):
                yield rows
            meeting.handed_on()

    def _by_export(self, meeting: Meeting) -> Iterator[Sequence[HubSpotRecord]]:
        """Read the contacts whose ids HubSpot exports. Where it doesn't, the others are slower, and miss nobody."""
        try:
            ids = exported_ids(self._api, every=self._look_every, until=meeting.ended)
        except PersonasyncError:
            return
        if ids is None:
            return
        meeting.know(ids)
        self.by_ids = True
        parts = iter(lambda: meeting.take(self._batch) or [], [])
        wanted = [*self._search.properties, self._search.moved]
        for rows in in_order(lambda part: read_by_ids(self._api, part, wanted), parts, workers=self._workers):
            yield rows
            meeting.handed_on()

    def _below(self, low: int) -> Mapping[str, Any]:
        for _ in range(ASK_AGAIN):
            answer = self._search.highest(low)
            if all(int(row["id"]) < low for row in answer["results"]):
                return answer
        raise ContractError("HubSpot's contacts/search ignored its id filter.")


def read_by_ids(
    api: HubSpotApi, ids: Sequence[str] | Sequence[int], properties: Sequence[str]
) -> Sequence[HubSpotRecord]:
    """Return those of *ids* (at most 100) that there are; those that an answer keeps silent about are asked for again.

    Raises:
        ContractError: HubSpot does not say of some whether they exist.
    """
    records: list[HubSpotRecord] = []
    waiting = list(map(str, ids))
    for _ in range(ASK_AGAIN):
        inputs = [{"id": key} for key in waiting]
        wanted = list(dict.fromkeys([*properties, MERGED]))
        answer = api.call(CONTACTS_READ, body={"properties": wanted, "propertiesWithHistory": [], "inputs": inputs})
        listed = entries(answer, "results", optional=True)
        records += listed
        answered = {key for row in listed for key in ids_of(row)} | set(ids_not_found(answer))
        waiting = [key for key in waiting if key not in answered]
        if not waiting:
            return records
    raise ContractError(f"HubSpot does not report whether the contacts {', '.join(waiting[:3])} exist.")


def read_by_address(api: HubSpotApi, addresses: Sequence[str], properties: Sequence[str]) -> Sequence[HubSpotRecord]:
    """Return the contacts that have one of *addresses* (at most 100)."""
    body = {
        "idProperty": "email",
        "properties": list(dict.fromkeys([*properties, MERGED])),
        "propertiesWithHistory": [],
        "inputs": [{"id": address} for address in addresses],
    }
    return entries(api.call(CONTACTS_READ, body=body), "results", optional=True)


def ids_of(row: HubSpotRecord) -> list[str]:
    """Return the ids to which a record answers: its own, and those of the records that were merged into it."""
    listed = str(row["properties"].get(MERGED) or "").split(";")
    return [str(row["id"]), *(key.strip() for key in listed if key.strip())]


def ids_not_found(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of which a batch says that there is no such record."""
    for error in listed_errors(answer):
        yield from context(error, "ids")
