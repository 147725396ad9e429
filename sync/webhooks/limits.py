"""Request limits of the webhook service: body size, time and rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

BODY_SECONDS = 5.0  # for a whole body: HubSpot waits no longer for an answer


class RefusedError(Exception):
    """A request that is not answered with 2xx.

    Attributes:
        status: HTTP status.
        headers: Of the answer.
    """

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.headers = status, headers or {}


class Bucket:
    """At most so many requests a second, a second's worth at once."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._left, self._at = per_second, clock()

    def take(self) -> bool:
        """Take one, or return False where there is none."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._per_second, self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def body_of(request: Request, *, most: int, seconds: float = BODY_SECONDS) -> bytes:
    """Return a request's raw body.

    Raises:
        RefusedError: It is larger than *most* bytes, too slow, broke off, or says its length in two ways, of which a
            proxy may have taken the other one (request smuggling, RFC 9112 section 6.1).
    """
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        raise RefusedError(400, "Content-Length with Transfer-Encoding", {"Connection": "close"})
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:20]) > most:
        raise RefusedError(413, "too large", {"Connection": "close"})
    read = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                read += piece
                if len(read) > most:
                    raise RefusedError(413, "too large", {"Connection": "close"})
    except TimeoutError:
        raise RefusedError(408, "too slow", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise RefusedError(400, "interrupted") from None
    return bytes(read)
