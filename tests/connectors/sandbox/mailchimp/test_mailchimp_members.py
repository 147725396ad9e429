"""Reading and writing members, and consent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.mailchimp.directory import subscriber_hash

if TYPE_CHECKING:
    from tests.connectors.sandbox.mailchimp.conftest import Platform

Json = Any  # a parsed JSON value, or what has no types

ADA = "ada@people.test"
HASH = subscriber_hash(ADA)
MORNING = datetime(2026, 11, 20, 8, tzinfo=UTC)


def new(address: str = ADA, **more: Json) -> dict[str, Any]:
    return {"email_address": address, "status": "subscribed", **more}


def later(platform: Platform, seconds: float = 60) -> None:
    platform.world.clock.advance(timedelta(seconds=seconds))


def test_a_member_is_found_by_hash_address_and_contact_id(platform: Platform) -> None:
    member = platform.post(platform.members, new("Ada@People.test"))

    assert member["id"] == HASH == subscriber_hash("ADA@PEOPLE.TEST")
    for reference in (HASH, "ada@people.test", member["contact_id"]):
        assert platform.get(f"{platform.members}/{reference}")["id"] == HASH


def test_one_person_in_two_audiences_is_two_members(platform: Platform) -> None:
    other = platform.state.add_audience("Other")
    first = platform.post(platform.members, new())
    second = platform.post(f"/lists/{other}/members", new())

    assert first["id"] == second["id"]
    assert first["contact_id"] != second["contact_id"]


def test_a_known_address_is_refused_by_post_and_that_problem_has_no_type(platform: Platform) -> None:
    platform.post(platform.members, new())

    body = platform.refusal("POST", platform.members, json=new())

    assert body["title"] == "Member Exists"
    assert "type" not in body


@pytest.mark.parametrize("address", ["foo@example.com", "foo@example.invalid", "x@printer.invalid"])
def test_made_up_addresses_are_refused(platform: Platform, address: str) -> None:
    assert "looks fake or invalid" in platform.refusal("POST", platform.members, json=new(address))["detail"]


@pytest.mark.parametrize("address", ["AAAAA", "a@b", "a b@people.test", "a..b@people.test", "@people.test"])
def test_what_is_no_address_is_refused(platform: Platform, address: str) -> None:
    body = platform.refusal("POST", platform.members, json=new(address))

    assert body["detail"] == "Please provide a valid email address."


@pytest.mark.parametrize("address", ["ada@people.test", "ada@mail.example", "o'neil+x@shop-1.test"])
def test_invented_people_are_taken(platform: Platform, address: str) -> None:
    assert platform.post(platform.members, new(address))["email_address"] == address


def test_status_if_new_never_overwrites_a_choice_but_status_does(platform: Platform) -> None:
    path = f"{platform.members}/{HASH}"
    platform.put(path, {"email_address": ADA, "status_if_new": "unsubscribed"})

    kept = platform.put(path, {"email_address": ADA, "status_if_new": "subscribed"})
    overwritten = platform.put(path, {"email_address": ADA, "status": "subscribed"})

    assert (kept["status"], overwritten["status"]) == ("unsubscribed", "subscribed")
    assert kept["unsubscribe_reason"] == "N/A (Unsubscribed by admin)"


def test_a_new_member_needs_a_status(platform: Platform) -> None:
    put = platform.refusal("PUT", f"{platform.members}/{HASH}", json={"email_address": ADA})
    post = platform.refusal("POST", platform.members, json={"email_address": ADA})

    assert put["errors"][0]["field"] == post["errors"][0]["field"] == "status"


def test_patch_knows_no_transactional(platform: Platform) -> None:
    platform.add("ada")

    assert platform.refusal("PATCH", f"{platform.members}/{HASH}", json={"status": "transactional"})
    assert platform.refusal("PATCH", f"{platform.members}/{HASH}", json={"status": "archived"})


@pytest.mark.parametrize("status", ["unsubscribed", "cleaned"])
def test_who_left_or_bounced_cannot_be_subscribed_but_asked_again(platform: Platform, status: str) -> None:
    platform.add("ada")
    contact = platform.get(f"{platform.members}/{HASH}")["contact_id"]
    platform.state.effects["status"](
        platform.state,
        {
            "list_id": platform.list_id,
            "contact_id": contact,
            "status": status,
            "reason": "",
            "at": platform.state.now(),
        },
    )

    refused = platform.refusal("PUT", f"{platform.members}/{HASH}", json=new())
    updated = platform.patch(f"{platform.members}/{HASH}", {"merge_fields": {"FNAME": "Ada"}})
    pending = platform.patch(f"{platform.members}/{HASH}", {"status": "pending"})

    assert refused["title"] == "Member In Compliance State"
    assert (updated["status"], updated["merge_fields"]["FNAME"]) == (status, "Ada")
    assert pending["status"] == "pending"


def test_who_was_unsubscribed_by_the_account_may_be_subscribed_again(platform: Platform) -> None:
    platform.add("ada")
    platform.patch(f"{platform.members}/{HASH}", {"status": "unsubscribed"})

    assert platform.patch(f"{platform.members}/{HASH}", {"status": "subscribed"})["status"] == "subscribed"


def test_a_refused_write_changes_nothing(platform: Platform) -> None:
    platform.post(f"/lists/{platform.list_id}/merge-fields", {"tag": "AGE", "name": "Age", "type": "number"})
    platform.add("ada")
    before = platform.get(f"{platform.members}/{HASH}")

    later(platform)
    change = {"email_address": "ida@people.test", "status": "pending", "merge_fields": {"FNAME": "I", "AGE": "old"}}
    platform.refusal("PATCH", f"{platform.members}/{HASH}", json=change)

    assert platform.get(f"{platform.members}/{HASH}") == before


def test_another_address_changes_the_hash_and_keeps_the_contact_id(platform: Platform) -> None:
    platform.add("ada", "bob")
    before = platform.get(f"{platform.members}/{HASH}")

    after = platform.patch(f"{platform.members}/{HASH}", {"email_address": "ida@people.test"})
    taken = platform.refusal("PATCH", f"{platform.members}/{after['id']}", json={"email_address": "bob@people.test"})

    assert after["contact_id"] == before["contact_id"]
    assert after["id"] == subscriber_hash("ida@people.test")
    assert platform.refusal("GET", f"{platform.members}/{HASH}", 404)
    message = '"bob@people.test" is already in this list with a status of "subscribed".'
    assert taken["errors"] == [{"field": "email address", "message": message}]


def test_put_under_an_unknown_hash_of_a_known_address_says_that_the_member_exists(platform: Platform) -> None:
    platform.add("ada")

    assert platform.refusal("PUT", f"{platform.members}/{'0' * 32}", json=new())["title"] == "Member Exists"


def test_a_change_and_a_tag_move_last_changed_and_a_tag_by_segment_batch_does_not(platform: Platform) -> None:
    """All 101 recorded changes of a member's tags moved it; of segment batches nothing is recorded: the harder case."""
    platform.add("ada", "bob", "cy", at=MORNING)
    active = {"tags": [{"name": "new", "status": "active"}]}
    segment = platform.state.tag(platform.list_id, "new")

    platform.post(f"/lists/{platform.list_id}/segments/{segment}", {"members_to_add": ["ada@people.test"]})
    platform.post(f"{platform.members}/{HASH}/tags", active)
    by_batch = platform.get(f"{platform.members}/{HASH}")
    platform.post(f"{platform.members}/{subscriber_hash('bob@people.test')}/tags", active)
    tagged = platform.get(f"{platform.members}/{subscriber_hash('bob@people.test')}")
    changed = platform.patch(
        f"{platform.members}/{subscriber_hash('cy@people.test')}", {"merge_fields": {"FNAME": "C"}}
    )

    assert by_batch["last_changed"] == "2026-11-20T08:00:00+00:00"
    assert by_batch["last_changed"] < tagged["last_changed"] <= changed["last_changed"]


def test_delete_archives_and_only_who_can_be_archived(platform: Platform) -> None:
    ada, bob = platform.add("ada", "bob")
    platform.patch(f"{platform.members}/{bob}", {"status": "pending"})

    platform.call("DELETE", f"{platform.members}/{ada}")

    assert platform.get(f"{platform.members}/{ada}")["status"] == "archived"
    for member in (ada, bob):
        answer = platform.call("DELETE", f"{platform.members}/{member}")
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, PUT")
    assert platform.refusal("DELETE", f"{platform.members}/{'0' * 32}", 404)


def test_an_archived_member_comes_back_by_status_only(platform: Platform) -> None:
    platform.add("ada")
    platform.call("DELETE", f"{platform.members}/{HASH}")

    kept = platform.put(f"{platform.members}/{HASH}", {"email_address": ADA, "status_if_new": "subscribed"})
    back = platform.put(f"{platform.members}/{HASH}", new())

    assert (kept["status"], back["status"]) == ("archived", "subscribed")


def test_who_was_erased_cannot_return_by_the_api(platform: Platform) -> None:
    platform.add("ada")
    assert platform.refusal("POST", f"{platform.members}/{ADA}/actions/delete-permanent", 404)

    platform.post(f"{platform.members}/{HASH}/actions/delete-permanent")

    assert platform.refusal("GET", f"{platform.members}/{HASH}", 404)
    for status in ("subscribed", "pending"):
        body = {"email_address": ADA, "status": status}
        assert platform.refusal("PUT", f"{platform.members}/{HASH}", json=body)["title"] == "Member In Compliance State"


def test_the_window_leaves_its_beginning_out_and_sorts_by_last_changed(platform: Platform) -> None:
    for hour, name in enumerate(("carl", "ada", "bob")):
        platform.add(name, at=MORNING + timedelta(hours=hour))

    page = platform.get(
        platform.members,
        since_last_changed="2026-11-20T08:00:00+00:00",
        before_last_changed="2026-11-20T11:00:00+01:00",
        sort_field="last_changed",
        sort_dir="DESC",
    )

    assert [member["email_address"] for member in page["members"]] == ["bob@people.test", "ada@people.test"]
    assert page["total_items"] == 2


def test_a_change_between_two_pages_shifts_the_offsets(platform: Platform) -> None:
    platform.add("ada", "bob", "carl", at=MORNING)
    query = {"sort_field": "last_changed", "sort_dir": "ASC", "count": 1, "fields": "members.email_address"}
    first = platform.get(platform.members, **query)

    platform.patch(f"{platform.members}/{HASH}", {"vip": True})
    second = platform.get(platform.members, **query, offset=1)

    assert first == {"members": [{"email_address": "ada@people.test"}]}
    assert second == {"members": [{"email_address": "carl@people.test"}]}  # bob was skipped


def test_filters_of_status(platform: Platform) -> None:
    platform.add("ada")
    platform.add("bob", status="unsubscribed", at=MORNING)

    assert platform.get(platform.members, status="unsubscribed")["total_items"] == 1
    assert platform.get(platform.members, status="unsubscribed", unsubscribed_since="2026-11-21")["total_items"] == 0
    assert platform.get(platform.members, status="subscribed", since_last_campaign="true")["total_items"] == 1
    assert platform.get(platform.members, email_type="text")["total_items"] == 0
    for bad in ("status=nice", "unsubscribed_since=2026-11-21", "since_last_campaign=true", "sort_field=id"):
        assert platform.refusal("GET", f"{platform.members}?{bad}")


def test_a_double_opt_in_audience_takes_pending(platform: Platform) -> None:
    list_id = platform.state.add_audience("Careful", double_optin=True)

    member = platform.put(f"/lists/{list_id}/members/{HASH}", {"email_address": ADA, "status_if_new": "pending"})

    assert (member["status"], member["timestamp_opt"]) == ("pending", "")


def test_marketing_permissions_show_on_audiences_that_have_them(platform: Platform) -> None:
    list_id = platform.state.add_audience("With permissions", marketing_permissions=True)
    member = platform.post(f"/lists/{list_id}/members", new())
    key = member["marketing_permissions"][0]["marketing_permission_id"]

    given = {"marketing_permissions": [{"marketing_permission_id": key, "enabled": True}]}
    after = platform.patch(f"/lists/{list_id}/members/{HASH}", given)

    assert after["marketing_permissions"] == [{"marketing_permission_id": key, "text": "Email", "enabled": True}]


def test_members_are_found_by_text(platform: Platform) -> None:
    platform.add("ada", merge_fields={"FNAME": "Ada", "LNAME": "Lovelace"})
    platform.add("adalbert")

    exact = platform.get("/search-members", query=ADA, list_id=platform.list_id)
    by_name = platform.get("/search-members", query="lovelace")
    by_part = platform.get("/search-members", query="ada")

    assert [m["email_address"] for m in exact["exact_matches"]["members"]] == [ADA]
    assert by_name["full_search"]["total_items"] == 1
    assert by_part["full_search"]["total_items"] == 2
    assert platform.refusal("GET", "/search-members")


def test_a_member_without_an_address_is_found_by_contact_id(platform: Platform) -> None:
    platform.state.add_member(platform.list_id, "", merge_fields={"FNAME": "Silent"})
    member = platform.get(platform.members)["members"][0]

    assert member["email_address"] == ""
    assert platform.get(f"{platform.members}/{member['contact_id']}")["full_name"] == "Silent"


def test_events_have_names_of_2_to_30_characters_and_text_values(platform: Platform) -> None:
    platform.add("ada")
    path = f"{platform.members}/{HASH}/events"

    platform.post(path, {"name": "persona_assigned", "properties": {"persona": "buyer"}})

    assert platform.get(path)["events"][0]["properties"] == {"persona": "buyer"}
    assert platform.refusal("POST", path, json={"name": "x"})
    assert platform.refusal("POST", path, json={"name": "named", "properties": {"count": 3}})
    assert platform.refusal("POST", path, json={"name": "named", "occurred_at": "then"})


def test_the_batch_answers_200_with_the_refusals_inside(platform: Platform) -> None:
    platform.add("ada", "left", status="unsubscribed")
    left = platform.state.directory(platform.list_id).find(subscriber_hash("left@people.test"))
    assert left is not None
    left["compliance"] = True
    people = [new("new@people.test"), new(ADA), new("left@people.test"), new("foo@example.com"), new(ADA)]

    plain = platform.post(f"/lists/{platform.list_id}", {"members": people})
    updating = platform.post(
        f"/lists/{platform.list_id}", {"members": people, "update_existing": True}, skip_duplicate_check="true"
    )

    assert (plain["total_created"], plain["total_updated"], plain["error_count"]) == (1, 0, 4)
    codes = {entry["email_address"]: entry["error_code"] for entry in plain["errors"][:2]}
    assert codes == {ADA: "ERROR_CONTACT_EXISTS", "left@people.test": "ERROR_CONTACT_EXISTS"}
    assert (updating["total_created"], updating["total_updated"], updating["error_count"]) == (0, 2, 2)
    assert updating["errors"][0].keys() == {"email_address", "error", "error_code", "field", "field_message"}
    assert "compliance state" in updating["errors"][0]["error"]
    assert platform.get(f"{platform.members}/{HASH}")["status"] == "subscribed"  # it was rewritten


def test_the_batch_takes_500_members_and_replaces_tags_when_told(platform: Platform) -> None:
    platform.post(platform.members, new(tags=["old"]))
    everybody = [new(f"p{number}@people.test") for number in range(501)]

    assert platform.refusal("POST", f"/lists/{platform.list_id}", json={"members": everybody})
    body = {"members": [new(tags=["new"])], "update_existing": True, "sync_tags": True}
    answer = platform.post(f"/lists/{platform.list_id}", body)

    assert [tag["name"] for tag in answer["updated_members"][0]["tags"]] == ["new"]
