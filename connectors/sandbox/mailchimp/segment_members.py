"""Members of a segment: the list, and adding and removing up to 500 of each in one call."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.links import collection_links
from connectors.sandbox.mailchimp.member_bodies import OF_BATCH, OF_SEGMENT, MemberBodies
from connectors.sandbox.mailchimp.segment_rules import in_segment
from connectors.sandbox.mailchimp.segments import SEGMENT, segment_of
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
MAX_ADDRESSES = 500
NOT_STATIC = "This segment is not a static segment; its members follow from its conditions."


@ROUTES.on("GET", SEGMENT + "/members", "Lists/Segments/Members/Collection")
def list_segment_members(call: MailchimpCall) -> Document:
    """Page through the subscribed members of a segment, and others when asked for."""
    segment, list_id = segment_of(call), call.names["list_id"]
    statuses = {"subscribed"} | {
        status for status in ("unsubscribed", "cleaned", "transactional") if call.flag(f"include_{status}")
    }
    members = [row for row in in_segment(call.state, list_id, segment) if row["status"] in statuses]
    href = f"{call.url}/lists/{list_id}/segments/{segment['id']}/members"
    return {
        "members": MemberBodies(call, list_id, "members.", OF_SEGMENT).show_all(call.page(members)),
        "total_items": len(members),
        "_links": collection_links(href, "Lists/Segments/Members"),
    }


@ROUTES.on("POST", SEGMENT, "Lists/Segments/BatchPOST-Response")
def batch_segment_members(call: MailchimpCall) -> Document:
    """Add and remove members of a tag; addresses that are not on the list are named in `errors`."""
    segment, body = static_segment(call), call.json
    state, list_id, segment_id = call.state, call.names["list_id"], str(segment["id"])
    for key in ("members_to_add", "members_to_remove"):
        problems.expect(body.get(key, []), list, key)
        if len(body.get(key, [])) > MAX_ADDRESSES:
            raise problems.invalid_fields((key, f"This array must contain at most {MAX_ADDRESSES} items"))
    added, unknown = members_at(call, body.get("members_to_add", []))
    removed, unknown_too = members_at(call, body.get("members_to_remove", []))
    added = [member for member in added if state.put_tag(list_id, member, segment_id)]
    removed = [member for member in removed if state.take_tag(list_id, member, segment_id)]
    touch(call, segment)
    strangers = unknown + unknown_too
    errors = [{"email_addresses": strangers, "error": "not on the list"}] if strangers else []
    bodies = MemberBodies(call, list_id, keys=OF_BATCH)
    return {
        "members_added": bodies.show_all(added),
        "members_removed": bodies.show_all(removed),
        "errors": errors,
        "total_added": len(added),
        "total_removed": len(removed),
        "error_count": len(errors),
        "_links": [],
    }


def static_segment(call: MailchimpCall) -> Document:
    """Return the tag that the path names; a saved segment has no members of its own."""
    segment = segment_of(call)
    if segment["type"] != "static":
        raise problems.bad_request(NOT_STATIC)
    return segment


def members_at(call: MailchimpCall, addresses: list[object]) -> tuple[list[Document], list[str]]:
    """Return the members with these addresses, and the addresses of nobody."""
    directory = call.state.directory(call.names["list_id"])
    known, strangers = [], []
    for address in addresses:
        member = directory.find(subscriber_hash(str(address)))
        if member is None:
            strangers.append(str(address))
        else:
            known.append(member)
    return known, strangers


def touch(call: MailchimpCall, segment: Document) -> None:
    """Note that a segment changed."""
    segment["updated_at"] = call.state.now()
    call.state.segments(call.names["list_id"])[str(segment["id"])] = segment


@ROUTES.on("POST", SEGMENT + "/members", "Lists/Segments/Members/Instance")
def add_segment_member(call: MailchimpCall) -> Document:
    """Give one member the tag."""
    segment = static_segment(call)
    known, _ = members_at(call, [call.json.get("email_address", "")])
    if not known:
        message = "The member is not on this list."
        raise problems.not_found(message)
    call.state.put_tag(call.names["list_id"], known[0], str(segment["id"]))
    touch(call, segment)
    return MemberBodies(call, call.names["list_id"], keys=OF_SEGMENT).show(known[0])


@ROUTES.on("DELETE", SEGMENT + "/members/{member}")
def remove_member(call: MailchimpCall) -> None:
    """Take the tag from one member."""
    segment = static_segment(call)
    list_id = call.names["list_id"]
    member = call.state.directory(list_id).find(call.names["member"])
    if member is None or not call.state.take_tag(list_id, member, str(segment["id"])):
        raise problems.not_found()
    touch(call, segment)
