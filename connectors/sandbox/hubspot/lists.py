"""Lists: made by hand (MANUAL) or frozen (SNAPSHOT). Lists that fill themselves are not imitated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.sandbox.hubspot.calls import KINDS, NOTHING, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import Refusal, invalid_request, no_such_resource
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso

Row = dict[str, Any]

MOST_FOUND = 500
WRITABLE = {"MANUAL", "SNAPSHOT"}


def post_list(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/lists``."""
    body = call.json_object()
    name, processing = body.get("name"), body.get("processingType")
    if not isinstance(name, str) or not name.strip() or KINDS.get(str(body.get("objectTypeId"))) != "contacts":
        message = "`name`, `objectTypeId` (0-1) and `processingType` are required"
        raise invalid_request(message)
    if processing not in WRITABLE:
        message = f"processingType {processing!r} is not imitated here: use MANUAL or SNAPSHOT"
        raise invalid_request(message)
    _refuse_name(call.state, name)
    now = iso(call.state.now_ms())
    list_id = str(call.state.world.store.next_id("hubspot.lists"))
    row = {
        "listId": list_id,
        "listVersion": 1,
        "name": name,
        "objectTypeId": "0-1",
        "processingType": processing,
        "processingStatus": "COMPLETE",
        "createdAt": now,
        "updatedAt": now,
        "filtersUpdatedAt": now,
        "deletedAt": None,
    }
    call.state.lists[list_id] = row
    call.state.members[list_id] = {}
    return ok({"list": list_body(call.state, row)})


def get_many(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/lists?listIds=…``."""
    rows = [call.state.lists.get(list_id) for list_id in call.many("listIds")]
    return ok({"lists": [list_body(call.state, row) for row in rows if row is not None and row["deletedAt"] is None]})


def get_list(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/lists/{id}``."""
    return ok({"list": list_body(call.state, list_of(call))})


def get_by_name(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/lists/object-type-id/{type}/name/{name}``, whatever the case of its letters."""
    row = _named(call.state, call.path["listName"])
    if row is None:
        message = f"List does not exist with name {call.path['listName']}."
        raise no_such_resource(message)
    return ok({"list": list_body(call.state, row)})


def search_lists(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/lists/search``."""
    body = call.json_object()
    absent = [name for name in ("listIds", "processingTypes") if not isinstance(body.get(name), list)]
    if absent and not call.route.startswith("/crm/v3/"):
        message = f"Invalid input JSON on line 1, column 2. Some required fields were not set: [{', '.join(absent)}]"
        raise invalid_request(message)
    query = str(body.get("query") or "").lower()
    count, offset = body.get("count", 20), body.get("offset", 0)
    if not isinstance(count, int) or not isinstance(offset, int) or not 1 <= count <= MOST_FOUND or offset < 0:
        message = f"`count` must be between 1 and {MOST_FOUND}, `offset` not negative"
        raise invalid_request(message)
    kinds, ids = body.get("processingTypes"), body.get("listIds")
    rows = [
        row
        for row in call.state.lists.values()
        if row["deletedAt"] is None
        and query in row["name"].lower()
        and (not kinds or row["processingType"] in kinds)
        and (not ids or row["listId"] in ids)
    ]
    page = [_found(call.state, row, body.get("additionalProperties") or ()) for row in rows[offset : offset + count]]
    end = offset + len(page)
    return ok({"lists": page, "offset": end, "hasMore": end < len(rows), "total": len(rows)})


def rename(call: HubSpotCall) -> Answer:
    """Answer ``PUT /crm/v3/lists/{id}/update-list-name?listName=…``."""
    row = list_of(call)
    name = call.one("listName").strip()
    if not name:
        message = "`listName` is required"
        raise invalid_request(message)
    if name.lower() != row["name"].lower():
        _refuse_name(call.state, name)
    changed = {**row, "name": name, "updatedAt": iso(call.state.now_ms())}
    call.state.lists[row["listId"]] = changed
    return ok({"updatedList": list_body(call.state, changed)})


def delete(call: HubSpotCall) -> Answer:
    """Answer ``DELETE /crm/v3/lists/{id}``; the list can be restored."""
    row = list_of(call)
    call.state.lists[row["listId"]] = {**row, "deletedAt": iso(call.state.now_ms())}
    return NOTHING


def restore(call: HubSpotCall) -> Answer:
    """Answer ``PUT /crm/v3/lists/{id}/restore``."""
    row = call.state.lists.get(call.path["listId"])
    if row is None:
        raise missing_list(call.path["listId"])
    _refuse_name(call.state, row["name"], but=row["listId"])
    call.state.lists[row["listId"]] = {**row, "deletedAt": None}
    return NOTHING


def list_of(call: HubSpotCall, parameter: str = "listId") -> Row:
    """Return the list that the path names.

    Raises:
        Refusal: 404.
    """
    row = call.state.lists.get(call.path[parameter])
    if row is None or row["deletedAt"] is not None:
        raise missing_list(call.path[parameter])
    return row


def missing_list(list_id: str) -> Refusal:
    """Return the refusal for a list that is not there."""
    return no_such_resource(f"List does not exist with ID {list_id}.")


def list_body(state: HubSpotState, row: Row) -> Row:
    """Return the list with its present size."""
    shown = {name: value for name, value in row.items() if value is not None}
    return {**shown, "size": len(state.members.get(row["listId"], {}))}


def _found(state: HubSpotState, row: Row, additional: Sequence[str]) -> Row:
    shown = list_body(state, row)
    size = shown.pop("size")
    moved = {f"hs_last_record_{what}_at": row["updatedAt"] for what in ("added", "removed")}
    extra = {"hs_list_size": str(size), "hs_list_reference_count": "0", **moved}
    names = ("hs_list_size", *additional)
    return {**shown, "additionalProperties": {name: extra[name] for name in names if name in extra}}


def _named(state: HubSpotState, name: str) -> Row | None:
    wanted = name.strip().lower()
    rows = (row for row in state.lists.values() if row["deletedAt"] is None)
    return next((row for row in rows if row["name"].strip().lower() == wanted), None)


def _refuse_name(state: HubSpotState, name: str, *, but: str = "") -> None:
    other = _named(state, name)
    if other is not None and other["listId"] != but:
        message = f"List name must be unique. A list named '{name}' already exists with ID {other['listId']}."
        raise Refusal(400, message, "VALIDATION_ERROR", subCategory="ILS.DUPLICATE_LIST_NAMES")
