"""Consent v4, whose shapes the 2026-03 paths have too: batch envelopes, and words that differ from v3."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.hubspot import consent
from connectors.sandbox.hubspot.calls import Answer, HubSpotCall
from connectors.sandbox.hubspot.effects import opt_out_of_all
from connectors.sandbox.hubspot.errors import Refusal, batch_error, invalid_request
from connectors.sandbox.hubspot.objects import envelope, inputs
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso

Row = dict[str, Any]

WRITABLE = {"SUBSCRIBED", "UNSUBSCRIBED", "NOT_SPECIFIED"}


def list_definitions_v4(call: HubSpotCall) -> Answer:
    """Answer ``GET …/definitions``."""
    return envelope(call.state, [consent.subscription_definition(key) for key in consent.SUBSCRIPTIONS], 200, [])


def read_statuses(call: HubSpotCall) -> Answer:
    """Answer ``GET …/statuses/{address}?channel=EMAIL``."""
    _check_channel(call.one("channel"))
    return envelope(call.state, _statuses(call.state, _address(call)), 200, [])


def write_status(call: HubSpotCall) -> Answer:
    """Answer ``POST …/statuses/{address}``."""
    return envelope(call.state, [_write(call.state, _address(call), call.json_object())], 200, [])


def read_opt_out(call: HubSpotCall) -> Answer:
    """Answer ``GET …/statuses/{address}/unsubscribe-all``: empty results mean that they have not opted out."""
    _check_channel(call.one("channel"))
    return envelope(call.state, _opt_outs(call.state, _address(call)), 200, [])


def opt_out(call: HubSpotCall) -> Answer:
    """Answer ``POST …/statuses/{address}/unsubscribe-all``."""
    _check_channel(call.one("channel"))
    return envelope(call.state, _opt_out(call.state, _address(call)), 200, [])


def read_many(call: HubSpotCall) -> Answer:
    """Answer ``POST …/statuses/batch/read``."""
    statuses = [
        {"subscriberIdString": address, "statuses": _statuses(call.state, address)} for address in _addresses(call)
    ]
    return envelope(call.state, statuses, 200, [])


def write_many(call: HubSpotCall) -> Answer:
    """Answer ``POST …/statuses/batch/write``; 207 when some were refused."""
    results, errors = [], []
    for entry in inputs(call.json_object()):
        address = str(entry.get("subscriberIdString", "")).strip().lower()
        try:
            results.append(_write(call.state, address, entry))
        except Refusal as refusal:
            context = {"subscriberIdString": [address]}
            errors.append(batch_error(refusal.body["category"], refusal.body["message"], context))
    return envelope(call.state, results, 200, errors)


def read_opt_outs(call: HubSpotCall) -> Answer:
    """Answer ``POST …/statuses/batch/unsubscribe-all/read``."""
    statuses = [
        {"subscriberIdString": address, "wideStatuses": _opt_outs(call.state, address)} for address in _addresses(call)
    ]
    return envelope(call.state, statuses, 200, [])


def opt_out_many(call: HubSpotCall) -> Answer:
    """Answer ``POST …/statuses/batch/unsubscribe-all``."""
    results = [
        {"subscriberIdString": address, "statuses": _opt_out(call.state, address)} for address in _addresses(call)
    ]
    return envelope(call.state, results, 200, [])


def _statuses(state: HubSpotState, address: str) -> list[Row]:
    return [_status(state, address, key) for key in consent.SUBSCRIPTIONS]


def _status(state: HubSpotState, address: str, subscription: str) -> Row:
    kept = consent.consent_of(state, address)
    entry = kept["statuses"].get(subscription, {})
    shown = {
        "subscriberIdString": address,
        "subscriptionId": int(subscription),
        "subscriptionName": consent.SUBSCRIPTIONS[subscription][0],
        "channel": "EMAIL",
        "status": consent.state_of(kept, subscription),
        "source": "API" if entry else "NOT_SPECIFIED",
        "timestamp": entry.get("at") or kept["all"] or iso(state.now_ms()),
    }
    if entry.get("basis"):
        shown |= {"legalBasis": entry["basis"], "legalBasisExplanation": entry["explanation"]}
    return shown


def _write(state: HubSpotState, address: str, body: Row) -> Row:
    _check_channel(body.get("channel"))
    subscription, chosen = body.get("subscriptionId"), body.get("statusState")
    if not isinstance(subscription, int) or chosen not in WRITABLE or "@" not in address:
        message = "`subscriptionId` (an integer), `statusState` and an address are required"
        raise invalid_request(message)
    before = consent.state_of(consent.consent_of(state, address), str(subscription))
    consent.set_subscription(state, address, str(subscription), chosen, body)
    reason = "REQUESTED_CHANGE_OCCURRED" if before != chosen else "NO_STATUS_CHANGE"
    return {**_status(state, address, str(subscription)), "setStatusSuccessReason": reason}


def _opt_outs(state: HubSpotState, address: str) -> list[Row]:
    since = consent.consent_of(state, address)["all"]
    if since is None:
        return []
    return [
        {
            "subscriberIdString": address,
            "channel": "EMAIL",
            "status": "UNSUBSCRIBED",
            "wideStatusType": "PORTAL_WIDE",
            "timestamp": since,
        }
    ]


def _opt_out(state: HubSpotState, address: str) -> list[Row]:
    opt_out_of_all(state, address, at_ms=state.now_ms(), own=False)
    return _statuses(state, address)


def _check_channel(channel: object) -> None:
    if channel != "EMAIL":
        message = "`channel` is required and must be EMAIL"
        raise invalid_request(message)


def _address(call: HubSpotCall) -> str:
    return call.path["address"].strip().lower()


def _addresses(call: HubSpotCall) -> list[str]:
    _check_channel(call.one("channel"))
    given = call.json_object().get("inputs")
    if not isinstance(given, list) or not all(isinstance(entry, str) for entry in given):
        message = "`inputs` must be a list of addresses"
        raise invalid_request(message)
    return [entry.strip().lower() for entry in given]
