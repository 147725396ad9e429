"""Who may use the console: this machine's browser that opened the one-time link, and only from our own pages.

Every answer passes `Guard`. The Host header must be ours (DNS rebinding), a post must come from our own origin and
carry the session's token (cross-site requests), and a page loads and runs nothing. The key of the link works once.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync.design.page import policy, stylesheet

COOKIE = "personasync_console"
LINK_HOLDS = timedelta(minutes=15)
SESSION_HOLDS = timedelta(hours=12)
OPEN = "/open/"
HEADERS = {
    "content-security-policy": policy(stylesheet())
    + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; connect-src 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",  # with no-referrer a browser would say that our own posts come from nowhere
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
CLOSED = "This page is open only to the browser that opened the link. Run `personasync console` for a new link."
USED = "This link was used already, or is too old. Stop `personasync console` and start it again for a new one."


@dataclass(slots=True)
class ConsoleDoor:
    """The one-time key and the session that it opens.

    Args:
        now: Clock, UTC.
    """

    now: Callable[[], datetime]
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    _made_at: datetime | None = None
    _session: str | None = None
    _opened_at: datetime | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._made_at = self.now()

    def enter(self, key: str) -> str | None:
        """Return a new session for the key of the link; None where it is wrong, used or too old."""
        with self._lock:
            fits = hmac.compare_digest(key.encode(), self.key.encode())
            young = self._made_at is not None and self.now() - self._made_at <= LINK_HOLDS
            if not fits or not young or self._session is not None:
                return None
            self._session, self._opened_at = secrets.token_urlsafe(32), self.now()
            return self._session

    def knows(self, session: str) -> bool:
        """Tell whether *session* is the one that was opened, and not too old."""
        with self._lock:
            if self._session is None or self._opened_at is None:
                return False
            same = hmac.compare_digest(session.encode(), self._session.encode())
            return same and self.now() - self._opened_at <= SESSION_HOLDS

    def token(self) -> str:
        """Return what each form of the session carries."""
        return hmac.new((self._session or self.key).encode(), b"form", sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Tell whether a form carries the session's token."""
        return hmac.compare_digest(given.encode(), self.token().encode())


class Guard:
    """Lets through only what comes from our own pages in the browser that opened the link.

    Args:
        app: What answers then.
        door: The key and the session.
        hosts: Values of the Host header that are ours.
    """

    def __init__(self, app: ASGIApp, door: ConsoleDoor, hosts: Collection[str]) -> None:
        self._app, self._door, self._hosts = app, door, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, guarded)

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        if headers.get("host", "") not in self._hosts or len(headers.getlist("host")) > 1:
            return PlainTextResponse("This address is not the console's.", status_code=421)
        if request.method not in {"GET", "HEAD", "POST"}:
            return PlainTextResponse("Not here.", status_code=405)
        if request.method == "POST" and not _from_us(headers):
            return PlainTextResponse("This form was not sent from the console's own page.", status_code=403)
        if request.url.path.startswith(OPEN):
            return None
        session = request.cookies.get(COOKIE, "")
        return None if self._door.knows(session) else PlainTextResponse(CLOSED, status_code=401)


def _from_us(headers: Headers) -> bool:
    """Whether a post comes from a page of this very server: every browser says where a post comes from."""
    origin, site = headers.get("origin", ""), headers.get("sec-fetch-site", "same-origin")
    return origin == f"http://{headers.get('host', '')}" and site == "same-origin"


def set_session(response: Any, session: str) -> None:
    """Give the browser the session: no script reads it, and no page of another site makes the browser send it."""
    response.set_cookie(COOKIE, session, httponly=True, samesite="strict", path="/")
