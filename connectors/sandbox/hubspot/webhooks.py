"""Webhooks of the local HubSpot: which events an app has subscribed to, how they are gathered, signed and sent.

Facts that are open are chosen so that they are hard on a receiver: two neighbouring events share an ``eventId``, events
of one delivery are shuffled, a creation is told with its properties as changes, too, and our own writes come back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections import deque
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from connectors.sandbox.post import Letter, PostOffice, Written
from connectors.sandbox.world import HUBSPOT_APP_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from connectors.sandbox.world import World

Row = dict[str, Any]

PORTAL_ID = 4_711_000
APP_ID = 50_780
BATCH = 100  # events of a delivery
TIMEOUT = 5.0
HOUR = 3600.0
WAITS = (60.0, 300.0, 900.0, *(HOUR * hours for hours in (0.5, 1, 2, 3, 4, 5, 6)))  # ten retries in less than a day
ACTION_WAITS = tuple(min(60.0 * 2**step, 12 * HOUR) for step in range(15))  # up to three days
CONTACT = "0-1"
FAMILIES = {"contact": {}, "object": {"objectTypeId": CONTACT, "isSensitive": False}}
KINDS = ("creation", "deletion", "merge", "propertyChange", "restore", "associationChange")
EVENT_TYPES = frozenset({*(f"{family}.{kind}" for family in FAMILIES for kind in KINDS), "contact.privacyDeletion"})
PEOPLE = {"changeSource": "CRM_UI", "sourceId": "userId:7"}
OTHER_APP = {"changeSource": "INTEGRATION", "sourceId": str(APP_ID)}
DECODED_IN_V3 = ":/?@!$'()*,;"


class Webhooks:
    """What the app of this account is told of.

    Attributes:
        settings: ``targetUrl`` and ``throttling`` under the key "settings"; ``actionUrl`` under "action".
        subscriptions: By id.
        runs: Calls of the workflow action by callback id, with what came of them.
        changed_by: Who changes records now, as events name it.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.settings = world.store.table("hubspot.webhook_settings")
        self.subscriptions = world.store.table("hubspot.webhook_subscriptions")
        self.runs: dict[str, Row] = {}
        self.changed_by: Mapping[str, str] = PEOPLE
        self._pending: deque[Row] = deque()
        self._gathering = False
        self._lock = threading.Lock()

    @contextmanager
    def by_api(self) -> Iterator[None]:
        """Let what happens inside be the work of an app."""
        self.changed_by = OTHER_APP
        try:
            yield
        finally:
            self.changed_by = PEOPLE

    def subscribe(self, event_type: str, *, property_name: str | None = None, active: bool = True) -> Row:
        """Add a subscription and return it."""
        number = self.world.store.next_id("hubspot.subscriptions", 7_562_001)
        row: Row = {"id": str(number), "eventType": event_type, "active": active}
        if property_name is not None:
            row["propertyName"] = property_name
        self.subscriptions[row["id"]] = row
        return row

    def tell(self, kind: str, record_id: str, at_ms: int, **more: Any) -> None:
        """Send an event to every subscription that wants it.

        Args:
            kind: What stands behind the point of a subscription's type.
            record_id: Whose.
            at_ms: Epoch milliseconds.
            more: What this kind of event says beyond the common keys.
        """
        if not self.subscriptions or "settings" not in self.settings:
            return
        for subscription in self.subscriptions.values():
            family, _, wanted = subscription["eventType"].partition(".")
            if subscription["active"] and wanted == kind and self._of_property(subscription, more):
                self._gather(self._event(subscription, record_id, at_ms, {**FAMILIES[family], **more}))

    def tell_changes(self, record_id: str, at_ms: int, changed: Mapping[str, str | None]) -> None:
        """Send one event for each property that changed."""
        for name, value in changed.items() if self.subscriptions else ():
            self.tell("propertyChange", record_id, at_ms, propertyName=name, propertyValue=value or "")

    @staticmethod
    def _of_property(subscription: Row, more: Mapping[str, Any]) -> bool:
        return subscription.get("propertyName") == more.get("propertyName")

    def _event(self, subscription: Row, record_id: str, at_ms: int, more: Row) -> Row:
        number = self.world.store.next_id("hubspot.webhook_events", 8_202_572_000)
        return {
            "eventId": number // 2,
            "subscriptionId": int(subscription["id"]),
            "portalId": PORTAL_ID,
            "appId": APP_ID,
            "occurredAt": at_ms,
            "subscriptionType": subscription["eventType"],
            "attemptNumber": 0,
            "objectId": int(record_id),
            **more,
            **self.changed_by,
        }

    def _gather(self, event: Row) -> None:
        with self._lock:
            self._pending.append(event)
            if self._gathering:
                return
            self._gathering = True
        settings = self.world.settings
        PostOffice.of(self.world).later("hubspot", settings.webhook_gather + settings.webhook_delay, self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            events, self._gathering = list(self._pending), False
            self._pending.clear()
        settings, post = self.world.settings, PostOffice.of(self.world)
        if "settings" not in self.settings:  # nobody wants to know any more
            return
        dice = post.dice(f"events/{events[0]['eventId']}")
        again = [event for event in events if dice.random() < settings.webhook_duplicates]
        for part in (events, again):
            for start in range(0, len(part), BATCH):
                batch = part[start : start + BATCH]
                dice.shuffle(batch)
                late = dice.uniform(0, settings.webhook_disorder)
                post.send(self._letter(self.settings["settings"]["targetUrl"], batch), after=late)

    def _letter(self, url: str, batch: Sequence[Row]) -> Letter:

        def write(attempt: int, wall: datetime) -> Written:
            text = _json([{**event, "attemptNumber": attempt} for event in batch])
            return signed("POST", url, text, wall, self.world.settings.webhook_signatures), text

        return Letter("hubspot", url, write, TIMEOUT, WAITS)

    def call_action(self, record_id: str, properties: Mapping[str, str], inputs: Mapping[str, str]) -> str:
        """Let a workflow run the app's action for a contact, and return the callback id; see `runs`."""
        callback, url = f"ap-{self.world.store.next_id('hubspot.actions')}", self.settings["action"]["actionUrl"]
        body = _json(
            {
                "callbackId": callback,
                "origin": {"portalId": PORTAL_ID, "actionDefinitionId": 2, "actionDefinitionVersion": 1},
                "context": {"source": "WORKFLOWS", "workflowId": 3},
                "object": {"objectId": int(record_id), "objectType": "CONTACT", "properties": dict(properties)},
                "inputFields": dict(inputs),
            }
        )
        self.runs[callback] = {"status": None, "outputFields": {}}

        def answered(status: int, answer: bytes) -> None:
            self.runs[callback] |= {"status": status, "outputFields": _outputs(answer)}

        def write(_attempt: int, wall: datetime) -> Written:
            return signed("POST", url, body, wall, ("v2",)), body

        letter = Letter("hubspot", url, write, TIMEOUT, ACTION_WAITS, answered, _refused, honours_wait=True)
        PostOffice.of(self.world).send(letter)
        return callback

    def complete(self, callback: str, outputs: Row) -> bool:
        """Take the result of an action that was called before; False for an unknown one."""
        if callback not in self.runs:
            return False
        self.runs[callback]["outputFields"] = outputs
        return True


def signed(method: str, url: str, body: bytes, wall: datetime, versions: Sequence[str]) -> dict[str, str]:
    """Return the headers of a message that is signed in each of *versions*."""
    secret, headers = HUBSPOT_APP_SECRET.encode(), {"Content-Type": "application/json"}
    if "v3" in versions:
        stamp, uri = str(int(wall.timestamp() * 1000)), url
        for character in DECODED_IN_V3:
            uri = uri.replace(quote(character, safe=""), character)
        digest = hmac.new(secret, f"{method}{uri}".encode() + body + stamp.encode(), hashlib.sha256).digest()
        headers |= {"X-HubSpot-Signature-v3": base64.b64encode(digest).decode(), "X-HubSpot-Request-Timestamp": stamp}
    for version, source in (("v1", secret + body), ("v2", secret + f"{method}{url}".encode() + body)):
        if version in versions:
            headers["X-HubSpot-Signature"] = hashlib.sha256(source).hexdigest()
            headers["X-HubSpot-Signature-Version"] = version
    return headers


def _refused(status: int) -> bool:
    return 400 <= status < 500 and status != 429  # noqa: PLR2004 - a workflow action is not tried again


def _outputs(answer: bytes) -> Row:
    try:
        document = json.loads(answer)
    except ValueError:
        return {}
    outputs = document.get("outputFields") if isinstance(document, dict) else None
    return outputs if isinstance(outputs, dict) else {}


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
