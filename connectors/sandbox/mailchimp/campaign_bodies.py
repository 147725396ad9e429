"""How a campaign is shown, and what its recipients and variants may be."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.directory import subscriber_hash
from connectors.sandbox.mailchimp.links import item_links, link
from connectors.sandbox.mailchimp.report_totals import deliveries_of, delivery_totals, orders_of
from connectors.sandbox.mailchimp.segment_rules import check_options

if TYPE_CHECKING:
    from connectors.sandbox.mailchimp.call import MailchimpCall
    from connectors.sandbox.mailchimp.values import Document

WINNERS = ("opens", "clicks", "manual", "total_revenue")
TEST_SIZE = range(10, 101)
MAX_COMBINATIONS = 8
HOUR = 60
VARIATE_KINDS: dict[str, type] = {
    "winner_criteria": str,
    "test_size": int,
    "wait_time": int,
    "subject_lines": list,
    "from_names": list,
    "reply_to_addresses": list,
    "contents": list,
}


def check_recipients(call: MailchimpCall, recipients: Document) -> Document:
    """Return whom a campaign goes to, or refuse a list or segment that is not there."""
    list_id = str(recipients.get("list_id", ""))
    if list_id not in call.state.audiences:
        raise problems.invalid_fields(("recipients.list_id", "The list does not exist"))
    kept: Document = {"list_id": list_id}
    options = recipients.get("segment_opts")
    if options:
        problems.expect(options, dict, "recipients.segment_opts")
        saved = options.get("saved_segment_id")
        if saved and str(saved) not in call.state.segments(list_id):
            raise problems.invalid_fields(("recipients.segment_opts.saved_segment_id", "The segment does not exist"))
        kept["segment_opts"] = {"saved_segment_id": int(saved or 0), **check_options(call.state, list_id, options)}
    return kept


def variate_settings(wanted: Document) -> Document:
    """Return the settings of a multivariate campaign with its combinations."""
    problems.expect_types(wanted, VARIATE_KINDS)
    criteria, size, wait = wanted.get("winner_criteria"), wanted.get("test_size", 100), wanted.get("wait_time", HOUR)
    if criteria not in WINNERS:
        raise problems.invalid_fields(
            ("variate_settings.winner_criteria", f"Value must be one of: {', '.join(WINNERS)}")
        )
    if size not in TEST_SIZE:
        raise problems.invalid_fields(("variate_settings.test_size", "Value must be between 10 and 100"))
    if wait % HOUR:
        raise problems.invalid_fields(("variate_settings.wait_time", "Wait time must be in whole hours, in minutes"))
    settings = {
        "winning_combination_id": "",
        "winning_campaign_id": "",
        "winner_criteria": criteria,
        "wait_time": wait,
        "test_size": size,
        "subject_lines": wanted.get("subject_lines", []),
        "send_times": [],
        "from_names": wanted.get("from_names", []),
        "reply_to_addresses": wanted.get("reply_to_addresses", []),
        "contents": wanted.get("contents", []),
    }
    return settings | {"combinations": combinations(settings)}


def combinations(settings: Document) -> list[Document]:
    """Return every combination of the variants; its numbers are places in the lists of variants."""
    sizes = [len(settings[key]) or 1 for key in ("subject_lines", "from_names", "reply_to_addresses", "contents")]
    places = list(product(*(range(size) for size in sizes)))
    if len(places) > MAX_COMBINATIONS:
        raise problems.invalid_fields(("variate_settings", f"At most {MAX_COMBINATIONS} combinations are possible"))
    return [
        {
            "id": subscriber_hash(f"combination/{place}")[:10],
            "subject_line": subject,
            "send_time": 0,
            "from_name": name,
            "reply_to": reply,
            "content_description": content,
            "recipients": 0,
        }
        for place, (subject, name, reply, content) in enumerate(places)
    ]


def campaign_body(call: MailchimpCall, row: Document) -> Document:
    """Return the body of a campaign."""
    href = f"{call.url}/campaigns/{row['id']}"
    keys = ("id", "web_id", "parent_campaign_id", "type", "create_time")
    body = {key: row[key] for key in keys}
    body |= {
        "archive_url": f"{call.base}/archive/{row['id']}",
        "long_archive_url": f"{call.base}/archive?id={row['id']}",
        "status": row["status"],
        "emails_sent": row["emails_sent"],
        "send_time": row["send_time"],
        "content_type": row["content_type"],
        "needs_block_refresh": False,
        "resendable": False,
        "recipients": shown_recipients(call, row),
        "settings": shown_settings(row["settings"]),
        "tracking": row["tracking"],
    }
    if row["variate_settings"] is not None:
        body["variate_settings"] = row["variate_settings"]
    if row["sent_at"]:
        body["report_summary"] = summary(call, row)
    body["delivery_status"] = {"enabled": False}
    body["_links"] = [
        *item_links(href, "Campaigns"),
        link("content", f"{href}/content", target="Definitions/Campaigns/Content/Response"),
        link("report", f"{call.url}/reports/{row['id']}", target="Definitions/Reports/Response"),
        link("send_checklist", f"{href}/send-checklist", target="Definitions/Campaigns/Checklist/Response"),
        link("send", f"{href}/actions/send", "POST"),
    ]
    return body


def shown_recipients(call: MailchimpCall, row: Document) -> Document:
    """Return the recipients of a campaign as they are shown."""
    recipients = row["recipients"]
    list_id = recipients.get("list_id", "")
    known = call.state.audiences.get(list_id)
    options = recipients.get("segment_opts")
    segment = call.state.segments(list_id).get(str(options["saved_segment_id"])) if options and known else None
    shown = {
        "list_id": list_id,
        "list_is_active": known is not None,
        "list_name": known["name"] if known else "",
        "segment_text": f"Contacts in {segment['name']}" if segment else "",
        "recipient_count": row["emails_sent"],
    }
    return shown | ({"segment_opts": options} if options else {})


def shown_settings(settings: Document) -> Document:
    """Return the settings of a campaign with all keys."""
    return {
        "subject_line": "",
        "preview_text": "",
        "title": "",
        "from_name": "",
        "reply_to": "",
        "use_conversation": False,
        "to_name": "",
        "folder_id": "",
        "authenticate": True,
        "auto_footer": False,
        "inline_css": False,
        "auto_tweet": False,
        "fb_comments": False,
        "timewarp": False,
        "template_id": 0,
        "drag_and_drop": False,
        **settings,
    }


def summary(call: MailchimpCall, row: Document) -> Document:
    """Return the short report of a campaign; its rates are fractions of deliveries."""
    now = call.state.now()
    figures = delivery_totals(deliveries_of(call.state, row), now)
    orders = orders_of(call.state, row)
    spent = round(sum(float(order["order_total"]) for order in orders), 2)
    return {
        "opens": figures.opens,
        "unique_opens": figures.unique_opens,
        "open_rate": figures.rate(figures.unique_opens),
        "clicks": figures.clicks,
        "subscriber_clicks": figures.clickers,
        "click_rate": figures.rate(figures.clickers),
        "ecommerce": {"total_orders": len(orders), "total_spent": spent, "total_revenue": spent},
    }
