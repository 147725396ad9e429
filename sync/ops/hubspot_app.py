"""HubSpot app project files (webhooks, workflow action) for ``hs project upload``. Pure.

Their shape is HubSpot's, platform version 2026.03: a project, an app with static authentication for one account, its
webhooks, and the action that workflows can run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.spec import ActionSpec, ConnectorSpec
from sync.workspace.manifest import Plugin

PLATFORM_VERSION = "2026.03"
AT_A_TIME = 10  # HubSpot's own default
LANGUAGE = "en"
Document = dict[str, Any]


def project_files(
    plugin: Plugin, spec: ConnectorSpec, *, webhook_url: str, action_url: str, properties: Sequence[str]
) -> Mapping[str, Document]:
    """Return every file of the project by its path.

    Args:
        plugin: Whose name the app has.
        spec: HubSpot's in plugin.toml: scopes, webhooks and the action.
        webhook_url: Where events shall go.
        action_url: What workflows shall call.
        properties: Contact properties beyond those of plugin.toml whose changes shall be told.
    """
    files: dict[str, Document] = {
        "hsproject.json": {"name": plugin.name, "srcDir": "src", "platformVersion": PLATFORM_VERSION},
        "src/app/app-hsmeta.json": _part(plugin.name, "app", _app(plugin, spec)),
        "src/app/webhooks/webhooks-hsmeta.json": _part(
            "webhooks", "webhooks", _webhooks(spec, webhook_url, properties)
        ),
    }
    if spec.action is not None:
        action = spec.action
        path = f"src/app/workflow-actions/{action.uid.replace('_', '-')}-hsmeta.json"
        files[path] = _part(action.uid, "workflow-action", _action(action, action_url))
    return files


def _part(uid: str, kind: str, config: Document) -> Document:
    return {"uid": uid, "type": kind, "config": config}


def _app(plugin: Plugin, spec: ConnectorSpec) -> Document:
    return {
        "name": plugin.title,
        "description": plugin.description,
        "distribution": "private",
        "auth": {
            "type": "static",
            "requiredScopes": ["oauth", *(scope.name for scope in spec.scopes)],
            "optionalScopes": [],
            "conditionallyRequiredScopes": [],
        },
        "permittedUrls": {"fetch": [spec.base_url], "iframe": [], "img": []},
    }


def _webhooks(spec: ConnectorSpec, url: str, properties: Sequence[str]) -> Document:
    events = [(webhook.type, webhook.property) for webhook in spec.webhooks]
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


def _action(action: ActionSpec, url: str) -> Document:
    outputs = [{"typeDefinition": {"name": name, "type": "string", "fieldType": "text"}} for name in action.outputs]
    labels = {
        "actionName": action.name,
        "actionDescription": action.description,
        "actionCardContent": action.name,
        "inputFieldLabels": {},
        "outputFieldLabels": {name: name.capitalize() for name in action.outputs},
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
