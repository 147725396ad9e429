"""A stand-in of a platform over real sockets: it takes what the description allows, and answers nothing else.

It keeps the platform's limits with fixed windows on its own clock, and counts whom it had to turn away.
"""

from __future__ import annotations

import json
import math
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.described.clocks import RealClock, StandInClock
from tests.described.description import DescribedOperation

TOO_MANY, BROKEN = 429, 500
Answer = tuple[int, Any]
"""Status and document."""


class RefusedError(Exception):
    """The platform says no."""

    def __init__(self, status: int, detail: str, code: str = "invalid") -> None:
        super().__init__(detail)
        self.status, self.detail, self.code = status, detail, code


class StandIn(ABC):
    """A platform.

    Args:
        operations: Of the description.
        clock: Of the platform.

    Attributes:
        asked: Moment of each request that was let through, by endpoint.
        turned_away: How many requests came too soon, by endpoint.
        faults: What is wrong with answers of ours; none may be.
        refusals: What was wrong with requests.
        created: Contacts that requests created.
    """

    root = ""  # of the paths of operations
    waits = "Retry-After"

    def __init__(self, operations: Sequence[DescribedOperation], clock: StandInClock | None = None) -> None:
        self.operations, self.clock = operations, clock or RealClock()
        self.asked: dict[str, list[float]] = {}
        self.turned_away: Counter[str] = Counter()
        self.faults: list[str] = []
        self.refusals: list[str] = []
        self.created = 0
        self.lock = threading.RLock()
        self._counted: Counter[tuple[str, float, int]] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{self.root}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def moment(self) -> datetime:
        """The present moment, UTC."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    # -- what a platform has of its own --------------------------------------------------------------------
    @abstractmethod
    def refuse_stranger(self, headers: Mapping[str, str], operation: DescribedOperation) -> None:
        """Raise `RefusedError` unless the headers are right."""

    @abstractmethod
    def act(self, operation: DescribedOperation, places: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
        """Do what an operation does, and return its document; None for an empty answer."""

    @abstractmethod
    def error(self, status: int, detail: str, code: str) -> Any:
        """Return the document of a refusal."""

    @abstractmethod
    def lane(self, operation: DescribedOperation) -> tuple[str, Sequence[tuple[int, float]]]:
        """Return what a request counts against: a name, and its windows."""

    @abstractmethod
    def told(self, most: int, left: int, reset: int) -> dict[str, str]:
        """Return the headers that tell about a window."""

    # -- the same for all ----------------------------------------------------------------------------------
    def answer(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        """Answer a request: status, document and headers."""
        parts = urlsplit(target)
        operation, places = self._found(method, parts.path)
        if operation is None:
            return *self._refused(404, f"there is no {method} {parts.path}", "not_found"), {}
        endpoint = f"{method} {operation.path}"
        with self.lock:
            turned, shown = self._window(operation)
            if turned:
                self.turned_away[endpoint] += 1
                return TOO_MANY, self.error(TOO_MANY, "too many requests", "throttled"), shown
            self.asked.setdefault(endpoint, []).append(self.clock.now())
            try:
                document = self._done(operation, places, parts.query, headers, body)
            except RefusedError as error:
                return *self._refused(error.status, f"{endpoint}: {error.detail}", error.code), shown
            if wrong := list(operation.answer_faults(document)):
                self.faults += wrong
                return BROKEN, self.error(BROKEN, "; ".join(wrong), "fault_of_the_stand_in"), shown
        self.clock.asked()
        return operation.status, document, shown

    def _done(
        self,
        operation: DescribedOperation,
        places: Mapping[str, str],
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Any:
        self.refuse_stranger(headers, operation)
        pairs = parse_qsl(query, keep_blank_values=True)
        asked = dict(pairs) if len({name for name, _ in pairs}) == len(pairs) else self.several(pairs)
        sent = json.loads(body) if body else None
        if wrong := [*operation.query_faults(asked), *operation.body_faults(sent)]:
            raise RefusedError(400, "; ".join(wrong))
        return self.act(operation, places, asked, sent)

    def several(self, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
        """Return a query in which a name came more than once."""
        raise RefusedError(400, f"a name came twice: {pairs}")

    def _refused(self, status: int, detail: str, code: str) -> Answer:
        self.refusals.append(f"{status} {detail}")
        return status, self.error(status, detail, code)

    def _found(self, method: str, path: str) -> tuple[DescribedOperation | None, Mapping[str, str]]:
        matching = []
        for operation in self.operations:
            places = operation.places(path) if operation.method == method else None
            if places is not None:
                matching.append((len(places), operation, {name: unquote(text) for name, text in places.items()}))
        if not matching:
            return None, {}
        _, operation, named = min(matching, key=lambda found: found[0])  # "lists/{id}" does not hide "lists/all"
        return operation, named

    def _window(self, operation: DescribedOperation) -> tuple[bool, dict[str, str]]:
        """Count a request: whether it comes too soon, and what the headers say."""
        now, (lane, windows) = self.clock.now(), self.lane(operation)
        places = [(most, seconds, (lane, seconds, int(now // seconds))) for most, seconds in windows]
        full = [seconds for most, seconds, place in places if self._counted[place] >= most]
        if full:
            longest = max(seconds - now % seconds for seconds in full)
            return True, {self.waits: str(math.ceil(longest))}
        for _, _, place in places:
            self._counted[place] += 1
        if not places:
            return False, {}
        most, seconds, place = self.told_about(places)
        return False, self.told(most, most - self._counted[place], math.ceil(seconds - now % seconds))

    def told_about(self, places: Sequence[Any]) -> Any:
        """Return the window that headers tell about: that of a minute, or the only one."""
        return next((place for place in places if place[1] == 60), places[0])


def _handler(platform: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document, shown = platform.answer(self.command, self.path, dict(self.headers.items()), body)
            text = b"" if document is None else json.dumps(document).encode()
            self.send_response_only(status)
            self.send_header("Date", format_datetime(platform.moment.replace(microsecond=0), usegmt=True))
            for name, value in {"Content-Type": "application/json", **shown, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server names them

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
