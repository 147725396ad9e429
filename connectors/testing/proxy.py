"""A proxy between a connector and its platform, on this machine, that goes wrong when it is told to."""

from __future__ import annotations

import http.client
import json
import sys
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import urlsplit

Trouble = Literal["status", "page", "torn", "lost", "swallowed", "redirect", "answer", "no lists", "no values"]
SECONDS = 100.0  # a real server on a busy machine takes its time
ANSWERS: dict[str, tuple[int, Mapping[str, str], bytes]] = {
    "page": (200, {"Content-Type": "text/html"}, b"<html><body>Back soon</body></html>"),
    "redirect": (302, {"Location": "https://elsewhere.example/"}, b""),
    "swallowed": (200, {"Content-Type": "application/json"}, b"{}"),
}
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request.

    Attributes:
        trouble: ``status`` answers without asking the platform; ``page`` answers with a web page, ``torn`` with half
            the answer; ``lost`` lets the platform do it and hangs up; ``swallowed`` answers an empty object and asks
            nobody; ``redirect`` points to another host; ``answer`` answers with *body*. ``no lists`` lets the platform
            answer, with an object without keys for each list; ``no values`` with null for each text, number or boolean.
        status: Of ``status``.
        headers: Added to that answer.
        body: Of ``answer``: JSON.
    """

    trouble: Trouble
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


def without(trouble: Trouble, value: Any) -> Any:
    """Return JSON without lists, or without values.

    Args:
        trouble: ``no lists`` or ``no values``.
        value: Decoded.

    Returns:
        The same shape otherwise.
    """
    if isinstance(value, dict):
        return {name: without(trouble, part) for name, part in value.items()}
    if isinstance(value, list):
        return {} if trouble == "no lists" else [without(trouble, part) for part in value]
    return value if trouble == "no lists" else None


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as the proxy saw it."""

    method: str
    target: str
    body: bytes
    headers: Mapping[str, str]


class FaultyProxy:
    """Hands requests on to a platform.

    Args:
        base_url: Of the platform: http, on this machine.

    Attributes:
        url: Where the connector asks instead.
        seen: Every request, also those that went wrong.
        faults: What goes wrong next: each is used up by one request.
        write_faults: The same, of requests that are no GET.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host = parts.netloc
        self.seen: list[SeenRequest] = []
        self.faults: deque[Fault] = deque()
        self.write_faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._server = _QuietServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{parts.path}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def writes(self) -> list[SeenRequest]:
        """Requests that are no GET."""
        return [request for request in self.seen if request.method != "GET"]

    def note(self, request: SeenRequest) -> Fault | None:
        """Note a request, and return what goes wrong with it."""
        with self._lock:
            self.seen.append(request)
            if request.method != "GET" and self.write_faults:
                return self.write_faults.popleft()
            return self.faults.popleft() if self.faults else None

    def forward(self, request: SeenRequest) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the platform."""
        connection = http.client.HTTPConnection(self._host, timeout=SECONDS)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
            connection.request(request.method, request.target, request.body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connector that was killed while it asked."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(proxy: FaultyProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            request = SeenRequest(self.command, self.path, self.rfile.read(length), dict(self.headers.items()))
            fault = proxy.note(request)
            if fault is None:
                status, headers, body = proxy.forward(request)
                self._answer(status, dict(headers), body)
            else:
                self._fail(fault, request)

        def _fail(self, fault: Fault, request: SeenRequest) -> None:
            shown = {"Content-Type": "application/json"}
            answers = {**ANSWERS, "status": (fault.status, fault.headers, b"{}"), "answer": (200, shown, fault.body)}
            if fault.trouble in answers:
                self._answer(*answers[fault.trouble])
                return
            status, headers, body = proxy.forward(request)
            if fault.trouble == "torn":
                self._answer(status, dict(headers), body[: len(body) // 2])
            if fault.trouble.startswith("no "):
                hollow = without(fault.trouble, json.loads(body or b"{}"))
                self._answer(status, dict(headers), json.dumps(hollow).encode())
            self.close_connection = True

        def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response_only(status)
            shown = {name: value for name, value in headers.items() if name.lower() not in HOP}
            shown.setdefault("Date", self.date_time_string())
            for name, value in {**shown, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server names them

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
