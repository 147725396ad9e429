"""Groups of an audience, which people choose on a form: interests, under titles that the API calls categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.audiences import audience
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.links import collection_links, item_links

if TYPE_CHECKING:
    from connectors.sandbox.mailchimp.values import Document

ROUTES = Routes()
CATEGORIES = "/lists/{list_id}/interest-categories"
INTERESTS = "/lists/{list_id}/interest-categories/{interest_category_id}/interests"
FORMS = ("checkboxes", "dropdown", "radio", "hidden")


@ROUTES.on("GET", CATEGORIES, "Lists/InterestCategories/Collection")
def list_categories(call: MailchimpCall) -> Document:
    """Page through the titles; ten a page unless told."""
    list_id = audience(call)["id"]
    rows = list(call.state.interest_categories(list_id).values())
    url = f"{call.url}/lists/{list_id}/interest-categories"
    shown = [{**row, "_links": item_links(f"{url}/{row['id']}", "Lists/InterestCategories")} for row in call.page(rows)]
    links = collection_links(url, "Lists/InterestCategories")
    return {"list_id": list_id, "categories": shown, "total_items": len(rows), "_links": links}


@ROUTES.on("POST", CATEGORIES, "Lists/InterestCategories/Instance")
def add_category(call: MailchimpCall) -> Document:
    """Add a title."""
    list_id, body = audience(call)["id"], call.json
    problems.expect_types(body, {"title": str, "type": str, "display_order": int})
    missing = [(key, "This value should not be blank.") for key in ("title", "type") if not body.get(key)]
    if missing:
        raise problems.invalid_fields(*missing)
    if body["type"] not in FORMS:
        raise problems.invalid_fields(("type", f"Value must be one of: {', '.join(FORMS)}"))
    return call.state.add_interest_category(list_id, body["title"], kind=body["type"])


@ROUTES.on("GET", INTERESTS, "Lists/InterestCategories/Interests/Collection")
def list_interests(call: MailchimpCall) -> Document:
    """Page through the groups under one title; ten a page unless told."""
    list_id, category_id = audience(call)["id"], call.names["interest_category_id"]
    call.row_of(call.state.interest_categories(list_id), "interest_category_id")
    rows = [row for row in call.state.interests(list_id).values() if row["category_id"] == category_id]
    members = call.state.members(list_id).values()
    url = f"{call.url}/lists/{list_id}/interest-categories/{category_id}/interests"
    counts = {row["id"]: sum(bool(member.get("interests", {}).get(row["id"])) for member in members) for row in rows}
    shown = [
        {
            **row,
            "subscriber_count": str(counts[row["id"]]),
            "_links": item_links(f"{url}/{row['id']}", "Lists/InterestCategories/Interests"),
        }
        for row in call.page(rows)
    ]
    links = collection_links(url, "Lists/InterestCategories/Interests")
    names = {"list_id": list_id, "category_id": category_id}
    return {"interests": shown, **names, "total_items": len(rows), "_links": links}


@ROUTES.on("POST", INTERESTS, "Lists/InterestCategories/Interests/Instance")
def add_interest(call: MailchimpCall) -> Document:
    """Add a group under a title."""
    list_id, body = audience(call)["id"], call.json
    call.row_of(call.state.interest_categories(list_id), "interest_category_id")
    problems.expect_types(body, {"name": str, "display_order": int})
    if not body.get("name"):
        raise problems.invalid_fields(("name", "This value should not be blank."))
    row = call.state.add_interest(list_id, call.names["interest_category_id"], body["name"])
    return {**row, "subscriber_count": "0"}
