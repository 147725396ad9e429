"""Setup of the Mailchimp merge fields that personasync owns: find missing ones and create them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.errors import FixSettingsError
from connectors.limits import MERGE_TAG_LENGTH
from connectors.mailchimp.api import MailchimpApi
from connectors.records import FieldDefinition, FieldType, SetupStep
from connectors.transport import check_made, entries

TYPES = {"text": "text", "url": "url", "number": "number", "date": "date", "enumeration": "text"}
KINDS: Mapping[str, FieldType] = {
    "number": "number",
    "date": "date",
    "url": "url",
    "imageurl": "url",
    "radio": "enumeration",
    "dropdown": "enumeration",
}
COMPATIBLE = {"url": {"url", "text", "imageurl"}}
PREMIUM = "premium"
ALL = 1000  # lists page by ten if nobody says otherwise (trap M5)


def present_merge_fields(api: MailchimpApi, audience: str) -> dict[str, Mapping[str, Any]]:
    """Return the audience's merge fields by tag."""
    answer = api.call(api.sdk.lists.get_list_merge_fields, audience, count=ALL)
    return {str(field["tag"]): field for field in entries(answer, "merge_fields")}


def defined(api: MailchimpApi, audience: str) -> dict[str, FieldDefinition]:
    """Return the audience's merge fields by tag, with the default that mails print."""
    return {tag: _definition(tag, row) for tag, row in present_merge_fields(api, audience).items()}


def _definition(tag: str, row: Mapping[str, Any]) -> FieldDefinition:
    options = tuple((str(choice), str(choice)) for choice in row.get("options", {}).get("choices", ()))
    kind = KINDS.get(row["type"], "text")
    return FieldDefinition(tag, str(row["name"]), kind, options, default=str(row.get("default_value") or ""))


def missing_merge_fields(
    api: MailchimpApi,
    connection: str,
    audience: str,
    fields: Sequence[FieldDefinition],
    limits: Mapping[str, int],
    *,
    plan: str = "",
) -> Iterator[SetupStep]:
    """Yield what has to be created.

    No answer of Mailchimp names an audience's limit. One that holds more than the usual limit has the larger one.

    Args:
        api: The account.
        connection: The connection's name.
        audience: The audience's id.
        fields: What is wanted there.
        limits: Those of plugin.toml.
        plan: The account's, "premium" where more fields fit.

    Raises:
        FixSettingsError: A field of that tag has another type, a tag is too long, or there is no room for more.
    """
    there = present_merge_fields(api, audience)
    lacking = [field for field in fields if field.name not in there]
    for field in fields:
        if len(field.name) > MERGE_TAG_LENGTH:
            raise FixSettingsError(
                f"{field.name!r} is too long: a merge tag can have {MERGE_TAG_LENGTH} characters.",
                fix="Choose a shorter name in personas.toml.",
            )
        if field.name in there:
            _check_type(field, str(there[field.name]["type"]))
    premium = plan == PREMIUM or len(there) > limits["merge_fields"]
    most = limits["merge_fields_premium" if premium else "merge_fields"]
    if len(lacking) > most - len(there):
        names = ", ".join(field.name for field in lacking)
        larger = "" if premium else f' On a Premium plan, write plan = "{PREMIUM}" into [connections.{connection}].'
        raise FixSettingsError(
            f"The audience has {len(there)} of {most} merge fields: no room for {names}.",
            fix=f"Delete unused merge fields in Mailchimp, or remove template fields from personas.toml.{larger}",
        )
    for field in lacking:
        yield SetupStep(
            connection, "create_field", field.name, f"merge field {field.label!r}, {TYPES[field.type]}", field
        )


def create_merge_field(api: MailchimpApi, audience: str, field: FieldDefinition) -> None:
    """Create a merge field; contacts can't see it in forms."""
    body = {
        "tag": field.name,
        "name": field.label,
        "type": TYPES[field.type],
        "required": False,
        "public": False,
        "default_value": field.default,
    }
    made = api.call(api.sdk.lists.add_list_merge_field, audience, body)
    check_made(field.name, made.get("tag"), "merge field")


def _check_type(field: FieldDefinition, kind: str) -> None:
    if kind not in COMPATIBLE.get(TYPES[field.type], {TYPES[field.type]}):
        raise FixSettingsError(
            f"Mailchimp merge field {field.name!r} has type {kind}, expected {TYPES[field.type]}.",
            fix=("Rename it in Mailchimp, or choose another name in personas.toml; a field's type can't be changed."),
        )
