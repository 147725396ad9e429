"""Which contacts a deal has, and which deals a contact has (v4)."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.hubspot.calls import KINDS, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import batch_error, no_such_resource
from connectors.sandbox.hubspot.objects import envelope, inputs
from connectors.sandbox.hubspot.shapes import page_of_ids
from connectors.sandbox.hubspot.state import HubSpotState

Row = dict[str, Any]

PAGE = 500
BATCH = 1_000
TYPE_IDS = {("deals", "contacts"): 3, ("contacts", "deals"): 4}


def of_one(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v4/objects/{type}/{id}/associations/{toType}``."""
    source, target = call.kind, KINDS[call.path["toObjectType"].lower()]
    linked = _linked(call.state, source, target, call.path["recordId"])
    if linked is None:
        raise no_such_resource()
    ids, paging = page_of_ids(call, sorted(map(int, linked)), call.limit(PAGE, PAGE))
    return ok({"results": [_link(source, target, number) for number in ids], **paging})


def of_many(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v4/associations/{from}/{to}/batch/read``; a record without any is an error of its own."""
    source, target = KINDS[call.path["objectType"].lower()], KINDS[call.path["toObjectType"].lower()]
    results, errors = [], []
    for entry in inputs(call.json_object(), BATCH):
        key = str(entry.get("id", ""))
        linked = _linked(call.state, source, target, key)
        if linked:
            to = [_link(source, target, int(other)) for other in linked]
            results.append({"from": {"id": key}, "to": to})
        else:
            message = f"No {target} is associated with {source} {key}."
            json = batch_error("OBJECT_NOT_FOUND", message, {"fromObjectId": [key]})
            errors.append({**json, "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"})
    return envelope(call.state, results, 200, errors)


def _linked(state: HubSpotState, source: str, target: str, record_id: str) -> list[str] | None:
    if source == "deals":
        deal = state.deal_records.active(record_id)
        return None if deal is None else (deal["contacts"] if target == "contacts" else [])
    contact = state.contact(record_id)
    if contact is None:
        return None
    return state.deals_of.get(contact["id"], []) if target == "deals" else []


def _link(source: str, target: str, number: int) -> Row:
    kind = {"category": "HUBSPOT_DEFINED", "typeId": TYPE_IDS[source, target], "label": None}
    return {"toObjectId": str(number), "associationTypes": [kind]}
