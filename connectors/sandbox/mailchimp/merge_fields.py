"""Merge fields of an audience."""

from __future__ import annotations

import re

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.audiences import audience
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.links import collection_links, item_links
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
FIELDS = "/lists/{list_id}/merge-fields"
FIELD = "/lists/{list_id}/merge-fields/{merge_id}"
INSTANCE = "Lists/MergeFields/Instance"
TAG_LENGTH = 10
RESERVED = ("EMAIL", "UNSUB", "UPDATE_PROFILE", "ARCHIVE", "INTERESTS")
TYPES = ("text", "number", "address", "phone", "date", "url", "imageurl", "radio", "dropdown", "birthday", "zip")
OPTIONS = frozenset({"choices", "date_format", "default_country", "phone_format", "size"})
DEFAULT_OPTIONS: dict[str, Document] = {
    "text": {"size": 25},
    "phone": {"phone_format": "none"},
    "address": {"default_country": 164},
    "date": {"date_format": "MM/DD/YYYY"},
    "birthday": {"date_format": "MM/DD"},
}
KINDS: dict[str, type] = {
    "name": str,
    "tag": str,
    "type": str,
    "required": bool,
    "public": bool,
    "default_value": str,
    "help_text": str,
    "display_order": int,
    "options": dict,
}


@ROUTES.on("GET", FIELDS, "Lists/MergeFields/Collection")
def list_fields(call: MailchimpCall) -> Document:
    """Page through the fields; ten a page unless told."""
    list_id = audience(call)["id"]
    rows = list(call.state.fields(list_id).values())
    if call.query.get("type"):
        rows = [row for row in rows if row["type"] == call.query["type"]]
    if "required" in call.query:
        rows = [row for row in rows if row["required"] == call.flag("required")]
    return {
        "merge_fields": [show_field(call, row) for row in call.page(rows)],
        "list_id": list_id,
        "total_items": len(rows),
        "_links": collection_links(f"{call.url}/lists/{list_id}/merge-fields", "Lists/MergeFields"),
    }


@ROUTES.on("POST", FIELDS, INSTANCE)
def add_field(call: MailchimpCall) -> Document:
    """Create a field; a tag longer than ten characters is cut without a word."""
    list_id, body = audience(call)["id"], call.json
    problems.expect_types(body, KINDS)
    missing = [(key, "This value should not be blank.") for key in ("name", "type") if not body.get(key)]
    if missing:
        raise problems.invalid_fields(*missing)
    if body["type"] not in TYPES:
        raise problems.invalid_fields(("type", f"Value must be one of: {', '.join(TYPES)}"))
    fields = call.state.fields(list_id)
    limit = call.world.settings.merge_field_limit
    if len(fields) >= limit:
        message = f"You have reached the maximum of {limit} merge fields for this audience."
        raise problems.invalid_resource(message)
    tag = make_tag(body.get("tag", ""), body["name"], [row["tag"] for row in fields.values()])
    settings = {key: body[key] for key in KINDS if key in body and key not in ("name", "tag", "type", "options")}
    options = {**DEFAULT_OPTIONS.get(body["type"], {}), **_options(body)}
    row = call.state.add_merge_field(
        list_id,
        tag,
        name=body["name"],
        kind=body["type"],
        public=body.get("public", False),
        options=options,
        **{key: value for key, value in settings.items() if key != "public"},
    )
    return show_field(call, row)


def _options(body: Document) -> Document:
    """The options that Mailchimp's description knows; it leaves out any other."""
    return {key: option for key, option in body.get("options", {}).items() if key in OPTIONS}


def make_tag(wanted: str, name: str, taken: list[str]) -> str:
    """Return the tag that Mailchimp makes of what was asked for.

    Raises:
        ProblemError: Another field has it, or it is one of Mailchimp's own.

    """
    tag = re.sub(r"[^A-Z0-9_]", "", (wanted or name).upper().replace(" ", "_" if wanted else ""))[:TAG_LENGTH]
    if not tag:
        raise problems.invalid_fields(("tag", "This value should not be blank."))
    if tag in taken or tag in RESERVED:
        message = f'A Merge Field with the tag "{tag}" already exists for this list.'
        raise problems.invalid_resource(message)
    return tag


def field_of(call: MailchimpCall) -> Document:
    """Return the field that the path names."""
    return call.row_of(call.state.fields(audience(call)["id"]), "merge_id")


@ROUTES.on("GET", FIELD, INSTANCE)
def get_field(call: MailchimpCall) -> Document:
    """Return one field."""
    return show_field(call, field_of(call))


@ROUTES.on("PATCH", FIELD, INSTANCE)
def patch_field(call: MailchimpCall) -> Document:
    """Change a field; its type stays what it is."""
    row, body = field_of(call), call.json
    problems.expect_types(body, KINDS)
    changes = {key: body[key] for key in KINDS if key in body and key not in ("type", "tag", "options")}
    if "tag" in body and body["tag"] != row["tag"]:
        fields = call.state.fields(call.names["list_id"])
        taken = [other["tag"] for other in fields.values() if other is not row]
        changes["tag"] = make_tag(body["tag"], row["name"], taken)
        rename_values(call, row["tag"], changes["tag"])
    row |= changes
    row["options"] = {**row["options"], **_options(body)}
    call.state.fields(call.names["list_id"])[call.names["merge_id"]] = row
    return show_field(call, row)


def rename_values(call: MailchimpCall, old: str, new: str | None) -> None:
    """Move the members' values to another tag, or drop them."""
    directory = call.state.directory(call.names["list_id"])
    for member in directory.members.values():
        if old in member["merge_fields"]:
            value = member["merge_fields"].pop(old)
            if new is not None:
                member["merge_fields"][new] = value
            directory.save(member)


@ROUTES.on("DELETE", FIELD)
def delete_field(call: MailchimpCall) -> None:
    """Delete a field and its values."""
    row = field_of(call)
    del call.state.fields(call.names["list_id"])[call.names["merge_id"]]
    rename_values(call, row["tag"], None)


def show_field(call: MailchimpCall, row: Document) -> Document:
    """Return the body of a field."""
    list_id = call.names["list_id"]
    href = f"{call.url}/lists/{list_id}/merge-fields/{row['merge_id']}"
    return {**row, "list_id": list_id, "_links": item_links(href, "Lists/MergeFields")}
