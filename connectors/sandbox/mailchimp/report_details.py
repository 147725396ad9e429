"""Details of a report: openers, links and who clicked them, who left, who complained."""

from __future__ import annotations

from collections import defaultdict

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.report_totals import deliveries_of
from connectors.sandbox.mailchimp.reports import REPORT, left_already, report_of, who
from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()


def contact(call: MailchimpCall, row: Document, delivery: Document) -> Document:
    """Return the keys by which these reports name a member."""
    member = call.state.members(delivery["list_id"]).get(delivery["contact_id"])
    return {
        **who(call, row, delivery),
        "merge_fields": delivery["merge_fields"],
        "vip": bool(member and member["vip"]),
    }


def with_status(call: MailchimpCall, row: Document, delivery: Document) -> Document:
    """Return the same with the member's status, which those who left and complained are shown without."""
    member = call.state.members(delivery["list_id"]).get(delivery["contact_id"])
    return {**contact(call, row, delivery), "contact_status": member["status"] if member else "deleted"}


@ROUTES.on("GET", REPORT + "/open-details", "Reports/OpenDetails/Collection")
def open_details(call: MailchimpCall) -> Document:
    """Page through those who opened."""
    row, since, now = report_of(call), call.moment("since"), call.state.now()
    members: list[tuple[Document, Document]] = []
    total = 0
    for delivery in deliveries_of(call.state, row):
        opens = [
            act["timestamp"] for act in delivery["activity"] if act["action"] == "open" and act["timestamp"] <= now
        ]
        opens = [at for at in opens if since is None or at > since]
        if opens:
            total += len(opens)
            times = [{"timestamp": at} for at in opens]
            members.append((delivery, {"opens_count": len(opens), "opens": times}))
    if call.query.get("sort_field") == "opens_count":
        members.sort(
            key=lambda pair: int(pair[1]["opens_count"]), reverse=call.query.get("sort_dir", "").upper() == "DESC"
        )
    shown = [{**with_status(call, row, delivery), **opened, "_links": []} for delivery, opened in call.page(members)]
    return {
        "members": shown,
        "campaign_id": row["id"],
        "total_opens": total,
        "total_items": len(members),
        "_links": [],
    }


def clicks_by_url(call: MailchimpCall, row: Document) -> dict[str, dict[str, list[str]]]:
    """Return the times of clicks by link and contact id."""
    now = call.state.now()
    clicks: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for delivery in deliveries_of(call.state, row):
        for act in delivery["activity"]:
            if act["action"] == "click" and act["timestamp"] <= now:
                clicks[act.get("url", "")][delivery["contact_id"]].append(act["timestamp"])
    return clicks


def link_id(url: str) -> str:
    """Return the id of a link."""
    return subscriber_hash(url)[:10]


@ROUTES.on("GET", REPORT + "/click-details", "Reports/ClickDetails/Collection")
def click_details(call: MailchimpCall) -> Document:
    """Page through the links that were clicked."""
    row = report_of(call)
    clicks = clicks_by_url(call, row)
    total = sum(len(times) for people in clicks.values() for times in people.values())
    unique = sum(len(people) for people in clicks.values())
    shown = [show_link(row, url, clicks[url], total, unique) for url in call.page(sorted(clicks))]
    return {"urls_clicked": shown, "campaign_id": row["id"], "total_items": len(clicks), "_links": []}


def show_link(row: Document, url: str, people: dict[str, list[str]], total: int, unique: int) -> Document:
    """Return one link with its figures; the shares are fractions."""
    count = sum(len(times) for times in people.values())
    return {
        "id": link_id(url),
        "url": url,
        "total_clicks": count,
        "click_percentage": round(count / total, 6),
        "unique_clicks": len(people),
        "unique_click_percentage": round(len(people) / unique, 6),
        "last_click": max(at for times in people.values() for at in times),
        "ab_split": {},
        "campaign_id": row["id"],
        "_links": [],
    }


@ROUTES.on("GET", REPORT + "/click-details/{link_id}/members", "Reports/ClickDetails/Members/Collection")
def clickers(call: MailchimpCall) -> Document:
    """Page through those who clicked one link."""
    row = report_of(call)
    clicks = clicks_by_url(call, row)
    url = next((url for url in clicks if link_id(url) == call.names["link_id"]), None)
    if url is None:
        raise problems.not_found()
    people = clicks[url]
    by_contact = {delivery["contact_id"]: delivery for delivery in deliveries_of(call.state, row)}
    shown = [
        {**with_status(call, row, by_contact[key]), "clicks": len(people[key]), "url_id": link_id(url), "_links": []}
        for key in call.page(list(people))
    ]
    return {"members": shown, "campaign_id": row["id"], "total_items": len(people), "_links": []}


@ROUTES.on("GET", REPORT + "/unsubscribed", "Reports/Unsubscribes/Collection")
def unsubscribed(call: MailchimpCall) -> Document:
    """Page through those who left because of this campaign."""
    row, now = report_of(call), call.state.now()
    left = [
        (delivery, event)
        for delivery in deliveries_of(call.state, row)
        if (event := left_already(delivery, "unsubscribed", now)) is not None
    ]
    shown = [
        {**contact(call, row, delivery), "timestamp": event["timestamp"], "reason": event["reason"], "_links": []}
        for delivery, event in call.page(left)
    ]
    return {"unsubscribes": shown, "campaign_id": row["id"], "total_items": len(left), "_links": []}


@ROUTES.on("GET", REPORT + "/abuse-reports", "Reports/Abuse/Collection")
def complaints(call: MailchimpCall) -> Document:
    """Return all complaints; there is no paging."""
    row, now = report_of(call), call.state.now()
    shown = [
        {**contact(call, row, delivery), "id": event["id"], "date": event["timestamp"], "_links": []}
        for delivery in deliveries_of(call.state, row)
        if (event := left_already(delivery, "complaint", now)) is not None
    ]
    return {"abuse_reports": shown, "campaign_id": row["id"], "total_items": len(shown), "_links": []}
