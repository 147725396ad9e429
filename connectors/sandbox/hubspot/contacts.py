"""Writing single contacts: create, change, archive. Batches use the same steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.hubspot.calls import NOTHING, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import Refusal, conflict, invalid_request, invalid_values, no_such_resource
from connectors.sandbox.hubspot.objects import find_record
from connectors.sandbox.hubspot.shapes import written_record
from connectors.sandbox.hubspot.state import HubSpotState, addresses
from connectors.sandbox.hubspot.times import to_ms
from connectors.sandbox.hubspot.values import checked

Row = dict[str, Any]

NAMED_BY = ("email", "firstname", "lastname")


def post_contact(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/objects/contacts``."""
    values = creatable(call.state, call.json_object().get("properties", {}))
    return Answer(201, all_of(add_contact(call.state, values)))


def patch_contact(call: HubSpotCall) -> Answer:
    """Answer ``PATCH /crm/v3/objects/contacts/{id}``."""
    row = find_record(call.state, "contacts", call.path["recordId"], call.one("idProperty"))
    if row is None:
        raise no_such_resource()
    values = changeable(call.state, row, call.json_object().get("properties", {}))
    refuse_incomplete(call, {**row["properties"], **values})
    call.state.touch_contact(row, values)
    return ok(written_record(row, list(values)))


def delete_contact(call: HubSpotCall) -> Answer:
    """Answer ``DELETE /crm/v3/objects/contacts/{id}``; one that is not there is no error."""
    archive_contact(call.state, call.path["recordId"])
    return NOTHING


def creatable(state: HubSpotState, properties: object) -> dict[str, str]:
    """Return the values of a new contact.

    Raises:
        Refusal: 400 for values that are refused, 409 when the address or a unique value is taken.
    """
    values = {
        name: value
        for name, value in checked(properties, state.properties, "contacts", {}).items()
        if value is not None
    }
    if not any(name in values for name in NAMED_BY):
        message = "At least one of these properties must be set: email, firstname, lastname"
        raise invalid_request(message)
    if values.get("email") in state.blocked:
        message = "This address belongs to a contact that was deleted for privacy and cannot be added again."
        raise Refusal(400, message, "VALIDATION_ERROR", subCategory="CONTACT_GDPR_DELETED")
    _refuse_taken(state, values, own="")
    return values


def changeable(state: HubSpotState, row: Row, properties: object) -> dict[str, str | None]:
    """Return the values that a change of *row* would write.

    Raises:
        Refusal: 400 for values that are refused, 409 when the address or a unique value is somebody else's.
    """
    values = checked(properties, state.properties, "contacts", row["properties"])
    _refuse_taken(state, values, own=row["id"])
    if state.world.settings.short_numbers:
        numbers = [name for name in values if state.properties[f"contacts/{name}"]["type"] == "number"]
        values |= {name: f"{float(text):g}" for name in numbers if (text := values[name])}
    return values


def refuse_incomplete(call: HubSpotCall, values: Mapping[str, str | None]) -> None:
    """Refuse a record without a property that the account requires: on the paths of 2026-09, and no others.

    Raises:
        Refusal: 400 that names them.
    """
    required = call.state.world.settings.required_properties if "/2026-09/" in call.route else ()
    absent = [name for name in required if not values.get(name)]
    if absent:
        said = 'Property "{}" is required'
        raise invalid_values([(name, "MISSING_REQUIRED_PROPERTY", said.format(name)) for name in absent])


def add_contact(state: HubSpotState, values: dict[str, str]) -> Row:
    """Add a contact whose values were checked."""
    record_id = state.add_contact(values, created_at=state.world.clock.now())
    if state.world.settings.search_lag > 0:
        state.contact_records.remember(None, int(record_id), at_ms=to_ms(state.world.clock.now()))
    return state.contacts[record_id]


def archive_contact(state: HubSpotState, record_id: str) -> None:
    """Archive the contact, take it off every list, and set its address free."""
    row = state.contact(record_id)
    if row is None:
        return
    state.unindex_contact(row)
    state.contact_records.archive(row, at_ms=state.now_ms())
    leave_lists(state, row["id"])
    state.webhooks.tell("deletion", row["id"], state.now_ms())


def restore_contact(state: HubSpotState, record_id: str) -> bool:
    """Bring an archived contact back, as somebody does in HubSpot's recycling bin; False where there is none."""
    row = state.contacts.get(record_id)
    if row is None or not row["archived"]:
        return False
    state.contact_records.restore(row, at_ms=state.now_ms())
    state.index_contact(row)
    state.webhooks.tell("restore", record_id, state.now_ms())
    return True


def leave_lists(state: HubSpotState, record_id: str) -> list[str]:
    """Take the contact off every list and return the ids of those it was on."""
    left = [list_id for list_id, members in state.members.items() if members.pop(record_id, None)]
    for list_id in left:
        del state.memberships[f"{list_id}/{record_id}"]
    return left


def all_of(row: Row) -> Row:
    """Return the record with every property that it has, as a creation answers it."""
    return written_record(row, list(row["properties"]))


def _refuse_taken(state: HubSpotState, values: dict[str, str] | dict[str, str | None], *, own: str) -> None:
    address = values.get("email")
    holder = state.by_email.get(address) if address else None
    if holder is not None and holder != own:
        raise conflict(holder)
    if holder is not None and address in addresses(state.contacts[own])[1:]:
        message = f"{address} is already an additional address of contact {own}"
        raise Refusal(409, message, "CONFLICT")
    for name, index in state.unique.items():
        value = values.get(name)
        other = index.get(value) if value else None
        if other is not None and other != own:
            raise conflict(other)
