"""What ``hs project upload`` does with the files of an app: it reads them strictly, and the app is as they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.hubspot.app_settings import AT_A_TIME, add_subscription, set_target
from connectors.sandbox.hubspot.errors import Refusal, invalid_request
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.hubspot.times import iso
from connectors.sandbox.hubspot.webhooks import APP_ID
from connectors.sandbox.world import HUBSPOT_APP_SECRET

Row = dict[str, Any]

PROJECT, APP = "hsproject.json", "src/app/app-hsmeta.json"
FOLDERS = {"webhooks": "src/app/webhooks/", "workflow-action": "src/app/workflow-actions/"}
KEYS = {
    "app": {"name", "description", "distribution", "auth", "permittedUrls", "support"},
    "webhooks": {"settings", "subscriptions"},
    "workflow-action": {
        "actionUrl",
        "isPublished",
        "supportedClients",
        "inputFields",
        "outputFields",
        "objectRequestOptions",
        "labels",
        "objectTypes",
    },
}
GROUPS = {"crmObjects": ("object.",), "legacyCrmObjects": ("contact.",), "hubEvents": ("contact.privacyDeletion",)}


def upload(state: HubSpotState, files: Mapping[str, Row]) -> Row:
    """Make the app what *files* (path -> document) say, and return its id and secret.

    Raises:
        Refusal: 400 with a sentence about the file that is wrong.
    """
    project = files.get(PROJECT, {})
    if project.get("platformVersion") not in {"2026.03", "2026.09"} or project.get("srcDir") != "src":
        raise _wrong(PROJECT, "needs name, srcDir and a platformVersion")
    app = _config(files, APP, "app")
    if app["auth"].get("type") not in {"static", "oauth"} or "oauth" not in app["auth"].get("requiredScopes", []):
        raise _wrong(APP, "auth needs a type, and the scope oauth")
    state.webhooks.subscriptions.clear()
    state.webhooks.settings.clear()
    for path, document in files.items():
        if document.get("type") == "webhooks":
            _take_webhooks(state, path, _config(files, path, "webhooks"))
        elif document.get("type") == "workflow-action":
            _take_action(state, path, _config(files, path, "workflow-action"))
        elif path not in {PROJECT, APP}:
            raise _wrong(path, "is of no known type")
    return {"appId": APP_ID, "clientSecret": HUBSPOT_APP_SECRET, "scopes": app["auth"]["requiredScopes"]}


def _config(files: Mapping[str, Row], path: str, kind: str) -> Row:
    document = files.get(path, {})
    if set(document) != {"uid", "type", "config"} or document["type"] != kind:
        raise _wrong(path, f"needs uid, type {kind!r} and config, and nothing else")
    if kind in FOLDERS and not (path.startswith(FOLDERS[kind]) and path.endswith("-hsmeta.json")):
        raise _wrong(path, f"belongs into {FOLDERS[kind]} under a name that ends with -hsmeta.json")
    config: Row = document["config"]
    if unknown := set(config) - KEYS[kind]:
        raise _wrong(path, f"has keys that nobody knows: {', '.join(sorted(unknown))}")
    return config


def _take_webhooks(state: HubSpotState, path: str, config: Row) -> None:
    settings, moment = config["settings"], iso(state.now_ms())
    at_a_time = settings.get("maxConcurrentRequests", AT_A_TIME["maxConcurrentRequests"])
    set_target(state.webhooks, settings.get("targetUrl"), at_a_time, moment)
    for group, entries in config["subscriptions"].items():
        for entry in entries:
            kind = entry.get("subscriptionType", "")
            if not kind.startswith(GROUPS.get(group, ("?",))):
                raise _wrong(path, f"{kind} does not belong to {group}")
            if group == "crmObjects" and entry.get("objectType") != "contact":
                raise _wrong(path, f"{kind} names no objectType that this account has")
            add_subscription(state.webhooks, kind, entry.get("propertyName"), active=bool(entry.get("active")))


def _take_action(state: HubSpotState, path: str, config: Row) -> None:
    missing = {"actionUrl", "isPublished", "supportedClients", "inputFields", "labels", "objectTypes"} - set(config)
    if missing:
        raise _wrong(path, f"lacks {', '.join(sorted(missing))}")
    properties = config.get("objectRequestOptions", {}).get("properties", [])
    state.webhooks.settings["action"] = {"actionUrl": config["actionUrl"], "properties": properties}


def _wrong(path: str, what: str) -> Refusal:
    return invalid_request(f"{path} {what}")
