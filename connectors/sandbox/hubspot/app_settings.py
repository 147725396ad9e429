"""The settings API of an app's webhooks, and the end of a workflow action that took its time."""

from __future__ import annotations

import re
from typing import Any

from connectors.sandbox.hubspot.calls import NOTHING, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import invalid_request, no_such_resource
from connectors.sandbox.hubspot.times import iso
from connectors.sandbox.hubspot.webhooks import APP_ID, EVENT_TYPES, Webhooks

Row = dict[str, Any]

FEWEST_AT_A_TIME = 6
MOST_SUBSCRIPTIONS = 1000
AT_A_TIME = {"maxConcurrentRequests": 10}


def get_settings(call: HubSpotCall) -> Answer:
    """Answer ``GET /webhooks/v3/{appId}/settings``."""
    settings = _webhooks(call).settings.get("settings")
    if settings is None:
        raise no_such_resource()
    return ok(settings)


def put_settings(call: HubSpotCall) -> Answer:
    """Answer ``PUT /webhooks/v3/{appId}/settings``."""
    webhooks, body = _webhooks(call), call.json_object()
    throttling = body.get("throttling") or AT_A_TIME
    set_target(webhooks, body.get("targetUrl"), throttling.get("maxConcurrentRequests"), iso(call.state.now_ms()))
    return ok(webhooks.settings["settings"])


def set_target(webhooks: Webhooks, url: object, at_a_time: object, moment: str) -> None:
    """Say where events shall go.

    Raises:
        Refusal: 400 for what is no address, or too few deliveries at a time.
    """
    if not isinstance(url, str) or not re.fullmatch(r"https?://[^\s/]+\S*", url):
        message = "targetUrl is not a valid URL"
        raise invalid_request(message)
    if not isinstance(at_a_time, int) or at_a_time < FEWEST_AT_A_TIME:
        message = "maxConcurrentRequests must be greater than 5"
        raise invalid_request(message)
    throttling = {"maxConcurrentRequests": at_a_time}
    webhooks.settings["settings"] = {"targetUrl": url, "throttling": throttling, "createdAt": moment}


def delete_settings(call: HubSpotCall) -> Answer:
    """Answer ``DELETE /webhooks/v3/{appId}/settings``."""
    _webhooks(call).settings.pop("settings", None)
    return NOTHING


def list_subscriptions(call: HubSpotCall) -> Answer:
    """Answer ``GET /webhooks/v3/{appId}/subscriptions``."""
    return ok({"results": list(_webhooks(call).subscriptions.values())})


def create_subscription(call: HubSpotCall) -> Answer:
    """Answer ``POST /webhooks/v3/{appId}/subscriptions``; a new one is inactive unless it says otherwise."""
    webhooks, body = _webhooks(call), call.json_object()
    return Answer(
        201,
        add_subscription(webhooks, body.get("eventType"), body.get("propertyName"), active=bool(body.get("active"))),
    )


def add_subscription(webhooks: Webhooks, event_type: object, name: object, *, active: bool) -> Row:
    """Add a subscription.

    Raises:
        Refusal: 400 for a type that does not exist, or a property where none belongs; or where there are too many.
    """
    if not isinstance(event_type, str) or event_type not in EVENT_TYPES:
        message = f"eventType {event_type!r} is not supported"
        raise invalid_request(message)
    if (name is not None) != event_type.endswith(".propertyChange") or not isinstance(name, str | None):
        message = "propertyName belongs to propertyChange, and to nothing else"
        raise invalid_request(message)
    if len(webhooks.subscriptions) >= MOST_SUBSCRIPTIONS:
        message = "An app may have 1000 subscriptions"
        raise invalid_request(message)
    return webhooks.subscribe(event_type, property_name=name, active=active)


def change_subscription(call: HubSpotCall) -> Answer:
    """Answer ``PATCH /webhooks/v3/{appId}/subscriptions/{subscriptionId}``."""
    return ok(_switch(_webhooks(call), call.path["subscriptionId"], call.json_object()))


def delete_subscription(call: HubSpotCall) -> Answer:
    """Answer ``DELETE /webhooks/v3/{appId}/subscriptions/{subscriptionId}``."""
    if _webhooks(call).subscriptions.pop(call.path["subscriptionId"], None) is None:
        raise no_such_resource()
    return NOTHING


def change_subscriptions(call: HubSpotCall) -> Answer:
    """Answer ``POST /webhooks/v3/{appId}/subscriptions/batch/update``."""
    webhooks, inputs = _webhooks(call), call.json_object().get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(entry, dict) for entry in inputs):
        message = "inputs is no list of objects"
        raise invalid_request(message)
    moment = iso(call.state.now_ms())
    results = [_switch(webhooks, str(entry.get("id")), entry) for entry in inputs]
    return ok({"status": "COMPLETE", "results": results, "startedAt": moment, "completedAt": moment})


def complete_action(call: HubSpotCall) -> Answer:
    """Answer ``POST /automation/v4/actions/callbacks/{callbackId}/complete``."""
    _complete(call, call.path["callbackId"], call.json_object())
    return NOTHING


def complete_actions(call: HubSpotCall) -> Answer:
    """Answer ``POST /automation/v4/actions/callbacks/complete``."""
    for entry in call.json_object().get("inputs", []):
        _complete(call, str(entry.get("callbackId")), entry)
    return NOTHING


def _complete(call: HubSpotCall, callback: str, body: Row) -> None:
    outputs = body.get("outputFields")
    if not isinstance(outputs, dict) or not all(isinstance(value, str) for value in outputs.values()):
        message = "outputFields is no object of strings"
        raise invalid_request(message)
    if not call.state.webhooks.complete(callback, outputs):
        raise no_such_resource()


def _switch(webhooks: Webhooks, subscription_id: str, body: Row) -> Row:
    row = webhooks.subscriptions.get(subscription_id)
    if row is None:
        raise no_such_resource()
    webhooks.subscriptions[subscription_id] = {**row, "active": bool(body.get("active", row["active"]))}
    return webhooks.subscriptions[subscription_id]


def _webhooks(call: HubSpotCall) -> Webhooks:
    if call.path["appId"] != str(APP_ID):
        raise no_such_resource()
    return call.state.webhooks
