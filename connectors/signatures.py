"""Parts of which connectors make the verification of their webhooks' signatures. Pure: raw bytes, secrets and time in.

Whatever a stranger can send ends in `SignatureError`, whichever way it is broken. The whole text of a signature is
compared, in constant time, never its decoded value: so no second spelling of a right signature passes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from connectors.errors import SignatureError

WINDOW = timedelta(minutes=5)  # what HubSpot's and Mailchimp's documentation asks for
WRONG = "the signature is wrong"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def check_window(stamp: int, now: datetime, *, window: timedelta = WINDOW) -> None:
    """Return when a delivery was signed lately.

    Args:
        stamp: Epoch milliseconds; whole numbers know no overflow.
        now: UTC.
        window: How far the stamp may lie on either side of *now*.

    Raises:
        SignatureError: It lies farther away.
    """
    skew = abs((now - _EPOCH) // _MILLISECOND - stamp)
    if skew > window // _MILLISECOND:
        raise SignatureError(f"signed {skew // 1000} s from now", reason="window")


def check_hmac(given: bytes, message: bytes, secrets: Sequence[str]) -> None:
    """Return when *given* is the HMAC-SHA256 of *message* (hexadecimal, lower case) with one of *secrets*.

    Args:
        given: As it stands in the header.
        message: Raw bytes, before any parsing.
        secrets: All are tried, always.

    Raises:
        SignatureError: It is not.
    """
    expected = [hmac_sha256(secret, message).hex().encode() for secret in secrets]
    if not any([hmac.compare_digest(digest, given) for digest in expected]):  # noqa: C419 - all are compared, always
        raise SignatureError(WRONG, reason="wrong")


def hmac_sha256(secret: str, message: bytes) -> bytes:
    """Return the HMAC-SHA256 of *message*.

    Args:
        secret: The key; its UTF-8 bytes are used.
        message: As it was received.

    Returns:
        32 bytes.
    """
    return hmac.digest(secret.encode("utf-8", "replace"), message, "sha256")


def check_same(expected: bytes, given: bytes) -> None:
    """Return when both are the same, after a time that does not tell where they differ.

    Args:
        expected: What we calculated.
        given: What the request brought.

    Raises:
        SignatureError: They differ.
    """
    if not hmac.compare_digest(expected, given):
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
    check_same(
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
