"""Members of an audience: list, read, create, upsert, change, archive, erase, batch, search."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.audiences import audience
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.links import collection_links, link
from connectors.sandbox.mailchimp.member_bodies import MemberBodies
from connectors.sandbox.mailchimp.member_filters import matching
from connectors.sandbox.mailchimp.member_writes import PATCH_STATUSES, MemberWriter
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
INSTANCE = "Lists/Members/Instance"
MEMBERS = "/lists/{list_id}/members"
MEMBER = "/lists/{list_id}/members/{member}"
UNREMOVABLE = "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived"


def member_of(call: MailchimpCall, *, by_hash_only: bool = False) -> Document:
    """Return the member that the path names, by hash, and mostly also by address or contact id."""
    directory = call.state.directory(audience(call)["id"])
    reference = call.names["member"].replace("%40", "@")
    if by_hash_only and reference not in directory.by_hash:
        raise problems.not_found()
    member = directory.find(reference)
    if member is None:
        raise problems.not_found()
    return member


def writer(call: MailchimpCall) -> MemberWriter:
    """Return who writes the members of the audience in the path."""
    list_id = audience(call)["id"]
    return MemberWriter(call.state, list_id, skip_required=call.flag("skip_merge_validation"), source="API - Generic")


def show_member(call: MailchimpCall, member: Document) -> Document:
    """Return the body of one member."""
    return MemberBodies(call, call.names["list_id"]).show(member)


@ROUTES.on("GET", MEMBERS, "Lists/Members/Collection")
def list_members(call: MailchimpCall) -> Document:
    """Page through the members that match the query."""
    list_id = audience(call)["id"]
    directory = call.state.directory(list_id)
    keys = matching(call, directory)
    members = [directory.members[key] for key in call.page(keys)]
    href = f"{call.url}/lists/{list_id}/members"
    return {
        "members": MemberBodies(call, list_id, "members.").show_all(members),
        "list_id": list_id,
        "total_items": len(keys),
        "_links": collection_links(href, "Lists/Members", schema="CollectionLinks/Lists/Members"),
    }


@ROUTES.on("GET", MEMBER, INSTANCE)
def get_member(call: MailchimpCall) -> Document:
    """Return one member."""
    return show_member(call, member_of(call))


@ROUTES.on("POST", MEMBERS, INSTANCE)
def add_member(call: MailchimpCall) -> Document:
    """Add one member; a known address is refused, archived or not."""
    write, body = writer(call), call.json
    missing = [(key, "This value should not be blank.") for key in ("email_address", "status") if not body.get(key)]
    if missing:
        raise problems.invalid_fields(*missing)
    problems.expect(body["email_address"], str, "email_address")
    if write.directory.find(subscriber_hash(body["email_address"])) is not None:
        raise problems.member_exists(body["email_address"])
    member = write.create(body, body["status"])
    for name in tag_names(body.get("tags", [])):
        segment_id = call.state.tag(write.list_id, name)
        if segment_id is not None:
            call.state.put_tag(write.list_id, member, segment_id)
    return show_member(call, member)


def tag_names(tags: object) -> list[str]:
    """Return the names in a body's list of tags."""
    problems.expect(tags, list, "tags")
    names = [tag.get("name") if isinstance(tag, dict) else tag for tag in tags if tag]  # type: ignore[attr-defined]
    return [str(name) for name in names]


@ROUTES.on("PUT", MEMBER, INSTANCE)
def put_member(call: MailchimpCall) -> Document:
    """Add or change a member: `status_if_new` counts for new ones only, `status` always."""
    write, body = writer(call), call.json
    member = write.directory.find(call.names["member"])
    if member is not None:
        return show_member(call, write.update(member, body))
    address = body.get("email_address")
    if not address:
        raise problems.invalid_fields(("email_address", "This value should not be blank."))
    problems.expect(address, str, "email_address")
    if write.directory.find(subscriber_hash(address)) is not None:
        raise problems.member_exists(address)
    return show_member(call, write.create(body, body.get("status_if_new") or body.get("status")))


@ROUTES.on("PATCH", MEMBER, INSTANCE)
def patch_member(call: MailchimpCall) -> Document:
    """Change a member."""
    return show_member(call, writer(call).update(member_of(call), call.json, statuses=PATCH_STATUSES))


@ROUTES.on("DELETE", MEMBER)
def archive_member(call: MailchimpCall) -> None:
    """Archive a member."""
    member = member_of(call)
    if member["status"] in {"cleaned", "pending", "archived"}:
        raise problems.not_allowed(UNREMOVABLE, "GET, PUT")
    member["status"], member["last_changed"] = "archived", call.state.now()
    call.state.directory(call.names["list_id"]).save(member)


@ROUTES.on("POST", MEMBER + "/actions/delete-permanent")
def erase_member(call: MailchimpCall) -> None:
    """Erase a member; the address cannot come back by the API."""
    member = member_of(call, by_hash_only=True)
    call.state.blocked[f"{call.names['list_id']}/{member['id']}"] = {"at": call.state.now()}
    call.state.remove_member(call.names["list_id"], member)


@ROUTES.on("GET", "/search-members", "SearchMembers/Instance")
def search_members(call: MailchimpCall) -> Document:
    """Find members by text in address and names."""
    text = call.query.get("query", "").strip().lower()
    if not text:
        raise problems.invalid_fields(("query", "This value should not be blank."))
    lists = [call.query["list_id"]] if call.query.get("list_id") else list(call.state.audiences)
    exact, full = [], []
    for list_id in lists:
        bodies = MemberBodies(call, list_id)
        for member in call.state.members(list_id).values():
            words = f"{member['merge_fields'].get('FNAME', '')} {member['merge_fields'].get('LNAME', '')}".lower()
            if member["email_address"].lower() == text:
                exact.append(bodies.show(member))
            elif text in member["email_address"].lower() or text in words:
                full.append(bodies.show(member))
    return {
        "exact_matches": {"members": exact, "total_items": len(exact)},
        "full_search": {"members": list(call.page(full)), "total_items": len(full)},
        "_links": [link("self", f"{call.url}/search-members", target="Definitions/SearchMembers/Response")],
    }
