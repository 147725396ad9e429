"""All contacts on the fastest path that HubSpot offers, chosen by size.

========================  ==================================================================================
list                      100 a page, one after the other. Few contacts, and wherever another path does not add up
list and search           upwards through the list, downwards through search, until they meet: search has a limit
                          of its own outside the ten-second window (PLATFORMS: two lanes)
batch read                100 known ids a request, as many at a time as the window allows, and a search for those
                          above the highest known id
========================  ==================================================================================

Search shows what its index knows, which lags some moments behind. So each fast path ends with a search for what
changed since shortly before it began, and the number of contacts that HubSpot counts must be the number that was read.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connectors.errors import ContractError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import CONTACTS_PAGE, CONTACTS_READ
from connectors.hubspot.reading import ASK_AGAIN, Row, Search, list_all
from connectors.transport import in_order, side_by_side

PATHS = ("auto", "list", "side_by_side", "known")
MERGED = "hs_merged_object_ids"
FEW = 1_000  # contacts up to which the list alone is as fast, and knows of no lag
MOSTLY_KNOWN = 0.8  # share of the contacts from which on reading by id beats reading all


class Seen:
    """Ids of the contacts in use that were read; eight bytes each."""

    def __init__(self) -> None:
        self._ids = array("q")

    def note(self, rows: Sequence[Row]) -> None:
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
        workers: Batch reads at a time.
        path: "auto", or the one path that shall be taken: "list", "side_by_side", "known".
    """

    def __init__(self, api: HubSpotApi, search: Search, *, page: int, batch: int, workers: int, path: str) -> None:
        self._api, self._search = api, search
        self._page, self._batch, self._workers, self._path = page, batch, workers, path
        self.seen = Seen()
        self.by_ids = False  # whether the last reading was of known ids

    def read(self, known: pa.Array) -> Iterator[tuple[Sequence[Row], int | None]]:
        """Yield pages of contacts, with how many there are in all; `seen` then holds who was read."""
        self.seen, self.by_ids = Seen(), False
        if self._path == "list":
            yield from self.listed()
            return
        first = self._search.highest() if len(known) else None
        total = None if first is None else int(first["total"])
        if first and (self._path == "known" or len(known) >= MOSTLY_KNOWN * int(first["total"])):
            self.by_ids = True
            yield from self._noted(self._by_id(known, first), total)
        else:
            yield from self._noted(self._side_by_side(), total)

    def listed(self) -> Iterator[tuple[Sequence[Row], int | None]]:
        """Yield all pages of the list."""
        yield from self._noted(self._list(), None)

    def _noted(self, pages: Iterator[Sequence[Row]], total: int | None) -> Iterator[tuple[Sequence[Row], int | None]]:
        for rows in pages:
            self.seen.note(rows)
            yield rows, total

    def _list(self) -> Iterator[Sequence[Row]]:
        query = {"limit": self._page, "properties": list(self._search.properties)}
        return list_all(self._api, CONTACTS_PAGE, query)

    def _by_id(self, known: pa.Array, first: Mapping[str, Any]) -> Iterator[Sequence[Row]]:
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

    def _side_by_side(self) -> Iterator[Sequence[Row]]:
        meeting = _Meeting()
        legs = (lambda: self._upwards(meeting), lambda: self._downwards(meeting))
        yield from side_by_side(legs, meeting.ended)

    def _upwards(self, meeting: _Meeting) -> Iterator[Sequence[Row]]:
        for rows in self._list():
            yield rows
            if meeting.reached(high=max((int(row["id"]) for row in rows), default=0)):
                return

    def _downwards(self, meeting: _Meeting) -> Iterator[Sequence[Row]]:
        answer = self._search.highest()
        if int(answer["total"]) <= FEW and self._path == "auto":
            return  # the list is there first
        while answer["results"]:
            yield answer["results"]
            low = min(int(row["id"]) for row in answer["results"])
            if meeting.reached(low=low) or int(answer["total"]) <= len(answer["results"]):
                return
            answer = self._below(low)

    def _below(self, low: int) -> Mapping[str, Any]:
        for _ in range(ASK_AGAIN):
            answer = self._search.highest(low)
            if all(int(row["id"]) < low for row in answer["results"]):
                return answer
        raise ContractError("HubSpot's contacts/search does not keep to its filter on ids.")


def read_by_ids(api: HubSpotApi, ids: Sequence[str], properties: Sequence[str]) -> Sequence[Row]:
    """Return those of *ids* (at most 100) that there are; those that an answer keeps silent about are asked for again.

    Raises:
        ContractError: HubSpot does not say of some whether they exist.
    """
    found: list[Row] = []
    waiting = list(ids)
    for _ in range(ASK_AGAIN):
        inputs = [{"id": key} for key in waiting]
        wanted = list(dict.fromkeys([*properties, MERGED]))
        answer = api.call(CONTACTS_READ, body={"properties": wanted, "propertiesWithHistory": [], "inputs": inputs})
        found += answer.get("results", ())
        told = {key for row in answer.get("results", ()) for key in ids_of(row)} | set(not_found(answer))
        waiting = [key for key in waiting if key not in told]
        if not waiting:
            return found
    raise ContractError(f"HubSpot does not say whether the contacts {', '.join(waiting[:3])} exist.")


def ids_of(row: Row) -> list[str]:
    """Return the ids to which a record answers: its own, and those of the records that were merged into it."""
    listed = str(row["properties"].get(MERGED) or "").split(";")
    return [str(row["id"]), *(key.strip() for key in listed if key.strip())]


def not_found(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of which a batch says that there is no such record."""
    for error in answer.get("errors", ()):
        for key in error.get("context", {}).get("ids", ()):
            yield str(key)


class _Meeting:
    """Where two readers, one upwards and one downwards, have got to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._high, self._low = 0, 1 << 62
        self.ended = threading.Event()

    def reached(self, *, high: int = 0, low: int = 1 << 62) -> bool:
        """Note a page that was handed on, and tell whether everything between both is read."""
        with self._lock:
            self._high, self._low = max(self._high, high), min(self._low, low)
            if self._low <= self._high + 1:
                self.ended.set()
        return self.ended.is_set()
