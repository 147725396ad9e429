"""Bodies become events; rubbish becomes one documented error."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.events import MalformedError, PlatformEvent
from connectors.hubspot.events import action_event, contact_events
from connectors.mailchimp.events import member_events
from connectors.records import platform_key
from sync.webhooks.events import inbox_event

MOMENT = datetime(2026, 11, 30, 20, tzinfo=UTC)
CREATED = {
    "eventId": 1,
    "subscriptionId": 11,
    "occurredAt": 1795341600000,
    "attemptNumber": 0,
    "subscriptionType": "contact.creation",
    "objectId": 101,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*CREATED, "x", "object", "callbackId"]), inner, max_size=6)
    ),
    max_leaves=12,
)


def body(**changed: Any) -> bytes:
    return json.dumps([{**CREATED, **changed}]).encode()


def test_another_attempt_of_a_delivery_is_the_same_event() -> None:
    first, again = (contact_events(body(attemptNumber=number))[0] for number in (0, 3))

    assert first.id == again.id


def test_events_that_share_hubspots_event_id_are_two() -> None:
    first, other = (contact_events(body(objectId=number))[0] for number in (101, 102))

    assert first.id != other.id
    assert (first.ids, other.ids) == (["101"], ["102"])


def test_a_merge_is_about_the_contact_that_stays() -> None:
    (event,) = contact_events(
        body(subscriptionType="contact.merge", newObjectId=140, primaryObjectId=101, mergedObjectIds=[102])
    )

    assert inbox_event(event, ["crm"], "hubspot").contact == "crm:140"
    assert event.ids == ["140", "101", "102"]


def test_an_event_about_a_company_is_none_of_ours() -> None:
    assert contact_events(body(subscriptionType="company.creation")) == []
    assert contact_events(body(subscriptionType="object.creation", objectTypeId="0-2")) == []


def test_an_address_change_names_both_addresses() -> None:
    form = (
        b"type=upemail&fired_at=2026-11-22+10%3A00%3A00&data%5Blist_id%5D=L1&data%5Bnew_email%5D=new%40people.test"
        b"&data%5Bold_email%5D=old%40people.test"
    )

    (event,) = member_events(form, {"L1": "email"})

    assert (event.connection, event.addresses) == ("email", ["new@people.test", "old@people.test"])
    assert "@" not in inbox_event(event, ["email"], "mailchimp").contact


def test_an_event_of_another_audience_is_none_of_ours() -> None:
    form = b"type=subscribe&fired_at=2026-11-22+10%3A00%3A00&data%5Blist_id%5D=L2&data%5Bemail%5D=a%40people.test"

    assert member_events(form, {"L1": "email"}) == []


@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    text = json.dumps(document).encode()

    for read in (contact_events, action_event):
        with contextlib.suppress(MalformedError):
            read(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (contact_events, action_event):
        with contextlib.suppress(MalformedError):
            read(content)
    with contextlib.suppress(MalformedError):
        member_events(content, {"L1": "email"})


@pytest.mark.parametrize(
    "changed",
    [
        {"occurredAt": "yesterday"},
        {"occurredAt": 1e300},
        {"objectId": None},
        {"objectId": "101/.."},
        {"subscriptionType": 7},
    ],
)
def test_an_event_with_a_broken_part_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        contact_events(body(**changed))


@pytest.mark.parametrize(
    ("told", "connections"),
    [
        ({"ids": ["7"]}, []),
        ({"ids": ["7"]}, ["north", "south"]),  # which one?
        ({"ids": ["7"], "connection": "east"}, ["north", "south"]),
        ({}, ["north"]),
    ],
)
def test_an_event_of_no_contact_or_no_connection_is_refused(told: dict[str, Any], connections: list[str]) -> None:
    with pytest.raises(MalformedError):
        inbox_event(PlatformEvent("e1", "edited", MOMENT, **told), connections, "pond")


@given(st.text(), st.text(), st.sampled_from(["north", "south"]))
def test_the_key_of_an_event_is_its_own_and_its_connections(first: str, second: str, connection: str) -> None:
    def key(event_id: str, name: str) -> str:
        told = PlatformEvent(event_id, "edited", MOMENT, ids=["7"], connection=name)
        return inbox_event(told, ["north", "south"], "pond").key

    assert (key(first, connection) == key(second, connection)) == (first == second)
    assert key(first, "north") != key(first, "south")


def test_a_moment_without_a_zone_is_read_as_utc() -> None:
    event = inbox_event(PlatformEvent("e1", "edited", MOMENT.replace(tzinfo=None), ids=["7"]), ["lake"], "pond")

    assert (event.occurred_at, event.contact) == (MOMENT, platform_key("lake", "7"))
