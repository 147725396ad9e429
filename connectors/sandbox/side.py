"""The part of the side door that is about webhooks: where they go, what was sent, and somebody who does something.

Under ``/_sandbox/`` of either platform: ``GET webhooks?since=N``, ``POST webhooks {"url"}``, ``POST project {path:
document}`` (as ``hs project upload`` would), ``POST action {"email", "inputs"}``, ``GET action?callback=ID``, ``POST
deed {"deed", "email", …}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from connectors.sandbox.deeds import UnknownError, do
from connectors.sandbox.hubspot.app_settings import AT_A_TIME, set_target
from connectors.sandbox.hubspot.errors import Refusal
from connectors.sandbox.hubspot.project import upload
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso
from connectors.sandbox.post import PostOffice
from connectors.sandbox.world import World

Row = dict[str, Any]

TOPICS = {"webhooks", "project", "action", "deed"}
OF_CONTACTS = ("creation", "deletion", "privacyDeletion", "merge", "restore")
OF_PROPERTIES = ("email", "hs_email_optout", "lifecyclestage")


def answer(world: World, what: str, query: Mapping[str, list[str]], body: Row) -> tuple[int, Any]:
    """Return status and document for one of `TOPICS`; without a body it is a question."""
    try:
        if what == "deed":
            return 200, do(world, str(body.get("deed")), str(body.get("email", "")), body)
        if what == "project":
            return 200, upload(HubSpotState.of(world), body)
        if what == "action":
            return 200, _action(world, query, body)
    except (UnknownError, KeyError) as error:
        return 400, {"message": str(error)}
    except Refusal as refusal:
        return refusal.status, refusal.body
    if body:
        point_to(world, str(body.get("url")))
    return 200, side_report(world, int(query.get("since", ["0"])[0]))


def point_to(world: World, url: str) -> None:
    """Let HubSpot's app tell the service at *url* everything about contacts; Mailchimp's webhooks are made by API.

    Raises:
        Refusal: For what is no address.
    """
    state = HubSpotState.of(world)
    webhooks, moment = state.webhooks, iso(state.now_ms())
    at_a_time = AT_A_TIME["maxConcurrentRequests"]
    set_target(webhooks, f"{url.rstrip('/')}/webhooks/hubspot", at_a_time, moment)
    webhooks.settings["action"] = {"actionUrl": f"{url.rstrip('/')}/actions/hubspot", "properties": ["email"]}
    webhooks.subscriptions.clear()
    for kind in OF_CONTACTS:
        webhooks.subscribe(f"contact.{kind}")
    for name in OF_PROPERTIES:
        webhooks.subscribe("contact.propertyChange", property_name=name)


def side_report(world: World, since: int) -> Row:
    """Return what waits, what was given up, and every attempt of deliveries from number *since* on."""
    post = PostOffice.of(world)
    log = [asdict(posted) for posted in list(post.log) if posted.number >= since]
    return {"waiting": post.waiting(), "lost": post.lost, "given_up": post.given_up, "log": log}


def _action(world: World, query: Mapping[str, list[str]], body: Row) -> Row:
    state = HubSpotState.of(world)
    if not body:
        return state.webhooks.runs[query.get("callback", [""])[0]]
    row = state.contact(state.by_email.get(str(body.get("email", "")).lower(), ""))
    if row is None:
        message = "nobody has that address"
        raise UnknownError(message)
    asked = state.webhooks.settings["action"]["properties"]
    properties = {name: row["properties"].get(name, "") for name in asked}
    return {"callback": state.webhooks.call_action(row["id"], properties, body.get("inputs", {}))}
