"""Parts of which connectors make the verification of their webhooks' signatures. Pure: raw bytes, secrets and time in.

Whatever a stranger can send ends in `SignatureError`, whichever way it is broken. The whole text of a signature is
compared, in constant time, never its decoded value: so no second spelling of a right signature passes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Protocol

from connectors.errors import SignatureError

WINDOW = timedelta(minutes=5)  # what HubSpot's and Mailchimp's documentation asks for
WRONG = "the signature is wrong"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NAMED = re.compile(r"\{(\w+)\}")
_WRITTEN = {
    "hex": r"(?P<hex>[0-9a-f]{64})",
    "base64": r"(?P<base64>[A-Za-z0-9+/]{43}=)",
    "milliseconds": r"(?P<milliseconds>[0-9]{1,15})",
    "seconds": r"(?P<seconds>[0-9]{1,12})",
}


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


class SignedRequest(Protocol):
    """What a signature is about: a `connectors.events.Delivery`."""

    @property
    def method(self) -> str:
        """As it came."""

    @property
    def url(self) -> str:
        """The whole public address, byte by byte."""

    @property
    def body(self) -> bytes:
        """The raw bytes."""

    @property
    def now(self) -> datetime:
        """UTC."""

    @property
    def secrets(self) -> list[str]:
        """Every secret with which it may be signed.

        Raises:
            SignatureError: There is none.
        """

    def header(self, name: str) -> bytes | None:
        """Return a header; None where it did not come.

        Raises:
            SignatureError: It came several times.
        """


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """How a platform signs, as data (`connectors.declared.SignatureSpec`): HMAC-SHA256 with the secret.

    Attributes:
        header: Where the signature stands.
        form: How: ``{hex}`` or ``{base64}``, and ``{milliseconds}`` or ``{seconds}`` of when it was made.
        time_header: A header that holds the time instead: ``NAME: {seconds}``.
        signs: What is signed, put together from ``{body}``, ``{time}``, ``{url}`` and ``{method}``.
        window: Seconds that the time may lie on either side of now.
    """

    header: str
    form: str = "{hex}"
    time_header: str = ""
    signs: str = "{body}"
    window: int = 300

    def check(self, request: SignedRequest) -> bool:
        """Return whether the signature holds the time, once it is right.

        Returns:
            False: a delivery may be sent again later by anybody who saw it.

        Raises:
            SignatureError: The only error, whatever is wrong.
        """
        secrets, written = request.secrets, self._written(request)
        at = _milliseconds(written)
        if at is not None:
            check_window(at, request.now, window=timedelta(seconds=self.window))
        stamp = written.get("milliseconds", written.get("seconds", b""))
        parts = {"body": request.body, "time": stamp, "url": request.url.encode(), "method": request.method.encode()}
        pieces = enumerate(_NAMED.split(self.signs))
        message = b"".join(parts[piece] if number % 2 else piece.encode() for number, piece in pieces)
        encoding = "hex" if "hex" in written else "base64"
        check_hmac(written[encoding], message, secrets, encoding=encoding)
        return at is not None

    def milliseconds(self, request: SignedRequest) -> int | None:
        """Return when the signature says that it was made, whether or not it is right; None where it does not say.

        Returns:
            Milliseconds since 1970, UTC.
        """
        try:
            return _milliseconds(self._written(request))
        except SignatureError:
            return None

    def _written(self, request: SignedRequest) -> dict[str, bytes]:
        name, _, form = self.time_header.partition(":")
        headers = {self.header: self.form, **({name: form.strip()} if name else {})}
        return {part: text for name, form in headers.items() for part, text in _parts(request, name, form).items()}


def _milliseconds(written: Mapping[str, bytes]) -> int | None:
    if "seconds" in written:
        return int(written["seconds"]) * 1000
    return int(written["milliseconds"]) if "milliseconds" in written else None


def _parts(request: SignedRequest, name: str, form: str) -> dict[str, bytes]:
    given = request.header(name)
    if given is None:
        raise SignatureError(f"no {name}", reason="missing")
    parts = _pattern(form).fullmatch(given)
    if parts is None:
        raise SignatureError(f"{name} does not have the form {form}", reason="malformed")
    return parts.groupdict()


@cache
def _pattern(form: str) -> re.Pattern[bytes]:
    """How a header is written: its `{names}` are `_WRITTEN`, everything else stands for itself."""
    parts = _NAMED.split(form)
    spelt = (_WRITTEN[part] if number % 2 else re.escape(part) for number, part in enumerate(parts))
    return re.compile("".join(spelt).encode())


def check_hmac(given: bytes, message: bytes, secrets: Sequence[str], *, encoding: str = "hex") -> None:
    """Return when *given* is the HMAC-SHA256 of *message* with one of *secrets*.

    Args:
        given: As it stands in the header.
        message: Raw bytes, before any parsing.
        secrets: All are tried, always.
        encoding: "hex" (lower case) or "base64".

    Raises:
        SignatureError: It is not.
    """
    digests = [hmac_sha256(secret, message) for secret in secrets]
    expected = [digest.hex().encode() if encoding == "hex" else b64encode(digest) for digest in digests]
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
