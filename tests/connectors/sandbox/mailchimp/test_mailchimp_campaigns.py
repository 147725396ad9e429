"""Campaigns, what recipients do about them, and the reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connectors.sandbox.mailchimp import MailchimpState, sending
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.world import make_world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.connectors.sandbox.mailchimp.conftest import Platform, Script

Json = Any  # a parsed JSON value, or what has no types

Send = Callable[..., str]
ADA = subscriber_hash("ada@people.test")
DAY = timedelta(days=1)


def status_of(platform: Platform, name: str) -> str:
    member = platform.get(f"{platform.members}/{name}@people.test")
    return str(member["status"])


def test_a_campaign_goes_to_the_subscribed_only(platform: Platform, script: Script, send_campaign: Send) -> None:
    platform.add("ada", "bob")
    for status in ("unsubscribed", "cleaned", "pending", "transactional", "archived"):
        platform.add(status, status=status)

    campaign = platform.get(f"/campaigns/{send_campaign()}")

    assert set(script.read) == {"ada@people.test", "bob@people.test"}
    assert (campaign["status"], campaign["emails_sent"], campaign["recipients"]["recipient_count"]) == ("sent", 2, 2)


def test_a_tag_a_saved_segment_and_conditions_can_be_the_recipients(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add("ada", merge_fields={"FNAME": "Ada"})
    platform.add("bob", merge_fields={"FNAME": "Bob"})
    segments = f"/lists/{platform.list_id}/segments"
    tag = platform.post(segments, {"name": "ps:a", "static_segment": ["ada@people.test"]})["id"]
    by_text = {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "Bob"}
    saved = platform.post(segments, {"name": "b", "options": {"match": "all", "conditions": [by_text]}})["id"]

    send_campaign(recipients={"segment_opts": {"saved_segment_id": tag}})
    assert set(script.read) == {"ada@people.test"}
    script.read.clear()
    send_campaign(recipients={"segment_opts": {"saved_segment_id": saved}})
    assert set(script.read) == {"bob@people.test"}
    script.read.clear()
    send_campaign(recipients={"segment_opts": {"match": "any", "conditions": [by_text]}})
    assert set(script.read) == {"bob@people.test"}
    unknown = {"list_id": platform.list_id, "segment_opts": {"saved_segment_id": 9}}
    assert platform.refusal("POST", "/campaigns", json={"type": "regular", "recipients": unknown})


def test_each_recipient_reads_the_text_rendered_for_them(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.patch(f"/lists/{platform.list_id}/merge-fields/1", {"default_value": "friend"})
    platform.add("ada", merge_fields={"FNAME": "Ada"})
    platform.add("bob")

    send_campaign("<p>Hi *|FNAME|*</p>*|IF:FNAME=Ada|*<b>VIP</b>*|END:IF|*")

    assert script.read == {"ada@people.test": "News\nHi Ada VIP", "bob@people.test": "News\nHi friend"}


def test_what_is_not_ready_is_not_sent(platform: Platform) -> None:
    draft = platform.post("/campaigns", {"type": "regular", "recipients": {"list_id": platform.list_id}})["id"]

    check = platform.get(f"/campaigns/{draft}/send-checklist")
    body = platform.refusal("POST", f"/campaigns/{draft}/actions/send")

    assert check["is_ready"] is False
    assert {item["heading"] for item in check["items"] if item["type"] == "error"} == {
        "List",
        "Subject",
        "From name",
        "Reply-to",
        "Content",
    }
    assert "not ready to send" in body["detail"]
    assert platform.refusal("POST", "/campaigns", json={"type": "rss"})
    assert platform.refusal("POST", "/campaigns", json={"type": "regular", "recipients": {"list_id": "none"}})
    assert platform.refusal("GET", f"/reports/{draft}", 404)


def test_a_sent_campaign_cannot_be_changed_or_sent_again(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add("ada")
    campaign = send_campaign()

    assert platform.refusal("PATCH", f"/campaigns/{campaign}", json={"settings": {"title": "x"}})
    assert platform.refusal("POST", f"/campaigns/{campaign}/actions/send")
    assert len(script.read) == 1


@pytest.mark.parametrize("minute", ["07", "15:01"])
def test_a_campaign_is_scheduled_on_quarter_hours_only(platform: Platform, script: Script, minute: str) -> None:
    platform.add("ada")
    settings = {"subject_line": "S", "from_name": "T", "reply_to": "t@people.test"}
    body = {"type": "regular", "recipients": {"list_id": platform.list_id}, "settings": settings}
    path = f"/campaigns/{platform.post('/campaigns', body)['id']}"
    platform.put(f"{path}/content", {"html": "<p>x</p>"})
    year = (platform.world.clock.now() + 400 * DAY).year

    refused = platform.refusal("POST", f"{path}/actions/schedule", json={"schedule_time": f"{year}-01-01T10:{minute}Z"})
    past = platform.refusal("POST", f"{path}/actions/schedule", json={"schedule_time": "2020-01-01T10:15:00Z"})
    platform.post(f"{path}/actions/schedule", {"schedule_time": f"{year}-01-01T10:15:00Z"})
    waiting = platform.get(path)
    platform.world.clock.advance(2 * 400 * DAY)
    sent = platform.get(path)

    assert "quarter-hour" in refused["detail"]
    assert "future" in past["detail"]
    assert (waiting["status"], sent["status"]) == ("schedule", "sent")
    assert set(script.read) == {"ada@people.test"}


def test_activity_shows_when_its_time_has_come(platform: Platform, script: Script, send_campaign: Send) -> None:
    platform.add("ada", "bob")
    script.acts = {"ada": [("open", 60), ("click", 61), ("machine_open", 3000)]}
    campaign = send_campaign('<a href="https://shop.test/tea">tea</a>')

    def actions() -> list[list[str]]:
        emails = platform.get(f"/reports/{campaign}/email-activity")["emails"]
        return sorted([act["action"] for act in email["activity"]] for email in emails)

    at_once = actions()
    platform.world.clock.advance(timedelta(hours=2))
    soon = actions()
    platform.world.clock.advance(3 * DAY)

    assert at_once == [[], []]
    assert soon == [[], ["open", "click"]]
    assert actions() == [[], ["open", "click", "open"]]
    clicks = platform.get(f"/reports/{campaign}/click-details")["urls_clicked"]
    assert [(entry["url"], entry["total_clicks"]) for entry in clicks] == [("https://shop.test/tea", 1)]
    people = platform.get(f"/reports/{campaign}/click-details/{clicks[0]['id']}/members")["members"]
    assert [(person["email_id"], person["clicks"]) for person in people] == [(ADA, 1)]
    assert platform.refusal("GET", f"/reports/{campaign}/click-details/none/members", 404)


def test_since_leaves_out_members_without_activity(platform: Platform, script: Script, send_campaign: Send) -> None:
    platform.add("ada", "bob")
    script.acts = {"ada": [("open", 1), ("open", 600)], "bob": [("open", 1)]}
    campaign = send_campaign()
    platform.world.clock.advance(DAY)
    since = (platform.world.clock.now() - timedelta(hours=20)).isoformat()

    page = platform.get(f"/reports/{campaign}/email-activity", since=since)
    opened = platform.get(f"/reports/{campaign}/open-details", since=since)

    assert page["total_items"] == 1
    assert [len(email["activity"]) for email in page["emails"]] == [1]
    assert (opened["total_items"], opened["total_opens"]) == (1, 1)


def test_totals_agree_with_the_activity_and_rates_are_fractions_of_deliveries(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add("ada", "bob", "carl", "dora", "emil")
    script.acts = {
        "ada": [("open", 10), ("click", 11), ("click", 12)],
        "bob": [("open", 20), ("unsubscribe", 30)],
        "carl": [("hard_bounce", 1)],
        "dora": [("soft_bounce", 1)],
        "emil": [("complaint", 50)],
    }
    campaign = send_campaign()
    platform.world.clock.advance(DAY)

    report = platform.get(f"/reports/{campaign}")
    summary = platform.get(f"/campaigns/{campaign}")["report_summary"]
    sent_to = {row["email_address"]: row["status"] for row in platform.get(f"/reports/{campaign}/sent-to")["sent_to"]}

    assert report["emails_sent"] == 5
    assert report["bounces"] == {"hard_bounces": 1, "soft_bounces": 1, "syntax_errors": 0}
    assert (report["opens"]["opens_total"], report["opens"]["unique_opens"]) == (2, 2)
    assert report["opens"]["open_rate"] == summary["open_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert (report["clicks"]["clicks_total"], report["clicks"]["unique_subscriber_clicks"]) == (2, 1)
    assert (report["unsubscribed"], report["abuse_reports"]) == (1, 1)
    assert sent_to["carl@people.test"] == "hard"
    assert sent_to["dora@people.test"] == "soft"
    assert sum(hour["unique_opens"] for hour in report["timeseries"]) == 2
    assert platform.get(f"/reports/{campaign}/unsubscribed")["unsubscribes"][0]["reason"] == "None given"
    complaint = platform.get(f"/reports/{campaign}/abuse-reports")["abuse_reports"][0]
    assert complaint["email_address"] == "emil@people.test"
    assert platform.get(f"/lists/{platform.list_id}")["stats"]["open_rate"] == 40.0  # percent
    assert platform.get(f"/reports/{campaign}/email-activity/{ADA}")["activity"][0]["action"] == "open"


def test_leaving_bouncing_and_complaining_change_the_member_when_it_happens(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add("ada", "bob", "carl")
    script.acts = {"ada": [("unsubscribe", 60)], "bob": [("hard_bounce", 60)], "carl": [("complaint", 60)]}
    send_campaign()
    before = [status_of(platform, name) for name in ("ada", "bob", "carl")]

    platform.world.clock.advance(timedelta(hours=2))

    assert before == ["subscribed"] * 3
    assert [status_of(platform, name) for name in ("ada", "bob", "carl")] == ["unsubscribed", "cleaned", "unsubscribed"]
    body = platform.refusal("PATCH", f"{platform.members}/{ADA}", json={"status": "subscribed"})
    assert body["title"] == "Member In Compliance State"


def test_orders_name_their_campaign_and_come_when_their_time_has_come(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add("ada")
    script.acts = {"ada": [("open", 1), ("click", 2), ("order", 600)]}
    campaign = send_campaign()
    early = platform.get("/ecommerce/orders", campaign_id=campaign)["total_items"]

    platform.world.clock.advance(DAY)
    orders = platform.get("/ecommerce/orders", campaign_id=campaign)["orders"]

    assert early == 0
    assert [(order["order_total"], order["customer"]["email_address"]) for order in orders] == [
        (20.0, "ada@people.test")
    ]
    assert orders[0]["lines"][0]["price"] == 20.0
    assert platform.get("/ecommerce/orders", campaign_id="other")["total_items"] == 0
    assert platform.get(f"/reports/{campaign}")["ecommerce"]["total_revenue"] == 20.0
    feed = platform.get(f"{platform.members}/{ADA}/activity-feed")
    assert [entry["activity_type"] for entry in feed["activity"]] == ["order", "click", "open", "sent"]
    assert "total_items" not in feed


def test_the_feed_filters_and_the_old_activity_stops_at_fifty(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add("ada")
    script.acts = {"ada": [("open", minute) for minute in range(1, 61)]}
    send_campaign()
    platform.world.clock.advance(DAY)
    path = f"{platform.members}/{ADA}"

    opens = platform.get(f"{path}/activity-feed", activity_filters="open", count=1000)

    assert len(opens["activity"]) == 60
    assert len(platform.get(f"{path}/activity")["activity"]) == 50
    assert len(platform.get(f"{path}/activity", action="sent")["activity"]) == 1
    assert platform.refusal("GET", f"{path}/activity-feed?activity_filters=dance")


def test_reports_in_pages_over_500_time_out_at_the_gateway(
    platform: Platform, script: Script, send_campaign: Send
) -> None:
    platform.add("ada")
    campaign = send_campaign()

    answer = platform.call("GET", f"/reports/{campaign}/email-activity?count=1000")
    platform.world.settings.enforce_limits = False

    assert (answer.status_code, answer.headers["Content-Type"]) == (504, "text/html; charset=utf-8")
    assert script.read
    assert platform.get(f"/reports/{campaign}/email-activity", count=1000)["total_items"] == 1


def test_campaigns_and_reports_are_filtered_and_sorted(platform: Platform, script: Script, send_campaign: Send) -> None:
    platform.add("ada")
    first = send_campaign()
    platform.world.clock.advance(DAY)
    second = send_campaign(type="plaintext")
    between = (platform.world.clock.now() - DAY / 2).isoformat()
    draft = platform.post("/campaigns", {"type": "regular"})["id"]

    def ids(path: str, **query: Json) -> list[str]:
        answer = platform.get(path, **query)
        return [row["id"] for row in answer[path.strip("/")]]

    assert ids("/campaigns") == [first, second, draft]
    assert ids("/campaigns", status="sent", sort_field="send_time", sort_dir="DESC") == [second, first]
    assert ids("/campaigns", since_send_time=between) == [second]
    assert ids("/campaigns", before_send_time=between, list_id=platform.list_id) == [first]
    assert ids("/reports") == [second, first]
    assert ids("/reports", since_send_time=between) == [second]
    assert ids("/reports", type="plain-text") == [second]
    assert platform.refusal("GET", "/campaigns?status=canceled")
    assert script.read


def test_what_is_still_to_happen_survives_a_restart(platform: Platform, script: Script, tmp_path: Path) -> None:
    world = make_world(tmp_path / "state.sqlite")
    state = MailchimpState.of(world)
    state.effects |= sending.EFFECTS
    state.respond = script.respond
    script.acts = {"ada": [("unsubscribe", 60), ("order", 60)]}
    list_id = state.add_audience("Main")
    state.add_member(list_id, "ada@people.test")
    row = {**CAMPAIGN, "recipients": {"list_id": list_id}}
    state.campaigns["c1"] = row
    sending.send_out(state, row)
    world.store.close()

    again = make_world(tmp_path / "state.sqlite")
    after = MailchimpState.of(again)
    after.effects |= sending.EFFECTS
    again.clock.advance(DAY)
    after.settle()
    member = after.directory(list_id).find("ada@people.test")
    again.store.close()

    assert member is not None
    assert (member["status"], member["compliance"]) == ("unsubscribed", True)
    assert len(after.campaign_orders["c1"]) == 1
    assert platform.state is not after


CAMPAIGN: dict[str, Any] = {
    "id": "c1",
    "parent_campaign_id": "",
    "type": "regular",
    "settings": {"subject_line": "S"},
    "content": {"html": "x"},
    "variate_settings": None,
    "emails_sent": 0,
    "status": "save",
}
