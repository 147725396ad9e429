"""A receiver of webhooks that does as it is told, and both local platforms, whose webhooks go there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.post import PostOffice
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Delivery:
    """What arrived: a request as a webhook service sees it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        return [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]

    @property
    def events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = json.loads(self.body)
        return events


@dataclass
class Receiver:
    """Takes whatever comes. `answer` decides what it says: (number of the request, from 0; the request) -> answer."""

    url: str = ""
    deliveries: list[Delivery] = field(default_factory=list)
    answer: Callable[[int, Delivery], Answer] = lambda _number, _delivery: (204, {}, b"")
    slow: float = 0.0
    at_once: int = 0  # most requests that were open at the same time
    lock: threading.Lock = field(default_factory=threading.Lock)
    inside: int = 0

    def take(self, delivery: Delivery) -> Answer:
        with self.lock:
            self.inside += 1
            self.at_once = max(self.at_once, self.inside)
            number = len(self.deliveries)
            self.deliveries.append(delivery)
        if self.slow:
            time.sleep(self.slow)
        with self.lock:
            self.inside -= 1
        return self.answer(number, delivery)

    def posts(self, path: str = "/") -> list[Delivery]:
        return [
            delivery for delivery in self.deliveries if delivery.method == "POST" and delivery.path.startswith(path)
        ]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    box = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = dict(self.headers.items())
            status, more, content = box.take(Delivery(self.command, self.path, headers, body, datetime.now(UTC)))
            self.send_response(status)
            for name, value in {**more, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - names that http.server calls

        def log_message(self, *_arguments: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    box.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield box
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Platforms:
    """Both platforms, running."""

    sandbox: Sandbox

    @property
    def crm(self) -> HubSpotState:
        return HubSpotState.of(self.sandbox.world)

    @property
    def email(self) -> MailchimpState:
        return MailchimpState.of(self.sandbox.world)

    @property
    def post(self) -> PostOffice:
        return PostOffice.of(self.sandbox.world)

    def settled(self) -> bool:
        """Wait until everything was delivered or given up."""
        return self.post.wait_until_idle(30)

    def side(self, what: str, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        with requests.Session() as session:
            return session.request(method, f"{self.sandbox.hubspot_url}/_sandbox/{what}", json=body, timeout=20).json()

    def hubspot(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.sandbox.access['hubspot_token']}"}
        with requests.Session() as session:
            return session.request(method, f"{self.sandbox.hubspot_url}{path}", json=body, headers=headers, timeout=20)

    def mailchimp(self, method: str, path: str, body: Any = None) -> requests.Response:
        key = ("anybody", self.sandbox.access["mailchimp_key"])
        with requests.Session() as session:
            return session.request(method, f"{self.sandbox.mailchimp_url}{path}", json=body, auth=key, timeout=20)

    def hook(self, url: str, **sources: bool) -> dict[str, Any]:
        """Make a webhook for everything, as an app does."""
        events = dict.fromkeys(("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"), True)
        given = {"user": True, "admin": True, "api": False, **sources}
        answer = self.mailchimp("POST", f"/lists/{AUDIENCE}/webhooks", {"url": url, "events": events, "sources": given})
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture
def platforms() -> Iterator[Platforms]:
    world = make_world()
    world.settings.webhook_duplicates = 0.0
    with Sandbox(world) as sandbox:
        yield Platforms(sandbox)
