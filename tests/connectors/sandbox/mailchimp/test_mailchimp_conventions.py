"""Host prefix, keys, errors, paging, field selection, simultaneous connections."""

from __future__ import annotations

import socket
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from connectors.sandbox.world import MAILCHIMP_KEY

if TYPE_CHECKING:
    from tests.connectors.sandbox.mailchimp.conftest import Platform


def test_a_ping_answers_that_everything_is_chimpy(platform: Platform) -> None:
    assert platform.get("/ping") == {"health_status": "Everything's Chimpy!"}


def test_the_root_describes_the_account(platform: Platform) -> None:
    assert {"account_id", "account_name", "login_id", "role", "email"} <= platform.get("/").keys()


def test_the_key_is_taken_as_basic_password_and_as_bearer(platform: Platform) -> None:
    bearer = requests.get(f"{platform.url}/ping", headers={"Authorization": f"Bearer {MAILCHIMP_KEY}"}, timeout=5)

    assert bearer.status_code == 200
    assert platform.call("GET", "/ping").status_code == 200


def test_a_missing_key_and_a_wrong_key_have_their_own_titles(platform: Platform) -> None:
    missing = requests.get(f"{platform.url}/ping", timeout=5)
    wrong = requests.get(f"{platform.url}/ping", auth=("any", "other-us1"), timeout=5)
    unreadable = requests.get(f"{platform.url}/ping", headers={"Authorization": "Basic ###"}, timeout=5)

    assert (missing.status_code, missing.json()["title"]) == (401, "API Key Missing")
    assert (wrong.status_code, wrong.json()["title"]) == (401, "API Key Invalid")
    assert unreadable.status_code == 401


def test_an_error_can_be_provoked_by_a_header(platform: Platform) -> None:
    body = platform.refusal("GET", "/ping", 401, headers={"X-Trigger-Error": "APIKeyMissing"})

    assert body["title"] == "API Key Missing"


def test_a_problem_names_the_request_in_its_instance(platform: Platform) -> None:
    answer = platform.call("GET", "/nowhere")

    assert answer.status_code == 404
    assert answer.json().keys() == {"type", "title", "status", "detail", "instance"}
    assert uuid.UUID(answer.json()["instance"]) == uuid.UUID(answer.headers["X-Request-Id"])
    assert 'rel="describedBy"' in answer.headers["Link"]


def test_a_path_outside_the_prefix_is_not_found(platform: Platform) -> None:
    answer = platform.session.get(f"{platform.base}/lists", timeout=5)

    assert (answer.status_code, answer.json()["title"]) == (404, "Resource Not Found")


def test_a_wrong_method_names_the_right_ones(platform: Platform) -> None:
    answer = platform.call("PUT", "/lists")

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"


def test_broken_json_is_a_parse_error(platform: Platform) -> None:
    body = platform.refusal("POST", platform.members, data='{"email_address": ')

    assert body["title"] == "JSON Parse Error"


def test_a_body_that_is_no_object_breaks_the_schema(platform: Platform) -> None:
    body = platform.refusal("POST", platform.members, json=[])

    assert body["errors"] == [{"field": "", "message": "Schema describes object, array found instead"}]


def test_a_page_has_ten_items_unless_told_and_a_thousand_at_most(platform: Platform) -> None:
    platform.add(*(f"p{number}" for number in range(12)))

    page = platform.get(platform.members)

    assert (len(page["members"]), page["total_items"]) == (10, 12)
    assert len(platform.get(platform.members, count=1000)["members"]) == 12
    assert len(platform.get(platform.members, count=5, offset=10)["members"]) == 2
    assert platform.get(platform.members, offset=100)["members"] == []
    assert platform.refusal("GET", f"{platform.members}?count=1001")["title"] == "Invalid Resource"
    assert platform.refusal("GET", f"{platform.members}?offset=x")["errors"][0]["field"] == "offset"


def test_fields_and_exclude_fields_are_dot_paths_and_exclude_each_other(platform: Platform) -> None:
    platform.add("ada", merge_fields={"FNAME": "Ada"})

    kept = platform.get(platform.members, fields="members.email_address,members.merge_fields.FNAME,total_items")
    dropped = platform.get(platform.members, exclude_fields="members._links,_links")

    assert kept == {
        "members": [{"email_address": "ada@people.test", "merge_fields": {"FNAME": "Ada"}}],
        "total_items": 1,
    }
    assert "_links" not in dropped
    assert "_links" not in dropped["members"][0]
    assert dropped["members"][0]["email_address"] == "ada@people.test"
    assert platform.refusal("GET", f"{platform.members}?fields=members&exclude_fields=_links")["status"] == 400
    assert platform.get(platform.members, fields="nonsense,total_items") == {"total_items": 1}


@pytest.mark.parametrize("value", ["true", "True", "1"])
def test_booleans_of_the_query_are_words_in_any_case_or_one(platform: Platform, value: str) -> None:
    platform.add("ada", "bob")
    ada = platform.get(f"{platform.members}/ada@people.test")
    platform.patch(f"{platform.members}/{ada['id']}", {"vip": True})

    assert platform.get(platform.members, vip_only=value)["total_items"] == 1
    assert platform.get(platform.members, vip_only="yes")["total_items"] == 2


def test_a_time_that_is_none_is_refused(platform: Platform) -> None:
    body = platform.refusal("GET", f"{platform.members}?since_last_changed=yesterday")

    assert body["errors"][0]["field"] == "since_last_changed"


def test_times_are_iso_8601_with_an_offset(platform: Platform) -> None:
    platform.add("ada", at=datetime(2026, 1, 5, 10, 0, 0, 999, tzinfo=UTC))

    assert platform.get(platform.members)["members"][0]["last_changed"] == "2026-01-05T10:00:00+00:00"


def test_a_call_that_gives_nothing_back_answers_204_with_an_empty_body(platform: Platform) -> None:
    ada = platform.add("ada")[0]

    answer = platform.call("DELETE", f"{platform.members}/{ada}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def held_open(platform: Platform, path: str) -> socket.socket:
    """Return a connection whose request is not complete, so that it keeps its place."""
    place = urlsplit(platform.base)
    connection = socket.create_connection((place.hostname or "", place.port or 0), timeout=5)
    lines = [f"POST /3.0{path} HTTP/1.1", "Host: local", f"Authorization: Bearer {MAILCHIMP_KEY}"]
    connection.sendall("\r\n".join([*lines, "Content-Length: 2", "Expect: 100-continue", "", ""]).encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 100")  # the server is waiting for the body
    return connection


def test_the_eleventh_simultaneous_connection_is_refused(platform: Platform) -> None:
    held = [held_open(platform, "/batches") for _ in range(10)]
    try:
        body = platform.refusal("GET", "/ping", 429)
        platform.world.settings.enforce_limits = False

        assert body["detail"] == "Simultaneous connection limit reached"
        assert platform.get("/ping")
    finally:
        for connection in held:
            connection.close()
