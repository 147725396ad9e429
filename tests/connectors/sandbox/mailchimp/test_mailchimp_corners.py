"""Rare cases, each of which a client meets sooner or later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from connectors.sandbox.mailchimp.directory import subscriber_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.connectors.sandbox.mailchimp.conftest import Platform, Script

ADA = subscriber_hash("ada@people.test")
DAY = timedelta(days=1)


def test_the_feed_tells_bounces_departures_and_events(
    platform: Platform, script: Script, send_campaign: Callable[..., str]
) -> None:
    platform.add("ada", "bob")
    script.acts = {"ada": [("soft_bounce", 1), ("unsubscribe", 5)]}
    send_campaign()
    platform.world.clock.advance(DAY)
    platform.post(f"{platform.members}/{ADA}/events", {"name": "persona_assigned"})

    feed = platform.get(f"{platform.members}/{ADA}/activity-feed")["activity"]

    assert [entry["activity_type"] for entry in feed] == ["event", "unsub", "bounce", "sent"]
    assert feed[1]["is_admin_unsubscribed"] is False
    assert feed[2]["bounce_type"] == "soft"


def test_orders_of_another_audience_are_not_in_the_feed(platform: Platform) -> None:
    platform.add("ada")
    other = platform.state.add_audience("Other")
    for store, list_id in (("s", platform.list_id), ("t", other)):
        platform.state.add_store(list_id, store, store)
        customer = {"id": "c", "email_address": "ada@people.test"}
        platform.state.add_order(store, {"id": store, "customer": customer, "order_total": 5, "lines": []})
    platform.state.add_order("s", {"id": "b", "customer": {"id": "b", "email_address": "b@people.test"}, "lines": []})

    feed = platform.get(f"{platform.members}/{ADA}/activity-feed")["activity"]

    assert [entry["order_id"] for entry in feed] == ["s"]


def test_a_change_to_the_address_of_somebody_erased_is_refused(platform: Platform) -> None:
    platform.add("ada", "bob")
    platform.post(f"{platform.members}/{ADA}/actions/delete-permanent")
    bob = subscriber_hash("bob@people.test")

    body = platform.refusal("PATCH", f"{platform.members}/{bob}", json={"email_address": "ada@people.test"})

    assert body["title"] == "Member In Compliance State"
    assert "permanently deleted" in body["detail"]


def test_who_was_made_cleaned_or_unsubscribed_by_the_api_is_shown_so(platform: Platform) -> None:
    platform.add("ada")
    body = {"email_address": "bob@people.test", "status": "unsubscribed"}

    assert platform.patch(f"{platform.members}/{ADA}", {"status": "cleaned"})["status"] == "cleaned"
    assert platform.refusal("PATCH", f"{platform.members}/{ADA}", json={"status": "subscribed"})
    assert platform.post(platform.members, body)["unsubscribe_reason"] == "N/A (Unsubscribed by admin)"
    assert platform.refusal("PUT", f"{platform.members}/{ADA}", json={"email_address": 5})
    assert platform.refusal("PUT", f"{platform.members}/{'0' * 32}", json={"email_address": 5})


def test_the_newest_campaign_bounds_who_changed_since(
    platform: Platform, script: Script, send_campaign: Callable[..., str]
) -> None:
    platform.add("ada", "bob")
    send_campaign()
    platform.world.clock.advance(DAY)
    platform.patch(f"{platform.members}/{ADA}", {"vip": True})

    page = platform.get(platform.members, status="subscribed", since_last_campaign="1")

    assert [member["id"] for member in page["members"]] == [ADA]
    assert script.read


def test_only_a_few_orders_of_members_are_remembered(platform: Platform) -> None:
    platform.add("ada")
    for second in range(6):
        assert platform.get(platform.members, since_last_changed=f"2020-01-01T00:00:0{second}Z")["total_items"] == 1

    assert len(platform.state.directory(platform.list_id).ordered) < 6


def test_fields_below_a_plain_value_give_the_value(platform: Platform) -> None:
    platform.add("ada")

    assert platform.get(platform.members, fields="total_items.x") == {"total_items": 1}
    assert platform.get(platform.members, exclude_fields="total_items.x,_links,members.tags.id")["total_items"] == 1


def test_the_batch_of_members_needs_members_and_names_repeats(platform: Platform) -> None:
    twice = {"members": [{"email_address": "ada@people.test", "status": "subscribed"}] * 2}
    path = f"/lists/{platform.list_id}"

    answer = platform.post(path, twice)

    assert (answer["total_created"], answer["error_count"]) == (1, 1)
    assert "Duplicate" in answer["errors"][0]["error"]
    assert platform.refusal("POST", path, json={})["errors"][0]["field"] == "members"
    entry = {"email_address": "b@people.test", "status": "subscribed", "merge_fields": []}
    assert platform.refusal("POST", path, json={"members": [entry]})


def test_a_batch_needs_a_path_and_can_be_deleted_when_done(platform: Platform) -> None:
    assert platform.refusal("POST", "/batches", json={"operations": [{"method": "GET"}]})
    batch = platform.post("/batches", {"operations": [{"method": "GET", "path": "/ping", "params": {"count": True}}]})
    for _ in range(2):
        platform.world.clock.advance(DAY)
        platform.get(f"/batches/{batch['id']}")

    assert platform.call("DELETE", f"/batches/{batch['id']}").status_code == 204
    assert platform.state.unfinished == []


def test_a_store_takes_its_orders_with_it_and_a_customer_who_was_erased_makes_no_contact(platform: Platform) -> None:
    platform.state.add_store(platform.list_id, "s", "Shop")
    platform.add("ada")
    platform.post(f"{platform.members}/{ADA}/actions/delete-permanent")
    customer = {"id": "c", "email_address": "ada@people.test", "opt_in_status": True}
    platform.post("/ecommerce/stores/s/customers", customer)
    order = {"id": "o", "customer": {"id": "c"}, "order_total": 5, "campaign_id": "c1"}
    platform.state.add_order("s", order)

    assert platform.refusal("GET", f"{platform.members}/{ADA}", 404)
    platform.call("DELETE", "/ecommerce/stores/s")
    assert platform.state.campaign_orders == {"c1": {}}


def test_a_changed_order_keeps_the_sums_of_its_customer(platform: Platform) -> None:
    platform.state.add_store(platform.list_id, "s", "Shop")
    customer = {"id": "c", "email_address": "ada@people.test"}
    platform.state.add_order("s", {"id": "o", "customer": customer, "order_total": 5, "lines": []})

    path = "/ecommerce/stores/s/orders/o"
    assert platform.patch(path, {"processed_at_foreign": "2026-01-01"})["processed_at_foreign"][:10] == "2026-01-01"
    assert platform.get("/ecommerce/stores/s/customers/c")["orders_count"] == 1


def test_openers_are_sorted_and_strangers_have_no_activity(
    platform: Platform, script: Script, send_campaign: Callable[..., str]
) -> None:
    platform.add("ada", "bob")
    script.acts = {"ada": [("open", 1), ("open", 2)], "bob": [("open", 1)]}
    campaign = send_campaign()
    platform.world.clock.advance(DAY)

    def counts(direction: str) -> list[int]:
        query = {"sort_field": "opens_count", "sort_dir": direction}
        return [
            member["opens_count"] for member in platform.get(f"/reports/{campaign}/open-details", **query)["members"]
        ]

    assert (counts("DESC"), counts("ASC")) == ([2, 1], [1, 2])
    assert platform.refusal("GET", f"/reports/{campaign}/email-activity/nobody", 404)


def test_an_address_merge_field_may_be_empty(platform: Platform) -> None:
    platform.post(f"/lists/{platform.list_id}/merge-fields", {"tag": "HOME", "name": "Home", "type": "address"})
    platform.add("ada")
    change = {"merge_fields": {"HOME": ""}}

    assert platform.patch(f"{platform.members}/{ADA}", change)["merge_fields"]["HOME"] == ""


def test_shapes_of_conditions_tags_and_hooks_are_checked(platform: Platform) -> None:
    platform.add("ada")
    by_tag = {"condition_type": "StaticSegment", "field": "static_segment", "op": "is", "value": 1}
    segment = {"name": "x", "options": {"conditions": [by_tag]}}
    body = {"url": "https://hooks.people.test/x"}
    hooks = f"/lists/{platform.list_id}/webhooks"

    assert platform.refusal("POST", f"/lists/{platform.list_id}/segments", json=segment)
    unnamed = {"tags": [{"name": "", "status": "active"}]}
    assert platform.refusal("POST", f"{platform.members}/{ADA}/tags", json=unnamed)
    assert platform.refusal("POST", hooks, json={})["errors"][0]["field"] == "url"
    made = platform.post(hooks, body)
    assert platform.patch(f"{hooks}/{made['id']}", {"url": "https://hooks.people.test/y"})["url"].endswith("/y")


def test_a_winner_may_be_found_by_revenue_and_a_deleted_campaign_wins_nothing(
    platform: Platform, script: Script, send_campaign: Callable[..., str]
) -> None:
    platform.add(*(f"p{number}" for number in range(8)))
    platform.state.add_store(platform.list_id, "s", "Shop")
    platform.state.add_product("s", {"id": "p", "title": "Pot"})
    script.acts = {f"p{number}": [("order", 5)] for number in range(8)}
    variate = {"winner_criteria": "total_revenue", "wait_time": 60, "test_size": 50, "subject_lines": ["A", "B"]}
    kept = send_campaign(type="variate", variate_settings=variate)
    gone = send_campaign(type="variate", variate_settings=variate)
    platform.call("DELETE", f"/campaigns/{gone}")

    platform.world.clock.advance(DAY)
    campaign = platform.get(f"/campaigns/{kept}")

    assert (campaign["status"], campaign["emails_sent"]) == ("sent", 8)
    assert campaign["variate_settings"]["winning_combination_id"]


def test_a_member_who_was_erased_meanwhile_does_not_leave_again(
    platform: Platform, script: Script, send_campaign: Callable[..., str]
) -> None:
    platform.add("ada")
    script.acts = {"ada": [("unsubscribe", 60)]}
    campaign = send_campaign()
    platform.post(f"{platform.members}/{ADA}/actions/delete-permanent")

    platform.world.clock.advance(DAY)

    assert "contact_status" not in platform.get(f"/reports/{campaign}/unsubscribed")["unsubscribes"][0]
    assert platform.get(platform.members)["total_items"] == 0
