"""Two contacts become one, and a contact that has never been: merge and privacy deletion."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.hubspot.calls import NOTHING, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.contacts import all_of, leave_lists
from connectors.sandbox.hubspot.errors import Refusal, invalid_request, no_such_resource
from connectors.sandbox.hubspot.objects import find_record
from connectors.sandbox.hubspot.state import FIRST_CONTACT, HubSpotState, addresses
from connectors.sandbox.hubspot.times import iso, parse_ms

Row = dict[str, Any]

MOST_MERGES = 250
OF_ONE_RECORD = (
    "hs_object_id",
    "hs_all_contact_vids",
    "hs_merged_object_ids",
    "hs_calculated_merged_vids",
    "hs_additional_emails",
)


def merge(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/objects/contacts/merge``: the contact that both have become."""
    body = call.json_object()
    primary = call.state.contact(str(body.get("primaryObjectId", "")))
    other = call.state.contact(str(body.get("objectIdToMerge", "")))
    if primary is None or other is None:
        raise no_such_resource()
    if primary["id"] == other["id"]:
        message = "A contact cannot be merged with itself"
        raise invalid_request(message)
    if len(_merged_ids(primary)) + len(_merged_ids(other)) >= MOST_MERGES:
        message = "The record has been merged too often"
        raise Refusal(414, message)
    return ok(all_of(join(call.state, primary, other)))


def gdpr_delete(call: HubSpotCall) -> Answer:
    """Answer ``gdpr-delete``: the contact is gone for good; an unknown address can never be added."""
    body = call.json_object()
    key = str(body.get("objectId", ""))
    id_property = str(body.get("idProperty") or "")
    row = find_record(call.state, "contacts", key, id_property)
    if row is None and not id_property:
        row = call.state.contacts.get(key)  # an archived contact can be deleted for good, too
    if row is not None:
        erase(call.state, row)
    elif id_property == "email":
        call.state.blocked[key.strip().lower()] = {"at": iso(call.state.now_ms())}
    else:
        raise no_such_resource()
    return NOTHING


def join(state: HubSpotState, primary: Row, other: Row) -> Row:
    """Make one contact of two, and return it."""
    at_ms = state.now_ms()
    keep = state.world.settings.merge_keeps_primary_id
    number = int(primary["id"]) if keep else state.world.store.next_id("hubspot.contacts", FIRST_CONTACT)
    gone = [other] if keep else [primary, other]
    properties = _joined(primary, other, number, keep=keep, at=iso(at_ms))
    created = min(parse_ms(row["createdAt"]) or at_ms for row in (primary, other))
    lists = {list_id for row in (primary, other) for list_id in leave_lists(state, row["id"])}
    deals = [deal for row in (primary, other) for deal in state.deals_of.pop(row["id"], [])]
    for row in (primary, other):
        state.unindex_contact(row)
        state.contact_records.drop(row)
    for row in gone:
        state.merged[row["id"]] = {"into": str(number)}
    merged = state.contact_records.add(number, properties, created_ms=created)
    state.contact_records.change(merged, {}, at_ms=at_ms)
    state.index_contact(merged)
    _hand_over(state, merged, lists, deals, iso(at_ms))
    details = {"primaryObjectId": int(primary["id"]), "mergedObjectIds": [int(other["id"])], "newObjectId": number}
    moved = sum(primary["properties"].get(name) != value for name, value in properties.items())
    state.webhooks.tell("merge", str(number), at_ms, **details, numberOfPropertiesMoved=moved)
    return merged


def _joined(primary: Row, other: Row, number: int, *, keep: bool, at: str) -> dict[str, str]:
    joined = {**other["properties"], **primary["properties"]}
    for name in OF_ONE_RECORD:
        joined.pop(name, None)
    ids = [*_merged_ids(primary), *_merged_ids(other), *([] if keep else [primary["id"]]), other["id"]]
    own, *additional = dict.fromkeys([*addresses(primary), *addresses(other)]) or [""]
    joined["hs_merged_object_ids"] = ";".join(ids)
    joined["hs_calculated_merged_vids"] = ";".join(f"{key}:{parse_ms(at)}" for key in ids)
    joined["hs_all_contact_vids"] = ";".join([str(number), *ids])
    dates = (primary["properties"]["createdate"], other["properties"]["createdate"])
    joined["createdate"] = min(dates, key=lambda date: parse_ms(date) or 0)
    if own:
        joined |= {"email": own, "hs_email_domain": own.rpartition("@")[2]}
    if additional:
        joined["hs_additional_emails"] = ";".join(additional)
    return joined


def _hand_over(state: HubSpotState, merged: Row, lists: set[str], deals: list[str], at: str) -> None:
    for list_id in lists:
        state.members[list_id][merged["id"]] = at
        state.memberships[f"{list_id}/{merged['id']}"] = {"at": at}
    for deal_id in deals:
        deal = state.deals[deal_id]
        state.deals[deal_id] = {**deal, "contacts": [merged["id"]]}
    if deals:
        state.deals_of[merged["id"]] = deals
        merged["properties"]["num_associated_deals"] = str(len(deals))


def erase(state: HubSpotState, row: Row) -> None:
    """Forget a contact for good."""
    if not row["archived"]:
        state.unindex_contact(row)
        leave_lists(state, row["id"])
    for deal_id in state.deals_of.pop(row["id"], []):
        state.deals[deal_id] = {**state.deals[deal_id], "contacts": []}
    for address in addresses(row):
        state.consent.pop(address, None)
    state.contact_records.drop(row)
    for kind in ("privacyDeletion", "deletion"):
        state.webhooks.tell(kind, row["id"], state.now_ms())


def _merged_ids(row: Row) -> list[str]:
    return [key for key in row["properties"].get("hs_merged_object_ids", "").split(";") if key]
