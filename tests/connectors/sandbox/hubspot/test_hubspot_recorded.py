"""What the local HubSpot answers has the keys, types and headers of recorded answers of the real one.

The recordings are of 2021. Part of their searches carry the daily pair of rate headers (key in the query), part
carry none (OAuth): we send none, as HubSpot documents it for search today.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.world import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

    from tests.connectors.sandbox.hubspot.conftest import Platform

Record = dict[str, Any]

CONTACTS = "/crm/v3/objects/CONTACT"
OF_THE_NETWORK = {
    "Date", "Transfer-Encoding", "Connection", "CF-Ray", "Strict-Transport-Security", "Vary", "CF-Cache-Status",
    "Access-Control-Allow-Credentials", "Server", "Content-Length",
}  # fmt: skip
OUR_SERVERS = {"date", "server", "content-length", "Date", "Server", "Content-Length", "Connection"}
DAILY = {"X-HubSpot-RateLimit-Daily", "X-HubSpot-RateLimit-Daily-Remaining"}


@cache
def records(path: Path) -> list[Record]:
    with gzip.open(path, "rt") as lines:
        return [row for row in map(json.loads, lines) if row["path"].startswith("/crm/v3/objects/")]


@pytest.fixture
def recorded(shared: Path) -> list[Record]:
    return records(shared / "recorded" / "hubspot.jsonl.gz")


def those(recorded: list[Record], verb: str, status: int) -> list[Record]:
    rows = [row for row in recorded if row["path"] == f"{CONTACTS}/{verb}" and row["status"] == status]
    assert rows, f"nothing recorded of {verb} {status}"
    return rows


def kinds(value: Any, *, inside: str = "") -> Any:
    """Return the shape of a JSON value; texts that are times or numbers are told apart from others."""
    if isinstance(value, dict):
        return {key: kinds(entry, inside=key) for key, entry in value.items()}
    if isinstance(value, list):
        return [kinds(entry) for entry in value]
    if isinstance(value, str) and inside in {"createdAt", "updatedAt", "startedAt", "completedAt"}:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", value)
    return type(value).__name__


def frame(body: Record) -> Record:
    """Return the shape of an answer without the properties, which are the account's own."""
    shape: Record = kinds({key: value for key, value in body.items() if key != "results"})
    rows = [{key: value for key, value in row.items() if key != "properties"} for row in body.get("results", [])]
    return {**shape, "results": sorted({json.dumps(kinds(row), sort_keys=True) for row in rows})}


def header_names(answer: requests.Response) -> set[str]:
    return set(answer.headers) - OUR_SERVERS


def theirs(row: Record) -> set[str]:
    return {name for name, _ in row["response_headers"]} - OF_THE_NETWORK


def has_properties(rows: list[Record]) -> list[Record]:
    return [row for row in rows if row["response_body"]["results"]]


def test_a_search_answers_as_recorded(hubspot: Platform, recorded: list[Record]) -> None:
    records = has_properties(those(recorded, "search", 200))
    empty = next(row for row in those(recorded, "search", 200) if not row["response_body"]["results"])
    hubspot.add("ada@people.test", firstname="Ada")
    condition = {"propertyName": "email", "operator": "EQ", "value": "ada@people.test"}
    body: Record = {
        "filterGroups": [{"filters": [condition]}],
        "properties": ["email", "firstname", "lastname"],
        "limit": 100,
    }

    answer = hubspot.post(f"{CONTACTS}/search", body)
    nothing = hubspot.post(f"{CONTACTS}/search", {"filterGroups": [{"filters": [{**condition, "value": "x"}]}]})

    ours = answer.json()["results"][0]["properties"]
    assert nothing.json() == empty["response_body"]
    for row in records:
        assert frame(answer.json()) == frame({**row["response_body"], "total": 1})
        assert header_names(answer) == theirs(row) - DAILY
        shown = row["response_body"]["results"][0]["properties"]
        assert set(shown) - set(row["request_body"]["properties"]) == set(ours) - set(body["properties"])
        assert list(shown) == sorted(shown)
    assert list(ours) == sorted(ours)
    assert ours["lastname"] is None


def test_a_batch_creation_answers_as_recorded(hubspot: Platform, recorded: list[Record]) -> None:
    sent = {"inputs": [{"properties": {"email": "ada@people.test", "firstname": "Ada"}}]}

    answer = hubspot.post(f"{CONTACTS}/batch/create", sent)

    ours = answer.json()["results"][0]["properties"]
    for row in those(recorded, "batch/create", 201):
        assert (answer.status_code, frame(answer.json())) == (201, frame(row["response_body"]))
        assert header_names(answer) >= theirs(row)
        for entry, made in zip(row["request_body"]["inputs"], row["response_body"]["results"], strict=False):
            unasked = set(made["properties"]) - set(entry["properties"]) - set(sent["inputs"][0]["properties"])
            assert unasked <= set(ours)
    assert all(isinstance(value, str) for value in ours.values())


def test_a_batch_update_answers_as_recorded(hubspot: Platform, recorded: list[Record]) -> None:
    record_id = hubspot.add("ada@people.test")
    sent = {"email": "ada@people.test", "firstname": "Ada", "lastname": ""}

    answer = hubspot.post(f"{CONTACTS}/batch/update", {"inputs": [{"id": record_id, "properties": sent}]})

    ours = set(answer.json()["results"][0]["properties"])
    for row in those(recorded, "batch/update", 200):
        assert frame(answer.json()) == frame(row["response_body"])
        assert header_names(answer) >= theirs(row)
        asked = set().union(*(entry["properties"] for entry in row["request_body"]["inputs"]))
        shown = set().union(*(made["properties"] for made in row["response_body"]["results"]))
        assert shown - asked <= ours - set(sent) | {"hs_object_id"}


def test_a_batch_archive_answers_as_recorded(hubspot: Platform, recorded: list[Record]) -> None:
    answer = hubspot.post(f"{CONTACTS}/batch/archive", {"inputs": [{"id": hubspot.add("ada@people.test")}]})

    assert (answer.status_code, answer.content) == (204, b"")
    for row in those(recorded, "batch/archive", 204):
        assert not row["response_body"]
        assert header_names(answer) >= theirs(row)


def test_a_search_that_comes_too_often_is_refused_as_recorded(
    serve: Callable[[Settings], Platform], recorded: list[Record]
) -> None:
    platform = serve(Settings())
    answers = [platform.post(f"{CONTACTS}/search", {}) for _ in range(12)]

    answer = next(answer for answer in answers if answer.status_code == 429)

    ours = {key: value for key, value in answer.json().items() if key != "correlationId"}
    for row in those(recorded, "search", 429):
        body = {key: value for key, value in row["response_body"].items() if key != "correlationId"}
        assert ours == body
        assert header_names(answer) == theirs(row) - DAILY
    assert answer.json()["correlationId"] == answer.headers["X-HubSpot-Correlation-Id"]


def test_the_content_type_is_spelt_as_recorded(hubspot: Platform, recorded: list[Record]) -> None:
    answer = hubspot.post(f"{CONTACTS}/search", {})

    spelt = {value for row in recorded for name, value in row["response_headers"] if name == "Content-Type"}
    assert spelt == {answer.headers["Content-Type"]}
