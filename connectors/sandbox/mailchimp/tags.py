"""Tags seen from a member, and the search for tags by name."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.audiences import audience
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.links import collection_links
from connectors.sandbox.mailchimp.members import member_of
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
TAGS = "/lists/{list_id}/members/{member}/tags"


@ROUTES.on("GET", TAGS, "Lists/Members/Tags/Collection")
def list_tags(call: MailchimpCall) -> Document:
    """Page through all tags of a member; its body shows 50 at most."""
    member = member_of(call)
    segments = call.state.segments(call.names["list_id"])
    tags = [
        {"id": int(key), "name": segments[key]["name"], "date_added": added}
        for key, added in member["tags"].items()
        if key in segments
    ]
    href = f"{call.url}/lists/{call.names['list_id']}/members/{member['id']}/tags"
    links = collection_links(href, "Lists/Members/Tags", parent="Lists/Members")
    return {"tags": list(call.page(tags)), "total_items": len(tags), "_links": links}


@ROUTES.on("POST", TAGS)
def write_tags(call: MailchimpCall) -> None:
    """Give and take the named tags; unknown ones are made when set active; others stay.

    Recorded answers show: a change of tags here moves `last_changed`. Of a segment batch nobody has shown that.
    """
    member, body = member_of(call, by_hash_only=True), call.json
    problems.expect(body.get("tags"), list, "tags")
    for place, tag in enumerate(body["tags"]):
        problems.expect(tag, dict, f"tags.item:{place}")
        if tag.get("status") not in {"active", "inactive"}:
            raise problems.invalid_fields((f"tags.item:{place}.status", "Value must be one of: active, inactive"))
        if not isinstance(tag.get("name"), str) or not tag["name"]:
            raise problems.invalid_fields((f"tags.item:{place}.name", "This value should not be blank."))
    list_id, changed = call.names["list_id"], False
    for tag in body["tags"]:
        active = tag["status"] == "active"
        segment_id = call.state.tag(list_id, tag["name"], create=active)
        if segment_id is not None:
            changed |= (call.state.put_tag if active else call.state.take_tag)(list_id, member, segment_id)
    if changed:
        member["last_changed"] = call.state.now()
        call.state.directory(list_id).save(member)


@ROUTES.on("GET", "/lists/{list_id}/tag-search", "Lists/TagSearch/Collection")
def search_tags(call: MailchimpCall) -> Document:
    """Find tags by the beginning of their name; all of them without one."""
    list_id = audience(call)["id"]
    start = call.query.get("name", "").lower()
    tags = [
        {"id": row["id"], "name": row["name"]}
        for row in call.state.segments(list_id).values()
        if row["type"] == "static" and row["name"].lower().startswith(start)
    ]
    return {"tags": tags, "total_items": len(tags), "_links": []}
