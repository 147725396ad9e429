"""Read every record of a kind, or every one that changed in a window, without losing any.

List paging has no cap; search has one of 10,000 rows a query (PLATFORMS: traps H5, H6). Sorting by id and starting
again above the last id crosses it, even where more than 10,000 records share one moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.errors import ContractError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import Operation
from connectors.hubspot.times import milliseconds

Row = Mapping[str, Any]


def list_all(api: HubSpotApi, operation: Operation, query: Mapping[str, Any]) -> Iterator[Sequence[Row]]:
    """Yield page after page of a list."""
    after, seen = None, set()
    while True:
        page = api.call(operation, query={**query, **({"after": after} if after else {})})
        yield page["results"]
        after = page.get("paging", {}).get("next", {}).get("after")
        if after is None:
            return
        if after in seen:
            raise ContractError(f"HubSpot's pages of {operation.endpoint} go round in a circle at {after!r}.")
        seen.add(after)


def search_window(
    api: HubSpotApi,
    operation: Operation,
    *,
    moved: str,
    since: datetime,
    until: datetime,
    properties: Sequence[str],
    page: int,
    rows: int,
) -> Iterator[tuple[Sequence[Row], int]]:
    """Yield pages of records whose property *moved* lies in the window, with how many are still to come.

    Args:
        api: The account.
        operation: A search.
        moved: Name of the property that says when a record changed.
        since: First moment, UTC.
        until: Last moment, UTC; fixed before the first page, so that the set does not grow while it is read.
        properties: What to read.
        page: Rows a page.
        rows: Rows after which a new query must begin.
    """
    last, after = "0", 0
    while True:
        body = {
            "filterGroups": [{"filters": _filters(moved, since, until, last)}],
            "sorts": ["hs_object_id"],
            "properties": list(properties),
            "limit": page,
            "after": str(after),
        }
        answer = api.call(operation, body=body)
        results = answer["results"]
        yield results, int(answer.get("total", 0)) - after
        more = answer.get("paging", {}).get("next", {}).get("after")
        if not results or more is None:
            return
        after = int(more)
        if after + page > rows:
            last, after = str(max(int(row["id"]) for row in results)), 0


def _filters(moved: str, since: datetime, until: datetime, last: str) -> list[dict[str, str]]:
    return [
        {"propertyName": moved, "operator": "GTE", "value": str(milliseconds(since))},
        {"propertyName": moved, "operator": "LTE", "value": str(milliseconds(until))},
        {"propertyName": "hs_object_id", "operator": "GT", "value": last},
    ]
