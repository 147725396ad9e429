"""Consent v3, the family that the SDK knows. The words of v4 differ and are in `consent_v4`."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.hubspot.calls import Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.definitions import DAY_ONE
from connectors.sandbox.hubspot.errors import invalid_request, no_such_resource
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso

Row = dict[str, Any]

BASES = {
    "LEGITIMATE_INTEREST_PQL",
    "LEGITIMATE_INTEREST_CLIENT",
    "LEGITIMATE_INTEREST_OTHER",
    "PERFORMANCE_OF_CONTRACT",
    "CONSENT_WITH_NOTICE",
    "NON_GDPR",
    "PROCESS_AND_STORE",
}
SUBSCRIPTIONS = {"71": ("Offers", "Product offers"), "72": ("Newsletter", "What is new")}


def list_definitions(_call: HubSpotCall) -> Answer:
    """Answer ``GET /communication-preferences/v3/definitions``."""
    return ok({"subscriptionDefinitions": [subscription_definition(key) for key in SUBSCRIPTIONS]})


def consent_status(call: HubSpotCall) -> Answer:
    """Answer ``GET /communication-preferences/v3/status/email/{address}``."""
    address = call.path["address"].strip().lower()
    kept = consent_of(call.state, address)
    statuses = [_status(kept, key) for key in SUBSCRIPTIONS]
    return ok({"recipient": address, "subscriptionStatuses": statuses})


def subscribe(call: HubSpotCall) -> Answer:
    """Answer ``POST …/subscribe``; what people ended themselves stays ended (?)."""
    return ok(_write(call, "SUBSCRIBED"))


def unsubscribe(call: HubSpotCall) -> Answer:
    """Answer ``POST …/unsubscribe``."""
    return ok(_write(call, "UNSUBSCRIBED"))


def consent_of(state: HubSpotState, address: str) -> Row:
    """Return what is known of the consent of an address (lower case)."""
    return state.consent.get(address, {"statuses": {}, "all": None, "own": False})


def state_of(kept: Row, subscription: str) -> str:
    """Return ``SUBSCRIBED``, ``UNSUBSCRIBED`` or ``NOT_SPECIFIED``, the opt-out from everything included."""
    if kept["all"] is not None:
        return "UNSUBSCRIBED"
    return str(kept["statuses"].get(subscription, {"status": "NOT_SPECIFIED"})["status"])


def set_subscription(state: HubSpotState, address: str, subscription: str, chosen: str, body: Row) -> Row:
    """Set one subscription of one address and return what is known of its consent then.

    Raises:
        Refusal: 400 without a legal basis where one is demanded, for an unknown basis, or when the person
            had unsubscribed; 404 for an unknown subscription.
    """
    if subscription not in SUBSCRIPTIONS:
        message = f"Subscription {subscription} does not exist"
        raise no_such_resource(message)
    basis, explanation = body.get("legalBasis"), body.get("legalBasisExplanation")
    if basis is not None and basis not in BASES:
        message = f"Invalid legalBasis {basis!r}"
        raise invalid_request(message)
    if state.world.settings.gdpr and not (basis and explanation):
        message = "A legal basis and its explanation are required: this account has GDPR features enabled"
        raise invalid_request(message)
    kept = consent_of(state, address)
    if chosen == "SUBSCRIBED" and kept["own"]:
        message = f"{address} has unsubscribed and cannot be subscribed on their behalf"
        raise invalid_request(message)
    entry = {"status": chosen, "basis": basis, "explanation": explanation, "at": iso(state.now_ms())}
    changed = {**kept, "statuses": {**kept["statuses"], subscription: entry}}
    if chosen == "SUBSCRIBED":
        changed["all"] = None
    state.consent[address] = changed
    return changed


def subscription_definition(subscription: str) -> Row:
    """Return the definition of a subscription."""
    name, description = SUBSCRIPTIONS[subscription]
    return {
        "id": subscription,
        "name": name,
        "description": description,
        "isActive": True,
        "isDefault": True,
        "isInternal": False,
        "purpose": "Marketing",
        "communicationMethod": "Email",
        "createdAt": DAY_ONE,
        "updatedAt": DAY_ONE,
    }


def _write(call: HubSpotCall, chosen: str) -> Row:
    body = call.json_object()
    address, subscription = body.get("emailAddress"), body.get("subscriptionId")
    if not isinstance(address, str) or "@" not in address or subscription is None:
        message = "`emailAddress` and `subscriptionId` are required"
        raise invalid_request(message)
    kept = set_subscription(call.state, address.strip().lower(), str(subscription), chosen, body)
    return _status(kept, str(subscription))


def _status(kept: Row, subscription: str) -> Row:
    name, description = SUBSCRIPTIONS[subscription]
    entry = kept["statuses"].get(subscription, {})
    shown = {
        "id": subscription,
        "name": name,
        "description": description,
        # v3 knows no third word: who has never chosen is not subscribed
        "status": "SUBSCRIBED" if state_of(kept, subscription) == "SUBSCRIBED" else "NOT_SUBSCRIBED",
        "sourceOfStatus": "SUBSCRIPTION_STATUS" if kept["all"] is None else "PORTAL_WIDE_STATUS",
    }
    if entry.get("basis"):
        shown |= {"legalBasis": entry["basis"], "legalBasisExplanation": entry["explanation"]}
    return shown
