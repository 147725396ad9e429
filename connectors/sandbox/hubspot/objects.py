"""Reading contacts and deals: one record, pages of all, and batches of some."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.hubspot.calls import KINDS, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import batch_error, invalid_request, no_such_resource
from connectors.sandbox.hubspot.shapes import View, page_of_ids
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso

Row = dict[str, Any]

PAGE = 100
PAGE_WITH_HISTORY = 50
BATCH = 100


def find_record(state: HubSpotState, kind: str, key: str, id_property: str = "") -> Row | None:
    """Return the record that *key* names, None if there is none (or it is archived).

    Args:
        state: The account.
        kind: ``contacts`` or ``deals``.
        key: A record id, or the value of *id_property*.
        id_property: ``""``, ``hs_object_id``, ``email``, or a property with unique values.

    Raises:
        Refusal: 400 when values of *id_property* do not name one record.
    """
    if kind == "deals":
        return state.deal_records.active(key)
    if id_property in {"", "hs_object_id"}:
        return state.contact(key)
    if id_property == "email":
        number = state.by_email.get(key.strip().lower())
    elif id_property in state.unique:
        number = state.unique[id_property].get(key)
    else:
        message = f"Property '{id_property}' is not a unique identifier property"
        raise invalid_request(message)
    return None if number is None else state.contact(number)


def list_records(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/objects/{type}``: all records in order of id, or all archived ones."""
    history = call.many("propertiesWithHistory")
    limit = call.limit(10, PAGE_WITH_HISTORY if history else PAGE)
    records = call.state.records(call.kind)
    ids, paging = page_of_ids(call, records.archived if call.flag("archived") else records.order, limit)
    view = _view(call)
    return ok({"results": [view.show(records.table[str(number)]) for number in ids], **paging})


def get_record(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/objects/{type}/{id}``."""
    key = call.path["recordId"]
    row = find_record(call.state, call.kind, key, call.one("idProperty"))
    if row is None and call.flag("archived"):
        row = call.state.records(call.kind).table.get(key)
    if row is None:
        raise no_such_resource()
    return ok(_view(call).show(row))


def read_records(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/objects/{type}/batch/read``; the order of the answer is not that of the inputs."""
    body = call.json_object()
    ids = [str(entry.get("id", "")) for entry in inputs(body)]
    rows: dict[str, Row] = {}
    missing: list[str] = []
    for key in dict.fromkeys(ids):
        row = find_record(call.state, call.kind, key, str(body.get("idProperty") or ""))
        if row is None:
            missing.append(key)
        else:
            rows[row["id"]] = row
    view = View(call.state, call.kind, body.get("properties") or (), history=body.get("propertiesWithHistory") or ())
    results = [view.show(rows[key]) for key in sorted(rows, key=int)]
    return envelope(call.state, results, 200, missing_errors(missing))


def inputs(body: Row, highest: int = BATCH) -> list[Row]:
    """Return the inputs of a batch.

    Raises:
        Refusal: 400 for more than *highest*, or for inputs that are no objects.
    """
    entries = body.get("inputs")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        message = "Invalid input JSON: `inputs` must be a list of objects"
        raise invalid_request(message)
    if len(entries) > highest:
        message = f"The number of inputs ({len(entries)}) is above the maximum of {highest} for one batch"
        raise invalid_request(message)
    return entries


def missing_errors(missing: list[str]) -> list[Row]:
    """Return the one entry in which a batch tells the ids it did not find."""
    if not missing:
        return []
    message = "Could not get some objects, they may be deleted or not exist. Check that ids are valid."
    return [batch_error("OBJECT_NOT_FOUND", message, {"ids": missing})]


def envelope(state: HubSpotState, results: list[Row], status: int, errors: list[Row]) -> Answer:
    """Return the answer of a batch: *status* when all went well, else 207 with the errors."""
    now = iso(state.now_ms())
    body: Row = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        return Answer(207, {**body, "numErrors": len(errors), "errors": errors})
    return Answer(status, body)


def _view(call: HubSpotCall) -> View:
    associations = [KINDS.get(name.lower(), name) for name in call.many("associations")]
    return View(
        call.state,
        call.kind,
        call.many("properties"),
        history=call.many("propertiesWithHistory"),
        associations=associations,
    )
