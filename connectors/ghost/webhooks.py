"""Ghost's webhooks: one for each event, within an integration of ours; deliveries are signed, and say when."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Delivery, JsonClient, MalformedError, PlatformEvent, check_hmac, check_window, event_json
from connectors.connector import Webhook
from connectors.errors import SignatureError
from connectors.records import normalise_email
from connectors.secret import Secret, remember

INTEGRATION = "personasync"
HEADER = "X-Ghost-Signature"
DELETED = "member.deleted"
_SIGNATURE = re.compile(rb"sha256=([0-9a-f]{64}), t=([0-9]{1,15})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_ghost(delivery: Delivery) -> bytes:
    """Return the milliseconds at which Ghost signed a delivery: ``sha256=<hex of body and t>, t=<milliseconds>``.

    Args:
        delivery: As it came.

    Returns:
        Digits.

    Raises:
        SignatureError: The only error, whatever is wrong.
    """
    known, given = delivery.secrets, delivery.header(HEADER)
    if given is None:
        raise SignatureError(f"no {HEADER}", reason="missing")
    parts = _SIGNATURE.fullmatch(given)
    if parts is None:
        raise SignatureError(f"{HEADER} does not have the form sha256=HEX, t=MILLISECONDS", reason="malformed")
    signature, stamp = parts.groups()
    check_window(int(stamp), delivery.now)
    check_hmac(signature, delivery.body + stamp, known)
    return stamp


def ghost_events(delivery: Delivery) -> list[PlatformEvent]:
    """Return the event about a member that a delivery holds; none where it is about something else.

    Args:
        delivery: Verified.

    Raises:
        MalformedError: It is none of Ghost's.
    """
    document = event_json(delivery.body)
    if not isinstance(document, dict):
        raise MalformedError("the body is no object")
    member_states = document.get("member")
    if not isinstance(member_states, dict):
        return []
    states = [member_states.get(name) for name in ("current", "previous")]
    members = [member for member in states if isinstance(member, dict) and member]
    key = next((member["id"] for member in members if isinstance(member.get("id"), str)), None)
    if key is None:
        raise MalformedError("the event has no member")
    given = _SIGNATURE.fullmatch(delivery.header(HEADER) or b"")
    stamp = given[2] if given else b""
    at = _EPOCH + timedelta(milliseconds=int(stamp)) if stamp else delivery.now
    kind = str(document.get("event", "member.edited"))[:100]
    emails = dict.fromkeys(normalise_email(str(member.get("email") or "")) for member in members)
    return [
        PlatformEvent(
            hashlib.sha256(delivery.body + stamp).hexdigest(),
            kind,
            at,
            ids=(key,),
            addresses=[email for email in emails if email],
            means="gone" if kind == DELETED else "",
        )
    ]


def webhooks_of_site(client: JsonClient) -> list[Webhook]:
    """Return all webhooks of the site: those to one address, of which Ghost has one for each event, as one."""
    listed = [webhook for integration in _integrations(client) for webhook in integration.get("webhooks") or ()]
    grouped: dict[str, list[Any]] = defaultdict(list)
    for webhook in listed:
        grouped[webhook["target_url"]].append(webhook)
    return [
        Webhook(
            url, tuple(webhook["event"] for webhook in mine), (), signed=all(webhook.get("secret") for webhook in mine)
        )
        for url, mine in grouped.items()
    ]


def add_webhooks(client: JsonClient, webhook: Webhook) -> Secret:
    """Add a webhook for each event, and return the secret of their signatures."""
    ours = next((each["id"] for each in _integrations(client) if each["name"] == INTEGRATION), None)
    if ours is None:
        made = client.send("POST", "integrations/", {"integrations": [{"name": INTEGRATION}]}, repeatable=False)
        ours = made["integrations"][0]["id"]
    secret = Secret(secrets.token_hex(32))
    remember(secret)
    for event in webhook.events:
        asked = {"event": event, "target_url": webhook.url, "secret": secret.reveal(), "integration_id": ours}
        client.send("POST", "webhooks/", {"webhooks": [{"name": INTEGRATION, **asked}]}, repeatable=False)
    return secret


def _integrations(client: JsonClient) -> Sequence[Any]:
    listed: Sequence[Any] = client.get("integrations/", {"include": "webhooks", "limit": 100})["integrations"]
    return listed
