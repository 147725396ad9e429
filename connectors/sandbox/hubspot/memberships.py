"""Who is on a list."""

from __future__ import annotations

import base64
from bisect import bisect_left
from typing import Any
from urllib.parse import quote, unquote

from connectors.sandbox.hubspot.calls import NOTHING, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import invalid_request
from connectors.sandbox.hubspot.lists import WRITABLE, list_of
from connectors.sandbox.hubspot.objects import envelope, inputs
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso, parse_ms

Row = dict[str, Any]

PAGE = 250
USUAL_PAGE = 100
MOST_MEMBERS_MOVED = 100_000  # also (?) the most ids that one call may name


def page(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/lists/{id}/memberships``, by record id."""
    members = call.state.members.get(list_of(call)["listId"], {})
    order = sorted((int(record_id), record_id) for record_id in members)
    return _page(call, members, order)


def page_in_join_order(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/lists/{id}/memberships/join-order``, by time of joining."""
    members = call.state.members.get(list_of(call)["listId"], {})
    in_order = sorted(members, key=lambda record_id: (parse_ms(members[record_id]) or 0, int(record_id)))
    return _page(call, members, list(enumerate(in_order, start=1)))


def add(call: HubSpotCall) -> Answer:
    """Answer ``PUT …/memberships/add``."""
    return _write(call, _ids(call.json()), [])


def remove(call: HubSpotCall) -> Answer:
    """Answer ``PUT …/memberships/remove``."""
    return _write(call, [], _ids(call.json()))


def add_and_remove(call: HubSpotCall) -> Answer:
    """Answer ``PUT …/memberships/add-and-remove``."""
    body = call.json_object()
    return _write(call, _ids(body.get("recordIdsToAdd") or []), _ids(body.get("recordIdsToRemove") or []))


def empty(call: HubSpotCall) -> Answer:
    """Answer ``DELETE …/memberships``."""
    row = _writable(call)
    for record_id in list(call.state.members.get(row["listId"], {})):
        _leave(call.state, row["listId"], record_id)
    return NOTHING


def add_from(call: HubSpotCall) -> Answer:
    """Answer ``PUT …/memberships/add-from/{sourceListId}``."""
    row, source = _writable(call), list_of(call, "sourceListId")
    members = call.state.members.get(source["listId"], {})
    if len(members) >= MOST_MEMBERS_MOVED:
        message = f"Only lists below {MOST_MEMBERS_MOVED} members can be copied"
        raise invalid_request(message)
    for record_id in list(members):
        _join(call.state, row["listId"], record_id)
    return NOTHING


def of_record(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/lists/records/{type}/{recordId}/memberships``."""
    results = _of_record(call.state, call.path["recordId"])
    return ok({"total": len(results), "results": results})


def of_records(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/lists/records/memberships/batch/read``."""
    entries = inputs(call.json_object())
    results = [
        {
            "objectTypeId": entry.get("objectTypeId"),
            "recordId": str(entry.get("recordId", "")),
            "recordListMemberships": _of_record(call.state, str(entry.get("recordId", ""))),
        }
        for entry in entries
    ]
    return envelope(call.state, results, 200, [])


def _of_record(state: HubSpotState, record_id: str) -> list[Row]:
    contact = state.contact(record_id)
    if contact is None:
        return []
    return [
        {
            "listId": list_id,
            "listVersion": state.lists[list_id]["listVersion"],
            "firstAddedTimestamp": members[contact["id"]],
            "lastAddedTimestamp": members[contact["id"]],
            "isPublicList": False,
        }
        for list_id, members in state.members.items()
        if contact["id"] in members and state.lists[list_id]["deletedAt"] is None
    ]


def _page(call: HubSpotCall, members: dict[str, str], order: list[tuple[int, str]]) -> Answer:
    limit = call.limit(USUAL_PAGE, PAGE)
    spell = unquote if call.state.world.settings.encoded_cursors else str
    after, before = _place(spell(call.one("after"))), _place(spell(call.one("before")))
    if after is not None or before is None:  # a cursor that nobody understands begins anew
        start = 0 if after is None else bisect_left(order, (after, ""))
    else:
        start = max(bisect_left(order, (before, "")) - limit, 0)
    shown = order[start : start + limit]
    paging: Row = {}
    if start + limit < len(order):
        following = _token(shown[-1][0] + 1)
        paging["next"] = {"after": following, "link": f"{call.base_url}{call.route}?after={following}"}
    if start > 0 and shown:
        first = _token(shown[0][0])
        paging["prev"] = {"before": first, "link": f"{call.base_url}{call.route}?before={first}"}
    results = [{"recordId": record_id, "membershipTimestamp": members[record_id]} for _, record_id in shown]
    return ok({"total": len(order), "results": results, **({"paging": paging} if paging else {})})


def _token(place: int) -> str:
    """Return a cursor as the real one spells it: percent-encoded, also in the body."""
    return quote(base64.b64encode(place.to_bytes(7, "big")).decode(), safe="")


def _place(token: str) -> int | None:
    try:
        return int.from_bytes(base64.b64decode(token, validate=True), "big") if token else None
    except ValueError:
        return None


def _ids(body: object) -> list[str]:
    if not isinstance(body, list) or not all(isinstance(entry, (str, int)) for entry in body):
        message = "Invalid input JSON: a list of record ids is expected"
        raise invalid_request(message)
    if len(body) > MOST_MEMBERS_MOVED:
        message = f"At most {MOST_MEMBERS_MOVED} record ids in one call"
        raise invalid_request(message)
    return list(dict.fromkeys(str(entry) for entry in body))


def _write(call: HubSpotCall, joining: list[str], leaving: list[str]) -> Answer:
    row = _writable(call)
    state, list_id = call.state, row["listId"]
    members = state.members.setdefault(list_id, {})
    known = {key: contact["id"] for key in (*joining, *leaving) if (contact := state.contact(key)) is not None}
    added = [key for key in joining if key in known and known[key] not in members]
    for key in added:
        _join(state, list_id, known[key])
    removed = [key for key in leaving if known.get(key) in members]
    for key in removed:
        _leave(state, list_id, known[key])
    if added or removed:
        state.lists[list_id] = {**row, "updatedAt": iso(state.now_ms())}
    missing = [key for key in (*joining, *leaving) if key not in known]
    # the first key really has that spelling; what is empty is left out
    outcomes = {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing}
    return ok({name: ids for name, ids in outcomes.items() if ids})


def _writable(call: HubSpotCall) -> Row:
    row = list_of(call)
    if row["processingType"] not in WRITABLE:
        message = "Memberships can be written on MANUAL and SNAPSHOT lists only"
        raise invalid_request(message)
    return row


def _join(state: HubSpotState, list_id: str, record_id: str) -> None:
    members = state.members.setdefault(list_id, {})
    if record_id not in members:
        members[record_id] = iso(state.now_ms())
        state.memberships[f"{list_id}/{record_id}"] = {"at": members[record_id]}


def _leave(state: HubSpotState, list_id: str, record_id: str) -> None:
    del state.members[list_id][record_id]
    del state.memberships[f"{list_id}/{record_id}"]
