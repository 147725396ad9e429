"""The checks of probes over recorded answers: what the real platforms did, and that a check sees where it is not so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connectors.evidence import load_evidence
from connectors.hubspot.probe_checks import cursor_number
from connectors.hubspot.search import cursor_of
from connectors.probing import SeenAnswer
from tests.connectors.recorded_answers import CHECKS, Recordings, recordings

Alter = Callable[[SeenAnswer], SeenAnswer]


@cache
def of_platform(shared: Path, platform: str) -> Recordings:
    return recordings(shared, platform)


def with_body(change: Callable[[Any], Any], *endpoints: str) -> Alter:
    def alter(answer: SeenAnswer) -> SeenAnswer:
        if answer.endpoint not in endpoints or answer.status >= 400:
            return answer
        return replace(answer, content=json.dumps(change(answer.body)).encode())

    return alter


def with_status(status: int, *endpoints: str) -> Alter:
    def alter(answer: SeenAnswer) -> SeenAnswer:
        refused = answer.endpoint in endpoints and answer.status >= 400
        return replace(answer, status=status) if refused else answer

    return alter


def with_headers(**headers: str | None) -> Alter:
    def alter(answer: SeenAnswer) -> SeenAnswer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        merged = {**{name: value for name, value in answer.headers.items() if name not in named}, **named}
        return replace(answer, headers={name: value for name, value in merged.items() if value is not None})

    return alter


def other_values(body: Any) -> Any:
    for shown in (*(row["properties"] for row in body.get("results", ())), body.get("merge_fields") or {}):
        shown.update(dict.fromkeys(shown, "other"))
    return body


def undecodable(body: Any) -> Any:
    body["paging"]["next"]["after"] = "page2"
    return body


MEMBER = "members/{member}"
ALTERED: list[tuple[str, Alter]] = [
    ("A4", with_body(undecodable, "lists/memberships")),
    ("A6", with_body(other_values, "contacts/batch/update")),
    ("A11", with_headers(Date=None)),
    ("A23", with_body(lambda _body: {"recordsIdsAdded": ["1"]}, "lists/memberships/add")),
    ("A24", with_status(400, "lists/{list}")),
    ("A25", with_status(400, MEMBER)),
    ("A26", with_headers(X_HubSpot_RateLimit_Max="100")),
    ("A26", with_headers(X_HubSpot_RateLimit_Interval_Milliseconds="1000")),
    ("A27", with_headers(Retry_After="2")),
    ("A29", with_body(lambda body: {**body, "members": body["members"][:1] * len(body["members"])}, "members")),
    ("A29", with_body(lambda body: {**body, "members": [{"id": "a"}] * len(body["members"])}, "members")),
    ("A31", with_body(other_values, MEMBER)),
]
PLATFORMS = {assumption.id: assumption.platform for assumption in load_evidence().assumptions}


@pytest.mark.parametrize("platform", CHECKS)
def test_recorded_answers_show_what_the_ledger_says_they_show(shared: Path, platform: str) -> None:
    table = of_platform(shared, platform).table(CHECKS[platform])
    shown = {number: result.state for number, result in table.items()}

    assumptions = [entry for entry in load_evidence().assumptions if entry.platform == platform]
    assert shown.items() >= {entry.id: "held" for entry in assumptions if entry.recorded}.items(), table
    assert {number for number, state in shown.items() if state != "untestable"} == {
        entry.id for entry in assumptions if entry.recorded
    }
    assert all(result.saw.endswith(".") for result in table.values() if result.state == "untestable")


@pytest.mark.parametrize(("number", "alter"), ALTERED, ids=[f"{row[0]}-{at}" for at, row in enumerate(ALTERED)])
def test_a_check_sees_recorded_answers_that_are_otherwise(shared: Path, number: str, alter: Alter) -> None:
    platform = PLATFORMS[number]
    recorded = of_platform(shared, platform)

    altered = replace(recorded, answers=[alter(answer) for answer in recorded.answers])

    assert altered.table({number: CHECKS[platform][number]})[number].state == "broken"


def test_what_recordings_show_is_altered_above() -> None:
    assert {number for number, _ in ALTERED} == {entry.id for entry in load_evidence().assumptions if entry.recorded}


def test_the_recorded_cursor_is_the_number_of_the_next_member(shared: Path) -> None:
    """Of one recorded list both its 30 members and its first page of 25 are known (A4)."""
    answers = of_platform(shared, "hubspot").answers
    added = [
        answer.sent for answer in answers if answer.endpoint == "lists/memberships/add" and len(answer.sent or ()) > 25
    ]
    page = [answer.body for answer in answers if answer.endpoint == "lists/memberships" and answer.method == "GET"][-1]
    listed = [int(row["recordId"]) for row in page["results"]]
    behind = sorted(int(member) for member in added[0] if int(member) not in listed)

    assert listed == sorted(listed)
    assert cursor_number(cursor_of(page) or "") == behind[0] > listed[-1]
    assert f"after={page['paging']['next']['after']}" in page["paging"]["next"]["link"]
