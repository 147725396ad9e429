"""Setup of the HubSpot properties that personasync owns: find missing ones and create them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import FixSettingsError
from connectors.hubspot.api import HubSpotApi
from connectors.hubspot.operations import (
    PROPERTIES,
    PROPERTY_CREATE,
    PROPERTY_GROUP_CREATE,
    PROPERTY_GROUPS,
    PROPERTY_UPDATE,
)
from connectors.records import FieldDefinition, FieldType, SetupStep
from connectors.transport import check_made, entries

TYPES = {
    "text": ("string", "text"),
    "url": ("string", "text"),
    "number": ("number", "number"),
    "date": ("date", "date"),
    "enumeration": ("enumeration", "select"),
}
KINDS: Mapping[str, FieldType] = {"number": "number", "date": "date", "enumeration": "enumeration"}
GROUP_LABEL = "Personasync"


def missing_properties(api: HubSpotApi, connection: str, fields: Sequence[FieldDefinition]) -> Iterator[SetupStep]:
    """Yield what has to be created or extended.

    Raises:
        FixSettingsError: A property of that name exists with another type.
    """
    present = {row["name"]: row for row in entries(api.call(PROPERTIES), "results")}
    other = [field for field in fields if field.name in present and _of_other_type(field, present[field.name])]
    if other:
        raise FixSettingsError(
            " ".join(
                f"HubSpot property {field.name!r} has type {present[field.name]['type']}, "
                f"expected {TYPES[field.type][0]}."
                for field in other
            ),
            fix="Archive it in HubSpot (where no internal name can be changed), and run `personasync setup`: it makes "
            "its own. personasync never changes a property that it did not create.",
        )
    for field in fields:
        there = present.get(field.name)
        if there is None:
            yield SetupStep(connection, "create_field", field.name, f"property {field.label!r}, {field.type}", field)
            continue
        lacking = [value for value, _ in field.options if value not in _values(there)]
        if lacking:
            yield SetupStep(connection, "extend_field", field.name, f"options {', '.join(lacking)}", field)


def _of_other_type(field: FieldDefinition, there: Mapping[str, Any]) -> bool:
    return bool(there["type"] != TYPES[field.type][0])


def present_properties(api: HubSpotApi) -> dict[str, FieldDefinition]:
    """Return every property of contacts by name."""
    return {str(row["name"]): _definition(row) for row in entries(api.call(PROPERTIES), "results")}


def _definition(row: Mapping[str, Any]) -> FieldDefinition:
    options = tuple(
        (str(option["value"]), str(option["label"])) for option in row.get("options", ()) if not option["hidden"]
    )
    kind = KINDS.get(row["type"], "text")
    return FieldDefinition(str(row["name"]), str(row["label"]), kind, options, str(row.get("description") or ""))


def create_property(api: HubSpotApi, field: FieldDefinition, *, group: str) -> None:
    """Create the property of *field*, and our group of properties where it is missing."""
    if group not in {row["name"] for row in entries(api.call(PROPERTY_GROUPS), "results")}:
        api.call(PROPERTY_GROUP_CREATE, body={"name": group, "label": GROUP_LABEL, "displayOrder": -1})
    kind, look = TYPES[field.type]
    body: dict[str, Any] = {
        "name": field.name,
        "label": field.label,
        "type": kind,
        "fieldType": look,
        "groupName": group,
        "description": field.description or "Written by personasync",
        "formField": False,
    }
    if field.options:
        body["options"] = [_option(value, label, place) for place, (value, label) in enumerate(field.options)]
    made = api.call(PROPERTY_CREATE, body=body)
    check_made(field.name, made.get("name"), "property")


def extend(api: HubSpotApi, field: FieldDefinition) -> None:
    """Add options that are missing. An update replaces the whole list (PLATFORMS), so those that are there go along.

    Labels are unique too. Where a new option takes the label of one that is there, those that are still wanted get the
    labels of now, and an older one whose label is taken shows its value beside it.
    """
    present = next(row for row in entries(api.call(PROPERTIES), "results") if row["name"] == field.name)
    kept = _relabelled(present["options"], field, _values(present))
    new = [(value, label) for value, label in field.options if value not in _values(present)]
    added = [_option(value, label, len(kept) + place) for place, (value, label) in enumerate(new)]
    api.call(PROPERTY_UPDATE, path={"property_name": field.name}, body={"options": [*kept, *added]})


def _relabelled(
    present: Sequence[Mapping[str, Any]], field: FieldDefinition, known: Collection[str]
) -> list[dict[str, Any]]:
    wanted = dict(field.options)
    taken = {label.casefold() for value, label in field.options if value not in known}
    renamed = any(each["value"] in wanted and str(each["label"]).casefold() in taken for each in present)
    taken |= {label.casefold() for label in wanted.values()} if renamed else set()
    kept = []
    for option in present:
        value, label = str(option["value"]), str(option["label"])
        if value in wanted:
            label = wanted[value] if renamed else label
        elif label.casefold() in taken:
            label = f"{label} ({value})"
        kept.append({**option, "label": label})
    return kept


def _values(present: Mapping[str, Any]) -> set[str]:
    return {str(option["value"]) for option in present.get("options", ())}


def _option(value: str, label: str, place: int) -> dict[str, Any]:
    return {"value": value, "label": label, "displayOrder": place, "hidden": False}
