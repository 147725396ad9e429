"""The local HubSpot delivers webhooks as the real one does."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot.signatures import ACTION_VERSIONS, check_hubspot
from connectors.sandbox.hubspot import webhooks
from connectors.sandbox.world import HUBSPOT_APP_SECRET
from tests.connectors.sandbox.webhooks.conftest import Answer, Delivery, Platforms, Receiver

TARGET = "/webhooks/hubspot"


def point(platforms: Platforms, receiver: Receiver) -> None:
    platforms.side("webhooks", {"url": receiver.url})


def events(receiver: Receiver, kind: str = "") -> list[dict[str, Any]]:
    events = [event for post in receiver.posts(TARGET) for event in post.events]
    return [event for event in events if event["subscriptionType"].endswith(kind)]


def version_of(delivery: Delivery, url: str, **options: Any) -> str:
    return check_hubspot(
        delivery.raw_headers,
        method=delivery.method,
        uri=f"{url}{delivery.path}",
        body=delivery.body,
        secret=HUBSPOT_APP_SECRET,
        now=datetime.now(UTC),
        **options,
    )


def test_a_changed_property_arrives_in_the_reported_shape(
    platforms: Platforms, receiver: Receiver, shared: Path
) -> None:
    reported = json.loads((shared / "recorded" / "hubspot_delivery_reported.json").read_text("utf-8"))[0]
    point(platforms, receiver)
    made = platforms.hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"email": "ada@people.test"}}).json()
    assert platforms.settled()

    (event,) = [event for event in events(receiver, "propertyChange") if event["propertyName"] == "email"]
    assert {key: type(value) for key, value in event.items()} == {key: type(value) for key, value in reported.items()}
    assert event["changeSource"] == reported["changeSource"]
    assert (str(event["objectId"]), event["propertyValue"]) == (made["id"], "ada@people.test")


def test_a_delivery_is_signed_in_both_ways(platforms: Platforms, receiver: Receiver) -> None:
    point(platforms, receiver)
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})
    assert platforms.settled()

    (delivery,) = receiver.posts(TARGET)
    assert version_of(delivery, receiver.url) == "v3"
    assert version_of(delivery, receiver.url, accepted={"v1"}) == "v1"


def test_what_people_do_and_what_apps_do_is_told_apart(platforms: Platforms, receiver: Receiver) -> None:
    point(platforms, receiver)
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})
    platforms.hubspot("POST", "/crm/v3/objects/contacts", {"properties": {"email": "bo@people.test"}})
    assert platforms.settled()

    sources = {event["propertyValue"]: event["changeSource"] for event in events(receiver, "propertyChange")}
    assert sources["ada@people.test"] == "CRM_UI"
    assert sources["bo@people.test"] == "INTEGRATION"


def test_many_events_come_in_shuffled_batches_of_at_most_a_hundred(platforms: Platforms, receiver: Receiver) -> None:
    platforms.sandbox.world.settings.webhook_gather = 0.5
    point(platforms, receiver)
    for number in range(250):
        platforms.crm.add_contact({"lastname": str(number)}, created_at=datetime.now(UTC))
    assert platforms.settled()

    sizes = sorted(len(post.events) for post in receiver.posts(TARGET))
    ids = [event["objectId"] for event in receiver.posts(TARGET)[0].events]
    assert sizes == [50, 100, 100]
    assert ids != sorted(ids)
    assert len({event["objectId"] for event in events(receiver, "creation")}) == 250


def test_every_kind_of_event_is_told(platforms: Platforms, receiver: Receiver) -> None:
    point(platforms, receiver)
    for name in ("ada", "bo", "cy", "di"):
        platforms.side("deed", {"deed": "create contact", "email": f"{name}@people.test"})
    first, other = (platforms.crm.by_email[f"{name}@people.test"] for name in ("ada", "bo"))
    platforms.side("deed", {"deed": "merge contacts", "email": "ada@people.test", "with": "bo@people.test"})
    platforms.side("deed", {"deed": "archive contact", "email": "cy@people.test"})
    platforms.side("deed", {"deed": "restore contact", "email": "cy@people.test"})
    platforms.side("deed", {"deed": "erase contact", "email": "di@people.test"})
    platforms.side(
        "deed", {"deed": "edit contact", "email": "cy@people.test", "properties": {"lifecyclestage": "lead"}}
    )
    assert platforms.settled()

    kinds = sorted(event["subscriptionType"].partition(".")[2] for event in events(receiver))
    assert kinds == [
        *["creation"] * 4, *["deletion"] * 2, "merge", "privacyDeletion", *["propertyChange"] * 5, "restore",
    ]  # fmt: skip
    (merge,) = events(receiver, "merge")
    assert (merge["primaryObjectId"], merge["mergedObjectIds"]) == (int(first), [int(other)])
    assert merge["newObjectId"] == int(platforms.crm.by_email["ada@people.test"])


def test_an_event_is_tried_again_until_it_is_taken(platforms: Platforms, receiver: Receiver) -> None:
    receiver.answer = lambda number, _delivery: (500 if number < 3 else 200, {}, b"")
    platforms.sandbox.world.settings.webhook_retry_scale = 0.0
    point(platforms, receiver)
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})
    assert platforms.settled()

    assert [{event["attemptNumber"] for event in post.events} for post in receiver.posts(TARGET)] == [
        {0},
        {1},
        {2},
        {3},
    ]
    assert platforms.post.given_up == 0


def test_after_ten_retries_in_a_day_an_event_is_given_up(platforms: Platforms, receiver: Receiver) -> None:
    receiver.answer = lambda _number, _delivery: (404, {}, b"")
    point(platforms, receiver)
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})
    for _ in range(11):
        assert platforms.post.wait_until_nothing_is_due(10)
        platforms.side("clock", {"advance_seconds": 8 * 3600})
    assert platforms.settled()

    assert len(receiver.posts(TARGET)) == 11
    assert platforms.post.given_up == 1
    assert sum(webhooks.WAITS) < 86_400


def test_an_answer_that_takes_too_long_is_none(
    platforms: Platforms, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.05)
    receiver.slow = 0.2
    platforms.sandbox.world.settings.webhook_retry_scale = 0.0
    point(platforms, receiver)
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})
    assert platforms.settled()

    log = platforms.side("webhooks")["log"]  # on a busy machine some end before the receiver has read them
    assert [(entry["attempt"], entry["status"]) for entry in log] == [(attempt, 0) for attempt in range(11)]
    assert receiver.posts(TARGET)


def test_at_most_ten_deliveries_are_on_their_way(platforms: Platforms, receiver: Receiver) -> None:
    receiver.slow = 0.1
    platforms.sandbox.world.settings.webhook_gather = 0.3
    point(platforms, receiver)
    for number in range(2500):
        platforms.crm.add_contact({"lastname": str(number)}, created_at=datetime.now(UTC))
    assert platforms.settled()

    assert 2 <= receiver.at_once <= 10
    assert len(events(receiver, "creation")) == 2500


def test_with_all_faults_everything_still_arrives_once_or_more(platforms: Platforms, receiver: Receiver) -> None:
    faults = {"webhook_duplicates": 0.2, "webhook_drops": 0.4, "webhook_disorder": 0.2, "webhook_gather": 0.0}
    platforms.side("settings", {**faults, "webhook_retry_scale": 0.0001})
    point(platforms, receiver)
    for number in range(200):
        platforms.crm.add_contact({"lastname": str(number)}, created_at=datetime.now(UTC))
    assert platforms.settled()

    arrived = [event["objectId"] for event in events(receiver, "creation")]
    assert len(set(arrived)) == 200
    assert len(arrived) > 200


def test_nothing_leaves_this_machine(platforms: Platforms, receiver: Receiver) -> None:
    platforms.side("webhooks", {"url": "https://hooks.acme.test"})
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})
    assert platforms.settled()

    (posted,) = platforms.side("webhooks")["log"]
    assert (posted["url"], posted["status"]) == ("https://hooks.acme.test/webhooks/hubspot", -1)


def test_behind_a_proxy_the_public_address_is_signed(platforms: Platforms, receiver: Receiver) -> None:
    platforms.side("settings", {"webhook_via": receiver.url})
    platforms.side("webhooks", {"url": "https://hooks.acme.test"})
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})
    assert platforms.settled()

    (delivery,) = receiver.posts(TARGET)
    assert version_of(delivery, "https://hooks.acme.test") == "v3"


def test_a_clock_that_is_wrong_shows_in_the_stamp(platforms: Platforms, receiver: Receiver) -> None:
    platforms.side("settings", {"webhook_skew": 3600})
    point(platforms, receiver)
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})
    assert platforms.settled()

    (delivery,) = receiver.posts(TARGET)
    stamp = datetime.fromtimestamp(int(delivery.headers["X-HubSpot-Request-Timestamp"]) / 1000, tz=UTC)
    assert abs(stamp - delivery.at - timedelta(hours=1)) < timedelta(seconds=10)


def run_action(platforms: Platforms) -> Any:
    platforms.crm.add_contact({"email": "ada@people.test"}, created_at=datetime.now(UTC))
    callback = platforms.side("action", {"email": "ada@people.test", "inputs": {"mode": "full"}})["callback"]
    assert platforms.settled()
    return platforms.side(f"action?callback={callback}")


def test_a_workflow_calls_the_action_and_takes_its_outputs(platforms: Platforms, receiver: Receiver) -> None:
    outputs = {"persona": "regular", "hs_execution_state": "SUCCESS"}
    receiver.answer = lambda _number, _delivery: (200, {}, json.dumps({"outputFields": outputs}).encode())
    point(platforms, receiver)

    assert run_action(platforms) == {"status": 200, "outputFields": outputs}
    (call,) = receiver.posts("/actions/hubspot")
    body = json.loads(call.body)
    assert version_of(call, receiver.url, accepted=ACTION_VERSIONS) == "v2"
    assert set(body) == {"callbackId", "origin", "context", "object", "inputFields"}
    assert body["object"]["properties"] == {"email": "ada@people.test"}


def test_a_workflow_waits_as_long_as_the_action_asks(platforms: Platforms, receiver: Receiver) -> None:
    asked: list[Delivery] = []

    def answer(_number: int, delivery: Delivery) -> Answer:
        if not delivery.path.startswith("/actions"):
            return 200, {}, b""
        asked.append(delivery)
        return (429, {"Retry-After": "150"}, b"") if len(asked) == 1 else (200, {}, b"{}")

    receiver.answer = answer
    point(platforms, receiver)

    assert run_action(platforms)["status"] == 200
    first, second = receiver.posts("/actions/hubspot")
    assert second.at - first.at >= timedelta(seconds=0.14)


def test_an_action_that_is_refused_is_not_tried_again(platforms: Platforms, receiver: Receiver) -> None:
    receiver.answer = lambda _number, delivery: (400 if delivery.path.startswith("/actions") else 200, {}, b"no")
    point(platforms, receiver)

    assert run_action(platforms) == {"status": 400, "outputFields": {}}
    assert len(receiver.posts("/actions/hubspot")) == 1


def test_an_action_that_blocks_is_completed_later(platforms: Platforms, receiver: Receiver) -> None:
    receiver.answer = lambda _number, _delivery: (200, {}, b'{"outputFields": {"hs_execution_state": "BLOCK"}}')
    point(platforms, receiver)
    run_action(platforms)
    done = {"outputFields": {"persona": "gift", "hs_execution_state": "SUCCESS"}}
    answer = platforms.hubspot("POST", "/automation/v4/actions/callbacks/ap-1/complete", done)
    many = {"inputs": [{"callbackId": "ap-1", **done}]}

    assert answer.status_code == 204
    assert platforms.side("action?callback=ap-1")["outputFields"] == done["outputFields"]
    assert platforms.hubspot("POST", "/automation/v4/actions/callbacks/complete", many).status_code == 204
    assert platforms.hubspot("POST", "/automation/v4/actions/callbacks/ap-9/complete", done).status_code == 404
    wrong = {"outputFields": {"persona": 1}}
    assert platforms.hubspot("POST", "/automation/v4/actions/callbacks/ap-1/complete", wrong).status_code == 400


APP = f"/webhooks/v3/{webhooks.APP_ID}"


def test_an_app_sets_up_its_webhooks_by_api(platforms: Platforms, receiver: Receiver) -> None:
    target = {"targetUrl": f"{receiver.url}/there", "throttling": {"maxConcurrentRequests": 10}}
    assert platforms.hubspot("GET", f"{APP}/settings").status_code == 404
    assert platforms.hubspot("PUT", f"{APP}/settings", target).json()["targetUrl"] == target["targetUrl"]
    made = platforms.hubspot("POST", f"{APP}/subscriptions", {"eventType": "object.creation"})
    subscription = f"{APP}/subscriptions/{made.json()['id']}"
    platforms.side("deed", {"deed": "create contact", "email": "ada@people.test"})

    assert (made.status_code, made.json()["active"]) == (201, False)
    assert platforms.hubspot("PATCH", subscription, {"active": True}).json()["active"]
    assert len(platforms.hubspot("GET", f"{APP}/subscriptions").json()["results"]) == 1
    platforms.side("deed", {"deed": "create contact", "email": "bo@people.test"})
    assert platforms.settled()
    ((event,),) = (post.events for post in receiver.posts("/there"))
    assert (event["subscriptionType"], event["objectTypeId"]) == ("object.creation", "0-1")
    batch = {"inputs": [{"id": made.json()["id"], "active": False}]}
    switched = platforms.hubspot("POST", f"{APP}/subscriptions/batch/update", batch).json()
    assert [entry["active"] for entry in switched["results"]] == [False]
    assert platforms.hubspot("DELETE", subscription).status_code == 204
    assert platforms.hubspot("DELETE", subscription).status_code == 404
    assert platforms.hubspot("DELETE", f"{APP}/settings").status_code == 204


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("settings", {"targetUrl": "nowhere"}),
        ("settings", {"targetUrl": "https://hooks.test/x", "throttling": {"maxConcurrentRequests": 5}}),
        ("subscriptions", {"eventType": "contact.sneeze"}),
        ("subscriptions", {"eventType": "contact.propertyChange"}),
        ("subscriptions", {"eventType": "contact.creation", "propertyName": "email"}),
        ("subscriptions/batch/update", {"inputs": "all"}),
    ],
)
def test_settings_that_make_no_sense_are_refused(platforms: Platforms, path: str, body: Any) -> None:
    method = "PUT" if path == "settings" else "POST"

    assert platforms.hubspot(method, f"{APP}/{path}", body).status_code == 400
    assert platforms.hubspot(method, f"/webhooks/v3/1/{path}", body).status_code == 404


def test_a_deed_that_nobody_knows_is_refused(platforms: Platforms) -> None:
    assert "known:" in platforms.side("deed", {"deed": "sneeze", "email": "ada@people.test"})["message"]
    assert "nobody has" in platforms.side("deed", {"deed": "unsubscribe", "email": "no@people.test"})["message"]
    assert "nobody has" in platforms.side("deed", {"deed": "erase contact", "email": "no@people.test"})["message"]
    assert "nobody has" in platforms.side("deed", {"deed": "restore contact", "email": "no@people.test"})["message"]
