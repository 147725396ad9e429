"""Merge fields, tags, segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.mailchimp.directory import subscriber_hash

if TYPE_CHECKING:
    from tests.connectors.sandbox.mailchimp.conftest import Platform

Json = Any  # a parsed JSON value, or what has no types

HASH = subscriber_hash("ada@people.test")


def fields(platform: Platform) -> str:
    return f"/lists/{platform.list_id}/merge-fields"


def add_field(platform: Platform, tag: str, kind: str = "text", **more: Json) -> Json:
    return platform.post(fields(platform), {"tag": tag, "name": tag.title(), "type": kind, **more})


def write(platform: Platform, **values: Json) -> Json:
    return platform.patch(f"{platform.members}/{HASH}", {"merge_fields": values})["merge_fields"]


def test_a_tag_is_cut_at_ten_characters_without_a_word(platform: Platform) -> None:
    assert add_field(platform, "ps_headline_long")["tag"] == "PS_HEADLIN"
    assert platform.refusal("POST", fields(platform), json={"tag": "PS_HEADLINE", "name": "x", "type": "text"})


def test_an_audience_takes_thirty_fields_unless_the_plan_has_more(platform: Platform) -> None:
    for number in range(28):
        add_field(platform, f"F{number}")

    body = platform.refusal("POST", fields(platform), json={"tag": "MORE", "name": "More", "type": "text"})
    platform.world.settings.merge_field_limit = 80

    assert "30 merge fields" in body["detail"]
    assert add_field(platform, "MORE")["tag"] == "MORE"


def test_fields_come_in_pages_of_ten_like_everything(platform: Platform) -> None:
    for number in range(10):
        add_field(platform, f"F{number}")

    page = platform.get(fields(platform))

    assert (len(page["merge_fields"]), page["total_items"]) == (10, 12)
    assert len(platform.get(fields(platform), count=1000)["merge_fields"]) == 12


def test_a_field_keeps_its_type_and_can_be_renamed_and_deleted(platform: Platform) -> None:
    platform.add("ada", merge_fields={"FNAME": "Ada"})
    path = f"{fields(platform)}/1"

    changed = platform.patch(path, {"name": "Given name", "type": "number", "tag": "GIVEN"})
    moved = platform.get(f"{platform.members}/{HASH}")["merge_fields"]
    platform.call("DELETE", path)

    assert (changed["name"], changed["type"], changed["tag"]) == ("Given name", "text", "GIVEN")
    assert moved == {"GIVEN": "Ada", "LNAME": ""}
    assert platform.get(f"{platform.members}/{HASH}")["merge_fields"] == {"LNAME": ""}
    assert platform.refusal("GET", path, 404)
    assert platform.refusal("POST", fields(platform), json={"name": "x", "type": "colour"})
    assert platform.refusal("POST", fields(platform), json={"type": "text"})["errors"][0]["field"] == "name"


def test_text_is_cut_at_255_bytes_without_a_word(platform: Platform) -> None:
    platform.add("ada")

    assert write(platform, FNAME="é" * 200)["FNAME"] == "é" * 127
    assert write(platform, FNAME="a" * 255)["FNAME"] == "a" * 255


def test_unknown_tags_are_ignored_without_a_word(platform: Platform) -> None:
    platform.add("ada")

    assert write(platform, email_address="ada", FNAME="Ada") == {"FNAME": "Ada", "LNAME": ""}


@pytest.mark.parametrize(
    ("kind", "good", "kept", "bad"),
    [
        ("number", "290.53", 290.53, "AAAAA"),
        ("number", 7.0, 7, "nan"),
        ("date", "02/28/2026", "2026-02-28", "28.2.2026"),
        ("birthday", "02/29", "02/29", "13/01"),
        ("url", "https://shop.test/x", "https://shop.test/x", "shop"),
        ("zip", "12345", "12345", "123"),
        ("phone", "000", "000", {}),
        ("dropdown", "a", "a", "c"),
    ],
)
def test_values_must_fit_the_type_of_the_field(
    platform: Platform, kind: str, good: object, kept: object, bad: object
) -> None:
    add_field(platform, "IT", kind, options={"choices": ["a", "b"]})
    platform.add("ada")

    assert write(platform, IT=good)["IT"] == kept
    body = platform.refusal("PATCH", f"{platform.members}/{HASH}", json={"merge_fields": {"IT": bad}})
    assert body["detail"] == "Your merge fields were invalid."
    assert body["errors"][0]["field"] == "IT"
    assert write(platform, IT="")["IT"] == ""


def test_an_address_needs_its_parts(platform: Platform) -> None:
    add_field(platform, "HOME", "address")
    platform.add("ada")
    home = {"addr1": "1 Road", "city": "Town", "state": "ST", "zip": "12345"}

    assert write(platform, HOME=home)["HOME"]["city"] == "Town"
    assert platform.refusal("PATCH", f"{platform.members}/{HASH}", json={"merge_fields": {"HOME": {"city": "Town"}}})


def test_a_required_field_blocks_writes_unless_validation_is_skipped(platform: Platform) -> None:
    add_field(platform, "PHONE2", "phone", required=True)
    platform.add("ada")
    change = {"merge_fields": {"FNAME": "Ada"}}

    body = platform.refusal("PATCH", f"{platform.members}/{HASH}", json=change)
    skipped = platform.patch(f"{platform.members}/{HASH}", change, skip_merge_validation="True")
    wrong: dict[str, object] = {"merge_fields": {"FNAME": {}}}

    assert body["errors"] == [{"field": "PHONE2", "message": "A value is required"}]
    assert skipped["merge_fields"]["FNAME"] == "Ada"
    assert platform.refusal("PATCH", f"{platform.members}/{HASH}?skip_merge_validation=true", json=wrong)


def test_merge_fields_as_a_list_break_the_schema(platform: Platform) -> None:
    platform.add("ada")

    body = platform.refusal("PATCH", f"{platform.members}/{HASH}", json={"merge_fields": []})

    assert body["errors"] == [{"field": "merge_fields", "message": "Schema describes object, array found instead"}]


# -- tags ----------------------------------------------------------------------------------------------------
def segments(platform: Platform) -> str:
    return f"/lists/{platform.list_id}/segments"


def names_of(platform: Platform, member: str = HASH) -> set[str]:
    return {tag["name"] for tag in platform.get(f"{platform.members}/{member}/tags", count=1000)["tags"]}


def test_a_tag_is_a_static_segment(platform: Platform) -> None:
    platform.add("ada")

    platform.post(f"{platform.members}/{HASH}/tags", {"tags": [{"name": "ps:a", "status": "active"}]})
    tags = platform.get(f"/lists/{platform.list_id}/tag-search", name="PS:")["tags"]
    segment = platform.get(f"{segments(platform)}/{tags[0]['id']}")

    assert (segment["name"], segment["type"], segment["member_count"]) == ("ps:a", "static", 1)
    assert platform.get(f"/lists/{platform.list_id}/tag-search", name="other")["tags"] == []


def test_only_named_tags_change_and_only_active_ones_are_made(platform: Platform) -> None:
    platform.add("ada")
    path = f"{platform.members}/{HASH}/tags"
    platform.post(path, {"tags": [{"name": "keep", "status": "active"}, {"name": "go", "status": "active"}]})

    platform.post(path, {"tags": [{"name": "go", "status": "inactive"}, {"name": "never", "status": "inactive"}]})

    assert names_of(platform) == {"keep"}
    assert platform.get(f"/lists/{platform.list_id}/tag-search")["total_items"] == 2
    assert platform.refusal("POST", path, json={"tags": ["keep"]})
    assert platform.refusal("POST", path, json={"tags": [{"name": "x", "status": "on"}]})
    assert platform.refusal("POST", f"{platform.members}/ada@people.test/tags", 404, json={"tags": []})


def test_a_member_shows_fifty_tags_and_counts_all(platform: Platform) -> None:
    platform.add("ada")
    tags = [{"name": f"t{number}", "status": "active"} for number in range(60)]
    platform.post(f"{platform.members}/{HASH}/tags", {"tags": tags})

    member = platform.get(f"{platform.members}/{HASH}")
    page = platform.get(f"{platform.members}/{HASH}/tags", count=100)

    assert (len(member["tags"]), member["tags_count"]) == (50, 60)
    assert (len(page["tags"]), page["total_items"]) == (60, 60)
    assert page["tags"][0].keys() == {"id", "name", "date_added"}


def test_the_segment_batch_adds_removes_and_names_strangers(platform: Platform) -> None:
    platform.add("ada", "bob")
    segment = platform.post(segments(platform), {"name": "ps:a", "static_segment": ["bob@people.test"]})
    path = f"{segments(platform)}/{segment['id']}"

    answer = platform.post(
        path,
        {"members_to_add": ["ADA@people.test", "nobody@people.test"], "members_to_remove": ["bob@people.test"]},
    )
    again = platform.post(path, {"members_to_add": ["ada@people.test"]})
    too_many = {"members_to_add": [f"p{number}@people.test" for number in range(501)]}

    assert (segment["member_count"], answer["total_added"], answer["total_removed"]) == (1, 1, 1)
    assert answer["errors"] == [{"email_addresses": ["nobody@people.test"], "error": "not on the list"}]
    assert answer["members_added"][0]["email_address"] == "ada@people.test"
    assert (again["total_added"], again["error_count"]) == (0, 0)
    assert platform.refusal("POST", path, json=too_many)
    assert names_of(platform) == {"ps:a"}


def test_an_empty_static_segment_by_patch_removes_everybody(platform: Platform) -> None:
    platform.add("ada", "bob")
    people = ["ada@people.test", "bob@people.test"]
    segment = platform.post(segments(platform), {"name": "ps:a", "static_segment": people})

    emptied = platform.patch(f"{segments(platform)}/{segment['id']}", {"name": "ps:a", "static_segment": []})

    assert (segment["member_count"], emptied["member_count"]) == (2, 0)
    assert names_of(platform) == set()


def test_static_segment_and_options_exclude_each_other(platform: Platform) -> None:
    options = {"match": "any", "conditions": []}

    assert platform.refusal("POST", segments(platform), json={"name": "x", "static_segment": [], "options": options})


def test_members_of_a_segment_are_the_subscribed_ones_unless_told(platform: Platform) -> None:
    platform.add("ada")
    platform.add("bob", status="unsubscribed")
    people = ["ada@people.test", "bob@people.test"]
    segment = platform.post(segments(platform), {"name": "ps:a", "static_segment": people})
    path = f"{segments(platform)}/{segment['id']}/members"

    assert platform.get(path)["total_items"] == 1
    assert platform.get(path, include_unsubscribed="true")["total_items"] == 2
    platform.post(path, {"email_address": "ada@people.test"})
    platform.call("DELETE", f"{path}/{HASH}")
    assert platform.get(path)["total_items"] == 0
    assert platform.refusal("DELETE", f"{path}/{HASH}", 404)
    assert platform.refusal("POST", path, 404, json={"email_address": "nobody@people.test"})


def test_a_saved_segment_follows_its_conditions(platform: Platform) -> None:
    platform.add("ada", merge_fields={"FNAME": "Ada"})
    platform.add("bob", merge_fields={"FNAME": "Bob"})
    tag = platform.post(segments(platform), {"name": "ps:a", "static_segment": ["ada@people.test"]})
    by_tag = {"condition_type": "StaticSegment", "field": "static_segment", "op": "static_not", "value": tag["id"]}
    by_text = {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "bob"}
    options = {"match": "all", "conditions": [by_tag, by_text]}

    saved = platform.post(segments(platform), {"name": "others", "options": options})
    path = f"{segments(platform)}/{saved['id']}"

    assert (saved["type"], saved["member_count"]) == ("saved", 1)
    assert platform.get(f"{path}/members")["members"][0]["email_address"] == "bob@people.test"
    assert platform.refusal("POST", path, json={"members_to_add": []})
    for broken in ({**by_tag, "value": 9}, {**by_text, "op": "sounds"}, {**by_text, "field": "NO"}, {"op": "x"}):
        assert platform.refusal("POST", segments(platform), json={"name": "x", "options": {"conditions": [broken]}})


def test_a_deleted_tag_leaves_its_members_on_the_list(platform: Platform) -> None:
    platform.add("ada")
    segment = platform.post(segments(platform), {"name": "ps:a", "static_segment": ["ada@people.test"]})

    platform.call("DELETE", f"{segments(platform)}/{segment['id']}")

    assert names_of(platform) == set()
    assert platform.get(segments(platform), type="static")["total_items"] == 0
