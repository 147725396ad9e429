"""The official SDK, unchanged but for its host, works with every method that a sync needs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import mailchimp_marketing
import pytest
import requests
from mailchimp_marketing.api_client import ApiClientError

from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.world import MAILCHIMP_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.connectors.sandbox.mailchimp.conftest import Platform

Json = Any  # a parsed JSON value, or what has no types

HASH = subscriber_hash("ada@people.test")


@pytest.fixture
def client(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Json:
    """The SDK with its own HTTP layer; it opens a connection for each call and needs to be told the whole host."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = mailchimp_marketing.Client({"api_key": MAILCHIMP_KEY, "server": "", "timeout": 20})
    client.api_client.host = platform.url
    return client


def test_reading_and_writing_members(platform: Platform, client: Json) -> None:
    lists, list_id = client.lists, platform.list_id
    made = lists.add_list_member(list_id, {"email_address": "ada@people.test", "status": "subscribed"})
    put = lists.set_list_member(
        list_id,
        HASH,
        {"email_address": "ada@people.test", "status_if_new": "pending", "merge_fields": {"FNAME": "Ada"}},
        skip_merge_validation=True,
    )
    patched = lists.update_list_member(list_id, HASH, {"vip": True}, skip_merge_validation=True)
    batch = lists.batch_list_members(
        list_id,
        {"members": [{"email_address": "bob@people.test", "status": "subscribed"}], "update_existing": True},
        skip_duplicate_check=True,
    )
    page = lists.get_list_members_info(
        list_id, count=1000, since_last_changed="2020-01-01T00:00:00+00:00", sort_field="last_changed", sort_dir="ASC"
    )

    assert (made["status"], put["full_name"], patched["vip"]) == ("subscribed", "Ada", True)
    assert (batch["total_created"], page["total_items"]) == (1, 2)
    assert lists.get_list_member(list_id, HASH)["id"] == HASH
    assert lists.get_all_lists(count=1000)["lists"][0]["id"] == list_id
    assert lists.get_list(list_id)["stats"]["member_count"] == 2
    assert client.ping.get() == {"health_status": "Everything's Chimpy!"}
    assert client.root.get_root()["account_name"]
    assert client.searchMembers.search("ada")["full_search"]["total_items"] == 1


def test_an_empty_answer_comes_as_a_response(platform: Platform, client: Json) -> None:
    platform.add("ada")
    lists, list_id = client.lists, platform.list_id

    tagged = lists.update_list_member_tags(list_id, HASH, {"tags": [{"name": "ps:a", "status": "active"}]})
    event = lists.create_list_member_event(list_id, HASH, {"name": "persona_assigned"})

    assert (tagged.status_code, event.status_code) == (204, 204)
    assert lists.get_list_member_tags(list_id, HASH)["tags"][0]["name"] == "ps:a"
    assert lists.get_list_member_events(list_id, HASH)["total_items"] == 1
    assert lists.tag_search(list_id, name="ps:")["total_items"] == 1
    assert lists.get_list_member_activity_feed(list_id, HASH, count=10)["activity"]
    assert lists.get_list_member_activity(list_id, HASH)["total_items"] == 0
    assert lists.delete_list_member(list_id, HASH).status_code == 204
    assert lists.delete_list_member_permanent(list_id, HASH).status_code == 204


def test_merge_fields_and_segments(platform: Platform, client: Json) -> None:
    platform.add("ada")
    lists, list_id = client.lists, platform.list_id
    field = lists.add_list_merge_field(list_id, {"tag": "PERSONA", "name": "Persona", "type": "text"})
    segment = lists.create_segment(list_id, {"name": "ps:a", "static_segment": []})
    number = segment["id"]
    batch = lists.batch_segment_members({"members_to_add": ["ada@people.test"]}, list_id, number)

    assert lists.get_list_merge_fields(list_id, count=1000)["total_items"] == 3
    assert lists.update_list_merge_field(list_id, field["merge_id"], {"name": "P"})["name"] == "P"
    assert lists.get_list_merge_field(list_id, field["merge_id"])["tag"] == "PERSONA"
    assert batch["total_added"] == 1
    assert lists.get_segment_members_list(list_id, number, count=1000)["total_items"] == 1
    assert lists.list_segments(list_id, count=1000, type="static")["total_items"] == 1
    assert lists.get_segment(list_id, number)["member_count"] == 1
    assert lists.update_segment(list_id, number, {"name": "ps:b"})["name"] == "ps:b"
    assert lists.delete_segment(list_id, number).status_code == 204
    assert lists.delete_list_merge_field(list_id, field["merge_id"]).status_code == 204


def test_batches_and_webhooks(platform: Platform, client: Json) -> None:
    platform.add("ada")
    body = json.dumps({"vip": True})
    operation = {"method": "PATCH", "path": f"{platform.members}/{HASH}", "operation_id": "1", "body": body}
    batch = client.batches.start({"operations": [operation]})
    hook = client.lists.create_list_webhook(platform.list_id, {"url": "https://hooks.people.test/x"})

    assert client.batches.status(batch["id"])["id"] == batch["id"]
    assert client.batches.list()["total_items"] == 1
    assert client.batches.delete_request(batch["id"]).status_code == 204
    assert client.lists.get_list_webhooks(platform.list_id)["total_items"] == 1
    assert client.lists.get_list_webhook(platform.list_id, hook["id"])["url"] == hook["url"]
    assert client.lists.delete_list_webhook(platform.list_id, hook["id"]).status_code == 204


def test_stores_and_orders(platform: Platform, client: Json) -> None:
    shop = client.ecommerce
    shop.add_store({"id": "s", "list_id": platform.list_id, "name": "Shop", "currency_code": "EUR"})
    shop.add_store_product("s", {"id": "p", "title": "Pot", "type": "garden", "variants": [{"id": "p", "title": "P"}]})
    line = {"id": "1", "product_id": "p", "product_variant_id": "p", "quantity": 2, "price": 5}
    customer = {"id": "c", "email_address": "ada@people.test", "opt_in_status": False}
    order = {"id": "o", "customer": customer, "currency_code": "EUR", "order_total": 10, "lines": [line]}
    shop.add_store_order("s", {**order, "processed_at_foreign": "2026-01-01T00:00:00Z"})

    assert shop.stores(count=10)["stores"][0]["id"] == "s"
    assert shop.get_all_store_products("s", count=10)["products"][0]["type"] == "garden"
    assert shop.get_all_store_customers("s", count=10)["customers"][0]["orders_count"] == 1
    assert shop.orders(count=10)["orders"][0]["lines"][0]["quantity"] == 2
    assert shop.get_store_orders("s", count=10)["total_items"] == 1
    assert shop.get_order("s", "o")["processed_at_foreign"] == "2026-01-01T00:00:00+00:00"


def test_campaigns_and_reports(platform: Platform, client: Json, send_campaign: Callable[..., str]) -> None:
    platform.add(*(f"p{number}" for number in range(20)))
    campaign = send_campaign()
    reports = client.reports
    methods = [
        reports.get_email_activity_for_campaign,
        reports.get_campaign_recipients,
        reports.get_campaign_open_details,
        reports.get_campaign_click_details,
        reports.get_unsubscribed_list_for_campaign,
    ]

    assert client.campaigns.list(count=10, status="sent")["total_items"] == 1
    assert client.campaigns.get(campaign)["emails_sent"] == 20
    assert reports.get_all_campaign_reports(count=10)["reports"][0]["id"] == campaign
    assert reports.get_campaign_report(campaign)["emails_sent"] == 20
    assert all(method(campaign, count=500)["campaign_id"] == campaign for method in methods)
    assert reports.get_campaign_abuse_reports(campaign)["campaign_id"] == campaign
    assert reports.get_sub_reports_for_campaign(campaign)["total_items"] == 0


def test_a_campaign_made_by_the_sdk_is_scheduled_and_unscheduled(platform: Platform, client: Json) -> None:
    platform.add("ada")
    settings = {"subject_line": "Hello", "from_name": "Team", "reply_to": "team@people.test"}
    made = client.campaigns.create(
        {"type": "regular", "recipients": {"list_id": platform.list_id}, "settings": settings}
    )
    client.campaigns.set_content(made["id"], {"html": "<p>Hello *|FNAME|*</p>"})
    year = datetime.now(UTC).year + 1

    assert client.campaigns.get_send_checklist(made["id"])["is_ready"] is True
    answer = client.campaigns.schedule(made["id"], {"schedule_time": f"{year}-01-01T10:15:00+00:00"})
    assert answer.status_code == 204
    assert client.campaigns.unschedule(made["id"]).status_code == 204
    assert client.campaigns.get_content(made["id"])["html"] == "<p>Hello *|FNAME|*</p>"
    assert client.campaigns.update(made["id"], {"settings": {"title": "T"}})["settings"]["title"] == "T"
    assert client.campaigns.remove(made["id"]).status_code == 204


def test_a_refusal_is_problem_json_as_text(platform: Platform, client: Json) -> None:
    with pytest.raises(ApiClientError) as caught:
        client.lists.get_list_member(platform.list_id, HASH)

    assert caught.value.status_code == 404
    assert json.loads(caught.value.text)["title"] == "Resource Not Found"


def test_a_server_that_is_away_has_no_status(client: Json) -> None:
    client.api_client.host = "http://127.0.0.1:9"

    with pytest.raises(ApiClientError) as caught:
        client.ping.get()

    assert caught.value.status_code is None
    assert isinstance(caught.value.text, requests.ConnectionError)
