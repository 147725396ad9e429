"""HubSpot search paging: all records of a type, or all changed since a time, beyond the 10,000 cap.

List paging has no cap; search has one of 10,000 rows a query (PLATFORMS: traps H5, H6). Each search begins above
the last id seen instead of at an offset: rows that leave the set while it is read move no other row out of sight,
and more than 10,000 records may share one moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from connectors.errors import ContractError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import Operation
from connectors.hubspot.times import hubspot_moment, milliseconds
from connectors.transport import entries, pages

HubSpotRecord = Mapping[str, Any]
ASK_AGAIN = 3  # times that a page which can't be right is asked for again
OBJECT_ID = "hs_object_id"
EVER = datetime.fromtimestamp(0, UTC)


def list_pages(
    api: HubSpotApi, operation: Operation, query: Mapping[str, Any], path: Mapping[str, str] | None = None
) -> Iterator[Sequence[HubSpotRecord]]:
    """Yield page after page of a list."""

    def ask(after: str | None) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = api.call(
            operation, path=path, query={**query, **({"after": after} if after else {})}
        )
        return answer

    for answer in pages(ask, lambda page, _: cursor_of(page), entries=_results, what=f"HubSpot's {operation.endpoint}"):
        yield _results(answer)


def cursor_of(page: Mapping[str, Any]) -> str | None:
    """Return where the next page begins; None behind the last one.

    Some cursors come percent-encoded ("AAAAMoEgcAg%3D"): they are decoded here, since sending encodes them.
    """
    after = ((page.get("paging") or {}).get("next") or {}).get("after")
    return unquote(str(after)) if after else None


def _results(page: Mapping[str, Any]) -> Sequence[HubSpotRecord]:
    return entries(page, "results")


@dataclass(frozen=True, slots=True)
class Search:
    """One kind of record, searched.

    Attributes:
        moved: Name of the property that says when a record changed.
        properties: What to read.
        page: Rows a page.
        minus: Whether a falling sort is written ``-name`` instead of as an object (A1).
    """

    api: HubSpotApi
    operation: Operation
    moved: str
    properties: Sequence[str]
    page: int
    minus: bool = False

    def ask(self, filters: Sequence[Mapping[str, str]], sort: str, *, falling: bool = False) -> Mapping[str, Any]:
        """Return the first page of a query."""
        order: Any = sort
        if falling:
            order = f"-{sort}" if self.minus else {"propertyName": sort, "direction": "DESCENDING"}
        body = {
            "filterGroups": [{"filters": list(filters)}] if filters else [],
            "sorts": [order],
            "properties": list(dict.fromkeys([*self.properties, self.moved])),
            "limit": self.page,
            "after": "0",
        }
        answer: Mapping[str, Any] = self.api.call(self.operation, body=body)
        entries(answer, "results")
        return answer

    def newest(self) -> Mapping[str, Any]:
        """Return the records that changed last, and in ``total`` how many there are at all.

        Returns:
            The answer of the search endpoint: ``total``, ``results``, ``paging``.
        """
        return self.ask((), self.moved, falling=True)

    def highest(self, below: int | None = None) -> Mapping[str, Any]:
        """Return the records with the highest ids (below one)."""
        return self.ask(() if below is None else [on_property(OBJECT_ID, "LT", below)], OBJECT_ID, falling=True)

    def upwards(
        self, filters: Sequence[Mapping[str, str]], above: int = 0
    ) -> Iterator[tuple[Sequence[HubSpotRecord], int]]:
        """Yield pages of what *filters* leave in order of id, with how many are still to come."""
        while True:
            answer = self._above(filters, above)
            results, total = answer["results"], int(answer.get("total", 0))
            yield results, total
            if not results or total <= len(results):
                return
            above = max(int(row["id"]) for row in results)

    def _above(self, filters: Sequence[Mapping[str, str]], above: int) -> Mapping[str, Any]:
        for _ in range(ASK_AGAIN):
            answer = self.ask([*filters, on_property(OBJECT_ID, "GT", above)], OBJECT_ID)
            if all(int(row["id"]) > above for row in answer["results"]):
                return answer
        raise ContractError(f"HubSpot's {self.operation.endpoint} ignored its id filter.")

    def changed(self, since: datetime, first: Mapping[str, Any]) -> Iterator[tuple[Sequence[HubSpotRecord], int]]:
        """Yield what changed at *since* or later, given *first*, the answer of `newest`.

        A record that changes again while this runs may be missed here: it is then in the next window, since the
        next cursor is a moment before the first answer.
        """
        moments = [changed_at(row, self.moved) for row in first["results"]]
        start = milliseconds(since)
        fresh = [row for row, at in zip(first["results"], moments, strict=True) if at >= start]
        yield fresh, len(fresh)
        if fresh and len(fresh) == len(moments) and len(fresh) < int(first.get("total", 0)):
            yield from self.upwards(
                [on_property(self.moved, "GTE", start), on_property(self.moved, "LTE", min(moments))]
            )


def changed_at(row: HubSpotRecord, moved: str) -> int:
    """Return when a record changed, epoch milliseconds."""
    return milliseconds(hubspot_moment(row["properties"].get(moved) or row["updatedAt"]) or EVER)


def on_property(name: str, operator: str, value: int) -> dict[str, str]:
    """Return a filter of a search."""
    return {"propertyName": name, "operator": operator, "value": str(value)}
