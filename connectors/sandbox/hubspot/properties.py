"""Property definitions and their groups."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.hubspot.calls import NOTHING, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import Refusal, batch_error, invalid_request, no_such_resource
from connectors.sandbox.hubspot.objects import envelope, inputs
from connectors.sandbox.hubspot.records import MODIFIED
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso

Row = dict[str, Any]

MOST_CUSTOM = 1_000
REQUIRED = ("name", "label", "type", "fieldType", "groupName")
OPTION_REQUIRED = ("label", "value", "hidden")
TYPES = {"bool", "date", "datetime", "enumeration", "number", "string", "phone_number"}
FIELD_TYPES = {
    "booleancheckbox",
    "calculation_equation",
    "checkbox",
    "date",
    "file",
    "html",
    "number",
    "phonenumber",
    "radio",
    "select",
    "text",
    "textarea",
}
CHANGEABLE = ("label", "type", "fieldType", "groupName", "description", "displayOrder", "hidden", "formField")
MOST_UNIQUE = 10


def list_all(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/properties/{type}``: all definitions at once."""
    archived = call.flag("archived")
    return ok({"results": [row for row in _of_kind(call) if row["archived"] == archived]})


def get_property(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/properties/{type}/{name}``."""
    return ok(_definition(call.state, call.kind, call.path["propertyName"], archived=call.flag("archived")))


def post_property(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/properties/{type}``; a name that was archived is restored."""
    return Answer(201, _create(call.state, call.kind, call.json_object()))


def patch_property(call: HubSpotCall) -> Answer:
    """Answer ``PATCH /crm/v3/properties/{type}/{name}``; ``options`` replaces the whole list."""
    definition = _definition(call.state, call.kind, call.path["propertyName"], archived=False)
    body = call.json_object()
    rules = definition["modificationMetadata"]
    if rules["readOnlyDefinition"] and not ("options" in body and not rules["readOnlyOptions"]):
        message = f"{definition['name']} is defined by HubSpot and cannot be changed"
        raise invalid_request(message)
    changed = {**definition, **{name: body[name] for name in CHANGEABLE if name in body}}
    if "options" in body:
        changed["options"] = _options(body["options"], changed["type"])
    _check_types(call.state, call.kind, changed)
    changed["updatedAt"] = iso(call.state.now_ms())
    call.state.properties[f"{call.kind}/{changed['name']}"] = changed
    return ok(changed)


def delete_property(call: HubSpotCall) -> Answer:
    """Answer ``DELETE /crm/v3/properties/{type}/{name}``."""
    _archive(call.state, call.kind, call.path["propertyName"])
    return NOTHING


def batch_create(call: HubSpotCall) -> Answer:
    """Answer ``batch/create``: 201, or 207 when some were refused."""
    results, errors = [], []
    for entry in inputs(call.json_object()):
        try:
            results.append(_create(call.state, call.kind, entry))
        except Refusal as refusal:
            context = {"name": [str(entry.get("name", ""))]}
            errors.append(batch_error(refusal.body["category"], refusal.body["message"], context))
    return envelope(call.state, results, 201, errors)


def read_properties(call: HubSpotCall) -> Answer:
    """Answer ``batch/read``: 200, or 207 when some are not there."""
    body = call.json_object()
    names = [str(entry.get("name", "")) for entry in inputs(body)]
    rows = [call.state.properties.get(f"{call.kind}/{name}") for name in names]
    archived = bool(body.get("archived", False))
    results = [row for row in rows if row is not None and row["archived"] == archived]
    missing = sorted(set(names) - {row["name"] for row in results})
    message = "Some properties do not exist"
    errors = [batch_error("OBJECT_NOT_FOUND", message, {"name": missing})] if missing else []
    return envelope(call.state, results, 200, errors)


def batch_archive(call: HubSpotCall) -> Answer:
    """Answer ``batch/archive``: 204 whatever the state."""
    for entry in inputs(call.json_object()):
        name = str(entry.get("name", ""))
        definition = call.state.properties.get(f"{call.kind}/{name}")
        if definition is not None and not definition["hubspotDefined"]:
            _archive(call.state, call.kind, name)
    return NOTHING


def list_groups(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/properties/{type}/groups``."""
    rows = [row for key, row in call.state.groups.items() if key.startswith(f"{call.kind}/") and not row["archived"]]
    return ok({"results": rows})


def get_group(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/properties/{type}/groups/{name}``."""
    return ok(_group(call))


def create_group(call: HubSpotCall) -> Answer:
    """Answer ``POST /crm/v3/properties/{type}/groups``."""
    body = call.json_object()
    name, label = body.get("name"), body.get("label")
    if not isinstance(name, str) or not name or not isinstance(label, str) or not label:
        message = "`name` and `label` are required"
        raise invalid_request(message)
    key = f"{call.kind}/{name}"
    if key in call.state.groups and not call.state.groups[key]["archived"]:
        raise _exists(f"A property group named '{name}' already exists.")
    group = {"name": name, "label": label, "displayOrder": body.get("displayOrder", -1), "archived": False}
    call.state.groups[key] = group
    return Answer(201, group)


def update_group(call: HubSpotCall) -> Answer:
    """Answer ``PATCH /crm/v3/properties/{type}/groups/{name}``."""
    body = call.json_object()
    group = _group(call) | {name: body[name] for name in ("label", "displayOrder") if name in body}
    call.state.groups[f"{call.kind}/{group['name']}"] = group
    return ok(group)


def archive_group(call: HubSpotCall) -> Answer:
    """Answer ``DELETE /crm/v3/properties/{type}/groups/{name}``; not while it holds active properties."""
    group = _group(call)
    if any(row["groupName"] == group["name"] and not row["archived"] for row in _of_kind(call)):
        message = "A property group with active properties cannot be archived"
        raise invalid_request(message)
    call.state.groups[f"{call.kind}/{group['name']}"] = {**group, "archived": True}
    return NOTHING


def custom_objects(_call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/schemas``: this account has no object type of its own."""
    return ok({"results": []})


def custom_limits(call: HubSpotCall) -> Answer:
    """Answer ``GET /crm/v3/limits/custom-properties``."""
    rows: list[Row] = []
    for kind, type_id, singular, plural in (
        ("contacts", "0-1", "Contact", "Contacts"),
        ("deals", "0-3", "Deal", "Deals"),
    ):
        usage = _custom(call.state, kind)
        rows.append(
            {
                "objectTypeId": type_id,
                "singularLabel": singular,
                "pluralLabel": plural,
                "limit": MOST_CUSTOM,
                "usage": usage,
                "percentage": 100 * usage / MOST_CUSTOM,
            }
        )
    used, allowed = sum(_custom(call.state, kind) for kind in MODIFIED), MOST_CUSTOM * len(rows)
    return ok(
        {"overallLimit": allowed, "overallUsage": used, "overallPercentage": 100 * used / allowed, "byObjectType": rows}
    )


def _create(state: HubSpotState, kind: str, body: Row) -> Row:
    missing = [name for name in REQUIRED if not isinstance(body.get(name), str) or not body[name]]
    if missing:
        message = f"Required fields are missing: {missing}"
        raise invalid_request(message)
    name = body["name"]
    before = state.properties.get(f"{kind}/{name}")
    if before is not None and not before["archived"]:
        raise _exists(f"A property named '{name}' already exists.")
    if _custom(state, kind) >= MOST_CUSTOM:
        message = f"The account has reached its limit of {MOST_CUSTOM} custom properties"
        raise Refusal(400, message, "PROPERTY_LIMIT_REACHED")
    definition = _new(body, iso(state.now_ms()))
    _check_types(state, kind, definition)
    if definition["hasUniqueValue"] and kind == "contacts":
        if len(state.unique) >= MOST_UNIQUE:
            message = f"At most {MOST_UNIQUE} properties may have unique values"
            raise invalid_request(message)
        state.unique[name] = {}
    state.properties[f"{kind}/{name}"] = definition
    return definition


def _new(body: Row, now: str) -> Row:
    return {
        "name": body["name"],
        "label": body["label"],
        "type": body["type"],
        "fieldType": body["fieldType"],
        "groupName": body["groupName"],
        "description": str(body.get("description") or ""),
        "displayOrder": body.get("displayOrder", -1),
        "hasUniqueValue": bool(body.get("hasUniqueValue", False)),
        "hidden": bool(body.get("hidden", False)),
        "hubspotDefined": False,
        "calculated": False,
        "externalOptions": False,
        "formField": bool(body.get("formField", False)),
        "archived": False,
        "createdAt": now,
        "updatedAt": now,
        "modificationMetadata": {
            "archivable": True,
            "readOnlyDefinition": False,
            "readOnlyOptions": False,
            "readOnlyValue": False,
        },
        "options": _options(body.get("options") or [], body["type"]),
    }


def _options(given: object, type_: str) -> list[Row]:
    if not isinstance(given, list) or not all(isinstance(option, dict) for option in given):
        message = "`options` must be a list of objects"
        raise invalid_request(message)
    for option in given:
        missing = [name for name in OPTION_REQUIRED if name not in option]
        if missing:
            message = f"Required fields are missing in an option: {missing}"
            raise invalid_request(message)
    values = [str(option["value"]) for option in given]
    labels = [str(option["label"]) for option in given]
    if len(set(values)) < len(values) or len(set(labels)) < len(labels):
        message = "Property option values and labels must be unique"
        raise invalid_request(message)
    if type_ == "enumeration" and not given:
        message = "An enumeration needs options"
        raise invalid_request(message)
    return [
        {
            "label": str(option["label"]),
            "value": str(option["value"]),
            "displayOrder": option.get("displayOrder", place),
            "hidden": bool(option["hidden"]),
        }
        for place, option in enumerate(given)
    ]


def _check_types(state: HubSpotState, kind: str, definition: Row) -> None:
    if definition["type"] not in TYPES or definition["fieldType"] not in FIELD_TYPES:
        message = f"Invalid type {definition['type']!r} or fieldType {definition['fieldType']!r}"
        raise invalid_request(message)
    group = state.groups.get(f"{kind}/{definition['groupName']}")
    if group is None or group["archived"]:
        message = f"Property group '{definition['groupName']}' does not exist"
        raise invalid_request(message)


def _definition(state: HubSpotState, kind: str, name: str, *, archived: bool) -> Row:
    definition = state.properties.get(f"{kind}/{name}")
    if definition is None or definition["archived"] != archived:
        message = f"Property {name} does not exist"
        raise no_such_resource(message)
    return definition


def _archive(state: HubSpotState, kind: str, name: str) -> None:
    definition = _definition(state, kind, name, archived=False)
    if definition["hubspotDefined"]:
        message = f"{name} is defined by HubSpot and cannot be archived"
        raise invalid_request(message)
    now = iso(state.now_ms())
    state.properties[f"{kind}/{name}"] = {**definition, "archived": True, "archivedAt": now}


def _group(call: HubSpotCall) -> Row:
    group = call.state.groups.get(f"{call.kind}/{call.path['groupName']}")
    if group is None or group["archived"]:
        raise no_such_resource()
    return group


def _of_kind(call: HubSpotCall) -> list[Row]:
    return [row for key, row in call.state.properties.items() if key.startswith(f"{call.kind}/")]


def _custom(state: HubSpotState, kind: str) -> int:
    rows = (row for key, row in state.properties.items() if key.startswith(f"{kind}/"))
    return sum(not (row["hubspotDefined"] or row["archived"]) for row in rows)


def _exists(message: str) -> Refusal:
    return Refusal(409, message, "OBJECT_ALREADY_EXISTS")
