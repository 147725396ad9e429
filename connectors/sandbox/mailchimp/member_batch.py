"""`POST /lists/{id}`: up to 500 members in one call; 200 with the refusals inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.member_bodies import OF_BATCH, MemberBodies
from connectors.sandbox.mailchimp.members import tag_names, writer
from connectors.sandbox.mailchimp.values import Document

if TYPE_CHECKING:
    from connectors.sandbox.mailchimp.member_writes import MemberWriter

ROUTES = Routes()
MAX_MEMBERS = 500
EXISTS = "is already a list member, do you want to update? please provide update_existing:true in the request body"
TWICE = "Duplicate items found in the request. Set skip_duplicate_check=true to keep the first of each."


@ROUTES.on("POST", "/lists/{list_id}", "Lists/BatchPOST-Response")
def batch_members(call: MailchimpCall) -> Document:
    """Add or change up to 500 members; `status` is rewritten when existing ones are updated."""
    write, body = writer(call), call.json
    entries = checked_entries(body)
    new: list[Document] = []
    updated: list[Document] = []
    errors: list[Document] = []
    seen: set[str] = set()
    for entry in entries:
        address = str(entry.get("email_address", ""))
        known = subscriber_hash(address)
        if known in seen:
            if not call.flag("skip_duplicate_check"):
                errors.append(refusal(address, TWICE, "ERROR_GENERIC"))
            continue
        seen.add(known)
        try:
            member, created = write_one(call, write, entry, body)
        except problems.ProblemError as problem:
            errors.append(refused(address, problem))
        else:
            (new if created else updated).append(member)
    bodies = MemberBodies(call, write.list_id, keys=OF_BATCH)
    return {
        "new_members": bodies.show_all(new),
        "updated_members": bodies.show_all(updated),
        "errors": errors,
        "total_created": len(new),
        "total_updated": len(updated),
        "error_count": len(errors),
        "_links": [],
    }


def checked_entries(body: Document) -> list[Document]:
    """Return the members of the body, or refuse all of it."""
    problems.expect_types(body, {"members": list, "update_existing": bool, "sync_tags": bool})
    if "members" not in body:
        raise problems.invalid_fields(("members", "This value should not be blank."))
    entries: list[Document] = body["members"]
    if len(entries) > MAX_MEMBERS:
        raise problems.invalid_fields(("members", f"This array must contain at most {MAX_MEMBERS} items"))
    for place, entry in enumerate(entries):
        problems.expect(entry, dict, f"members.item:{place}")
        if "merge_fields" in entry:
            problems.expect(entry["merge_fields"], dict, f"members.item:{place}.merge_fields")
    return entries


def write_one(call: MailchimpCall, write: MemberWriter, entry: Document, body: Document) -> tuple[Document, bool]:
    """Write one member; return it and whether it is new."""
    problems.expect(entry.get("email_address", ""), str, "email_address")
    member = write.directory.find(subscriber_hash(entry.get("email_address", "")))
    created = member is None
    if member is None:
        member = write.create(entry, entry.get("status"))
    elif not body.get("update_existing"):
        raise problems.ProblemError(400, "ERROR_CONTACT_EXISTS", f"{entry['email_address']} {EXISTS}")
    else:
        write.update(member, entry)
    names = tag_names(entry.get("tags", []))
    if body.get("sync_tags") and body.get("update_existing"):
        for segment_id in list(member["tags"]):
            call.state.take_tag(write.list_id, member, segment_id)
    for name in names:
        segment_id = call.state.tag(write.list_id, name)
        if segment_id is not None:
            call.state.put_tag(write.list_id, member, segment_id)
    return member, created


def refused(address: str, problem: problems.ProblemError) -> Document:
    """Return the entry of `errors` for a refusal."""
    code = problem.title if problem.title == "ERROR_CONTACT_EXISTS" else "ERROR_GENERIC"
    first = problem.errors[0] if problem.errors else {"field": "", "message": ""}
    return refusal(address, problem.detail, code, first["field"], first["message"])


def refusal(address: str, error: str, code: str, field: str = "", message: str = "") -> Document:
    """Return one entry of `errors`."""
    return {
        "email_address": address,
        "error": error,
        "error_code": code,
        "field": field,
        "field_message": message,
    }
