"""Verification of HubSpot's webhook signatures. Pure.

HubSpot signs in three ways. v1 and v2 are hashes over secret and message, not HMACs: who has seen one signed message
can lengthen it and sign the longer one without the secret. What is added begins with the hash's padding, the byte 80,
which no UTF-8 text can hold there; so a body that is no UTF-8 is refused. Both also lack a time: an old delivery can be
sent again, which only repeats an event that the inbox knows. A delivery that carries v3 is judged by v3 alone, and one
that carries v3's time without v3 lost its signature on the way. Who has seen v3 once asks for it from then on.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection
from datetime import datetime
from typing import Literal

from connectors.errors import SignatureError
from connectors.events import Delivery, Headers, one_header
from connectors.signatures import check_same, check_window, hmac_sha256

Version = Literal["v1", "v2", "v3"]

WEBHOOK_VERSIONS: frozenset[Version] = frozenset({"v1", "v2", "v3"})
ACTION_VERSIONS: frozenset[Version] = frozenset({"v2", "v3"})  # v1 says nothing about where a message is meant to go

# HubSpot decodes these and no others before it signs a v3 message
DECODED = {"3A": ":", "2F": "/", "3F": "?", "40": "@", "21": "!", "24": "$", "27": "'"}
DECODED |= {"28": "(", "29": ")", "2A": "*", "2C": ",", "3B": ";"}

_ENCODED = re.compile("%(" + "|".join(DECODED) + ")", re.IGNORECASE)
_STAMP = re.compile(rb"[0-9]{1,16}")


def verify_signature(delivery: Delivery, accepted: Collection[Version]) -> bool:
    """Return whether a delivery carries v3; it carries one of the *accepted* versions, made with one of its secrets.

    Raises:
        SignatureError: The only error, whatever is wrong.
    """
    *others, last = delivery.secrets
    for secret in others:
        try:
            return _checked(delivery, secret, accepted)
        except SignatureError as error:
            if error.reason != "wrong":
                raise
    return _checked(delivery, last, accepted)


def _checked(delivery: Delivery, secret: str, accepted: Collection[Version]) -> bool:
    version = check_hubspot(
        delivery.headers,
        method=delivery.method,
        uri=delivery.url,
        body=delivery.body,
        secret=secret,
        now=delivery.now,
        accepted=accepted,
    )
    return version == "v3"


def check_hubspot(
    headers: Headers,
    *,
    method: str,
    uri: str,
    body: bytes,
    secret: str,
    now: datetime,
    accepted: Collection[Version] = WEBHOOK_VERSIONS,
) -> Version:
    """Return which version of HubSpot's signature this request carries, and carries rightly.

    Args:
        headers: As an ASGI server gives them: names in lower case, each as often as it came.
        method: As it came, ``POST``.
        uri: The whole public address with its query, as HubSpot knows it; see `public_uri`.
        body: The raw bytes.
        secret: The app's client secret.
        now: UTC.
        accepted: The versions that may be; `ACTION_VERSIONS` where workflow actions arrive.

    Returns:
        "v1", "v2" or "v3"; the request can be trusted.

    Raises:
        SignatureError: The only error, whatever is wrong.
    """
    if not secret:
        raise SignatureError("no secret is set to verify HubSpot's signature", reason="secret")
    if (stamped := one_header(headers, b"x-hubspot-signature-v3")) is not None and "v3" in accepted:
        stamp = one_header(headers, b"x-hubspot-request-timestamp") or b""
        message = method.encode("utf-8", "replace") + _decoded(uri).encode("utf-8", "replace") + body + stamp
        check_window(_whole_number(stamp, "X-HubSpot-Request-Timestamp"), now)
        check_same(base64.b64encode(hmac_sha256(secret, message)), stamped)
        return "v3"
    if one_header(headers, b"x-hubspot-request-timestamp") is not None and "v3" in accepted:
        raise SignatureError("the v3 signature is missing", reason="missing")
    version: Version = "v2" if one_header(headers, b"x-hubspot-signature-version") == b"v2" else "v1"
    given = one_header(headers, b"x-hubspot-signature")
    if given is None or version not in accepted:
        raise SignatureError("no accepted HubSpot signature", reason="missing")
    _refuse_lengthened(body)
    addressed = f"{method}{uri}" if version == "v2" else ""
    message = f"{secret}{addressed}".encode("utf-8", "replace") + body
    check_same(hashlib.sha256(message).hexdigest().encode(), given)
    return version


def _decoded(uri: str) -> str:
    return _ENCODED.sub(lambda match: DECODED[match.group(1).upper()], uri)


def _whole_number(text: bytes, name: str) -> int:
    if not _STAMP.fullmatch(text):
        raise SignatureError(f"{name} is not a time in milliseconds", reason="malformed")
    return int(text)


def _refuse_lengthened(body: bytes) -> None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SignatureError("the body is not UTF-8 text", reason="malformed") from error
