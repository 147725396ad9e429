"""HubSpot app project files (webhooks, workflow action) for ``hs project upload``. Pure.

Their shape is HubSpot's, platform version 2026.03: a project, an app with static authentication for one account, its
webhooks, and the action that workflows can run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.events import WebhookApp

PLATFORM_VERSION = "2026.03"
AT_A_TIME = 10  # HubSpot's own default
LANGUAGE = "en"
Document = dict[str, Any]


def project_files(app: WebhookApp, properties: Sequence[str]) -> Mapping[str, Document]:
    """Return every file of the project by its path.

    Args:
        app: The app; its spec has scopes, webhooks and the action.
        properties: Contact properties beyond those of the spec whose changes are told.
    """
    webhooks = _webhooks(app.spec["webhooks"], app.webhook_url, properties)
    files: dict[str, Document] = {
        "hsproject.json": {"name": app.name, "srcDir": "src", "platformVersion": PLATFORM_VERSION},
        "src/app/app-hsmeta.json": _part(app.name, "app", _app(app)),
        "src/app/webhooks/webhooks-hsmeta.json": _part("webhooks", "webhooks", webhooks),
    }
    if action := app.spec["action"]:
        path = f"src/app/workflow-actions/{action['uid'].replace('_', '-')}-hsmeta.json"
        files[path] = _part(action["uid"], "workflow-action", _action(action, app.action_url))
    return files


def _part(uid: str, kind: str, config: Document) -> Document:
    return {"uid": uid, "type": kind, "config": config}


def _app(app: WebhookApp) -> Document:
    return {
        "name": app.title,
        "description": app.description,
        "distribution": "private",
        "auth": {
            "type": "static",
            "requiredScopes": ["oauth", *(scope["name"] for scope in app.spec["scopes"])],
            "optionalScopes": [],
            "conditionallyRequiredScopes": [],
        },
        "permittedUrls": {"fetch": [app.spec["base_url"]], "iframe": [], "img": []},
    }


def _webhooks(subscribed: Sequence[Mapping[str, str]], url: str, properties: Sequence[str]) -> Document:
    events = [(webhook["type"], webhook["property"]) for webhook in subscribed]
    events += [("object.propertyChange", name) for name in properties]
    objects: list[Document] = []
    hub: list[Document] = []
    for kind, name in dict.fromkeys(events):
        entry: Document = {"subscriptionType": kind, "active": True}
        if kind.startswith("object."):
            entry["objectType"] = "contact"
        if name:
            entry["propertyName"] = name
        (objects if kind.startswith("object.") else hub).append(entry)
    settings = {"targetUrl": url, "maxConcurrentRequests": AT_A_TIME}
    return {"settings": settings, "subscriptions": {"crmObjects": objects, "legacyCrmObjects": [], "hubEvents": hub}}


def _action(action: Mapping[str, Any], url: str) -> Document:
    outputs = [{"typeDefinition": {"name": name, "type": "string", "fieldType": "text"}} for name in action["outputs"]]
    labels = {
        "actionName": action["name"],
        "actionDescription": action["description"],
        "actionCardContent": action["name"],
        "inputFieldLabels": {},
        "outputFieldLabels": {name: name.capitalize() for name in action["outputs"]},
    }
    return {
        "actionUrl": url,
        "isPublished": True,
        "supportedClients": [{"client": "WORKFLOWS"}],
        "inputFields": [],
        "outputFields": outputs,
        "labels": {LANGUAGE: labels},
        "objectTypes": ["CONTACT"],
    }
