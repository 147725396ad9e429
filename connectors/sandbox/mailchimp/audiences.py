"""Audiences (`lists`), and the batch call that writes up to 500 members of one."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.links import Link, collection_links, link
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
LIST = "/lists/{list_id}"
MAX_AUDIENCES = 5
CHILDREN = {
    "abuse-reports": "Abuse",
    "activity": "Activity",
    "clients": "Clients",
    "growth-history": "Growth",
    "interest-categories": "InterestCategories",
    "members": "Members",
    "merge-fields": "MergeFields",
    "segments": "Segments",
    "webhooks": "Webhooks",
    "signup-forms": "SignupForms",
    "locations": "Locations",
}
CHANGEABLE: dict[str, type] = {
    "name": str,
    "double_optin": bool,
    "marketing_permissions": bool,
    "permission_reminder": str,
    "contact": dict,
    "campaign_defaults": dict,
    "email_type_option": bool,
}


def audience(call: MailchimpCall) -> Document:
    """Return the audience that the path names."""
    return call.row_of(call.state.audiences, "list_id")


@ROUTES.on("GET", "/lists", "Lists/Collection")
def list_audiences(call: MailchimpCall) -> Document:
    """Page through the audiences."""
    everyone = list(call.state.audiences.values())
    href = f"{call.url}/lists"
    return {
        "lists": [show_audience(call, row) for row in call.page(everyone)],
        "total_items": len(everyone),
        "constraints": {
            "may_create": len(everyone) < MAX_AUDIENCES,
            "max_instances": MAX_AUDIENCES,
            "current_total_instances": len(everyone),
        },
        "_links": [collection_links(href, "Lists")[0], collection_links(href, "Lists")[2]],
    }


@ROUTES.on("GET", LIST, "Lists/Instance")
def get_audience(call: MailchimpCall) -> Document:
    """Return one audience."""
    return show_audience(call, audience(call))


@ROUTES.on("POST", "/lists", "Lists/Instance")
def add_audience(call: MailchimpCall) -> Document:
    """Create an audience, as far as the plan allows."""
    body = call.json
    needed = ("name", "contact", "permission_reminder", "campaign_defaults", "email_type_option")
    missing = [(key, "This value should not be blank.") for key in needed if key not in body]
    if missing:
        raise problems.invalid_fields(*missing)
    problems.expect_types(body, CHANGEABLE)
    if len(call.state.audiences) >= MAX_AUDIENCES:
        raise problems.ProblemError(403, "User action not permitted", "You have reached your audience limit.")
    settings = {key: body[key] for key in CHANGEABLE if key in body}
    list_id = call.state.add_audience(settings.pop("name"), settings=settings)
    return show_audience(call, call.state.audiences[list_id])


@ROUTES.on("PATCH", LIST, "Lists/Instance")
def patch_audience(call: MailchimpCall) -> Document:
    """Change an audience's settings."""
    row, body = audience(call), call.json
    problems.expect_types(body, CHANGEABLE)
    row |= {key: body[key] for key in CHANGEABLE if key in body}
    call.state.audiences[row["id"]] = row
    return show_audience(call, row)


def show_audience(call: MailchimpCall, row: Document) -> Document:
    """Return the body of an audience."""
    list_id = row["id"]
    host = call.base.partition("//")[2]
    body = {
        "id": list_id,
        "web_id": row["web_id"],
        "name": row["name"],
        "permission_reminder": row.get("permission_reminder", "You signed up on our site."),
        "use_archive_bar": True,
        "campaign_defaults": {
            "from_name": "Sandbox",
            "from_email": "team@sandbox.test",
            "subject": "",
            "language": "en",
            **row.get("campaign_defaults", {}),
        },
        "notify_on_subscribe": "",
        "notify_on_unsubscribe": "",
        "date_created": row["date_created"],
        "list_rating": 0,
        "email_type_option": row.get("email_type_option", False),
        "subscribe_url_short": f"{call.base}/s/{list_id}",
        "subscribe_url_long": f"{call.base}/subscribe?id={list_id}",
        "beamer_address": f"us1-{list_id}@inbound.{host.partition(':')[0]}",
        "visibility": "prv",
        "double_optin": row["double_optin"],
        "has_welcome": False,
        "marketing_permissions": row["marketing_permissions"],
        "modules": [],
        "stats": stats(call, list_id),
        "_links": audience_links(call, list_id),
    }
    if "contact" in row:
        body["contact"] = row["contact"]
    return body


def stats(call: MailchimpCall, list_id: str) -> Document:
    """Count members by status; the rates of an audience are in percent, not fractions."""
    state, now = call.state, call.state.now()
    counts: dict[str, int] = {}
    newest: dict[str, str] = {}
    for member in state.members(list_id).values():
        status = member["status"]
        counts[status] = counts.get(status, 0) + 1
        newest[status] = max(newest.get(status, ""), member["last_changed"])
    campaigns = [row for row in state.campaigns.values() if row["recipients"].get("list_id") == list_id]
    sent = [row for row in campaigns if row.get("sent_at") and row["sent_at"] <= now]
    mails = opened = clicked = 0
    for row in sent:
        for delivery in state.deliveries(row["id"]).values():
            actions = {entry["action"] for entry in delivery["activity"] if entry["timestamp"] <= now}
            mails, opened, clicked = mails + 1, opened + ("open" in actions), clicked + ("click" in actions)
    return {
        "member_count": counts.get("subscribed", 0),
        "unsubscribe_count": counts.get("unsubscribed", 0),
        "cleaned_count": counts.get("cleaned", 0),
        "member_count_since_send": 0,
        "unsubscribe_count_since_send": 0,
        "cleaned_count_since_send": 0,
        "campaign_count": len(campaigns),
        "campaign_last_sent": max((row["sent_at"] for row in sent), default=""),
        "merge_field_count": len(state.fields(list_id)),
        "avg_sub_rate": 0,
        "avg_unsub_rate": 0,
        "target_sub_rate": 0,
        "open_rate": percentage(opened, mails),
        "click_rate": percentage(clicked, mails),
        "last_sub_date": newest.get("subscribed", ""),
        "last_unsub_date": newest.get("unsubscribed", ""),
    }


def percentage(part: int, whole: int) -> float:
    """Return a share of 100."""
    return round(100 * part / whole, 2) if whole else 0


def audience_links(call: MailchimpCall, list_id: str) -> list[Link]:
    """Return the links of one audience."""
    href = f"{call.url}/lists/{list_id}"
    response, collection = "Definitions/Lists/Response", "Definitions/Lists/CollectionResponse"
    batch = "Definitions/Lists/BatchPOST"
    links = [
        link("self", href, target=response),
        link("parent", f"{call.url}/lists", target=collection, schema="Paths/Lists/Collection"),
        link("update", href, "PATCH", response, "Definitions/Lists/PATCH"),
        link("batch-sub-unsub-members", href, "POST", f"{batch}-Response", batch),
        link("delete", href, "DELETE"),
    ]
    return links + [child_link(href, rel, kind) for rel, kind in CHILDREN.items()]


def child_link(href: str, rel: str, kind: str) -> Link:
    """Return the link of one collection of an audience; activity and clients have no schema."""
    definitions = f"Definitions/Lists/{kind}"
    if kind in {"Activity", "Clients"}:
        return link(rel, f"{href}/{rel}", target=f"{definitions}/Response")
    return link(rel, f"{href}/{rel}", "GET", f"{definitions}/CollectionResponse", f"Paths/Lists/{kind}/Collection")
