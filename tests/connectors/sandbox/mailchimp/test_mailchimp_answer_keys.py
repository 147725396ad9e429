"""The local Mailchimp shows no key of tags, segments and their members that Mailchimp's own description lacks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.mailchimp.directory import subscriber_hash

if TYPE_CHECKING:
    from pathlib import Path

    from tests.connectors.sandbox.mailchimp.conftest import Platform

Json = Any  # a parsed JSON value, or what has no types

ADA, BOB = "ada@people.test", "bob@people.test"
FREE = {"merge_fields", "interests"}  # their keys are the account's
LINKS = "_links"  # the table of the description leaves them out
LIST = "/lists/{list_id}"
SEGMENT = LIST + "/segments/{segment_id}"
FAMILY = [
    ("GET", LIST + "/segments", None),
    ("POST", LIST + "/segments", {"name": "ps:new", "static_segment": [ADA]}),
    ("GET", SEGMENT, None),
    ("PATCH", SEGMENT, {"name": "ps:other"}),
    ("POST", SEGMENT, {"members_to_add": [BOB, "nobody@people.test"], "members_to_remove": [ADA]}),
    ("GET", SEGMENT + "/members", None),
    ("POST", SEGMENT + "/members", {"email_address": BOB, "status": "subscribed"}),
    ("GET", LIST + "/members/{subscriber_hash}/tags", None),
    ("GET", LIST + "/tag-search", None),
    (
        "POST",
        LIST,
        {
            "update_existing": True,
            "members": [
                {"email_address": ADA, "status": "subscribed"},
                {"email_address": "new@people.test", "status": "subscribed"},
                {"email_address": "none", "status": "subscribed"},
            ],
        },
    ),
]


def keys_of(value: Json, where: str = "") -> Iterator[str]:
    """Yield the dotted keys of an answer, as the table of the description writes them."""
    if isinstance(value, list):
        for item in value:
            yield from keys_of(item, where + "[]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != LINKS:
                name = f"{where}.{key}".removeprefix(".")
                yield name
                yield from () if key in FREE else keys_of(inner, name)


def answer(platform: Platform, method: str, template: str, body: Json) -> Json:
    """Return the answer of one operation of an audience with two members, the first of whom has a tag."""
    platform.add("ada", "bob")
    segment = platform.state.tag(platform.list_id, "ps:champions")
    assert segment is not None
    member = platform.state.directory(platform.list_id).find(subscriber_hash(ADA))
    assert member is not None
    platform.state.put_tag(platform.list_id, member, segment)
    path = template.format(list_id=platform.list_id, segment_id=segment, subscriber_hash=subscriber_hash(ADA))
    return platform.get(path) if method == "GET" else platform.call(method, path, json=body).json()


@pytest.mark.parametrize(("method", "template", "body"), FAMILY)
def test_no_key_is_shown_that_the_description_does_not_name(
    platform: Platform, shared: Path, method: str, template: str, body: Json
) -> None:
    with gzip.open(shared / "recorded" / "mailchimp_answer_keys.json.gz", "rt", encoding="utf-8") as file:
        described = json.load(file)[f"{method} {template}"]

    shown = set(keys_of(answer(platform, method, template, body)))

    assert shown - set(described) == set()
    assert len(shown) > 3


@pytest.mark.parametrize(
    ("method", "template", "body", "where"),
    [
        ("GET", SEGMENT + "/members", None, "members"),
        ("POST", SEGMENT, {"members_to_add": [BOB]}, "members_added"),
        ("POST", LIST, {"members": [{"email_address": "new@people.test", "status": "subscribed"}]}, "new_members"),
    ],
)
def test_members_that_others_answers_show_have_no_contact_id(
    platform: Platform, method: str, template: str, body: Json, where: str
) -> None:
    (member,) = answer(platform, method, template, body)[where]

    assert "contact_id" not in member
    assert member["id"] == subscriber_hash(member["email_address"])
