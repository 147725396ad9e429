"""HubSpot's deliveries: webhooks, calls of workflow actions, and the app that sends both.

HubSpot's event ids are not unique (PLATFORMS: webhooks), so several parts make an event's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from connectors.connector import Webhook
from connectors.errors import ContractError
from connectors.events import ActionAnswer, Delivery, MalformedError, PlatformEvent, WebhookApp, event_json, short_text
from connectors.hubspot.app_project import project_files
from connectors.hubspot.signatures import ACTION_VERSIONS, WEBHOOK_VERSIONS, verify_signature
from connectors.limits import EVENTS_PER_DELIVERY, TEXT_BYTES
from connectors.secret import Secret

MOST_MERGED = 250  # HubSpot merges no record more often; those beyond come with the next pull
CONTACT_OBJECT = "0-1"
RECORD_ID = re.compile(r"[0-9]{1,19}")  # 64 bits
MEANINGS: Mapping[str, Literal["values", "gone", "erased"]] = {
    "contact.propertyChange": "values",
    "contact.deletion": "gone",
    "contact.privacyDeletion": "erased",
}
AGAIN_MS = 5_000  # HubSpot reads Retry-After in milliseconds here (PLATFORMS: custom workflow action)


class HubSpotEvents:
    """What HubSpot tells the webhook service; see `connectors.events`."""

    @staticmethod
    def verify(delivery: Delivery) -> bool:
        """Accept HubSpot's signatures; v3 holds the time."""
        return verify_signature(delivery, WEBHOOK_VERSIONS)

    @staticmethod
    def parse(delivery: Delivery) -> list[PlatformEvent]:
        """Return the events about contacts; one delivery holds up to a hundred."""
        return contact_events(delivery.body)

    @staticmethod
    def verify_action(delivery: Delivery) -> bool:
        """Accept the signatures that say where a message is meant to go."""
        return verify_signature(delivery, ACTION_VERSIONS)

    @staticmethod
    def parse_action(delivery: Delivery) -> PlatformEvent:
        """Return whom a workflow asks about."""
        return action_event(delivery.body)

    @staticmethod
    def action_answer(values: Mapping[str, str] | None) -> ActionAnswer:
        """Return output fields, or let HubSpot come again."""
        if values is None:
            return ActionAnswer(429, "no assignment yet", {"Retry-After": str(AGAIN_MS)})
        return ActionAnswer(200, {"outputFields": {**values, "hs_execution_state": "SUCCESS"}})

    @staticmethod
    def app_files(app: WebhookApp) -> Mapping[str, Mapping[str, Any]]:
        """Return the files of the project; HubSpot's own figures are not told of, since they move with every mail."""
        return project_files(app, [name for name in app.properties if not name.startswith("hs_")])

    def webhooks(self) -> None:
        """Say nothing: HubSpot tells nobody where an app sends events; the app's project files do."""

    def register(self, webhook: Webhook) -> Secret:
        """Refuse.

        Raises:
            ContractError: Always.
        """
        raise ContractError(f"Webhooks of a HubSpot app are configured in its project files. ({webhook.url})")


def contact_events(body: bytes) -> list[PlatformEvent]:
    """Return the events about contacts that a delivery holds.

    Raises:
        MalformedError: It is no list of events.
    """
    rows = event_json(body)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedError("the body is not a list of events")
    if len(rows) > EVENTS_PER_DELIVERY:
        raise MalformedError(f"the body contains more than {EVENTS_PER_DELIVERY} events")
    return [event for row in rows if (event := _contact_event(row)) is not None]


def _contact_event(row: Mapping[str, Any]) -> PlatformEvent | None:
    """Return an event, None for one that is about no contact."""
    kind = row.get("subscriptionType") or row.get("eventType")
    if not isinstance(kind, str):
        raise MalformedError("an event has no type")
    about = kind.startswith("contact.") or (
        kind.startswith("object.") and str(row.get("objectTypeId", CONTACT_OBJECT)) == CONTACT_OBJECT
    )
    if not about:
        return None
    kind = kind[:40].replace("object.", "contact.", 1)
    ids = _contact_ids(row, kind)
    at = _milliseconds(row.get("occurredAt"))
    named = ("subscriptionId", "propertyName", "occurredAt", "eventId")
    first, *others = (row.get(name) for name in named)
    name = row.get("propertyName")
    changed = {name[:TEXT_BYTES]: short_text(row.get("propertyValue"))} if isinstance(name, str) else {}
    identity = _identity([kind, first, ids[0], *others])
    event = PlatformEvent(identity, kind, at, ids, changed=changed, means=MEANINGS.get(kind, ""))
    return replace(event, account=_account(row))


def _contact_ids(row: Mapping[str, Any], kind: str) -> list[str]:
    """Return the ids of the contacts that an event concerns, the one in use first."""
    named: list[Any] = [row.get("objectId")]
    if kind == "contact.merge":
        merged = row.get("mergedObjectIds")
        others = merged if isinstance(merged, list) else []
        named = [row.get("newObjectId"), row.get("primaryObjectId"), row.get("objectId"), *others[:MOST_MERGED]]
    elif kind == "contact.associationChange":
        named = [row.get("objectId"), row.get("fromObjectId")]
    ids = [str(record) for record in named if isinstance(record, int | str) and RECORD_ID.fullmatch(str(record))]
    if not ids:
        raise MalformedError("an event has no contact")
    return list(dict.fromkeys(ids))


def _milliseconds(value: Any) -> datetime:
    try:
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise MalformedError("an event has no time") from error


def action_event(body: bytes) -> PlatformEvent:
    """Return the call of a workflow action as an event; each call of the action is one of its own.

    Raises:
        MalformedError: It is no such call, or about something that is no contact.
    """
    row = event_json(body)
    about, callback = (row.get("object"), row.get("callbackId")) if isinstance(row, dict) else (None, None)
    if not isinstance(about, dict) or not isinstance(callback, str) or not callback:
        raise MalformedError("the body is not a workflow action call")
    if str(about.get("objectType", "CONTACT")).upper() not in {"CONTACT", CONTACT_OBJECT}:
        raise MalformedError("the workflow action has no contact")
    ids = _contact_ids(about, "action")
    # an answer is worth nothing later: such a call is not put in the order of other events
    at, account = datetime.fromtimestamp(0, UTC), _account(row.get("origin"))
    return PlatformEvent(_identity([callback, ids[0]]), "action", at, ids, account=account)


def _account(row: Any) -> str:
    """Return the number of the account in which something happened; "" where nobody says it."""
    return short_text(row.get("portalId")) if isinstance(row, dict) else ""


def _identity(parts: Sequence[Any]) -> str:
    return json.dumps(parts, default=str, ensure_ascii=False)
