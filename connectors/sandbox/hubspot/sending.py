"""Publishing a marketing e-mail sends it: who gets it, what each of them reads, and what they do then."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.sandbox.hubspot.calls import NOTHING, Answer, HubSpotCall
from connectors.sandbox.hubspot.effects import ORDER
from connectors.sandbox.hubspot.emails import email_of
from connectors.sandbox.hubspot.errors import invalid_request
from connectors.sandbox.hubspot.hubl import renderer, texts
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso, to_ms

if TYPE_CHECKING:
    from connectors.sandbox.responses import RecipientResponse

Row = dict[str, Any]

# what a recipient does -> the event that is filed
FILED_AS = {
    "open": "OPEN",
    "machine_open": "MACHINE_OPEN",
    "click": "CLICK",
    "unsubscribe": "STATUSCHANGE",
    "complaint": "SPAMREPORT",
    "hard_bounce": "HARD_BOUNCE",
    "soft_bounce": "SOFT_BOUNCE",
}
BOUNCES = {"hard_bounce", "soft_bounce"}


def publish(call: HubSpotCall) -> Answer:
    """Answer ``POST /marketing/v3/emails/{id}/publish``: the mail goes out at once."""
    row = email_of(call)
    from connectors.sandbox.responses import Recipient, respond  # noqa: PLC0415

    if row["isPublished"]:
        message = "The email is published already"
        raise invalid_request(message)
    state = call.state
    now = state.world.clock.now()
    render = renderer(row["subject"], texts(row["content"]), state.properties)
    recipients = [
        Recipient(email=contact["properties"]["email"], content=render(contact["properties"]))
        for contact in _recipients(state, row)
    ]
    moment = iso(to_ms(now))
    published = {**row, "state": "PUBLISHED", "isPublished": True, "publishedAt": moment, "updatedAt": moment}
    state.emails[row["id"]] = published
    responses = respond(state.world, recipients, sent_at=now)
    bounced = {response.email for response in responses if response.kind in BOUNCES}
    for recipient in recipients:
        _file(state, published, recipient.email, "SENT", now)
        if recipient.email not in bounced:
            _file(state, published, recipient.email, "DELIVERED", now)
    for response in responses:
        if response.kind == "order":
            _file_order(state, published, response)
        else:
            _file(state, published, response.email, FILED_AS[response.kind], response.at, response.url)
    return NOTHING


def _file(state: HubSpotState, email: Row, recipient: str, kind: str, at: datetime, url: str | None = None) -> None:
    state.record_event(email["id"], email["primaryEmailCampaignId"], kind, recipient, at, url)


def _file_order(state: HubSpotState, email: Row, response: RecipientResponse) -> None:
    row = {"at": to_ms(response.at), "kind": ORDER, "email": email["id"], "campaign": email["primaryEmailCampaignId"]}
    state.schedule({**row, "recipient": response.email, "amount": response.amount or 0.0})


def _recipients(state: HubSpotState, email: Row) -> list[Row]:
    lists = (email.get("to") or {}).get("contactIlsLists") or {}
    excluded = _members(state, lists.get("exclude") or [])
    if lists.get("include"):
        chosen = sorted(_members(state, lists["include"]) - excluded, key=int)
        contacts = [contact for record_id in chosen if (contact := state.contact(record_id)) is not None]
    else:
        contacts = [contact for contact in state.contact_records.rows() if contact["id"] not in excluded]
    subscription = str((email.get("subscriptionDetails") or {}).get("subscriptionId") or "")
    return [contact for contact in contacts if _may_get(state, contact, subscription)]


def _members(state: HubSpotState, list_ids: list[str]) -> set[str]:
    missing = [str(list_id) for list_id in list_ids if str(list_id) not in state.lists]
    if missing:
        message = f"Lists do not exist: {missing}"
        raise invalid_request(message)
    return {record_id for list_id in list_ids for record_id in state.members.get(str(list_id), {})}


def _may_get(state: HubSpotState, contact: Row, subscription: str) -> bool:
    properties = contact["properties"]
    address = properties.get("email")
    if not address or properties.get("hs_email_optout") == "true" or properties.get("hs_email_bad_address") == "true":
        return False
    consent = state.consent.get(address, {"statuses": {}, "all": None})
    chosen = consent["statuses"].get(subscription, {"status": "NOT_SPECIFIED"})
    return consent["all"] is None and chosen["status"] != "UNSUBSCRIBED"
