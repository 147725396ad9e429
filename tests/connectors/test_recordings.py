"""Every answer that the real platforms gave to others, at endpoints that we ask: parsed, and told what to do."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses

from connectors.connector import NO_SECRET, Traffic
from connectors.errors import (
    CredentialError,
    NotFoundError,
    PersonasyncError,
    PlatformDownError,
    RateLimitError,
    RejectedError,
)
from connectors.hubspot import contacts
from connectors.hubspot import refusals as hubspot_refusals
from connectors.mailchimp import members
from connectors.mailchimp import refusals as mailchimp_refusals
from connectors.mailchimp.api import ENDPOINTS
from connectors.transport import Call, Slots, Transport

ASKED = re.compile(r"/crm/v3/objects/[^/]+(/search|/batch/(read|update))?$|/crm/v3/(properties|lists)")
WANTED = {400: RejectedError, 401: CredentialError, 404: NotFoundError, 405: RejectedError, 429: RateLimitError}
HOSTS = ["api.hubapi.com", "*.api.mailchimp.com", "api.mailchimp.com"]


def recorded(shared: Path, name: str) -> Iterator[dict[str, Any]]:
    with gzip.open(shared / "recorded" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def replay(recording: dict[str, Any], translate: Any) -> tuple[str, Any]:
    """Put a recorded answer through our transport; return "ok" and its document, or the error's class and the error."""
    host = recording["host"].removeprefix("https://")
    url = f"https://{host}{recording['path']}"
    transport = Transport(
        base_url=f"https://{host}",
        hosts=HOSTS,
        auth=NO_SECRET,
        budgets={"": Slots(1)},
        translate=translate,
        traffic=Traffic(),
        connections=1,
        wait=lambda _seconds: None,
    )
    body = recording["response_body"]
    content = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    headers = {
        key: value
        for key, value in recording.get("response_headers") or ()
        if key.lower() not in {"content-length", "content-encoding", "transfer-encoding", "content-type"}
    }
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        mocked.add(recording["method"], url, body=content, status=recording["status"], headers=headers)
        try:
            return "ok", transport.json(Call(recording["method"], url, "recorded"))
        except PersonasyncError as error:
            return type(error).__name__, error
        finally:
            transport.close()


@pytest.mark.long
def test_every_recorded_answer_of_hubspot_is_classified(shared: Path) -> None:
    seen: Counter[tuple[int, str]] = Counter()
    for recording in recorded(shared, "hubspot"):
        if recording["method"] == "DELETE" or not ASKED.match(recording["path"]):
            continue
        kind, outcome = replay(recording, hubspot_refusals.translate)
        seen[recording["status"], kind] += 1
        wanted = WANTED.get(recording["status"])
        assert kind == ("ok" if wanted is None else wanted.__name__), (recording["path"], outcome)
        if kind == "ok" and "CONTACT" in recording["path"] and outcome.get("results"):
            assert contacts.contact_rows("crm", outcome["results"], contacts.READ).num_rows >= len(outcome["results"])

    assert sum(count for (status, _), count in seen.items() if status == 429) > 90
    assert seen[200, "ok"] > 1_000


def test_a_refusal_for_too_many_requests_names_its_wait_or_none(shared: Path) -> None:
    """None of 140 recorded ones has a Retry-After; search words its refusal in its own way."""
    refused = [recording for recording in recorded(shared, "hubspot") if recording["status"] == 429]
    errors = [replay(recording, hubspot_refusals.translate)[1] for recording in refused]

    assert len(refused) > 90
    assert all(isinstance(error, RateLimitError) and not error.daily for error in errors)


@pytest.mark.slow
def test_every_recorded_answer_of_mailchimp_is_classified(shared: Path) -> None:
    seen: Counter[tuple[int, str]] = Counter()
    for recording in recorded(shared, "mailchimp"):
        path = recording["path"].removeprefix("/3.0")
        asked = any(end.method == recording["method"] and end.pattern.match(path) for end in ENDPOINTS)
        if not asked and recording["method"] != "PUT":  # PUT answers what PATCH does, in the same words
            continue
        kind, outcome = replay(recording, mailchimp_refusals.translate)
        seen[recording["status"], kind] += 1
        wanted = WANTED.get(recording["status"])
        assert kind == ("ok" if wanted is None else wanted.__name__), (recording["path"], outcome)
        if kind == "ok" and "/members" in path and "email_address" in outcome:
            assert members.member_rows("email", [outcome], ["FNAME"]).num_rows == 1

    assert seen[404, "NotFoundError"] > 100
    assert seen[400, "RejectedError"] > 20


@pytest.mark.parametrize("status", [500, 502, 503, 504, 521, 523, 524])
def test_a_broken_platform_is_tried_again(status: int) -> None:
    recording = {"method": "GET", "host": "api.hubapi.com", "path": "/crm/v3/objects/contacts", "status": status}
    kind, error = replay({**recording, "response_body": "<html>"}, hubspot_refusals.translate)

    assert (kind, isinstance(error, PlatformDownError)) == ("PlatformDownError", True)
