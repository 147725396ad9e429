"""Search: filters, one sort, at most 10,000 results, an index that lags behind the writes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.sandbox.hubspot.calls import Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.conditions import SearchCondition, condition
from connectors.sandbox.hubspot.errors import invalid_request
from connectors.sandbox.hubspot.records import Records
from connectors.sandbox.hubspot.shapes import View
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import parse_ms

Row = dict[str, Any]

PAGE = 200
MOST_RESULTS = 10_000
MOST_GROUPS = 5
MOST_FILTERS = 6
MOST_FILTERS_IN_ALL = 18
LONGEST_QUERY = 3_000
SEARCHED_BY_QUERY = ("firstname", "lastname", "email", "phone", "company", "hs_additional_emails", "dealname")


def search_records(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/objects/{type}/search``."""
    body = call.json_object()
    limit, after = _paging(body)
    records = call.state.records(call.kind)
    groups = _groups(call.state, call.kind, body)
    stale = _shown_before(call.state, records)
    matches = _matching(call.state, records, groups, _by_query(body), stale)
    shown = _Index(records, stale)
    matches = _sorted(matches, shown, body.get("sorts"), _types(call.state, call.kind))
    view = View(call.state, call.kind, body.get("properties") or ())
    page = [view.show(shown.row(number)) for number in matches[after : after + limit]]
    answer: Row = {"total": len(matches), "results": page}
    if after + limit < len(matches):
        answer["paging"] = {"next": {"after": str(after + limit)}}
    return ok(answer)


class _Index:
    """The records as the index shows them; one that is too fresh as it was before."""

    def __init__(self, records: Records, stale: Mapping[int, Row | None]) -> None:
        self.records, self._stale = records, stale

    def row(self, number: int) -> Row:
        """Return a record that the index holds."""
        return self._stale.get(number) or self.records.table.rows[str(number)]

    def modified(self, number: int) -> int:
        """Return when a record changed last, as far as the index knows."""
        before = self._stale.get(number)
        return (parse_ms(before["updatedAt"]) or 0) if before else self.records.modified[number]


def _paging(body: Row) -> tuple[int, int]:
    limit, after = body.get("limit", 10), str(body.get("after") or "0")
    if not isinstance(limit, int) or not 0 <= limit <= PAGE:
        message = f"Invalid limit {limit!r}: must be between 0 and {PAGE}"
        raise invalid_request(message)
    if not after.isdigit():
        message = f"Invalid paging cursor {after!r}"
        raise invalid_request(message)
    if int(after) >= MOST_RESULTS or int(after) + limit > MOST_RESULTS:
        message = f"Search results end at {MOST_RESULTS}: `after` and `limit` must stay within"
        raise invalid_request(message)
    return limit, int(after)


def _groups(state: HubSpotState, kind: str, body: Row) -> list[list[SearchCondition]]:
    groups = [group.get("filters", []) for group in body.get("filterGroups") or []]
    if not groups and body.get("filters"):
        groups = [body["filters"]]
    if len(groups) > MOST_GROUPS or any(len(group) > MOST_FILTERS for group in groups):
        message = f"At most {MOST_GROUPS} filter groups of {MOST_FILTERS} filters each"
        raise invalid_request(message)
    if sum(len(group) for group in groups) > MOST_FILTERS_IN_ALL:
        message = f"At most {MOST_FILTERS_IN_ALL} filters in all"
        raise invalid_request(message)
    return [[condition(entry, state.properties, kind) for entry in group] for group in groups]


def _types(state: HubSpotState, kind: str) -> dict[str, str]:
    rows = (row for key, row in state.properties.items() if key.startswith(f"{kind}/"))
    return {row["name"]: row["type"] for row in rows}


def _by_query(body: Row) -> Callable[[Row], bool] | None:
    words = str(body.get("query") or "").lower().split()
    if len(str(body.get("query") or "")) > LONGEST_QUERY:
        message = f"`query` is longer than {LONGEST_QUERY} characters"
        raise invalid_request(message)
    if not words:
        return None

    def matches(row: Row) -> bool:
        texts = [row["properties"].get(name, "").lower() for name in SEARCHED_BY_QUERY]
        return all(any(word in text for text in texts) for word in words)

    return matches


def _matching(
    state: HubSpotState,
    records: Records,
    groups: list[list[SearchCondition]],
    by_query: Callable[[Row], bool] | None,
    stale: Mapping[int, Row | None],
) -> Sequence[int]:
    """Return the ids of what is found, ascending."""
    alternatives = groups or [[]]
    rows = records.table.rows
    matches: set[int] = set()
    for group in alternatives:
        tests = [test.holds for test in group if not test.by_index]
        if by_query is not None:
            tests.append(by_query)
        numbers = _candidates(state, records, group)
        if tests:
            numbers = [number for number in numbers if all(test(rows[str(number)]) for test in tests)]
        if len(alternatives) == 1 and not stale:
            return numbers
        matches.update(numbers)
    matches -= stale.keys()
    for number, before in stale.items():
        held = before is not None and any(all(test.holds(before) for test in group) for group in alternatives)
        if before is not None and held and (by_query is None or by_query(before)):
            matches.add(number)
    return sorted(matches)


def _candidates(state: HubSpotState, records: Records, group: list[SearchCondition]) -> Sequence[int]:
    """Return the ids, ascending, that the cheap conditions of *group* leave: by address, id and time of change."""
    for test in group:
        if test.name == "email" and test.operator in {"EQ", "IN"} and records.kind == "contacts":
            wanted = test.value if isinstance(test.value, list) else [test.value]
            holders = {state.by_email.get(str(address).lower()) for address in wanted}
            # an additional address leads here as well; the condition itself then looks at the primary one
            return sorted(int(holder) for holder in holders if holder is not None)
    first, last = _range(group, "hs_object_id")
    ids = records.order[bisect_left(records.order, first) : bisect_left(records.order, last + 1)]
    changed_from, changed_to = _range(group, records.modified_name)
    if changed_from == -_FAR and changed_to == _FAR:
        return ids
    modified = records.modified
    return [number for number in ids if changed_from <= modified[number] <= changed_to]


_FAR = 1 << 62


def _range(group: list[SearchCondition], name: str) -> tuple[int, int]:
    first, last = -_FAR, _FAR
    for test in group:
        if test.name == name and test.span is not None:
            first, last = max(first, test.span[0]), min(last, test.span[1])
    return first, last


def _shown_before(state: HubSpotState, records: Records) -> dict[int, Row | None]:
    """Return what the index still shows of records that were written too short a time ago."""
    horizon = state.now_ms() - int(state.world.settings.search_lag * 1000)
    shown: dict[int, Row | None] = {}
    for number, writes in list(records.stale.items()):
        kept = [write for write in writes if write[0] > horizon]
        if not kept or str(number) not in records.table or records.table[str(number)]["archived"]:
            del records.stale[number]
        else:
            records.stale[number] = kept
            shown[number] = kept[0][1]
    return shown


def _sorted(numbers: Sequence[int], shown: _Index, sorts: Any, types: Mapping[str, str]) -> Sequence[int]:
    """Return *found*, which comes in order of id, by the one sort that search takes."""
    if not sorts:
        return numbers
    if not isinstance(sorts, list) or len(sorts) > 1:
        message = "Only one sort is allowed"
        raise invalid_request(message)
    wanted = sorts[0]
    name = str(wanted.get("propertyName", "") if isinstance(wanted, dict) else wanted)
    falling = isinstance(wanted, dict) and wanted.get("direction") == "DESCENDING"
    if name.startswith("-"):
        name, falling = name[1:], True
    if name == "hs_object_id":
        return numbers[::-1] if falling else numbers
    if name == shown.records.modified_name:
        return sorted(numbers, key=shown.modified, reverse=falling)
    read = parse_ms if types.get(name) in {"date", "datetime"} else _number
    return sorted(
        numbers, key=lambda number: _sort_key(shown.row(number)["properties"].get(name), read), reverse=falling
    )


def _sort_key(value: str | None, read: Callable[[str], float | None]) -> tuple[int, float, str]:
    if value is None:
        return 2, 0.0, ""
    number = read(value)
    return (1, 0.0, value.lower()) if number is None else (0, number, "")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
