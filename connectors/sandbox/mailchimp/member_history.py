"""What a member did: campaign activity, orders, and custom events."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes, read_moment
from connectors.sandbox.mailchimp.links import collection_links
from connectors.sandbox.mailchimp.members import MEMBER, member_of
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
RECENT = 50  # the old activity endpoint ends here
NAME_LENGTH = range(2, 31)
FILTERS = [
    "bounce",
    "click",
    "conversation",
    "ecommerce_signup",
    "event",
    "web_engagement",
    "generic_signup",
    "landing_page_signup",
    "marketing_permission",
    "note",
    "open",
    "order",
    "postcard_sent",
    "sent",
    "signup",
    "squatter_signup",
    "unsub",
    "website_signup",
    "survey_response",
]


def history(call: MailchimpCall, member: Document) -> list[Document]:
    """Return what a member did, newest first, as entries of the activity feed."""
    now, entries = call.state.now(), []
    for campaign in list(call.state.campaigns.values()):
        delivery = call.state.deliveries(campaign["id"]).get(member["contact_id"])
        if delivery is not None and delivery["list_id"] == call.names["list_id"]:
            entries += campaign_entries(campaign, delivery)
    entries += order_entries(call, member) + event_entries(call, member)
    passed = [entry for entry in entries if entry["created_at_timestamp"] <= now]
    return sorted(passed, key=lambda entry: str(entry["created_at_timestamp"]), reverse=True)


def campaign_entries(campaign: Document, delivery: Document) -> list[Document]:
    """Return the feed entries of one campaign."""
    about = {"campaign_id": campaign["id"], "campaign_title": campaign["settings"].get("title", "")}
    entries = [{"activity_type": "sent", "created_at_timestamp": delivery["sent_at"], **about}]
    for act in delivery["activity"]:
        entry = {"activity_type": act["action"], "created_at_timestamp": act["timestamp"], **about}
        if act["action"] == "click":
            entry["link_clicked"] = act.get("url", "")
        if act["action"] == "bounce":
            entry |= {"bounce_type": act["type"], "bounce_has_open_activity": False}
        entries.append(entry)
    if delivery.get("unsubscribed"):
        left = delivery["unsubscribed"]
        entries.append(
            {
                "activity_type": "unsub",
                "created_at_timestamp": left["timestamp"],
                **about,
                "unsubscribe_reason": left["reason"],
                "is_admin_unsubscribed": False,
            }
        )
    return entries


def order_entries(call: MailchimpCall, member: Document) -> list[Document]:
    """Return the feed entries of a member's orders in the stores of the audience."""
    entries = []
    for store_id, store in call.state.stores.items():
        if store["list_id"] != call.names["list_id"]:
            continue
        for order in call.state.shop(store_id, "orders").values():
            if order["customer"].get("email_address", "").lower() == member["email_address"].lower():
                at = order.get("processed_at_foreign") or store["created_at"]
                entry = {"activity_type": "order", "created_at_timestamp": at, "order_id": order["id"]}
                entries.append({**entry, "order_total": order["order_total"], "order_items": order["lines"]})
    return entries


def event_entries(call: MailchimpCall, member: Document) -> list[Document]:
    """Return the feed entries of a member's custom events."""
    return [
        {"activity_type": "event", "created_at_timestamp": event["occurred_at"], "event_name": event["name"]}
        for event in call.state.events(call.names["list_id"]).values()
        if event["contact_id"] == member["contact_id"]
    ]


@ROUTES.on("GET", MEMBER + "/activity-feed", "Lists/Members/ActivityFeed/Collection")
def activity_feed(call: MailchimpCall) -> Document:
    """Page through a member's activity; there is no `total_items`."""
    member = member_of(call, by_hash_only=True)
    wanted = [name for name in call.query.get("activity_filters", "").split(",") if name]
    unknown = [name for name in wanted if name not in FILTERS]
    if unknown:
        raise problems.invalid_fields(("activity_filters", f"Value must be one of: {', '.join(FILTERS)}"))
    entries = [entry for entry in history(call, member) if not wanted or entry["activity_type"] in wanted]
    return {
        "activity": list(call.page(entries)),
        "email_id": member["id"],
        "list_id": call.names["list_id"],
        "_links": [],
    }


@ROUTES.on("GET", MEMBER + "/activity", "Lists/Members/Activity/Collection")
def recent_activity(call: MailchimpCall) -> Document:
    """Return a member's last 50 actions."""
    member = member_of(call)
    wanted = [name for name in call.query.get("action", "").split(",") if name]
    actions = []
    for entry in history(call, member):
        action = "ecomm" if entry["activity_type"] == "order" else entry["activity_type"]
        if action != "event" and (not wanted or action in wanted):
            actions.append(
                {
                    "action": action,
                    "timestamp": entry["created_at_timestamp"],
                    "type": entry.get("bounce_type", ""),
                    "title": entry.get("campaign_title", ""),
                    "campaign_id": entry.get("campaign_id", ""),
                    "parent_campaign": "",
                    "url": entry.get("link_clicked", ""),
                }
            )
    shown = actions[:RECENT]
    return {
        "activity": shown,
        "email_id": member["id"],
        "list_id": call.names["list_id"],
        "total_items": len(shown),
        "_links": [],
    }


@ROUTES.on("GET", MEMBER + "/events", "Lists/Members/Events/Collection")
def list_events(call: MailchimpCall) -> Document:
    """Page through a member's custom events."""
    member = member_of(call)
    events = [
        {"occurred_at": event["occurred_at"], "name": event["name"], "properties": event["properties"]}
        for event in call.state.events(call.names["list_id"]).values()
        if event["contact_id"] == member["contact_id"]
    ]
    href = f"{call.url}/lists/{call.names['list_id']}/members/{member['id']}/events"
    links = collection_links(href, "Lists/Members/Events", parent="Lists/Members")
    return {"events": list(call.page(events)), "total_items": len(events), "_links": links}


@ROUTES.on("POST", MEMBER + "/events")
def add_event(call: MailchimpCall) -> None:
    """Keep a custom event of a member."""
    member, body = member_of(call), call.json
    kinds: dict[str, type] = {"name": str, "properties": dict, "occurred_at": str, "is_syncing": bool}
    problems.expect_types(body, kinds)
    if len(body.get("name", "")) not in NAME_LENGTH:
        raise problems.invalid_fields(("name", "Name must be between 2 and 30 characters"))
    for key, value in body.get("properties", {}).items():
        problems.expect(value, str, f"properties.{key}")
    at = read_moment("occurred_at", body["occurred_at"]) if body.get("occurred_at") else call.state.now()
    number = call.world.store.next_id("mailchimp.event")
    call.state.events(call.names["list_id"])[str(number)] = {
        "contact_id": member["contact_id"],
        "name": body["name"],
        "properties": body.get("properties", {}),
        "occurred_at": at,
    }
