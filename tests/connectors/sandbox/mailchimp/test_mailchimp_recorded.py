"""What the local Mailchimp answers has the keys, types and headers of recorded answers of the real one."""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.mailchimp.directory import subscriber_hash

if TYPE_CHECKING:
    from pathlib import Path

    from tests.connectors.sandbox.mailchimp.conftest import Platform

Json = Any  # a parsed JSON value, or what has no types

Record = dict[str, Any]
OUR_OWN = {"Server", "Date", "Connection", "Content-Length"}  # of the web server, not of the API
FREE = {"merge_fields", "tags", "modules", "errors", "options"}  # their keys are the account's, not the API's
ADA = "ada@people.test"


@cache
def lines_of(path: Path) -> list[str]:
    with gzip.open(path, "rt") as lines:
        return list(lines)


@pytest.fixture
def recorded(shared: Path) -> list[Record]:
    return [json.loads(line) for line in lines_of(shared / "recorded" / "mailchimp.jsonl.gz")]


def those(recorded: list[Record], method: str, path: str, status: int) -> list[Record]:
    rows = [
        row
        for row in recorded
        if row["method"] == method and row["status"] == status and re.fullmatch(f"/3.0{path}", row["path"])
    ]
    assert rows, f"nothing recorded of {method} {path} {status}"
    return rows


def assert_same_kind(ours: Json, theirs: Json, where: str) -> None:
    """Each recorded key must be there with the same JSON type; we may have newer keys."""
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), where
        if where.rpartition(".")[2] in FREE:
            return
        assert theirs.keys() <= ours.keys(), f"{where}: {theirs.keys() - ours.keys()} missing"
        for key, value in theirs.items():
            assert_same_kind(ours[key], value, f"{where}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), where
        if ours and theirs:
            assert_same_kind(ours[0], theirs[0], f"{where}[]")
    elif isinstance(theirs, bool) or not isinstance(theirs, (int, float)):
        assert type(ours) is type(theirs), where
    else:
        assert isinstance(ours, (int, float)), where


def assert_same_headers(ours: Json, theirs: Record) -> None:
    names = {name.title() for name, _ in theirs["response_headers"]} - OUR_OWN
    assert names <= {name.title() for name in ours.headers}
    kind = dict(theirs["response_headers"])["Content-Type"]
    assert ours.headers["Content-Type"] == kind


@pytest.mark.parametrize(
    ("method", "path", "ours"),
    [
        ("GET", "/lists", "/lists"),
        ("GET", "/lists/[0-9a-z]+/merge-fields", "/lists/{list}/merge-fields"),
        ("GET", "/lists/[0-9a-z]+/members", "/lists/{list}/members"),
        ("GET", "/lists/[0-9a-z]+/members/[0-9a-f]{32}", "/lists/{list}/members/{member}"),
        ("PUT", "/lists/[0-9a-z]+/members/[0-9a-f]{32}", "/lists/{list}/members/{member}"),
        ("PATCH", "/lists/[0-9a-z]+/members/[0-9a-f]{32}", "/lists/{list}/members/{member}"),
        ("POST", "/lists/[0-9a-z]+/members", "/lists/{list}/members"),
    ],
)
def test_answers_have_the_recorded_keys_types_and_headers(
    platform: Platform, recorded: list[Record], method: str, path: str, ours: str
) -> None:
    list_id = platform.state.add_audience("Permitted", marketing_permissions=True)
    platform.state.add_member(list_id, ADA)
    tags = {"tags": [{"name": "Test", "status": "active"}]}
    platform.post(f"/lists/{list_id}/members/{subscriber_hash(ADA)}/tags", tags)
    for theirs in those(recorded, method, path, 200):
        platform.state.directory(list_id).find(ADA)["status"] = "subscribed"  # type: ignore[index]
        gone = platform.state.directory(list_id).find("new@people.test")
        if gone is not None:
            platform.state.remove_member(list_id, gone)
        address = "new@people.test" if method == "POST" else ADA
        status = "unsubscribed" if "unsubscribe_reason" in theirs["response_body"] else "subscribed"
        body = None if method == "GET" else {"email_address": address, "status": status}
        if method == "GET" and status == "unsubscribed":
            platform.patch(f"/lists/{list_id}/members/{ADA}", {"status": status})
        where = ours.format(list=list_id, member=subscriber_hash(ADA))
        answer = platform.call(method, where, json=body)

        assert answer.status_code == 200
        assert_same_headers(answer, theirs)
        expected = theirs["response_body"]
        expected["lists"] = expected["lists"][:1] if "lists" in expected else None
        assert_same_kind(answer.json(), {key: value for key, value in expected.items() if value is not None}, ours)


def test_links_of_a_member_an_audience_and_a_merge_field_are_the_recorded_ones(
    platform: Platform, recorded: list[Record]
) -> None:
    ada = platform.add("ada")[0]
    pairs = [
        (f"/lists/{platform.list_id}/members/{ada}", "/lists/[0-9a-z]+/members/[0-9a-f]{32}"),
        (f"/lists/{platform.list_id}/merge-fields/1", "/lists/[0-9a-z]+/merge-fields"),
        (f"/lists/{platform.list_id}", "/lists"),
    ]
    for ours, theirs in pairs:
        body = those(recorded, "GET", theirs, 200)[0]["response_body"]
        item = (body.get("merge_fields") if theirs.endswith("merge-fields") else body.get("lists") or [body])[0]

        assert shape(platform.get(ours)["_links"]) == shape(item["_links"])


def shape(links: list[dict[str, str]]) -> list[tuple[str, str, str, str]]:
    """Return links without host and ids."""
    return [
        (
            link["rel"],
            link["method"],
            link.get("targetSchema", "").partition("/schema")[2],
            link.get("schema", "").partition("/schema")[2],
        )
        for link in links
    ]


@pytest.mark.parametrize(
    ("title", "detail"),
    [
        ("Member Exists", "already a list member"),
        ("Invalid Resource", "looks fake or invalid"),
        ("Invalid Resource", "valid email address"),
        ("Invalid Resource", "merge fields were invalid"),
        ("Invalid Resource", "could not be validated"),
        ("Method Not Allowed", "cannot be removed"),
        ("Resource Not Found", "could not be found"),
    ],
)
def test_refusals_have_the_recorded_keys_and_words(
    platform: Platform, recorded: list[Record], title: str, detail: str
) -> None:
    platform.post(f"/lists/{platform.list_id}/merge-fields", {"tag": "LTV", "name": "LTV", "type": "number"})
    ada, _ = platform.add("ada", "bob")
    platform.add("gone", status="archived")
    member = f"{platform.members}/{ada}"
    provoked = {
        "already a list member": ("POST", platform.members, {"email_address": ADA, "status": "subscribed"}),
        "looks fake or invalid": ("POST", platform.members, {"email_address": "foo@example.com", "status": "pending"}),
        "valid email address": ("POST", platform.members, {"email_address": "AAAAA", "status": "subscribed"}),
        "merge fields were invalid": ("PATCH", member, {"merge_fields": {"LTV": "AAAAA"}}),
        "could not be validated": ("PATCH", member, {"email_address": "bob@people.test"}),
        "cannot be removed": ("DELETE", f"{platform.members}/{subscriber_hash('gone@people.test')}", None),
        "could not be found": ("GET", f"{platform.members}/{'0' * 32}", None),
    }
    method, path, body = provoked[detail]
    theirs = next(
        row
        for row in recorded
        if row["status"] >= 400 and row["response_body"]["title"] == title and detail in row["response_body"]["detail"]
    )

    answer = platform.call(method, path, json=body)

    assert answer.status_code == theirs["status"]
    assert answer.json().keys() == theirs["response_body"].keys()
    assert (answer.json()["title"], detail in answer.json()["detail"]) == (title, True)
    assert_same_headers(answer, theirs)


def test_an_empty_answer_has_the_recorded_headers(platform: Platform, recorded: list[Record]) -> None:
    ada = platform.add("ada")[0]
    theirs = those(recorded, "POST", "/lists/[0-9a-z]+/members/[0-9a-f]{32}/tags", 204)[0]

    answer = platform.call("POST", f"{platform.members}/{ada}/tags", json={"tags": []})

    assert (answer.status_code, answer.content) == (204, b"")
    assert_same_headers(answer, theirs)
