"""Settings of audiences, drafts and stores, and direct operations on the state."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from connectors.sandbox.mailchimp import MailchimpState
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.world import make_world
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.connectors.sandbox.mailchimp.conftest import Platform, Script

NEW_LIST = {
    "name": "Second",
    "contact": {"company": "Acme"},
    "permission_reminder": "You asked.",
    "campaign_defaults": {"from_name": "Acme"},
    "email_type_option": True,
}


def test_audiences_are_made_changed_and_limited(platform: Platform) -> None:
    made = platform.post("/lists", NEW_LIST)
    changed = platform.patch(f"/lists/{made['id']}", {"name": "Third", "double_optin": True})
    for _ in range(3):
        platform.post("/lists", NEW_LIST)

    assert made["contact"] == {"company": "Acme"}
    assert made["campaign_defaults"]["from_name"] == "Acme"
    assert (changed["name"], changed["double_optin"]) == ("Third", True)
    assert platform.get("/lists")["constraints"]["may_create"] is False
    assert platform.refusal("POST", "/lists", 403, json=NEW_LIST)
    assert platform.refusal("POST", "/lists", json={"name": "x"})["errors"][0]["field"] == "contact"
    assert platform.refusal("GET", "/lists/none", 404)
    assert platform.refusal("GET", "/lists/none/members", 404)


@given(count=st.integers(1, 12), sizes=st.integers(0, 25))
@examples(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_together_show_everybody_once(platform: Platform, count: int, sizes: int) -> None:
    list_id = platform.state.add_audience("Paged")
    wanted = [platform.state.add_member(list_id, f"p{number}@people.test") for number in range(sizes)]
    shown: list[str] = []
    for offset in range(0, sizes + count, count):
        query = {"count": count, "offset": offset, "sort_field": "last_changed", "fields": "members.id"}
        shown += [member["id"] for member in platform.get(f"/lists/{list_id}/members", **query)["members"]]

    assert shown == wanted


def test_drafts_are_checked_too(platform: Platform) -> None:
    body = {"type": "variate", "variate_settings": {"winner_criteria": "opens"}}
    draft = f"/campaigns/{platform.post('/campaigns', body)['id']}"

    assert platform.refusal("GET", "/campaigns?sort_field=title")
    assert platform.refusal("GET", "/campaigns/none", 404)
    assert platform.refusal("PUT", f"{draft}/content", json={"variate_contents": [{"html": "x"}]})
    assert platform.refusal("POST", f"{draft}/actions/unschedule")["detail"] == "This campaign is not scheduled."
    assert platform.refusal("POST", f"{draft}/actions/test", json={})
    assert platform.post(f"{draft}/actions/test", {"test_emails": ["ada@people.test"]}) is None


def test_a_time_to_send_must_be_one(platform: Platform) -> None:
    platform.add("ada")
    about = {"subject_line": "S", "from_name": "T", "reply_to": "t@people.test"}
    body = {"type": "regular", "recipients": {"list_id": platform.list_id}, "settings": about}
    path = f"/campaigns/{platform.post('/campaigns', body)['id']}"
    platform.put(f"{path}/content", {"html": "x"})

    assert platform.refusal("POST", f"{path}/actions/schedule", json={"schedule_time": "soon"})
    assert platform.refusal("POST", f"{path}/actions/schedule", json={"schedule_time": 5})


def test_activity_can_be_filed_directly_and_shows_in_the_rates_of_the_member(
    platform: Platform, script: Script, send_campaign: Callable[..., str]
) -> None:
    ada = platform.add("ada")[0]
    campaign = send_campaign()
    soon = platform.world.clock.now() + timedelta(minutes=5)
    platform.state.record_activity(campaign, ada, "click", soon, "https://shop.test/a")
    platform.state.record_activity(campaign, ada, "open", soon - timedelta(minutes=1))

    platform.world.clock.advance(timedelta(hours=1))

    assert script.read
    assert platform.get(f"{platform.members}/{ada}")["stats"] == {"avg_open_rate": 1.0, "avg_click_rate": 1.0}
    email = platform.get(f"/reports/{campaign}/email-activity")["emails"][0]
    assert [act["action"] for act in email["activity"]] == ["open", "click"]


def test_saved_segments_are_changed_and_tags_filtered(platform: Platform) -> None:
    platform.add("ada", merge_fields={"FNAME": "Ada"})
    path = f"/lists/{platform.list_id}/segments"
    text = {"condition_type": "TextMerge", "field": "FNAME", "op": "is", "value": "nobody"}
    saved = platform.post(path, {"name": "s", "options": {"match": "any", "conditions": [text]}})
    tag = platform.post(path, {"name": "t", "static_segment": []})
    better = {"match": "any", "conditions": [{**text, "op": "starts", "value": "a"}]}

    changed = platform.patch(f"{path}/{saved['id']}", {"options": better})

    assert (saved["member_count"], changed["member_count"]) == (0, 1)
    assert platform.get(path, type="saved")["total_items"] == 1
    assert platform.get(path, since_updated_at="2999-01-01")["total_items"] == 0
    assert platform.refusal("PATCH", f"{path}/{tag['id']}", json={"options": better})
    assert platform.refusal("PATCH", f"{path}/{tag['id']}", json={"options": better, "static_segment": []})
    assert platform.refusal("POST", path, json={"name": "t", "static_segment": []})["detail"].endswith(
        "already exists."
    )
    assert platform.refusal("POST", path, json={"name": ""})
    assert platform.refusal("GET", f"{path}/9", 404)
    for options in ({"match": "some"}, {"conditions": [text] * 11}, {"conditions": [{**text, "op": "?"}]}):
        assert platform.refusal("POST", path, json={"name": "x", "options": options})


def test_what_was_known_is_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    before = MailchimpState.of(make_world(path))
    list_id = before.add_audience("Main")
    before.add_member(list_id, "ada@people.test")
    ada = before.directory(list_id).find("ada@people.test")
    tag = before.tag(list_id, "ps:a")
    assert ada is not None
    assert tag is not None
    before.put_tag(list_id, ada, tag)
    store = before.add_store(list_id, "s", "Shop")
    customer = {"id": "c", "email_address": "ada@people.test"}
    before.add_order(store, {"id": "o", "customer": customer, "order_total": 5, "campaign_id": "c1"})
    late = (before.world.clock.now() + timedelta(days=1)).isoformat()
    before.add_order(store, {"id": "late", "customer": customer, "order_total": 5, "processed_at_foreign": late})
    before.world.store.close()

    after = MailchimpState.of(make_world(path))
    directory = after.directory(list_id)
    known = len(after.shop(store, "orders"))
    after.world.clock.advance(timedelta(days=2))
    after.settle()
    after.world.store.close()

    assert directory.by_hash == {subscriber_hash("ada@people.test"): ada["contact_id"]}
    assert directory.tagged == {tag: {ada["contact_id"]: None}}
    assert after.customer_index(store) == {"ada@people.test": "c"}
    assert after.campaign_orders == {"c1": {(store, "o"): None}}
    assert (known, len(after.shop(store, "orders"))) == (1, 2)


@pytest.mark.parametrize("tag", ["", "!!!"])
def test_a_field_without_a_tag_gets_one_from_its_name(platform: Platform, tag: str) -> None:
    path = f"/lists/{platform.list_id}/merge-fields"
    if tag:
        assert platform.refusal("POST", path, json={"tag": tag, "name": "x", "type": "text"})
    else:
        assert platform.post(path, {"name": "My Field", "type": "text"})["tag"] == "MYFIELD"
    assert platform.get(path, type="number")["total_items"] == 0
    assert platform.get(path, required="false")["total_items"] >= 2


def test_a_store_is_made_once_and_for_a_list_that_exists(platform: Platform) -> None:
    body = {"id": "s", "list_id": platform.list_id, "name": "Shop", "currency_code": "EUR"}
    product = {"id": "p", "title": "Pot", "variants": [{"id": "p", "title": "P"}]}
    platform.post("/ecommerce/stores", body)
    platform.post("/ecommerce/stores/s/products", product)

    assert platform.refusal("POST", "/ecommerce/stores", json=body)
    assert platform.refusal("POST", "/ecommerce/stores", json={**body, "id": "t", "list_id": "none"})
    assert platform.refusal("POST", "/ecommerce/stores/s/products", json=product)
    assert platform.refusal("GET", "/ecommerce/stores/s/products/none", 404)
    assert platform.refusal("GET", "/ecommerce/stores/s/customers/none", 404)
    assert platform.refusal("GET", "/ecommerce/stores/none", 404)
    customer = {"id": "n", "email_address": "new@people.test", "opt_in_status": False}
    assert platform.post("/ecommerce/stores/s/customers", customer)["orders_count"] == 0


def test_times_and_permissions_of_a_body_are_read(platform: Platform) -> None:
    body = {"email_address": "ada@people.test", "status": "subscribed", "timestamp_opt": "2020-01-01T00:00:00Z"}
    made = platform.post(platform.members, body)

    assert made["timestamp_opt"] == "2020-01-01T00:00:00+00:00"
    assert platform.refusal(
        "POST", platform.members, json={**body, "email_address": "b@people.test", "timestamp_opt": "x"}
    )
    assert platform.refusal("GET", f"{platform.members}/b@people.test", 404)
    wrong = {**body, "email_address": "b@people.test", "status": "here"}
    assert platform.refusal("POST", platform.members, json=wrong)["errors"][0]["field"] == "status"
    assert platform.refusal("POST", platform.members, json={**body, "email_address": 5})
    unknown = {"email_address": "c@people.test", "status_if_new": "here"}
    answer = platform.refusal("PUT", f"{platform.members}/{'1' * 32}", json=unknown)
    assert answer["errors"][0]["field"] == "status_if_new"
    assert platform.refusal("PUT", f"{platform.members}/{'1' * 32}", json={"status": "subscribed"})
