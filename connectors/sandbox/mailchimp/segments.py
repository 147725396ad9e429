"""Segments of an audience; a tag is a static one."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.audiences import audience
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.links import collection_links, item_links
from connectors.sandbox.mailchimp.segment_rules import check_options, in_segment, reachable
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
SEGMENTS = "/lists/{list_id}/segments"
SEGMENT = "/lists/{list_id}/segments/{segment_id}"
INSTANCE = "Lists/Segments/Instance"
NAME_LENGTH = 100
BOTH = "Please specify either a static_segment or options, not both."


def segment_of(call: MailchimpCall) -> Document:
    """Return the segment that the path names."""
    return call.row_of(call.state.segments(audience(call)["id"]), "segment_id")


@ROUTES.on("GET", SEGMENTS, "Lists/Segments/Collection")
def list_segments(call: MailchimpCall) -> Document:
    """Page through the segments."""
    list_id = audience(call)["id"]
    rows = [row for row in call.state.segments(list_id).values() if chosen_segments(call, row)]
    href = f"{call.url}/lists/{list_id}/segments"
    return {
        "segments": [show_segment(call, row) for row in call.page(rows)],
        "list_id": list_id,
        "total_items": len(rows),
        "_links": collection_links(href, "Lists/Segments"),
    }


def chosen_segments(call: MailchimpCall, row: Document) -> bool:
    """Tell whether a segment passes the filters of the query."""
    passes = call.query.get("type") in {None, "", row["type"]}
    for key in ("created_at", "updated_at"):
        since, before = call.moment(f"since_{key}"), call.moment(f"before_{key}")
        passes = passes and (since is None or row[key] > since) and (before is None or row[key] <= before)
    return passes


@ROUTES.on("POST", SEGMENTS, INSTANCE)
def add_segment(call: MailchimpCall) -> Document:
    """Create a tag (`static_segment`) or a saved segment (`options`)."""
    list_id, body = audience(call)["id"], call.json
    problems.expect_types(body, {"name": str, "static_segment": list, "options": dict})
    name = body.get("name", "").strip()
    if not name or len(name) > NAME_LENGTH:
        raise problems.invalid_fields(("name", "This value should not be blank." if not name else "Name is too long"))
    if "static_segment" in body and "options" in body:
        raise problems.bad_request(BOTH)
    if any(row["name"] == name for row in call.state.segments(list_id).values()):
        message = "Sorry, that tag already exists."
        raise problems.bad_request(message)
    options = check_options(call.state, list_id, body["options"]) if "options" in body else None
    segment_id = call.state.add_segment(list_id, name, options)
    put_addresses(call, segment_id, body.get("static_segment", []))
    return show_segment(call, call.state.segments(list_id)[segment_id])


def put_addresses(call: MailchimpCall, segment_id: str, addresses: list[object]) -> None:
    """Give those of the *addresses* that are on the list the tag."""
    list_id = call.names["list_id"]
    directory = call.state.directory(list_id)
    for address in addresses:
        member = directory.find(subscriber_hash(str(address)))
        if member is not None:
            call.state.put_tag(list_id, member, segment_id)


@ROUTES.on("GET", SEGMENT, INSTANCE)
def get_segment(call: MailchimpCall) -> Document:
    """Return one segment."""
    return show_segment(call, segment_of(call))


@ROUTES.on("PATCH", SEGMENT, INSTANCE)
def patch_segment(call: MailchimpCall) -> Document:
    """Change a segment; `static_segment` replaces all members, so an empty one removes everybody."""
    row, body = segment_of(call), call.json
    list_id, segment_id = call.names["list_id"], call.names["segment_id"]
    problems.expect_types(body, {"name": str, "static_segment": list, "options": dict})
    if "static_segment" in body and "options" in body:
        raise problems.bad_request(BOTH)
    if "options" in body:
        if row["type"] == "static":
            message = "A static segment has no conditions."
            raise problems.bad_request(message)
        row["options"] = check_options(call.state, list_id, body["options"])
    if "static_segment" in body:
        for member in in_segment(call.state, list_id, row):
            call.state.take_tag(list_id, member, segment_id)
        put_addresses(call, segment_id, body["static_segment"])
    row["name"] = body.get("name") or row["name"]
    row["updated_at"] = call.state.now()
    call.state.segments(list_id)[segment_id] = row
    return show_segment(call, row)


@ROUTES.on("DELETE", SEGMENT)
def delete_segment(call: MailchimpCall) -> None:
    """Delete a segment; its members stay on the list."""
    row = segment_of(call)
    list_id, segment_id = call.names["list_id"], call.names["segment_id"]
    if row["type"] == "static":
        for member in in_segment(call.state, list_id, row):
            call.state.take_tag(list_id, member, segment_id)
    del call.state.segments(list_id)[segment_id]


def show_segment(call: MailchimpCall, row: Document) -> Document:
    """Return the body of a segment."""
    list_id = call.names["list_id"]
    members = reachable(in_segment(call.state, list_id, row))
    href = f"{call.url}/lists/{list_id}/segments/{row['id']}"
    return {
        "id": row["id"],
        "name": row["name"],
        "member_count": len(members),
        "type": row["type"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "options": row["options"],
        "list_id": list_id,
        "_links": item_links(href, "Lists/Segments"),
    }
