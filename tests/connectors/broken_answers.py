"""Answers of the local platforms that come otherwise: what a probe has to notice, each with what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests

ELSEWHERE = "https://files.example/result"
Rewrite = Callable[[requests.Response, Any], Any]


def rewritten(patch: pytest.MonkeyPatch, connector: Any, wanted: str, change: Rewrite) -> None:
    """Let answers to requests like *wanted* come otherwise: *change* returns another body, or alters the answer."""
    session = connector._transport._session
    request = session.request

    def changed(method: str, url: str, **more: Any) -> requests.Response:
        response: requests.Response = request(method, url, **more)
        asked = f"{method} {response.url}"
        if re.search(wanted, asked) or re.search(wanted, f"{asked} {response.request.body!r}"):
            body = change(response, json.loads(response.content or b"{}"))
            response._content = json.dumps(body).encode()
        return response

    patch.setattr(session, "request", changed)


def keep_all(patch: pytest.MonkeyPatch, connector: Any) -> None:
    """Let the platform refuse to delete anything."""
    session = connector._transport._session
    request = session.request

    def refusing(method: str, url: str, **more: Any) -> requests.Response:
        if method != "DELETE":
            response: requests.Response = request(method, url, **more)
            return response
        refusal = requests.Response()
        refusal.status_code, refusal._content = 400, b'{"status": "error", "message": "no"}'
        refusal.request = requests.Request(method, url).prepare()
        return refusal

    patch.setattr(session, "request", refusing)


def without(body: Any, *path: str) -> Any:
    """Return *body* without the key at the end of *path*; "[]" is every entry."""
    if path[0] == "[]":
        for entry in body:
            without(entry, *path[1:])
    elif len(path) == 1:
        body.pop(path[0], None)
    else:
        without(body[path[0]], *path[1:])
    return body


def refused(status: int) -> Rewrite:
    def change(response: requests.Response, _body: Any) -> Any:
        response.status_code = status
        return {"title": "Invalid", "status": status, "detail": "no"}

    return change


def capitals(_response: requests.Response, body: Any) -> Any:
    for email in body["results"]:
        email["stats"]["counters"] = {key.upper(): value for key, value in email["stats"]["counters"].items()}
    return body


def same_values(_response: requests.Response, body: Any) -> Any:
    rows = [{**row, "properties": dict.fromkeys(row["properties"], "other")} for row in body["results"]]
    return {**body, "results": rows}


def rising(_response: requests.Response, body: Any) -> Any:
    return {**body, "results": sorted(body["results"], key=lambda row: int(row["id"]))}


def shown_as(name: str, value: str) -> Rewrite:
    """Let one property come back otherwise, wherever it is shown."""

    def change(_response: requests.Response, body: Any) -> Any:
        for shown in (*(row["properties"] for row in body.get("results", ())), body.get("merge_fields") or {}):
            if name in shown:
                shown[name] = value
        return body

    return change


def with_header(name: str, value: str | None) -> Rewrite:
    def change(response: requests.Response, body: Any) -> Any:
        response.headers.pop(name, None)
        if value is not None:
            response.headers[name] = value
        return body

    return change


def of_each(name: str, change: Callable[[Any], Any]) -> Rewrite:
    return lambda _response, body: {**body, name: [change(entry) for entry in body[name]]}


def answered(body: Any) -> Rewrite:
    def change(response: requests.Response, _body: Any) -> Any:
        response.status_code = 200
        return body

    return change


def elsewhere(_response: requests.Response, body: Any) -> Any:
    for job in body.get("batches", [body]):
        job["response_body_url"] = ELSEWHERE
    return body


LIMIT = "X-HubSpot-RateLimit"
# which answers come otherwise, and how, so that an assumption is broken; and what is said of it
BROKEN: list[tuple[str, str, Rewrite, str]] = [
    ("A1", r"POST .*contacts/search", rising, "Neither form falls."),
    ("A1", r"POST .*contacts/search.*DESCENDING", rising, "The other form falls: search_falls_by_minus = 1."),
    ("A2", r"POST .*lists.*/search", lambda _r, body: {**body, "lists": [], "total": 0}, "finds no list"),
    ("A3", r"POST .*lists.*/search", of_each("lists", lambda x: {"listId": x["listId"]}), "Nothing moved"),
    ("A4", r"GET .*/memberships", lambda _r, body: {**body, "results": [{"recordId": "1"}]}, "came again"),
    ("A4", r"GET .*/memberships.*after=", refused(400), "cursor is refused"),
    ("A6", r"POST .*contacts/batch/read", same_values, "Not kept: bool, date, enumeration, number, string."),
    ("A6", r"POST .*contacts/batch", shown_as("has_boat", "yes"), "Not kept: bool."),
    ("A6", r"POST .*contacts/batch", shown_as("personasync_confidence", "1.01"), "Not kept: number."),
    ("A6", r"POST .*contacts/batch", shown_as("personasync_since", "2026-02-27"), "Not kept: date."),
    ("A6", r"POST .*contacts/batch", shown_as("personasync_persona", "A"), "Not kept: enumeration."),
    ("A6", r"POST .*contacts/batch", shown_as("personasync_reason", "é" * 125), "Not kept: string."),
    ("A7", r"GET .*/tasks/", lambda _r, body: {**body, "result": ELSEWHERE}, "files.example"),
    ("A8", r"GET .*/emails", capitals, "Missing: bounce, click, open, sent"),
    (
        "A9",
        r"GET .*/owners",
        lambda _r, body: {**body, "errors": [], "wanted": ["crm.objects.owners.read"]},
        "other keys",
    ),
    ("A10", r"POST .*contacts/batch/read", lambda _r, body: {**body, "errors": []}, "Nothing says"),
    ("A11", r"GET .*", with_header("Date", None), "no Date header"),
    ("A13", r"GET .*/segments\?", of_each("segments", lambda x: {"id": x["id"]}), "Nothing moved"),
    ("A14", r"GET .*/webhooks", lambda _r, body: without(body, "webhooks", "[]", "signing_enabled"), "signing_enabled"),
    ("A15", r"GET .*members.nothing", refused(400), "refused"),
    ("A16", r"PATCH .*/members/", refused(404), "not written alone"),
    ("A16", r"POST .*/batches", refused(400), "RejectedError"),
    ("A17", r"POST .*/segments/\d+$", refused(400), "First rejected"),
    ("A18", r"GET .*/batches", elsewhere, "files.example"),
    ("A20", r"GET .*/email/public/v1/events", of_each("events", lambda x: {**x, "type": "TELEPATHY"}), "not known"),
    ("A20", r"GET .*/email/public/v1/events", of_each("events", lambda x: {**x, "recipient": ""}), "lack an id"),
    ("A21", r"POST .*contacts/search", of_each("results", lambda x: {**x, "properties": {}}), "is empty"),
    (
        "A22",
        r"GET .*/segments/\d+/members",
        of_each("members", lambda x: {**x, "id": "f" * 32}),
        "not that of a member",
    ),
    ("A22", r"GET .*/segments/\d+/members", of_each("members", lambda x: without(x, "id")), "has no id"),
    ("A23", r"PUT .*/memberships/add", lambda _r, body: {**body, "recordsIdsAdded": ["1"]}, "nothing new"),
    ("A23", r"PUT .*/memberships/add", refused(409), "nothing new"),
    ("A24", r"GET .*/(name|999999999)/", refused(400), "otherwise than by 404"),
    ("A24", r"GET .*/name/", answered({"list": {"listId": "1"}}), "is answered"),
    ("A25", r"GET .*/(0{10}|999999999)", refused(400), "in another way"),
    ("A25", r"GET .*/members/0{32}", answered({"id": "1"}), "in another way"),
    ("A26", r"GET .*", with_header(f"{LIMIT}-Max", None), "lacks X-HubSpot-RateLimit-Max"),
    ("A26", r"GET .*", with_header(f"{LIMIT}-Interval-Milliseconds", "1000"), "1000 ms"),
    ("A26", r"GET .*", with_header(f"{LIMIT}-Remaining", "10000"), "10000 of 10000"),
    ("A26", r"POST .*/search", with_header(f"{LIMIT}-Max", "190"), "search names a window"),
    ("A27", r"GET .*", with_header("X-RateLimit-Limit", "600"), "X-RateLimit-Limit"),
    ("A28", r"GET .*/contacts\?", of_each("results", lambda x: {**x, "id": "7"}), "does not follow"),
    ("A29", r"GET .*/members\?", of_each("members", lambda _x: {"id": "a"}), "does not follow"),
    ("A30", r"GET .*/account-info", lambda _r, body: without(body, "companyCurrency"), "Missing: companyCurrency."),
    ("A31", r"PATCH .*/members/", shown_as("PS_CONF", "2"), "Not kept: number."),
    ("A31", r"PATCH .*/members/", shown_as("PS_SINCE", "02/28"), "Not kept: date."),
    ("A31", r"PATCH .*/members/", shown_as("PERSONA", "é" * 125), "Not kept: text."),
    ("A32", r"GET .*/reports", of_each("reports", lambda x: without(x, "opens")), "opens.opens_total"),
]
