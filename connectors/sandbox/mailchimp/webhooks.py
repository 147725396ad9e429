"""Webhook settings of an audience; deliveries.py sends what they ask for."""

from __future__ import annotations

import re

from connectors.sandbox.mailchimp import problems
from connectors.sandbox.mailchimp.audiences import audience
from connectors.sandbox.mailchimp.call import MailchimpCall, Routes
from connectors.sandbox.mailchimp.links import collection_links, item_links
from connectors.sandbox.mailchimp.values import Document, Json
from connectors.sandbox.post import PostOffice
from connectors.sandbox.world import World

ROUTES = Routes()
HOOKS = "/lists/{list_id}/webhooks"
HOOK = "/lists/{list_id}/webhooks/{webhook_id}"
INSTANCE = "Lists/Webhooks/Instance"
EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")


@ROUTES.on("GET", HOOKS, "Lists/Webhooks/Collection")
def list_hooks(call: MailchimpCall) -> Document:
    """Return the webhooks of an audience."""
    list_id = audience(call)["id"]
    rows = list(call.state.webhooks(list_id).values())
    return {
        "webhooks": [show_hook(call, row) for row in rows],
        "list_id": list_id,
        "total_items": len(rows),
        "_links": collection_links(f"{call.url}/lists/{list_id}/webhooks", "Lists/Webhooks"),
    }


@ROUTES.on("POST", HOOKS, INSTANCE)
def add_hook(call: MailchimpCall) -> Document:
    """Create a webhook; this reply alone shows its secret."""
    list_id, body = audience(call)["id"], call.json
    check(body)
    if "url" not in body:
        raise problems.invalid_fields(("url", "This value should not be blank."))
    hooks = call.state.webhooks(list_id)
    if any(row["url"] == body["url"] for row in hooks.values()):
        message = "Sorry, you can't set up multiple WebHooks for one URL"
        raise problems.bad_request(message)
    row: Document = {
        "id": call.state.token("webhook"),
        "url": body["url"],
        "events": {name: bool(body.get("events", {}).get(name, False)) for name in EVENTS},
        "sources": {name: bool(body.get("sources", {}).get(name, False)) for name in SOURCES},
        "signing_enabled": True,
        "signing_secret": f"whsec_{call.state.token('webhook_secret', 32)}",
    }
    hooks[row["id"]] = row
    call.state.told.watch(list_id, call.state.members(list_id))
    return show_hook(call, row) | {"signing_secret": row["signing_secret"]}


def visit(world: World, body: Json) -> None:
    """Look whether somebody answers at the address of a new webhook. It takes its time: never on the loop's thread."""
    url = body.get("url") if isinstance(body, dict) else None
    if isinstance(url, str) and not PostOffice.of(world).visit(url):
        raise problems.invalid_fields(("url", "We could not reach this URL; it must answer a GET request with 200."))


def check(body: Document) -> None:
    """Refuse a body of the wrong shape."""
    problems.expect_types(body, {"url": str, "events": dict, "sources": dict})
    if "url" in body and not re.fullmatch(r"https?://[^\s/]+\S*", body["url"]):
        raise problems.invalid_fields(("url", "This value is not a valid URL."))


def hook_of(call: MailchimpCall) -> Document:
    """Return the webhook that the path names."""
    return call.row_of(call.state.webhooks(audience(call)["id"]), "webhook_id")


@ROUTES.on("GET", HOOK, INSTANCE)
def get_hook(call: MailchimpCall) -> Document:
    """Return one webhook."""
    return show_hook(call, hook_of(call))


@ROUTES.on("PATCH", HOOK, INSTANCE)
def patch_hook(call: MailchimpCall) -> Document:
    """Change a webhook."""
    row, body = hook_of(call), call.json
    check(body)
    row["url"] = body.get("url", row["url"])
    for key, known in (("events", EVENTS), ("sources", SOURCES)):
        row[key] |= {name: bool(value) for name, value in body.get(key, {}).items() if name in known}
    call.state.webhooks(call.names["list_id"])[row["id"]] = row
    return show_hook(call, row)


@ROUTES.on("DELETE", HOOK)
def delete_hook(call: MailchimpCall) -> None:
    """Delete a webhook."""
    del call.state.webhooks(call.names["list_id"])[hook_of(call)["id"]]


def show_hook(call: MailchimpCall, row: Document) -> Document:
    """Return the body of a webhook, without its secret."""
    list_id = call.names["list_id"]
    href = f"{call.url}/lists/{list_id}/webhooks/{row['id']}"
    shown = {key: value for key, value in row.items() if key not in {"signing_secret", "off"}}
    return {**shown, "list_id": list_id, "_links": item_links(href, "Lists/Webhooks")}
