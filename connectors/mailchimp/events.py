"""Mailchimp's deliveries: a form, signed with the secret of its webhook.

Mailchimp gives no event ids (PLATFORMS: webhooks), so several parts make an event's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from connectors.errors import SignatureError
from connectors.events import Delivery, MalformedError, PlatformEvent, short_text
from connectors.records import normalise_email
from connectors.signatures import check_hmac, check_window

MOST_FIELDS = 500  # of a body: an audience has at most 80 merge fields
IN_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
TYPES = ("subscribe", "unsubscribe", "profile", "upemail", "cleaned")
_SIGNATURE = re.compile(rb"t=([0-9]{1,13}),v1=([0-9a-f]{64})")


def check_mailchimp(delivery: Delivery) -> None:
    """Return when Mailchimp signed a delivery: ``X-Mailchimp-Signature: t=<unix seconds>,v1=<hex>``.

    A secret belongs to a webhook, and Mailchimp shows it once, when the webhook is made.

    Raises:
        SignatureError: The only error, whatever is wrong.
    """
    secrets = delivery.secrets
    given = delivery.header("X-Mailchimp-Signature")
    if given is None:
        raise SignatureError("no X-Mailchimp-Signature", reason="missing")
    parts = _SIGNATURE.fullmatch(given)
    if parts is None:
        raise SignatureError("X-Mailchimp-Signature does not have the form t=SECONDS,v1=HEX", reason="malformed")
    stamp, signature = parts.groups()
    check_window(int(stamp) * 1000, delivery.now)
    check_hmac(signature, stamp + b"." + delivery.body, secrets)


def member_events(body: bytes, audiences: Mapping[str, str]) -> list[PlatformEvent]:
    """Return the event that a delivery holds; none where it is about no member of our audiences.

    Args:
        body: The form.
        audiences: Connection by audience.

    Raises:
        MalformedError: It is no form of Mailchimp's.
    """
    form = _form(body)
    kind = form.get("type", "")
    if not kind:
        raise MalformedError("the form has no type")
    connection = audiences.get(form.get("data.list_id", ""))
    if connection is None or kind not in TYPES:
        return []
    addresses = [
        address
        for name in ("email", "new_email", "old_email")
        if (address := normalise_email(form.get(f"data.{name}"))) is not None
    ]
    if not addresses:
        raise MalformedError("the event has no contact")
    identity: list[Any] = [
        kind,
        form.get("data.id") or form.get("data.new_id") or addresses[0],
        form.get("data.old_id"),
    ]
    identity += [*addresses, form.get("fired_at"), form.get("data.action")]
    merged = "data.merges."
    shows = {name.removeprefix(merged): short_text(v) for name, v in form.items() if name.startswith(merged)}
    only_values = kind == "profile"
    return [
        PlatformEvent(
            json.dumps(identity, default=str, ensure_ascii=False),
            kind,
            _fired_at(form.get("fired_at", "")),
            addresses=addresses,
            changed=shows if only_values else {},
            means="values" if only_values else "",
            connection=connection,
        )
    ]


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise MalformedError("the body is not form data") from error
    return {IN_BRACKETS.sub(r".\1", name): value for name, value in pairs}


def _fired_at(text: str) -> datetime:
    """Read Mailchimp's moment. Its zone is not documented (?); it only orders events of one contact."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise MalformedError("the event has no time") from error


def mailchimp_events(delivery: Delivery) -> list[PlatformEvent]:
    """Return the event that a delivery holds about one of its connections; see `member_events`."""
    audiences = {settings.get("audience", ""): name for name, settings in delivery.connections.items()}
    return member_events(delivery.body, audiences)
