"""Deliveries that are signed rightly, and wrong all the same: stripped, smuggled, too long, half a character."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from connectors.events import MalformedError
from connectors.hubspot.events import MOST_MERGED, contact_events
from tests.sync.conftest import Platforms
from tests.sync.webhooks.conftest import HUBSPOT_SECRET, Served, serving

pytestmark = pytest.mark.outside  # the service of this file works on while the next test runs
EVENT = {"eventId": 1, "subscriptionId": 2, "subscriptionType": "contact.creation", "objectId": 1, "occurredAt": 1}


def signed(served: Served, body: bytes) -> dict[str, str]:
    """Both signatures of a delivery, as HubSpot sends them together."""
    stamp, url = str(int(time.time() * 1000)), served.address + "/webhooks/hubspot"
    digest = hmac.digest(HUBSPOT_SECRET.encode(), b"POST" + url.encode() + body + stamp.encode(), "sha256")
    return {
        "X-HubSpot-Signature": hashlib.sha256(HUBSPOT_SECRET.encode() + body).hexdigest(),
        "X-HubSpot-Signature-Version": "v1",
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": stamp,
    }


@pytest.mark.long
def test_a_delivery_without_its_v3_header_is_refused(looped: Platforms) -> None:
    body = json.dumps([EVENT]).encode()
    with serving(looped) as served:  # of its own: what it learns of the app's signatures holds for its workspace
        url, headers = served.address + "/webhooks/hubspot", signed(served, body)
        before = served.hubspot([EVENT]).status_code  # an app that never signed with v3
        stripped = {name: value for name, value in headers.items() if name != "X-HubSpot-Signature-v3"}
        of_v1 = {name: value for name, value in stripped.items() if name != "X-HubSpot-Request-Timestamp"}

        def status(sent: dict[str, str]) -> int:
            return served.session.post(url, data=body, headers=sent, timeout=10).status_code

        assert (before, status(stripped), status(headers), status(of_v1)) == (200, 401, 200, 401)
        served.service.timed.clear()  # another process of the same workspace
        assert (status(of_v1), status(headers)) == (401, 200)


def test_a_length_that_is_told_in_two_ways_is_refused(served: Served) -> None:
    host, port = str(urlsplit(served.address).hostname), urlsplit(served.address).port or 80
    lines = [
        "POST /webhooks/hubspot HTTP/1.1",
        "Host: here.test",
        "Content-Length: 2",
        "Transfer-Encoding: chunked",
        "",
        "0",
        "",
        "",
    ]
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_no_answer_leads_to_a_host_that_the_caller_names(served: Served) -> None:
    headers = {"Host": "elsewhere.test"}
    answers = [
        served.session.request(method, served.address + path, headers=headers, allow_redirects=False, timeout=10)
        for method in ("GET", "POST")
        for path in (
            "/webhooks/hubspot/",
            "/webhooks/mailchimp/",
            "/actions/hubspot/",
            "/ready/",
            "//health",
            "/metrics/",
        )
    ]

    assert not any("location" in answer.headers or answer.is_redirect for answer in answers)
    assert not any("elsewhere.test" in answer.text for answer in answers)


@pytest.mark.parametrize("text", ["\\ud800", "\\udfff\\ud800", 'x\\uDBFF"'])
def test_half_a_character_is_the_senders_fault(served: Served, text: str) -> None:
    event = json.dumps([{**EVENT, "subscriptionType": "contact.propertyChange", "propertyName": "city"}])
    body = event.replace('"city"', f'"{text.rstrip(chr(34))}"').encode()
    headers = {
        "X-HubSpot-Signature": hashlib.sha256(HUBSPOT_SECRET.encode() + body).hexdigest(),
        "X-HubSpot-Signature-Version": "v1",
    }
    answer: requests.Response = served.session.post(
        served.address + "/webhooks/hubspot", data=body, headers=headers, timeout=10
    )

    assert answer.status_code == 400


def test_whole_characters_beyond_the_first_plane_are_let_in() -> None:
    (event,) = contact_events(json.dumps([{**EVENT, "propertyName": "city", "propertyValue": "😀"}]).encode())

    assert event.changed == {"city": "😀"}
    with pytest.raises(MalformedError):
        contact_events(b'[{"subscriptionType": "contact.creation", "objectId": 1, "occurredAt": "\\ud83d"}]')


def test_an_event_of_a_hundred_thousand_merged_records_is_bounded() -> None:
    merge = {**EVENT, "subscriptionType": "contact.merge", "primaryObjectId": 7, "newObjectId": 9}
    (event,) = contact_events(json.dumps([{**merge, "mergedObjectIds": list(range(10, 100_010))}]).encode())

    assert event.ids[:3] == ["9", "7", "1"]
    assert len(event.ids) == 3 + MOST_MERGED
