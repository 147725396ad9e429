"""Campaigns: create, list, change, content, check, schedule, send."""

from __future__ import annotations

from connectors.sandbox.mailchimp import problems, sending
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes, read_moment
from connectors.sandbox.mailchimp.campaign_bodies import campaign_body, check_recipients, variate_settings
from connectors.sandbox.mailchimp.links import collection_links
from connectors.sandbox.mailchimp.values import Document, parse_time, stamp

ROUTES = Routes()
CAMPAIGN = "/campaigns/{campaign_id}"
INSTANCE = "Campaigns/Instance"
TYPES = ("regular", "plaintext", "variate")
LISTED = ("save", "paused", "schedule", "sending", "sent")
KINDS: dict[str, type] = {
    "type": str,
    "recipients": dict,
    "settings": dict,
    "tracking": dict,
    "variate_settings": dict,
}
QUARTER = 15
TRACKING = {
    "opens": True,
    "html_clicks": True,
    "text_clicks": False,
    "goal_tracking": False,
    "ecomm360": True,
    "google_analytics": "",
    "clicktale": "",
}


@ROUTES.on("GET", "/campaigns", "Campaigns/Collection")
def list_campaigns(call: MailchimpCall) -> Document:
    """Page through the campaigns; the children of a multivariate one are not among them."""
    rows = [
        row for row in call.state.campaigns.values() if not row["parent_campaign_id"] and chosen_campaigns(call, row)
    ]
    field = call.query.get("sort_field")
    if field:
        if field not in {"create_time", "send_time"}:
            raise problems.invalid_fields(("sort_field", "Value must be one of: create_time, send_time"))
        rows.sort(key=lambda row: str(row[field]), reverse=call.query.get("sort_dir", "").upper() == "DESC")
    return {
        "campaigns": [campaign_body(call, row) for row in call.page(rows)],
        "total_items": len(rows),
        "_links": collection_links(f"{call.url}/campaigns", "Campaigns", parent="Root"),
    }


def chosen_campaigns(call: MailchimpCall, row: Document) -> bool:
    """Tell whether a campaign passes the filters of the query."""
    status = call.query.get("status")
    if status and status not in LISTED:
        raise problems.invalid_fields(("status", f"Value must be one of: {', '.join(LISTED)}"))
    passes = status in {None, "", row["status"]} and call.query.get("type") in {None, "", row["type"]}
    passes = passes and call.query.get("list_id") in {None, "", row["recipients"].get("list_id")}
    for key in ("send_time", "create_time"):
        since, before = call.moment(f"since_{key}"), call.moment(f"before_{key}")
        passes = passes and (since is None or row[key] > since) and (before is None or "" < row[key] <= before)
    return passes


@ROUTES.on("POST", "/campaigns", INSTANCE)
def add_campaign(call: MailchimpCall) -> Document:
    """Create a campaign as a draft."""
    body = call.json
    problems.expect_types(body, KINDS)
    if body.get("type") not in TYPES:
        raise problems.invalid_fields(("type", f"Value must be one of: {', '.join(TYPES)}"))
    campaign_id = call.state.token("campaign")
    row: Document = {
        "id": campaign_id,
        "web_id": call.world.store.next_id("mailchimp.web_id", 380_001),
        "parent_campaign_id": "",
        "type": body["type"],
        "create_time": call.state.now(),
        "status": "save",
        "emails_sent": 0,
        "send_time": "",
        "sent_at": "",
        "content_type": "multichannel",
        "recipients": {},
        "settings": {},
        "variate_settings": None,
        "tracking": dict(TRACKING),
        "content": {},
    }
    change(call, row, body)
    call.state.campaigns[campaign_id] = row
    return campaign_body(call, row)


def change(call: MailchimpCall, row: Document, body: Document) -> None:
    """Lay the keys of *body* over a campaign."""
    if "recipients" in body:
        row["recipients"] = check_recipients(call, body["recipients"])
    row["settings"] = {**row["settings"], **body.get("settings", {})}
    row["tracking"] = {**row["tracking"], **body.get("tracking", {})}
    if row["type"] == "variate" and (row["variate_settings"] is None or "variate_settings" in body):
        row["variate_settings"] = variate_settings(
            {**(row["variate_settings"] or {}), **body.get("variate_settings", {})}
        )


def campaign_of(call: MailchimpCall) -> Document:
    """Return the campaign that the path names."""
    return call.row_of(call.state.campaigns, "campaign_id")


def draft_of(call: MailchimpCall) -> Document:
    """Return the campaign that the path names, unless it is gone out."""
    row = campaign_of(call)
    if row["status"] not in {"save", "paused"}:
        message = "This campaign has already been sent or is scheduled and cannot be changed."
        raise problems.bad_request(message)
    return row


@ROUTES.on("GET", CAMPAIGN, INSTANCE)
def get_campaign(call: MailchimpCall) -> Document:
    """Return one campaign."""
    return campaign_body(call, campaign_of(call))


@ROUTES.on("PATCH", CAMPAIGN, INSTANCE)
def patch_campaign(call: MailchimpCall) -> Document:
    """Change a draft."""
    row, body = draft_of(call), call.json
    problems.expect_types(body, KINDS)
    change(call, row, body)
    call.state.campaigns[row["id"]] = row
    return campaign_body(call, row)


@ROUTES.on("DELETE", CAMPAIGN)
def delete_campaign(call: MailchimpCall) -> None:
    """Delete a campaign."""
    del call.state.campaigns[campaign_of(call)["id"]]


@ROUTES.on("GET", CAMPAIGN + "/content", "Campaigns/Content/Instance")
def get_content(call: MailchimpCall) -> Document:
    """Return the content."""
    return shown_content(campaign_of(call))


@ROUTES.on("PUT", CAMPAIGN + "/content", "Campaigns/Content/Instance")
def put_content(call: MailchimpCall) -> Document:
    """Set the content: `html`, `plain_text`, or `variate_contents` of a multivariate campaign."""
    row, body = draft_of(call), call.json
    problems.expect_types(body, {"html": str, "plain_text": str, "variate_contents": list})
    for place, part in enumerate(body.get("variate_contents", [])):
        problems.expect(part, dict, f"variate_contents.item:{place}")
        if not part.get("content_label"):
            raise problems.invalid_fields((f"variate_contents.item:{place}.content_label", "This value is required."))
    if row["type"] == "variate" and body.get("variate_contents"):
        labels = [part["content_label"] for part in body["variate_contents"]]
        row["variate_settings"] = variate_settings({**row["variate_settings"], "contents": labels})
    row["content"] = {key: body[key] for key in ("html", "plain_text", "variate_contents") if key in body}
    call.state.campaigns[row["id"]] = row
    return shown_content(row)


def shown_content(row: Document) -> Document:
    """Return the body of a campaign's content."""
    content = row["content"]
    return {
        "plain_text": content.get("plain_text", ""),
        "html": content.get("html", ""),
        "archive_html": content.get("html", ""),
        "variate_contents": content.get("variate_contents", []),
        "_links": [],
    }


@ROUTES.on("GET", CAMPAIGN + "/send-checklist", "Campaigns/Checklist/Instance")
def send_checklist(call: MailchimpCall) -> Document:
    """Say what still stands in the way of sending."""
    items = sending.checklist(call.state, campaign_of(call))
    return {"is_ready": all(item["type"] != "error" for item in items), "items": items, "_links": []}


@ROUTES.on("POST", CAMPAIGN + "/actions/send")
def send(call: MailchimpCall) -> None:
    """Send a campaign now."""
    sending.send_out(call.state, ready(call))


@ROUTES.on("POST", CAMPAIGN + "/actions/schedule")
def schedule(call: MailchimpCall) -> None:
    """Send a campaign later, on a quarter of an hour."""
    row, body = ready(call), call.json
    read_moment("schedule_time", body.get("schedule_time", ""))
    at = parse_time(body["schedule_time"])
    if at.minute % QUARTER or at.second or at.microsecond:
        message = "Campaigns may only be scheduled to send on the quarter-hour (:00, :15, :30, :45)."
        raise problems.bad_request(message)
    if at <= call.world.clock.now():
        message = "Scheduled send time must be in the future."
        raise problems.bad_request(message)
    row["status"], row["send_time"] = "schedule", stamp(at)
    call.state.campaigns[row["id"]] = row
    call.state.plan_effect(row["send_time"], "send", campaign_id=row["id"])


def ready(call: MailchimpCall) -> Document:
    """Return the draft that the path names, if nothing stands in the way of sending it."""
    row = draft_of(call)
    blockers = [item for item in sending.checklist(call.state, row) if item["type"] == "error"]
    if blockers:
        details = " ".join(item["details"] for item in blockers)
        message = f"Your Campaign is not ready to send. {details}"
        raise problems.bad_request(message)
    return row


@ROUTES.on("POST", CAMPAIGN + "/actions/unschedule")
def unschedule(call: MailchimpCall) -> None:
    """Make a scheduled campaign a draft again."""
    row = campaign_of(call)
    if row["status"] != "schedule":
        message = "This campaign is not scheduled."
        raise problems.bad_request(message)
    row["status"], row["send_time"] = "save", ""
    call.state.campaigns[row["id"]] = row


@ROUTES.on("POST", CAMPAIGN + "/actions/test")
def send_test(call: MailchimpCall) -> None:
    """Take a test send; nobody's merge tags are resolved in it."""
    campaign_of(call)
    problems.expect(call.json.get("test_emails"), list, "test_emails")
