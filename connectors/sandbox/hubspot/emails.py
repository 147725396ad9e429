"""Marketing e-mails as documents: create, change, list. Sending is `sending`, figures are `figures`."""

from __future__ import annotations

from typing import Any

from connectors.sandbox.hubspot.calls import NOTHING, Answer, HubSpotCall, ok
from connectors.sandbox.hubspot.errors import invalid_request, no_such_resource
from connectors.sandbox.hubspot.figures import figures
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso, parse_ms

Row = dict[str, Any]

FIRST_EMAIL = 7_001
FIRST_CAMPAIGN = 555
PAGE = 100
GIVEN = (
    "subject",
    "campaign",
    "campaignName",
    "content",
    "from",
    "to",
    "language",
    "subscriptionDetails",
    "subcategory",
)
SORTED_BY = ("createdAt", "updatedAt", "publishedAt", "name", "id")


def post_email(call: HubSpotCall) -> Answer:
    """Answer ``POST /marketing/v3/emails``: a draft."""
    body = call.json_object()
    name = body.get("name")
    if not isinstance(name, str) or not name:
        message = "`name` is required"
        raise invalid_request(message)
    store = call.state.world.store
    email_id = str(store.next_id("hubspot.emails", FIRST_EMAIL))
    campaign = str(store.next_id("hubspot.email_campaigns", FIRST_CAMPAIGN))
    now = iso(call.state.now_ms())
    row: Row = {
        "id": email_id,
        "name": name,
        "subject": "",
        "type": "BATCH_EMAIL",
        "state": "DRAFT",
        "subcategory": "batch",
        "sendOnPublish": True,
        "isAb": False,
        "isPublished": False,
        "isTransactional": False,
        "archived": False,
        "primaryEmailCampaignId": campaign,
        "allEmailCampaignIds": [campaign],
        "createdAt": now,
        "updatedAt": now,
        "content": {},
        "from": {"fromName": "Sandbox", "replyTo": "team@sandbox.test"},
        "to": {"contactIlsLists": {"include": [], "exclude": []}, "suppressGraymail": False},
        **{key: body[key] for key in GIVEN if key in body},
    }
    call.state.emails[email_id] = row
    return Answer(201, row)


def patch_email(call: HubSpotCall) -> Answer:
    """Answer ``PATCH /marketing/v3/emails/{id}``."""
    row, body = email_of(call), call.json_object()
    if row["isPublished"]:
        message = "A published email cannot be changed"
        raise invalid_request(message)
    changed = {**row, **{key: body[key] for key in ("name", *GIVEN) if key in body}}
    changed["updatedAt"] = iso(call.state.now_ms())
    call.state.emails[row["id"]] = changed
    return ok(changed)


def delete_email(call: HubSpotCall) -> Answer:
    """Answer ``DELETE /marketing/v3/emails/{id}``."""
    row = email_of(call)
    call.state.emails[row["id"]] = {**row, "archived": True, "updatedAt": iso(call.state.now_ms())}
    return NOTHING


def get_email(call: HubSpotCall) -> Answer:
    """Answer ``GET /marketing/v3/emails/{id}``."""
    return ok(_show(call, email_of(call)))


def list_emails(call: HubSpotCall) -> Answer:
    """Answer ``GET /marketing/v3/emails``."""
    limit, after = call.limit(10, PAGE), call.one("after") or "0"
    if not after.isdigit():
        message = f"Invalid paging cursor {after!r}"
        raise invalid_request(message)
    rows = [row for row in call.state.emails.values() if _wanted(call, row)]
    _sort(rows, call.one("sort"))
    end = int(after) + limit
    body: Row = {"total": len(rows), "results": [_show(call, row) for row in rows[int(after) : end]]}
    if end < len(rows):
        body["paging"] = {"next": {"after": str(end), "link": f"{call.base_url}{call.route}?after={end}"}}
    return ok(body)


def email_of(call: HubSpotCall) -> Row:
    """Return the e-mail that the path names.

    Raises:
        Refusal: 404.
    """
    return known(call.state, call.path["emailId"])


def known(state: HubSpotState, email_id: str) -> Row:
    """Return the e-mail of that id.

    Raises:
        Refusal: 404.
    """
    row = state.emails.get(email_id)
    if row is None or row["archived"]:
        message = f"Email {email_id} does not exist"
        raise no_such_resource(message)
    return row


def _show(call: HubSpotCall, row: Row) -> Row:
    shown = dict(row)
    names = call.many("includedProperties")
    if names:
        shown = {key: value for key, value in row.items() if key in {"id", *names}}
    if call.flag("includeStats"):
        shown["stats"] = figures(call.state, row["allEmailCampaignIds"])
    return shown


def _wanted(call: HubSpotCall, row: Row) -> bool:
    for name in ("type", "campaign"):
        if call.one(name) and row.get(name) != call.one(name):
            return False
    if call.one("isPublished") and row["isPublished"] != call.flag("isPublished"):
        return False
    return row["archived"] == call.flag("archived") and all(
        _in_span(call, row.get(f"{moment}At"), moment) for moment in ("created", "updated", "published")
    )


def _in_span(call: HubSpotCall, value: str | None, moment: str) -> bool:
    own = parse_ms(value) if value else None
    for suffix, fits in (("At", 0), ("After", 1), ("Before", -1)):
        text = call.one(f"{moment}{suffix}")
        if not text:
            continue
        bound = parse_ms(text)
        if bound is None:
            message = f"{moment}{suffix} is no time"
            raise invalid_request(message)
        if own is None or (own > bound) - (own < bound) != fits:
            return False
    return True


def _sort(rows: list[Row], wanted: str) -> None:
    name = wanted.lstrip("-") or "createdAt"
    if name not in SORTED_BY:
        message = f"Unknown sort {wanted!r}"
        raise invalid_request(message)
    if name.endswith("At"):
        rows.sort(key=lambda row: parse_ms(row.get(name, "")) or 0, reverse=wanted.startswith("-"))
    else:
        rows.sort(key=lambda row: str(row[name]), reverse=wanted.startswith("-"))
