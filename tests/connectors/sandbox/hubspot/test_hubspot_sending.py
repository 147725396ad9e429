"""Publishing an e-mail: who gets it, what they read, what they do in the days after, and what survives a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.world import make_world

if TYPE_CHECKING:
    from tests.connectors.sandbox.hubspot.conftest import Platform

EMAILS = "/marketing/v3/emails"
EVENTS = "/email/public/v1/events"
DAYS = timedelta(hours=73)


def draft(hubspot: Platform, **more: Any) -> str:
    body = {"name": "Offer", "subject": "Hello {{ contact.firstname }}", **more}
    email_id: str = hubspot.post(EMAILS, body).json()["id"]
    return email_id


def publish(hubspot: Platform, email_id: str) -> int:
    return hubspot.post(f"{EMAILS}/{email_id}/publish", None).status_code


def recipients(hubspot: Platform, kind: str = "SENT") -> list[str]:
    events = hubspot.get(EVENTS, eventType=kind, limit=1000)["events"]
    return sorted(event["recipient"] for event in events)


def list_of(hubspot: Platform, name: str, *record_ids: str) -> str:
    body = {"name": name, "objectTypeId": "0-1", "processingType": "MANUAL"}
    list_id: str = hubspot.post("/crm/v3/lists", body).json()["list"]["listId"]
    hubspot.call("PUT", f"/crm/v3/lists/{list_id}/memberships/add", list(record_ids))
    return list_id


def test_a_mail_goes_to_the_lists_that_are_included_and_not_excluded(hubspot: Platform) -> None:
    ada, bob, eve = (hubspot.add(f"{name}@people.test") for name in ("ada", "bob", "eve"))
    included = list_of(hubspot, "in", ada, bob)
    excluded = list_of(hubspot, "out", bob, eve)
    email_id = draft(hubspot, to={"contactIlsLists": {"include": [included], "exclude": [excluded]}})

    assert publish(hubspot, email_id) == 204
    assert recipients(hubspot) == ["ada@people.test"]
    email = hubspot.get(f"{EMAILS}/{email_id}")
    assert (email["state"], email["isPublished"], "publishedAt" in email) == ("PUBLISHED", True, True)


def test_nobody_gets_a_mail_who_opted_out_bounced_or_has_no_address(hubspot: Platform, noon: datetime) -> None:
    hubspot.add("ada@people.test")
    hubspot.add(None, firstname="Nobody")
    hubspot.state.add_contact({"email": "out@people.test"}, created_at=noon, opted_out=True)
    hubspot.add("bad@people.test", hs_email_bad_address="true")
    ended = {"emailAddress": "ended@people.test", "subscriptionId": "71"}
    hubspot.add("ended@people.test")
    hubspot.post("/communication-preferences/v3/unsubscribe", ended)

    publish(hubspot, draft(hubspot, subscriptionDetails={"subscriptionId": "71"}))

    assert recipients(hubspot) == ["ada@people.test"]


def test_a_mail_is_sent_once_and_not_to_lists_that_do_not_exist(hubspot: Platform) -> None:
    email_id = draft(hubspot)

    assert publish(hubspot, email_id) == 204
    assert publish(hubspot, email_id) == 400
    assert hubspot.call("PATCH", f"{EMAILS}/{email_id}", {"subject": "x"}).status_code == 400
    assert publish(hubspot, draft(hubspot, to={"contactIlsLists": {"include": ["999"]}})) == 400
    assert publish(hubspot, draft(hubspot, subject="{% if %}")) == 400
    assert publish(hubspot, "999") == 404


def test_what_people_do_comes_in_during_the_following_days(hubspot: Platform) -> None:
    for number in range(600):
        hubspot.add(f"p{number}@people.test", firstname="P")
    email_id = draft(hubspot, content={"widgets": {"text": {"body": {"html": "New in this week"}}}})
    publish(hubspot, email_id)
    at_once = hubspot.get(f"{EMAILS}/{email_id}", includeStats="true")["stats"]["counters"]
    hubspot.world.clock.advance(DAYS)

    counters = hubspot.get(f"{EMAILS}/{email_id}", includeStats="true")["stats"]["counters"]

    assert (at_once["sent"], at_once["click"]) == (600, 0)
    assert counters["sent"] == 600 >= counters["delivered"] > counters["open"] > counters["click"] > 0
    assert counters["delivered"] + counters["bounce"] >= 600
    assert len(set(recipients(hubspot, "STATUSCHANGE"))) == counters["unsubscribed"]
    for row in hubspot.get("/crm/v3/objects/deals", associations="contacts", limit=100)["results"]:
        assert len(row["associations"]["contacts"]["results"]) == 1


def test_the_account_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "world.db"
    world = make_world(file)
    state = HubSpotState.of(world)
    created = datetime(2026, 11, 1, 12, tzinfo=UTC)
    contact = state.add_contact({"email": "ada@people.test"}, created_at=created, opted_out=True)
    deal = state.add_deal({"amount": "10"}, contact_id=contact, at=created + timedelta(hours=1))
    state.record_event("7001", "555", "STATUSCHANGE", "ada@people.test", created)
    world.store.close()

    again = make_world(file)
    restored = HubSpotState.of(again)

    assert restored.by_email == {"ada@people.test": contact}
    assert (restored.deals_of, restored.contact_records.order) == ({contact: [deal]}, [int(contact)])
    assert restored.contacts[contact]["properties"] == state.contacts[contact]["properties"]
    assert len(restored.due) == 1
    assert restored.add_contact({"email": "bob@people.test"}, created_at=created) != contact
    again.store.close()


@pytest.mark.parametrize("spelt", ["ADA@people.test", " ada@people.test "])
def test_addresses_are_kept_in_lower_case(spelt: str, noon: datetime) -> None:
    state = HubSpotState.of(make_world())

    record_id = state.add_contact({"email": spelt}, created_at=noon)

    assert state.contacts[record_id]["properties"]["email"] == "ada@people.test"
    assert state.by_email["ada@people.test"] == record_id
