"""Bodies become events; rubbish becomes one documented error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.webhooks.events import MalformedError, hubspot_action, hubspot_events, mailchimp_events

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
    first, again = (hubspot_events(body(attemptNumber=number), "crm")[0] for number in (0, 3))

    assert first.key == again.key


def test_events_that_share_hubspots_event_id_are_two() -> None:
    first, other = (hubspot_events(body(objectId=number), "crm")[0] for number in (101, 102))

    assert first.key != other.key
    assert (first.contact, other.contact) == ("crm:101", "crm:102")


def test_a_merge_is_about_the_contact_that_stays() -> None:
    (event,) = hubspot_events(
        body(subscriptionType="contact.merge", newObjectId=140, primaryObjectId=101, mergedObjectIds=[102]), "crm"
    )

    assert event.contact == "crm:140"
    assert event.detail["ids"] == ["140", "101", "102"]


def test_an_event_about_a_company_is_none_of_ours() -> None:
    assert hubspot_events(body(subscriptionType="company.creation"), "crm") == []
    assert hubspot_events(body(subscriptionType="object.creation", objectTypeId="0-2"), "crm") == []


def test_an_address_change_names_both_addresses() -> None:
    form = (
        b"type=upemail&fired_at=2026-11-22+10%3A00%3A00&data%5Blist_id%5D=L1&data%5Bnew_email%5D=new%40people.test"
        b"&data%5Bold_email%5D=old%40people.test"
    )

    (event,) = mailchimp_events(form, {"L1": "email"})

    assert event.detail["addresses"] == ["new@people.test", "old@people.test"]
    assert "@" not in event.contact


def test_an_event_of_another_audience_is_none_of_ours() -> None:
    form = b"type=subscribe&fired_at=2026-11-22+10%3A00%3A00&data%5Blist_id%5D=L2&data%5Bemail%5D=a%40people.test"

    assert mailchimp_events(form, {"L1": "email"}) == []


@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    text = json.dumps(document).encode()

    for read in (hubspot_events, hubspot_action):
        with contextlib.suppress(MalformedError):
            read(text, "crm")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (hubspot_events, hubspot_action):
        with contextlib.suppress(MalformedError):
            read(content, "crm")
    with contextlib.suppress(MalformedError):
        mailchimp_events(content, {"L1": "email"})


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
        hubspot_events(body(**changed), "crm")
