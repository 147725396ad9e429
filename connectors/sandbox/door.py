"""What stands between the socket and a local platform: latency, faults, the log, the platform's own Date header."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from itertools import islice
from typing import Any, cast
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.sandbox import side
from connectors.sandbox.stirring import stir
from connectors.sandbox.tastes import TRUTH
from connectors.sandbox.world import World

KEPT = 500_000  # entries of the log
READING = {"GET", "HEAD", "OPTIONS"}
READ_ONLY_POSTS = ("/search", "/batch/read", "/token")  # POSTs that change nothing
SIDE_DOOR = "/_sandbox/"


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """One request that a platform answered (or failed to)."""

    number: int
    platform: str
    method: str
    path: str
    endpoint: str
    status: int
    write: bool


@dataclass(slots=True)
class InjectedFault:
    """How one of the next requests shall fail.

    Attributes:
        kind: status (with *status* and *body*), html (502 with a page), empty (*status* without a body), reset
            (the connection is cut before an answer), lost (the request takes effect, then the connection is cut),
            truncate (the answer ends half-way), hang (nothing for *seconds*, then a cut), drip (the answer comes in
            pieces over *seconds*), idle (HubSpot's batches: 207 and "COMPLETE" with nothing done), again (the answer
            before this one of the same path), move (records change places while they are read).
        match: Text that the path must contain.
        method: Which requests; "" any.
        times: How many requests fail.
        skip: How many matching requests pass before.
        headers: Further headers of the answer.
    """

    kind: str
    match: str = ""
    method: str = ""
    status: int = 503
    body: Any = None
    times: int = 1
    skip: int = 0
    platform: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 1.0

    def hits(self, platform: str, method: str, path: str) -> bool:
        """Tell whether this request fails, and count it."""
        meant = (
            self.times > 0 and self.match in path and self.method in {"", method} and self.platform in {"", platform}
        )
        if meant and self.skip:
            self.skip -= 1
            return False
        self.times -= meant
        return meant


@dataclass(slots=True)
class Journal:
    """The log of both platforms, and the faults that are still to come."""

    entries: deque[AnsweredRequest] = field(default_factory=lambda: deque(maxlen=KEPT))
    faults: list[InjectedFault] = field(default_factory=list)
    count: int = 0
    answers: dict[str, list[Message]] = field(default_factory=dict)  # by path, while a fault wants them again

    def fault_for(self, platform: str, method: str, path: str) -> InjectedFault | None:
        """Return the fault of this request, if any."""
        return next((fault for fault in self.faults if fault.hits(platform, method, path)), None)


class Door:
    """One platform's ASGI app with everything around it."""

    def __init__(self, app: ASGIApp, platform: str, world: World, journal: Journal) -> None:
        self.app, self.platform, self.world, self.journal = app, platform, world, journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if SIDE_DOOR in path:
            await self._side_door(scope, receive, send)
            return
        await self._hold_up(self.world.settings.latency)
        noted = False

        async def sent(message: Message) -> None:
            nonlocal noted
            if message["type"] == "http.response.start":
                # before the client can see the answer: what it has seen is safe, and stands in the log
                self._note(scope, message["status"])
                noted = True
                stamp = format_datetime(self.world.clock.now(), usegmt=True)
                message = {**message, "headers": [*message["headers"], (b"date", stamp.encode())]}
            await send(message)

        fault = self.journal.fault_for(self.platform, scope["method"], path)
        try:
            if fault is None or fault.kind in {"again", "move", "drip"}:
                await self._answer_oddly(fault, scope, receive, sent)
            else:
                await _fail(fault, self.app, scope, receive, sent)
        finally:
            if not noted:
                self._note(scope, 0)

    async def _hold_up(self, seconds: float) -> None:
        """Keep a request waiting; it holds its connection all the while."""
        if seconds:
            self.world.held_up[self.platform] = self.world.held_up.get(self.platform, 0) + 1
            try:
                await asyncio.sleep(seconds)
            finally:
                self.world.held_up[self.platform] -= 1

    async def _answer_oddly(self, fault: InjectedFault | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as usual, but late, from memory, or after records have moved."""
        kind, path = fault.kind if fault else "", f"{scope['method']} {scope['path']}"
        if kind == "move":
            stir(self.world)
        if kind == "again" and path in self.journal.answers:
            for message in self.journal.answers[path]:
                await send(message)
            return
        kept: list[Message] = []
        wanted = any(fault.kind == "again" for fault in self.journal.faults)

        async def sent(message: Message) -> None:
            if wanted:
                kept.append(dict(message))
            if fault is not None and kind == "drip" and message["type"] == "http.response.body":
                await _drip(message, send, fault.seconds)
            else:
                await send(message)

        await self.app(scope, receive, sent)
        if wanted:
            self.journal.answers[path] = kept

    def _note(self, scope: Scope, status: int) -> None:
        method, path = scope["method"], scope["path"]
        write = method not in READING and not path.endswith(READ_ONLY_POSTS)
        endpoint = str(scope.get("personasync_endpoint", ""))
        self.journal.entries.append(
            AnsweredRequest(self.journal.count, self.platform, method, path, endpoint, status, write)
        )
        self.journal.count += 1
        self.world.store.flush()

    async def _side_door(self, scope: Scope, receive: Receive, send: Send) -> None:
        what = scope["path"].partition(SIDE_DOOR)[2]
        body = json.loads(await _body(receive) or b"{}")
        query = parse_qs(scope["query_string"].decode())
        status, answer = 200, cast("Any", {})
        if what == "log":
            since = int(query.get("since", ["0"])[0])
            first = self.journal.count - len(self.journal.entries)
            answer = {"entries": [asdict(entry) for entry in islice(self.journal.entries, max(since - first, 0), None)]}
        elif what == "clock":
            self.world.clock.advance(timedelta(seconds=float(body["advance_seconds"])))
            self.world.store.table("world")["clock"] = {"offset_seconds": self.world.clock.offset.total_seconds()}
            self.world.store.flush()
            answer = {"now": self.world.clock.now().isoformat()}
        elif what == "settings":
            for name, value in body.items():
                setattr(
                    self.world.settings, name, frozenset(value) if name == "scopes" and value is not None else value
                )
        elif what == "faults":
            self.journal.faults[:] = [InjectedFault(**fault) for fault in body]
        elif what == "tables":
            answer = {name: table.rows for name, table in self.world.store.tables.items()}
        elif what == "truth":
            answer = {email: row["taste"] for email, row in self.world.store.table(TRUTH).items()}
        elif what in side.TOPICS:
            status, answer = side.answer(self.world, what, query, body)
            self.world.store.flush()
        await _send(send, status, json.dumps(answer).encode(), {"content-type": "application/json"})


async def _fail(fault: InjectedFault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind in {"reset", "hang"}:
        await asyncio.sleep(fault.seconds if fault.kind == "hang" else 0)
        await _cut(send)
    elif fault.kind == "idle":
        done = {"status": "COMPLETE", "results": [], "errors": [], "numErrors": 0}
        await _send(send, 207, json.dumps(done).encode(), {"content-type": "application/json"})
    elif fault.kind == "lost":
        await app(scope, receive, _nowhere)
        await _cut(send)
    elif fault.kind == "truncate":
        await app(scope, receive, _half(send))
    elif fault.kind == "html":
        page = b"<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"
        await _send(send, fault.status, page, {"content-type": "text/html", **fault.headers})
    elif fault.kind == "empty":
        await _send(send, fault.status, b"", fault.headers)
    else:
        text = json.dumps(fault.body or {"status": "error", "message": "fault"}).encode()
        await _send(send, fault.status, text, {"content-type": "application/json", **fault.headers})


PIECES = 5


async def _drip(message: Message, send: Send, seconds: float) -> None:
    body = message.get("body", b"")
    size = max(len(body) // PIECES, 1)
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds / PIECES)
        await send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": bool(message.get("more_body"))})


async def _cut(send: Send) -> None:
    """Promise a body and break off: the server then closes the connection, and the client sees it end early."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    raise ConnectionResetError


async def _nowhere(_message: Message) -> None:
    """Take an answer that nobody will see."""


def _half(send: Send) -> Send:
    async def half(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            raise ConnectionResetError
        await send(message)

    return half


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    listed = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    listed.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)
