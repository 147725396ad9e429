"""Ghost's connector where no server is needed: its token, its words, and events that have no pages."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.base import Delivery
from connectors.connector import Connection
from connectors.errors import FixSettingsError, SignatureError
from connectors.ghost.connector import Ghost
from connectors.records import Change
from connectors.secret import Secret
from sync.workspace.manifest import plugin_manifest

KEY = "5f7dd11ab6:" + "0a1b2c3d" * 8
SITE = "https://news.example"
API = f"{SITE}/ghost/api/admin"


def ghost(key: str = KEY, **settings: str) -> Ghost:
    spec = plugin_manifest().connectors["ghost"].as_mapping()
    kinds = {"ps_persona": "text"}
    return Ghost(
        Connection(
            "email", {"site": SITE, **settings}, spec, Secret(key), groups=("buyers",), owned=tuple(kinds), kinds=kinds
        )
    )


def newsletters(feed: Any) -> Ghost:
    connector = ghost()
    connector.client = feed
    return connector


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@responses.activate
def test_the_token_is_signed_with_the_key_and_ends_within_five_minutes() -> None:
    responses.get(f"{API}/labels/", json={"labels": [], "meta": {"pagination": {"next": None}}})
    ghost().group_names()
    scheme, _, token = responses.calls[0].request.headers["Authorization"].partition(" ")
    head, claims, signature = token.split(".")
    said = json.loads(decoded(claims))
    issued = datetime.fromtimestamp(said["iat"], UTC)

    assert (scheme, said["aud"]) == ("Ghost", "/admin/")
    assert json.loads(decoded(head)) == {"alg": "HS256", "typ": "JWT", "kid": "5f7dd11ab6"}
    assert decoded(signature) == hmac.digest(bytes.fromhex("0a1b2c3d" * 8), f"{head}.{claims}".encode(), hashlib.sha256)
    assert 0 < said["exp"] - said["iat"] <= 300
    assert abs(datetime.now(UTC) - issued) < timedelta(minutes=1)


@pytest.mark.parametrize("key", ["no-colon", "id:", "id:xyz", ":00ff", "id:0"])
def test_a_key_of_another_form_is_a_failed_check_that_asks_nobody(key: str) -> None:
    [finding] = ghost(key).check()

    assert finding.state == "fail"
    assert key not in finding.message + finding.fix


def test_the_server_must_be_named_and_no_other_may_be_asked() -> None:
    spec = plugin_manifest().connectors["ghost"].as_mapping()
    with pytest.raises(FixSettingsError, match="no `site`"):
        Ghost(Connection("email", {}, spec, Secret(KEY)))
    with pytest.raises(FixSettingsError, match="not an allowed host"):
        Ghost(Connection("email", {"base_url": f"{API}"}, spec, Secret(KEY)))
    with pytest.raises(FixSettingsError, match="https"):
        ghost(site="http://news.example")


@responses.activate
def test_a_refused_field_is_told_in_words_and_moves_nobody_into_a_label() -> None:
    why = {"message": "Validation error, cannot edit member.", "context": "Use 255 characters or fewer.", "type": "V"}
    responses.put(f"{API}/members/m1/", status=422, json={"errors": [why]})
    changes = [
        Change("email", "m1", "p1", "a@people.test", "field", "ps_persona", None, "x" * 300),
        Change("email", "m1", "p1", "a@people.test", "group", "buyers", None, "member"),
    ]
    [outcomes] = ghost().push(changes)

    assert [(outcome.state, outcome.reason) for outcome in outcomes] == [("rejected", why["context"])] * 2
    assert len(responses.calls) == 1


class EventFeed:
    """Ghost's events: at most a hundred an answer, no pages, filtered by members from one to another."""

    def __init__(self, members: Mapping[str, int]) -> None:
        self.members, self.asked = members, 0

    def get(self, path: str, params: Mapping[str, Any]) -> Any:
        self.asked += 1
        if path == "posts/":
            email = {"status": "submitted", "email_count": len(self.members), "opened_count": 1, "failed_count": 0}
            sent = {**email, "submitted_at": "2026-11-30T20:53:00.000Z", "subject": "Hi", "track_opens": True}
            return {"posts": [{"id": "post", "title": "Hi", "email": sent, "count": {"clicks": 3}}]}
        if path == "members/":
            after = re.search(r"id:>'(\w+)'", params["filter"])
            left = [key for key in sorted(self.members) if not after or key > after[1]]
            return {"members": [{"id": key} for key in left[: params["limit"]]]}
        bounds = re.search(r"member_id:>='(\w+)'\+data.member_id:<='(\w+)'", params["filter"])
        assert bounds is not None
        low, high = bounds.groups()
        events = [
            {
                "type": "click_event",
                "data": {"id": f"{key}-{n}", "member": {"id": key}, "created_at": "2026-11-30T20:53:54.000Z"},
            }
            for key, count in self.members.items()
            if low <= key <= high
            for n in range(count)
        ]
        shown = events[: params["limit"]]
        return {"events": shown, "meta": {"pagination": {"total": len(events)}}}


def test_every_event_is_read_once_though_events_have_no_pages() -> None:
    feed = EventFeed({f"m{number:03}": number % 5 for number in range(250)})
    pages = list(newsletters(feed).read("activity", {}))
    clicks = [row["event_id"] for page in pages if page.table == "engagements" for row in page.rows.to_pylist()]
    delivered = [row["contact_key"] for page in pages if page.table == "deliveries" for row in page.rows.to_pylist()]

    assert sorted(clicks) == sorted(f"click_event/m{n:03}-{k}" for n in range(250) for k in range(n % 5))
    assert delivered == [f"email:m{n:03}" for n in range(250)]


def test_a_newsletter_of_which_nothing_new_was_counted_is_not_read_again() -> None:
    feed = EventFeed({"m1": 3})
    connector = newsletters(feed)
    cursor = list(connector.read("activity", {}))[-1].cursor
    feed.asked = 0
    pages = list(connector.read("activity", cursor or {}))

    assert (len(pages), feed.asked, pages[0].cursor) == (1, 1, cursor)


SIGNED = "whsec"
NOW = datetime(2026, 11, 30, 21, 0, tzinfo=UTC)


def delivery(body: bytes, *, at: datetime = NOW, secret: str = SIGNED) -> Delivery:
    stamp = str(int(at.timestamp() * 1000)).encode()
    signature = hmac.digest(secret.encode(), body + stamp, "sha256").hex().encode()
    headers = [(b"x-ghost-signature", b"sha256=" + signature + b", t=" + stamp)]
    spec = plugin_manifest().connectors["ghost"].as_mapping()
    return Delivery("POST", "https://shop.example/hook", headers, body, NOW, Secret(SIGNED), spec=spec)


@pytest.mark.parametrize(
    ("event", "current", "means"),
    [("member.edited", {"id": "m1", "email": "New@People.test"}, ""), ("member.deleted", {}, "gone")],
)
def test_a_signed_delivery_tells_of_its_member(event: str, current: dict[str, str], means: str) -> None:
    states = {"current": current, "previous": {"id": "m1", "email": "old@people.test"}}
    given = delivery(json.dumps({"event": event, "member": states}).encode())
    [told] = Ghost.parse(given)

    assert Ghost.verify(given)
    assert (told.ids, told.kind, told.means, told.at) == (("m1",), event, means, NOW)
    assert list(told.addresses) == ([*(["new@people.test"] if current else []), "old@people.test"])


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"at": NOW - timedelta(hours=1)}])
def test_a_delivery_with_another_secret_or_of_another_hour_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SignatureError):
        Ghost.verify(delivery(b"{}", **wrong))
