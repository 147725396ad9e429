"""The local Mailchimp delivers webhooks as the real one does."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from connectors.events import Delivery as Signed
from connectors.mailchimp.events import check_mailchimp
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.mailchimp import deliveries
from connectors.secret import Secret
from tests.connectors.sandbox.webhooks.conftest import Delivery, Platforms, Receiver

LIST = f"/lists/{AUDIENCE}"
FORM = "application/x-www-form-urlencoded"


def form(delivery: Delivery) -> dict[str, str]:
    return dict(parse_qsl(delivery.body.decode(), keep_blank_values=True, strict_parsing=True))


def told(platforms: Platforms, receiver: Receiver) -> list[dict[str, str]]:
    """Everything that came, in the order in which it happened."""
    assert platforms.settled()
    return [form(post) for post in receiver.posts()]


def kinds(bodies: list[dict[str, str]]) -> list[str]:
    return sorted(body["type"] for body in bodies)


@pytest.fixture
def reported(shared: Path) -> dict[str, list[set[str]]]:
    """The keys of every body that public projects have published, by type; merge fields are each audience's own."""
    lines = (shared / "recorded" / "mailchimp_deliveries_reported.txt").read_text("utf-8").splitlines()
    fields: dict[str, list[set[str]]] = {}
    for line in lines:
        if not line.startswith("#"):
            body = dict(parse_qsl(line, keep_blank_values=True))
            fields.setdefault(body["type"], []).append(set(without_merges(body)))
    return fields


def without_merges(body: dict[str, str]) -> Iterator[str]:
    return (key for key in body if not re.fullmatch(r"data\[merges\]\[(?!EMAIL).*\]", key))


def test_bodies_have_the_reported_shape(
    platforms: Platforms, receiver: Receiver, reported: dict[str, list[set[str]]]
) -> None:
    platforms.hook(receiver.url)
    platforms.side("deed", {"deed": "subscribe", "email": "ada@people.test", "merge_fields": {"FNAME": "Ada"}})
    platforms.side("deed", {"deed": "unsubscribe", "email": "ada@people.test"})
    bodies = {body["type"]: body for body in told(platforms, receiver)}

    assert set(without_merges(bodies["subscribe"])) in reported["subscribe"]
    assert set(without_merges(bodies["unsubscribe"])) in reported["unsubscribe"]
    assert bodies["subscribe"]["data[merges][FNAME]"] == "Ada"
    assert bodies["unsubscribe"]["data[reason]"] == "manual"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", bodies["subscribe"]["fired_at"])
    assert {post.headers["Content-Type"] for post in receiver.posts()} == {FORM}


def test_every_delivery_carries_the_signature_of_its_webhook(platforms: Platforms, receiver: Receiver) -> None:
    secret = platforms.hook(receiver.url)["signing_secret"]
    platforms.side("deed", {"deed": "subscribe", "email": "ada@people.test"})
    assert platforms.settled()

    (delivery,) = receiver.posts()
    sent = Signed("POST", receiver.url, delivery.raw_headers, delivery.body, datetime.now(UTC), Secret(secret))
    check_mailchimp(sent)


def test_every_kind_of_change_is_told(platforms: Platforms, receiver: Receiver) -> None:
    platforms.hook(receiver.url)
    deeds: list[dict[str, Any]] = [
        {"deed": "subscribe", "email": "ada@people.test"},
        {"deed": "edit member", "email": "ada@people.test", "merge_fields": {"FNAME": "Ada"}},
        {"deed": "change address", "email": "ada@people.test", "to": "ada@moved.test"},
        {"deed": "clean", "email": "ada@moved.test"},
        {"deed": "subscribe", "email": "bo@people.test"},
        {"deed": "unsubscribe", "email": "bo@people.test"},
        {"deed": "subscribe", "email": "bo@people.test"},
    ]
    for deed in deeds:
        platforms.side("deed", deed)
    bodies = told(platforms, receiver)

    assert kinds(bodies) == ["cleaned", "profile", *["subscribe"] * 3, "unsubscribe", "upemail"]
    (moved,) = [body for body in bodies if body["type"] == "upemail"]
    assert (moved["data[old_email]"], moved["data[new_email]"]) == ("ada@people.test", "ada@moved.test")
    assert moved["data[new_id]"] == platforms.email.directory(AUDIENCE).find("ada@moved.test")["id"]  # type: ignore[index]


def test_writes_by_api_are_told_only_where_api_is_switched_on(platforms: Platforms, receiver: Receiver) -> None:
    quiet, loud = f"{receiver.url}/quiet", f"{receiver.url}/loud"
    platforms.hook(quiet)
    platforms.hook(loud, api=True, user=False)
    platforms.mailchimp("POST", f"{LIST}/members", {"email_address": "ada@people.test", "status": "subscribed"})
    platforms.side("deed", {"deed": "subscribe", "email": "bo@people.test"})
    assert platforms.settled()

    assert [form(post)["data[email]"] for post in receiver.posts("/quiet")] == ["bo@people.test"]
    assert [form(post)["data[email]"] for post in receiver.posts("/loud")] == ["ada@people.test"]


def test_a_member_who_is_archived_or_erased_is_an_unsubscribe_of_kind_delete(
    platforms: Platforms, receiver: Receiver
) -> None:
    for name in ("ada", "bo"):
        platforms.email.add_member(AUDIENCE, f"{name}@people.test")
    platforms.hook(receiver.url, api=True)
    platforms.mailchimp("DELETE", f"{LIST}/members/{platforms.email.directory(AUDIENCE).find('ada@people.test')['id']}")  # type: ignore[index]
    member = platforms.email.directory(AUDIENCE).find("bo@people.test")
    assert member is not None
    platforms.mailchimp("POST", f"{LIST}/members/{member['id']}/actions/delete-permanent")

    actions = {body["data[email]"]: (body["type"], body["data[action]"]) for body in told(platforms, receiver)}
    assert actions == {f"{name}@people.test": ("unsubscribe", "delete") for name in ("ada", "bo")}


def test_a_campaign_that_went_out_is_told(platforms: Platforms, receiver: Receiver) -> None:
    platforms.email.add_member(AUDIENCE, "ada@people.test")
    platforms.hook(receiver.url, api=True)
    settings = {
        "type": "regular",
        "recipients": {"list_id": AUDIENCE},
        "settings": {"subject_line": "For you", "from_name": "The shop", "reply_to": "shop@people.test"},
    }
    campaign = platforms.mailchimp("POST", "/campaigns", settings).json()["id"]
    platforms.mailchimp("PUT", f"/campaigns/{campaign}/content", {"html": "<p>Hello</p>"})
    platforms.mailchimp("POST", f"/campaigns/{campaign}/actions/send")

    (body,) = told(platforms, receiver)
    assert (body["type"], body["data[id]"], body["data[subject]"]) == ("campaign", campaign, "For you")


def test_a_webhook_whose_address_does_not_answer_is_refused(platforms: Platforms, receiver: Receiver) -> None:
    receiver.answer = lambda _number, delivery: (404 if delivery.method == "GET" else 200, {}, b"")
    refused = platforms.hook(receiver.url)
    nobody = platforms.hook("http://127.0.0.1:9/x")

    assert (refused["status"], nobody["status"]) == (400, 400)
    assert platforms.email.webhooks(AUDIENCE) == {}


def test_410_switches_the_webhook_off(platforms: Platforms, receiver: Receiver) -> None:
    platforms.hook(receiver.url)
    receiver.answer = lambda _number, _delivery: (410, {}, b"")
    for name in ("ada", "bo"):
        platforms.side("deed", {"deed": "subscribe", "email": f"{name}@people.test"})
        assert platforms.settled()

    assert len(receiver.posts()) == 1
    assert platforms.mailchimp("GET", f"{LIST}/webhooks").json()["total_items"] == 1  # it is still listed


def test_a_webhook_to_which_nothing_can_be_delivered_is_switched_off(
    platforms: Platforms, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "GIVEN_UP", 2)
    platforms.sandbox.world.settings.webhook_retry_scale = 0.0
    platforms.hook(receiver.url)
    receiver.answer = lambda _number, _delivery: (500, {}, b"")
    for name in ("ada", "bo", "cy"):
        platforms.side("deed", {"deed": "subscribe", "email": f"{name}@people.test"})
        assert platforms.settled()

    assert len(receiver.posts()) == 2 * 8
    assert sum(deliveries.WAITS) == 75 * 60


def test_some_deliveries_come_twice(platforms: Platforms, receiver: Receiver) -> None:
    platforms.sandbox.world.settings.webhook_duplicates = 0.5
    platforms.hook(receiver.url)
    for number in range(40):
        platforms.side("deed", {"deed": "subscribe", "email": f"n{number}@people.test"})
    bodies = [post.body for post in receiver.posts()] if platforms.settled() else []

    assert len(set(bodies)) == 40
    assert 45 < len(bodies) < 75
