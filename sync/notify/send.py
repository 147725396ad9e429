"""Send a message: signed webhooks after Standard Webhooks, and Apprise where it is installed.

Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read
2026-11-30): headers webhook-id, webhook-timestamp (seconds) and webhook-signature, "v1," and the base64 of the
HMAC-SHA256 over "id.timestamp.body". A secret "whsec_..." is base64 behind that mark.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import ipaddress
import json
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.errors import FixSettingsError, missing_extra
from connectors.secret import Secret, hide
from connectors.transport.transport import pooled
from sync.control.notices import Notice

SECONDS = 10
MARK = "whsec_"


class NotSentError(Exception):
    """A message did not arrive; the text says why, without secrets."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver.

    Attributes:
        digest: Of what it is, without secrets: the same receiver keeps its messages over runs.
        url: Of a webhook; "" for Apprise.
        secret: Signing secret, or the Apprise address.
    """

    digest: str
    url: str
    secret: Secret


def receiver_of(kind: str, url: str, reference: str, secret: Secret) -> Receiver:
    """Return a receiver with a digest that tells it from others."""
    return Receiver(hashlib.sha256(f"{kind}/{url}/{reference}".encode()).hexdigest()[:32], url, secret)


def webhook_signature(secret: str, notice_id: str, stamp: int, body: bytes) -> str:
    """Return the value of webhook-signature.

    Raises:
        FixSettingsError: The secret begins with "whsec_" and is no base64.
    """
    try:
        key = b64decode(secret.removeprefix(MARK), validate=True) if secret.startswith(MARK) else secret.encode()
    except (Error, ValueError) as error:
        raise FixSettingsError(
            "The signing secret of [notify] begins with whsec_, but is not base64 behind it.", fix="Copy it again."
        ) from error
    signed = hmac.digest(key, f"{notice_id}.{stamp}.".encode() + body, "sha256")
    return f"v1,{b64encode(signed).decode()}"


def send_notice(target: Receiver, notice: Notice, now: datetime) -> None:
    """Send one message.

    Raises:
        NotSentError: The receiver is down, or refused it.
        FixSettingsError: Apprise is not installed, or the signing secret is wrong.
    """
    if target.url:
        _post(target, notice, now)
    else:
        _apprise(target, notice)


def _post(target: Receiver, notice: Notice, now: datetime) -> None:
    refuse_open_text(target.url)
    body = json.dumps(
        {"type": notice.body["type"], "timestamp": notice.body["timestamp"], "data": notice.body}
    ).encode()
    stamp = int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": notice.notice_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": webhook_signature(target.secret.reveal(), notice.notice_id, stamp, body),
    }
    session = pooled(1)
    try:
        answer = session.post(
            target.url, data=body, headers=headers, timeout=SECONDS, allow_redirects=False, stream=True
        )
    except OSError as error:  # what requests raises, too
        raise NotSentError(hide(f"{urlsplit(target.url).hostname}: {type(error).__name__}")) from error
    finally:
        session.close()
    if not answer.ok or answer.is_redirect:
        raise NotSentError(f"{urlsplit(target.url).hostname} answered {answer.status_code}")


def refuse_open_text(url: str) -> None:
    """Refuse an address that others on the way could read.

    Raises:
        FixSettingsError: It is http and not on this machine.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return
    try:
        here = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        here = False
    if not here:
        raise FixSettingsError("A webhook of [notify] has an http address.", fix="Use https.")


def _apprise(target: Receiver, notice: Notice) -> None:
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError as error:
        raise missing_extra(error) or error from error
    notifier = apprise.Apprise()
    if not notifier.add(target.secret.reveal()):
        raise FixSettingsError("An address of [notify] apprise is not one that Apprise knows.", fix="Check the secret.")
    kind = "success" if notice.body["type"] == "alert.ended" else "warning"
    if not notifier.notify(title=notice.body["title"], body=notice.body["detail"], notify_type=kind):
        raise NotSentError("Apprise could not deliver it")
