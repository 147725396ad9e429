"""Reports of sent campaigns: the totals, the children of a multivariate campaign, and each member's activity."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.audiences import stats
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.links import collection_links, link
from connectors.sandbox.mailchimp.report_totals import Totals, deliveries_of, delivery_totals, orders_of, passed
from connectors.sandbox.mailchimp.values import Document, parse_time, stamp

ROUTES = Routes()
REPORT = "/reports/{campaign_id}"
WORDS = {"plaintext": "plain-text"}  # campaigns and reports name types differently
FIRST_DAY = 24  # hours in the time series


def report_of(call: MailchimpCall) -> Document:
    """Return the sent campaign that the path names."""
    row = call.state.campaigns.get(call.names["campaign_id"])
    if row is None or not row["sent_at"]:
        raise problems.not_found()
    return row


@ROUTES.on("GET", "/reports", "Reports/Collection")
def list_reports(call: MailchimpCall) -> Document:
    """Page through the reports, newest first; those of child campaigns are in `sub-reports`."""
    since, before = call.moment("since_send_time"), call.moment("before_send_time")
    rows = [
        row
        for row in call.state.campaigns.values()
        if row["sent_at"]
        and not row["parent_campaign_id"]
        and call.query.get("type") in {None, "", WORDS.get(row["type"], row["type"])}
        and (since is None or row["sent_at"] > since)
        and (before is None or row["sent_at"] <= before)
    ]
    rows.sort(key=lambda row: str(row["sent_at"]), reverse=True)
    return {
        "reports": [show_report(call, row) for row in call.page(rows)],
        "total_items": len(rows),
        "_links": collection_links(f"{call.url}/reports", "Reports", parent="Root")[:2],
    }


@ROUTES.on("GET", REPORT, "Reports/Instance")
def get_report(call: MailchimpCall) -> Document:
    """Return one report."""
    return show_report(call, report_of(call))


@ROUTES.on("GET", REPORT + "/sub-reports", "Reports/SubReports/Collection")
def list_children(call: MailchimpCall) -> Document:
    """Return the reports of a campaign's children; there is no paging."""
    parent = report_of(call)
    rows = [row for row in call.state.campaigns.values() if row["parent_campaign_id"] == parent["id"]]
    return {
        "reports": [show_report(call, row) for row in rows],
        "campaign_id": parent["id"],
        "total_items": len(rows),
        "_links": [],
    }


def show_report(call: MailchimpCall, row: Document) -> Document:
    """Return a report; its rates are fractions of deliveries, those of `list_stats` are percent."""
    now, deliveries = call.state.now(), deliveries_of(call.state, row)
    figures, orders = delivery_totals(deliveries, now), orders_of(call.state, row)
    list_id = row["recipients"]["list_id"]
    audience = call.state.audiences.get(list_id)
    shown_stats = stats(call, list_id) if audience else {"open_rate": 0, "click_rate": 0}
    href = f"{call.url}/reports/{row['id']}"
    return {
        "id": row["id"],
        "campaign_title": row["settings"].get("title", ""),
        "type": WORDS.get(row["type"], row["type"]),
        "list_id": list_id,
        "list_is_active": audience is not None,
        "list_name": audience["name"] if audience else "",
        "subject_line": row["settings"].get("subject_line", ""),
        "preview_text": row["settings"].get("preview_text", ""),
        "emails_sent": figures.sent,
        "abuse_reports": figures.complaints,
        "unsubscribed": figures.unsubscribed,
        "send_time": row["sent_at"],
        "bounces": {"hard_bounces": figures.hard, "soft_bounces": figures.soft, "syntax_errors": 0},
        "forwards": {"forwards_count": 0, "forwards_opens": 0},
        **_engagement(figures),
        "facebook_likes": {"recipient_likes": 0, "unique_likes": 0, "facebook_likes": 0},
        "industry_stats": {"type": "Software", "open_rate": 0.2, "click_rate": 0.02, "bounce_rate": 0.01},
        "list_stats": {
            "sub_rate": 0,
            "unsub_rate": 0,
            "open_rate": shown_stats["open_rate"],
            "click_rate": shown_stats["click_rate"],
        },
        "timeseries": timeseries(row, deliveries, now),
        "ecommerce": _ecommerce(orders),
        "delivery_status": {"enabled": False},
        "_links": [
            link("self", href, target="Definitions/Reports/Response"),
            link("parent", f"{call.url}/reports", target="Definitions/Reports/CollectionResponse"),
        ],
    }


def _engagement(figures: Totals) -> Document:
    return {
        "opens": {
            "opens_total": figures.opens,
            "unique_opens": figures.unique_opens,
            "open_rate": figures.rate(figures.unique_opens),
            "last_open": figures.last_open,
        },
        "clicks": {
            "clicks_total": figures.clicks,
            "unique_clicks": figures.unique_clicks,
            "unique_subscriber_clicks": figures.clickers,
            "click_rate": figures.rate(figures.clickers),
            "last_click": figures.last_click,
        },
    }


def _ecommerce(orders: list[Document]) -> Document:
    spent = round(sum(float(order["order_total"]) for order in orders), 2)
    return {"total_orders": len(orders), "total_spent": spent, "total_revenue": spent, "currency_code": "USD"}


def timeseries(row: Document, deliveries: list[Document], now: str) -> list[Document]:
    """Return sends, first opens and clickers of each hour of the first day."""
    begin = parse_time(row["sent_at"])
    opens: dict[int, int] = defaultdict(int)
    clicks: dict[int, int] = defaultdict(int)
    for delivery in deliveries:
        for counts, action in ((opens, "open"), (clicks, "click")):
            first = next((act["timestamp"] for act in delivery["activity"] if act["action"] == action), None)
            if first is not None and first <= now:
                counts[int((parse_time(first) - begin).total_seconds() // 3600)] += 1
    return [
        {
            "timestamp": stamp(begin + timedelta(hours=hour)),
            "emails_sent": len(deliveries) if hour == 0 else 0,
            "unique_opens": opens[hour],
            "recipients_clicks": clicks[hour],
        }
        for hour in range(FIRST_DAY)
        if stamp(begin + timedelta(hours=hour)) <= now
    ]


def who(call: MailchimpCall, row: Document, delivery: Document) -> Document:
    """Return the keys by which reports name a recipient."""
    return {
        "campaign_id": row["id"],
        "list_id": delivery["list_id"],
        "list_is_active": delivery["list_id"] in call.state.audiences,
        "email_id": delivery["email_id"],
        "email_address": delivery["email_address"],
    }


@ROUTES.on("GET", REPORT + "/email-activity", "Reports/EmailActivity/Collection")
def list_activity(call: MailchimpCall) -> Document:
    """Page through opens, clicks and bounces by member; with `since`, members without any are missing."""
    row, since, now = report_of(call), call.moment("since") or "", call.state.now()
    deliveries = deliveries_of(call.state, row)
    if since:
        deliveries = [
            delivery for delivery in deliveries if any(since < act["timestamp"] <= now for act in delivery["activity"])
        ]
    emails = [
        {
            **who(call, row, delivery),
            "activity": [act for act in delivery["activity"] if since < act["timestamp"] <= now],
            "_links": [],
        }
        for delivery in call.page(deliveries)
    ]
    return {
        "emails": emails,
        "campaign_id": row["id"],
        "total_items": len(deliveries),
        "_links": collection_links(f"{call.url}/reports/{row['id']}/email-activity", "Reports/EmailActivity")[:2],
    }


@ROUTES.on("GET", REPORT + "/email-activity/{member}", "Reports/EmailActivity/Instance")
def get_activity(call: MailchimpCall) -> Document:
    """Return one member's opens, clicks and bounces."""
    row, now = report_of(call), call.state.now()
    for delivery in deliveries_of(call.state, row):
        if call.names["member"] in {delivery["email_id"], delivery["email_address"]}:
            acts = [act for act in delivery["activity"] if act["timestamp"] <= now]
            return {**who(call, row, delivery), "activity": acts, "_links": []}
    raise problems.not_found()


@ROUTES.on("GET", REPORT + "/sent-to", "Reports/SentTo/Collection")
def list_recipients(call: MailchimpCall) -> Document:
    """Page through everybody to whom the campaign went; a parent lists all of its children's."""
    row = report_of(call)
    deliveries = deliveries_of(call.state, row)
    href = f"{call.url}/reports/{row['id']}/sent-to"
    return {
        "sent_to": [show_recipient(call, row, delivery) for delivery in call.page(deliveries)],
        "campaign_id": row["id"],
        "total_items": len(deliveries),
        "_links": collection_links(href, "Reports/SentTo")[:2],
    }


def show_recipient(call: MailchimpCall, row: Document, delivery: Document) -> Document:
    """Return one recipient with what became of the mail."""
    now = call.state.now()
    acts = [act for act in delivery["activity"] if act["timestamp"] <= now]
    opens = [act["timestamp"] for act in acts if act["action"] == "open"]
    bounce = next((act["type"] for act in acts if act["action"] == "bounce"), None)
    return {
        "email_id": delivery["email_id"],
        "email_address": delivery["email_address"],
        "merge_fields": delivery["merge_fields"],
        "vip": False,
        "status": bounce or "sent",
        "open_count": len(opens),
        "last_open": max(opens, default=""),
        "absplit_group": "",
        "gmt_offset": 0,
        "campaign_id": row["id"],
        "list_id": delivery["list_id"],
        "list_is_active": delivery["list_id"] in call.state.audiences,
        "_links": [],
    }


def left_already(delivery: Document, key: str, now: str) -> Document | None:
    """Return the unsubscribe or complaint of a recipient, once its time has come."""
    event: Document | None = delivery.get(key)
    return event if passed(event, now) else None
