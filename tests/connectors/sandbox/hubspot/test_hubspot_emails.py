"""Marketing e-mails: documents, events as their time comes, figures, and what they do to contacts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.hubspot.errors import Refusal
from connectors.sandbox.hubspot.hubl import renderer, texts
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import parse_ms
from connectors.sandbox.world import make_world

if TYPE_CHECKING:
    from tests.connectors.sandbox.hubspot.conftest import Platform

EMAILS = "/marketing/v3/emails"
EVENTS = "/email/public/v1/events"
ADA = "ada@people.test"
BOB = "bob@people.test"


def new_email(hubspot: Platform, name: str = "Offer", **more: Any) -> dict[str, Any]:
    answer = hubspot.post(f"{EMAILS}/", {"name": name, "subject": "Hello", **more})
    assert answer.status_code == 201, answer.text
    email: dict[str, Any] = answer.json()
    return email


def record(hubspot: Platform, email: dict[str, Any], *what: tuple[str, str, float]) -> None:
    """File (kind, recipient, seconds from now) for an e-mail."""
    now = hubspot.world.clock.now()
    campaign = email["primaryEmailCampaignId"]
    for kind, recipient, seconds in what:
        hubspot.state.record_event(email["id"], campaign, kind, recipient, now + timedelta(seconds=seconds))


def types(hubspot: Platform, **query: object) -> list[str]:
    return [event["type"] for event in hubspot.get(EVENTS, limit=1000, **query)["events"]]


def test_an_email_is_drafted_changed_and_archived(hubspot: Platform) -> None:
    email = new_email(hubspot)
    path = f"{EMAILS}/{email['id']}"

    changed = hubspot.call("PATCH", path, {"subject": "For you"}).json()

    assert (email["state"], email["isPublished"], changed["subject"]) == ("DRAFT", False, "For you")
    assert hubspot.get(f"/marketing/emails/2026-03/{email['id']}") == changed
    assert hubspot.call("DELETE", path).status_code == 204
    assert hubspot.call("GET", path).status_code == 404
    assert hubspot.post(f"{EMAILS}/", {"subject": "x"}).status_code == 400


def test_emails_are_listed_by_filters_and_pages(hubspot: Platform) -> None:
    names = ["a", "b", "c"]
    for name in names:
        new_email(hubspot, name)
        hubspot.world.clock.advance(timedelta(hours=1))

    first = hubspot.get(EMAILS, limit=2)
    second = hubspot.get(EMAILS, limit=2, after=first["paging"]["next"]["after"])
    falling = hubspot.get(EMAILS, sort="-createdAt")
    bound = first["results"][1]["createdAt"]

    assert [row["name"] for row in first["results"] + second["results"]] == names
    assert (first["total"], "paging" in second) == (3, False)
    assert [row["name"] for row in falling["results"]] == names[::-1]
    assert [row["name"] for row in hubspot.get(EMAILS, createdAfter=bound)["results"]] == ["c"]
    assert [row["name"] for row in hubspot.get(EMAILS, createdAt=bound)["results"]] == ["b"]
    assert hubspot.get(EMAILS, isPublished="true")["results"] == []
    assert set(hubspot.get(EMAILS, includedProperties="name")["results"][0]) == {"id", "name"}
    assert hubspot.call("GET", EMAILS, sort="colour").status_code == 400
    assert hubspot.call("GET", EMAILS, createdAfter="soon").status_code == 400


def test_events_show_once_the_clock_has_passed_them(hubspot: Platform) -> None:
    email = new_email(hubspot)
    record(hubspot, email, ("SENT", ADA, 0), ("OPEN", ADA, 3600), ("CLICK", ADA, 7200))

    at_once = types(hubspot)
    hubspot.world.clock.advance(timedelta(hours=1))
    later = types(hubspot)
    hubspot.world.clock.advance(timedelta(hours=1))

    assert (at_once, later, types(hubspot)) == (["SENT"], ["OPEN", "SENT"], ["CLICK", "OPEN", "SENT"])


def test_an_event_has_the_keys_that_are_promised(hubspot: Platform) -> None:
    email = new_email(hubspot)
    now = hubspot.world.clock.now()
    hubspot.state.record_event(email["id"], email["primaryEmailCampaignId"], "CLICK", ADA, now, "https://shop.test/a")

    event = hubspot.get(EVENTS)["events"][0]

    assert {"id", "created", "type", "recipient", "portalId", "appId", "emailCampaignId"} <= set(event)
    assert event["emailCampaignId"] == int(email["primaryEmailCampaignId"])
    assert event["url"] == "https://shop.test/a"


def test_events_are_filtered_and_paged_by_offset(hubspot: Platform) -> None:
    email, other = new_email(hubspot), new_email(hubspot, "Other")
    record(hubspot, email, ("SENT", ADA, -30), ("OPEN", ADA, -20), ("MACHINE_OPEN", BOB, -10))
    record(hubspot, other, ("SENT", BOB, -5))
    campaign = email["primaryEmailCampaignId"]

    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = hubspot.get(EVENTS, **query)
        seen += [event["id"] for event in page["events"]]
        if not page["hasMore"]:
            break
        query["offset"] = page["offset"]

    assert len(set(seen)) == len(seen) == 4
    assert types(hubspot, campaignId=campaign) == ["OPEN", "OPEN", "SENT"]
    assert types(hubspot, campaignId=campaign, excludeFilteredEvents="true") == ["OPEN", "SENT"]
    assert types(hubspot, eventType="SENT", recipient=ADA) == ["SENT"]
    middle = hubspot.state.now_ms() - 15_000
    assert types(hubspot, campaignId=campaign, endTimestamp=middle) == ["OPEN", "SENT"]
    assert types(hubspot, startTimestamp=middle) == ["SENT", "OPEN"]
    assert hubspot.call("GET", EVENTS, limit=1001).status_code == 400
    assert hubspot.call("GET", EVENTS, offset="?").status_code == 400
    assert hubspot.call("GET", EVENTS, startTimestamp="soon").status_code == 400


def test_engagement_moves_the_figures_of_the_contact(hubspot: Platform) -> None:
    contact = hubspot.add(ADA)
    before = hubspot.shown(contact)["lastmodifieddate"]
    record(hubspot, new_email(hubspot), ("SENT", ADA, 1), ("DELIVERED", ADA, 1), ("OPEN", ADA, 5), ("CLICK", ADA, 9))
    hubspot.world.clock.advance(timedelta(seconds=10))
    names = (
        "hs_email_delivered",
        "hs_email_open",
        "hs_email_click",
        "hs_email_last_open_date",
        "hs_email_last_email_name",
    )

    shown = hubspot.shown(contact, *names)

    assert [shown[name] for name in names[:3]] == ["1", "1", "1"]
    assert shown["hs_email_last_email_name"] == "Offer"
    times = [parse_ms(text) or 0 for text in (before, shown["hs_email_last_open_date"], shown["lastmodifieddate"])]
    assert times == sorted(set(times))


@pytest.mark.parametrize("kind", ["STATUSCHANGE", "SPAMREPORT"])
def test_who_unsubscribes_or_complains_is_opted_out(hubspot: Platform, kind: str) -> None:
    contact = hubspot.add(ADA)
    record(hubspot, new_email(hubspot), (kind, ADA, 0))

    status = hubspot.get(f"/communication-preferences/v3/status/email/{ADA}")["subscriptionStatuses"][0]

    assert hubspot.shown(contact, "hs_email_optout")["hs_email_optout"] == "true"
    assert (status["status"], status["sourceOfStatus"]) == ("NOT_SUBSCRIBED", "PORTAL_WIDE_STATUS")


def test_a_hard_bounce_is_told_on_the_contact(hubspot: Platform) -> None:
    contact = hubspot.add(ADA)
    record(hubspot, new_email(hubspot), ("SOFT_BOUNCE", ADA, -1), ("HARD_BOUNCE", ADA, 0))

    shown = hubspot.shown(contact, "hs_email_bounce", "hs_email_hard_bounce_reason_enum")

    assert (shown["hs_email_bounce"], shown["hs_email_hard_bounce_reason_enum"]) == ("2", "UNKNOWN_USER")
    assert [event["category"] for event in hubspot.get(EVENTS)["events"]] == ["UNKNOWN_USER", "MAILBOX_FULL"]


def test_figures_count_people_and_come_only_when_asked_for(hubspot: Platform) -> None:
    email = new_email(hubspot)
    twice = [("OPEN", ADA, -3.0), ("OPEN", ADA, -2.0)]
    record(hubspot, email, *[(kind, who, -9.0) for who in (ADA, BOB) for kind in ("SENT", "DELIVERED")], *twice)
    record(hubspot, email, ("MACHINE_OPEN", BOB, -1))
    path = f"{EMAILS}/{email['id']}"

    stats = hubspot.get(path, includeStats="true")["stats"]

    assert "stats" not in hubspot.get(path)
    assert {name: stats["counters"][name] for name in ("sent", "delivered", "open", "click")} == {
        "sent": 2,
        "delivered": 2,
        "open": 1,
        "click": 0,
    }
    assert stats["ratios"]["openratio"] == 50.0
    assert set(stats) == {"counters", "ratios", "deviceBreakdown", "qualifierStats"}


def test_a_histogram_is_by_the_time_of_the_event(hubspot: Platform, noon: datetime) -> None:
    email = new_email(hubspot)
    for days in (0, 0, 1):
        hubspot.state.record_event(email["id"], "555", "SENT", f"p{days}@people.test", noon + timedelta(days=days))
    span = {"startTimestamp": "2026-11-01T00:00:00Z", "endTimestamp": "2026-11-08T00:00:00Z"}

    answer = hubspot.get(f"{EMAILS}/statistics/histogram", interval="DAY", **span)
    months = hubspot.get(f"{EMAILS}/statistics/histogram", interval="QUARTER", **span)

    assert [row["interval"]["start"] for row in answer["results"]] == ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]
    assert [row["aggregations"]["counters"]["sent"] for row in answer["results"]] == [1, 1]
    assert months["results"][0]["interval"] == {"start": "2026-10-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"}
    assert hubspot.call("GET", f"{EMAILS}/statistics/histogram", interval="AGE", **span).status_code == 400
    assert hubspot.call("GET", f"{EMAILS}/statistics/list").status_code == 400


HUBL = """{% if contact.hs_persona == "persona_1" %}cheap{% elif contact.hs_persona == "persona_2" %}regular\
{% else %}hello{% endif %} {{ contact.firstname }} {{ personalization_token("contact.hs_persona", "you") }}"""


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"hs_persona": "persona_1", "firstname": "Ada"}, "cheap Ada Bargain Ben"),
        ({"hs_persona": "persona_2"}, "regular  Regular Rita"),
        ({"firstname": "<Bob>"}, "hello <Bob> you"),
    ],
)
def test_hubl_compares_values_and_prints_labels(values: dict[str, str], text: str) -> None:
    definitions = HubSpotState.of(make_world()).properties

    assert renderer("S", HUBL, definitions)(values) == f"S\n{text}"


def test_hubl_that_is_broken_is_refused() -> None:
    with pytest.raises(Refusal, match="cannot be rendered"):
        renderer("{% if %}", "", {})


def test_the_texts_of_an_email_are_found_in_all_its_widgets() -> None:
    content = {
        "templatePath": "@hubspot/email",
        "plainTextVersion": "plain",
        "widgets": {"hero": {"body": {"html": "<p>rich</p>"}, "order": 1}, "list": [{"value": "deep"}]},
    }

    assert texts(content).split("\n") == ["plain", "<p>rich</p>", "deep"]
