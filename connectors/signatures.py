"""Webhook signature verification for HubSpot and Mailchimp. Pure: raw bytes, secret and time in.

Whatever a stranger can send ends in `SignatureError`, whichever way it is broken. The whole text of a signature is
compared, in constant time, never its decoded value: so no second spelling of a right signature passes.

HubSpot signs in three ways. v1 and v2 are hashes over secret and message, not HMACs: who has seen one signed message
can lengthen it and sign the longer one without the secret. What is added begins with the hash's padding, the byte 80,
which no UTF-8 text can hold there; so a body that is no UTF-8 is refused. Both also lack a time: an old delivery can be
sent again, which only repeats an event that the inbox knows. A delivery that carries v3 is judged by v3 alone, and one
that carries v3's time without v3 lost its signature on the way. Who has seen v3 once asks for it from then on.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Literal

from connectors.errors import SignatureError

Headers = Collection[tuple[bytes, bytes]]
Version = Literal["v1", "v2", "v3"]

WEBHOOK_VERSIONS: frozenset[Version] = frozenset({"v1", "v2", "v3"})
ACTION_VERSIONS: frozenset[Version] = frozenset({"v2", "v3"})  # v1 says nothing about where a message is meant to go
WINDOW = timedelta(minutes=5)  # what the documentation of both platforms asks for

# HubSpot decodes these and no others before it signs a v3 message
DECODED = {"3A": ":", "2F": "/", "3F": "?", "40": "@", "21": "!", "24": "$", "27": "'"}
DECODED |= {"28": "(", "29": ")", "2A": "*", "2C": ",", "3B": ";"}

WRONG = "the signature is wrong"
_ENCODED = re.compile("%(" + "|".join(DECODED) + ")", re.IGNORECASE)
_STAMP = re.compile(rb"[0-9]{1,16}")
_MAILCHIMP = re.compile(rb"t=([0-9]{1,13}),v1=([0-9a-f]{64})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


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
    if (stamped := _one(headers, b"x-hubspot-signature-v3")) is not None and "v3" in accepted:
        stamp = _one(headers, b"x-hubspot-request-timestamp") or b""
        message = method.encode("utf-8", "replace") + _decoded(uri).encode("utf-8", "replace") + body + stamp
        _within_window(_whole_number(stamp, "X-HubSpot-Request-Timestamp"), now)
        _same(base64.b64encode(_hmac(secret, message)), stamped)
        return "v3"
    if _one(headers, b"x-hubspot-request-timestamp") is not None and "v3" in accepted:
        raise SignatureError("the v3 signature is missing", reason="missing")
    version: Version = "v2" if _one(headers, b"x-hubspot-signature-version") == b"v2" else "v1"
    given = _one(headers, b"x-hubspot-signature")
    if given is None or version not in accepted:
        raise SignatureError("no accepted HubSpot signature", reason="missing")
    _refuse_lengthened(body)
    addressed = f"{method}{uri}" if version == "v2" else ""
    message = f"{secret}{addressed}".encode("utf-8", "replace") + body
    _same(hashlib.sha256(message).hexdigest().encode(), given)
    return version


def check_mailchimp(headers: Headers, *, body: bytes, secret: str, now: datetime) -> None:
    """Return when Mailchimp signed this request: ``X-Mailchimp-Signature: t=<unix seconds>,v1=<hex>``.

    Args:
        headers: As an ASGI server gives them: names in lower case, each as often as it came.
        body: The raw bytes, before any parsing.
        secret: Of this webhook; Mailchimp shows it once, when the webhook is made. Several, where each audience has a
            webhook of its own, stand apart by white space.
        now: UTC.

    Raises:
        SignatureError: The only error, whatever is wrong.
    """
    secrets = secret.split()
    if not secrets:
        raise SignatureError("no secret is set to verify Mailchimp's signature", reason="secret")
    given = _one(headers, b"x-mailchimp-signature")
    if given is None:
        raise SignatureError("no X-Mailchimp-Signature", reason="missing")
    parts = _MAILCHIMP.fullmatch(given)
    if parts is None:
        raise SignatureError("X-Mailchimp-Signature does not have the form t=SECONDS,v1=HEX", reason="malformed")
    stamp, signature = parts.groups()
    _within_window(int(stamp) * 1000, now)
    expected = [_hmac(secret, stamp + b"." + body).hex().encode() for secret in secrets]
    if not any([hmac.compare_digest(digest, signature) for digest in expected]):  # noqa: C419 - all are compared, always
        raise SignatureError(WRONG, reason="wrong")


def check_secret_path(given: str, *, secret: str) -> None:
    """Return when the secret part of a webhook's address is right: what protects a webhook that nobody signs.

    Args:
        given: As it stands in the request's path.
        secret: As it stands in the address that the platform was given.

    Raises:
        SignatureError: The only error, whatever is wrong.
    """
    if not secret:
        raise SignatureError("no secret is set to verify the webhook URL", reason="secret")
    # digests, so that the time taken does not tell how long the secret is
    _same(
        hashlib.sha256(secret.encode("utf-8", "replace")).digest(),
        hashlib.sha256(given.encode("utf-8", "surrogatepass")).digest(),
    )


def public_uri(public_url: str, raw_path: bytes, query: bytes = b"") -> str:
    """Return a request's address as the platform knows it, whatever a proxy made of host and scheme.

    Args:
        public_url: Where the service is reached from outside; may have a path, which the proxy takes off.
        raw_path: The path as it came, still encoded.
        query: Without its question mark, order and encoding as they came.

    Returns:
        The address over which the platform made its signature: path and query byte by byte as they came.
    """
    path = raw_path.decode("latin-1")
    return f"{public_url.rstrip('/')}{path}" + (f"?{query.decode('latin-1')}" if query else "")


def _one(headers: Headers, name: bytes) -> bytes | None:
    values = [value for key, value in headers if key == name]
    if len(values) > 1:
        raise SignatureError(f"{name.decode()} occurs {len(values)} times", reason="malformed")
    return values[0] if values else None


def _decoded(uri: str) -> str:
    return _ENCODED.sub(lambda match: DECODED[match.group(1).upper()], uri)


def _whole_number(text: bytes, name: str) -> int:
    if not _STAMP.fullmatch(text):
        raise SignatureError(f"{name} is not a time in milliseconds", reason="malformed")
    return int(text)


def _within_window(stamp: int, now: datetime) -> None:
    """Refuse a stamp (epoch milliseconds) too far from *now*, on either side; whole numbers know no overflow."""
    skew = abs((now - _EPOCH) // _MILLISECOND - stamp)
    if skew > WINDOW // _MILLISECOND:
        raise SignatureError(f"signed {skew // 1000} s from now", reason="window")


def _refuse_lengthened(body: bytes) -> None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SignatureError("the body is not UTF-8 text", reason="malformed") from error


def _hmac(secret: str, message: bytes) -> bytes:
    return hmac.digest(secret.encode("utf-8", "replace"), message, "sha256")


def _same(expected: bytes, given: bytes) -> None:
    if not hmac.compare_digest(expected, given):
        raise SignatureError(WRONG, reason="wrong")
