"""Writing contacts by the hundred: what fails as a whole, and what fails record by record (207)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.sandbox.hubspot.calls import NOTHING, Answer, HubSpotCall
from connectors.sandbox.hubspot.contacts import (
    add_contact,
    all_of,
    archive_contact,
    changeable,
    creatable,
    refuse_incomplete,
)
from connectors.sandbox.hubspot.errors import Refusal, batch_error, invalid_request
from connectors.sandbox.hubspot.objects import envelope, find_record, inputs, missing_errors
from connectors.sandbox.hubspot.shapes import written_record
from connectors.sandbox.hubspot.state import HubSpotState

Row = dict[str, Any]


def create_contacts(call: HubSpotCall) -> Answer:
    """Answer ``batch/create``: all or nothing, unless every input has its own ``objectWriteTraceId``."""
    entries = inputs(call.json_object())
    traces = [entry.get("objectWriteTraceId") for entry in entries]
    if entries and all(traces) and len(set(traces)) == len(traces):
        return _create_each(call.state, entries)
    accepted = []
    taken: set[str] = set()
    for entry in entries:
        values = creatable(call.state, entry.get("properties", {}))
        _refuse_twice(values, taken)
        accepted.append(values)
    return envelope(call.state, [all_of(add_contact(call.state, values)) for values in accepted], 201, [])


def update_contacts(call: HubSpotCall) -> Answer:
    """Answer ``batch/update``: by record id; unknown ids are told (207), wrong values refuse the batch."""
    entries = inputs(call.json_object())
    _refuse_id_property(call.state, entries)
    _refuse_same_id(entries)
    missing: list[str] = []
    accepted: list[tuple[Row, dict[str, str | None], Row]] = []
    taken: set[str] = set()
    for entry in entries:
        key = str(entry.get("id", ""))
        row = find_record(call.state, "contacts", key, str(entry.get("idProperty") or ""))
        if row is not None:
            values = changeable(call.state, row, entry.get("properties", {}))
            refuse_incomplete(call, {**row["properties"], **values})
            _refuse_twice(values, taken)
            accepted.append((row, values, entry))
        elif key.isdigit() or entry.get("idProperty"):
            missing.append(key)
        # anything else, such as an address without idProperty, changes nothing and nobody is told
        # (hubspot-api-nodejs #548)
    for row, values, _ in accepted:
        call.state.touch_contact(row, values)
    results = [_traced(written_record(row, list(values)), entry) for row, values, entry in accepted]
    return envelope(call.state, results, 200, missing_errors(missing))


def upsert(call: HubSpotCall) -> Answer:
    """Answer ``batch/upsert``: each input by ``email`` or a property with unique values; all or nothing."""
    entries = inputs(call.json_object())
    steps: list[Callable[[], Row]] = [_upsert_step(call.state, entry) for entry in entries]
    keys = [(entry["idProperty"], str(entry["id"]).strip().lower()) for entry in entries]
    if len(set(keys)) < len(keys):
        message = "Duplicate ids found in batch input"
        raise invalid_request(message)
    return envelope(call.state, [step() for step in steps], 200, [])


def archive_contacts(call: HubSpotCall) -> Answer:
    """Answer ``batch/archive``; ids that are not there are no error."""
    for entry in inputs(call.json_object()):
        archive_contact(call.state, str(entry.get("id", "")))
    return NOTHING


def _create_each(state: HubSpotState, entries: list[Row]) -> Answer:
    results, errors = [], []
    for entry in entries:
        try:
            values = creatable(state, entry.get("properties", {}))
        except Refusal as refusal:
            context = {"objectWriteTraceId": [str(entry["objectWriteTraceId"])]}
            json = batch_error(refusal.body["category"], refusal.body["message"], context)
            errors.append({**json, "errors": refusal.body.get("errors", [])})
        else:
            results.append(_traced(all_of(add_contact(state, values)), entry))
    return envelope(state, results, 201, errors)


def _upsert_step(state: HubSpotState, entry: Row) -> Callable[[], Row]:
    id_property = str(entry.get("idProperty") or "")
    if id_property != "email" and id_property not in state.unique:
        raise _non_unique()
    key = str(entry.get("id", ""))
    row = find_record(state, "contacts", key, id_property)
    properties = entry.get("properties", {})
    if row is not None:
        changes = changeable(state, row, properties)
        return lambda: _upserted(entry, row, list(changes), lambda: state.touch_contact(row, changes))
    values = creatable(state, {id_property: key, **properties} if isinstance(properties, dict) else properties)
    return lambda: {**_traced(all_of(add_contact(state, values)), entry), "new": True}


def _upserted(entry: Row, row: Row, names: list[str], write: Callable[[], None]) -> Row:
    write()
    return {**_traced(written_record(row, [*names, entry["idProperty"]]), entry), "new": False}


def _traced(shown: Row, entry: Row) -> Row:
    trace = entry.get("objectWriteTraceId")
    return shown if trace is None else {**shown, "objectWriteTraceId": trace}


def _refuse_twice(values: dict[str, str] | dict[str, str | None], taken: set[str]) -> None:
    address = values.get("email")
    if address is not None and address in taken:
        message = f"Duplicate values found in batch input for property email: {address}"
        raise Refusal(409, message, "CONFLICT")
    if address is not None:
        taken.add(address)


def _refuse_id_property(state: HubSpotState, entries: list[Row]) -> None:
    asked = {str(entry.get("idProperty") or "") for entry in entries}
    if not asked <= {"", "hs_object_id", *state.unique}:
        raise _non_unique()


def _refuse_same_id(entries: list[Row]) -> None:
    ids = [str(entry.get("id", "")) for entry in entries]
    if len(set(ids)) < len(ids):
        twice = sorted({key for key in ids if ids.count(key) > 1})
        message = f"Duplicate IDs found in batch input: {twice}. IDs must be unique"
        raise invalid_request(message)


def _non_unique() -> Refusal:
    return invalid_request("Unable to perform update/upsert by non-unique 0-1 property")
