"""One server for all tests of the local Mailchimp; each test has a world of its own behind it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
import uvicorn

from connectors.sandbox.mailchimp import MailchimpState, app
from connectors.sandbox.world import MAILCHIMP_KEY, World, make_world
from tests.connectors.sandbox.shown import known_only

Json = Any  # a parsed JSON value, or what has no types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from connectors.sandbox.responses import Recipient, RecipientResponse


@dataclass
class Door:
    """An ASGI app that hands everything to the app of the test that runs."""

    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@dataclass
class Platform:
    """The local Mailchimp of one test and a session that has the key."""

    base: str
    world: World
    state: MailchimpState
    list_id: str
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"{self.base}/3.0"

    @property
    def members(self) -> str:
        return f"/lists/{self.list_id}/members"

    def call(self, method: str, path: str, **options: Json) -> requests.Response:
        return known_only("mailchimp", self.session.request(method, self.url + path, timeout=20, **options))

    def get(self, path: str, **query: Json) -> Json:
        answer = self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Json = None, **query: Json) -> Json:
        answer = self.call("POST", path, json=body, params=query)
        assert answer.status_code in {200, 204}, answer.text
        return answer.json() if answer.content else None

    def put(self, path: str, body: Json, **query: Json) -> Json:
        answer = self.call("PUT", path, json=body, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def patch(self, path: str, body: Json, **query: Json) -> Json:
        answer = self.call("PATCH", path, json=body, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, method: str, path: str, status: int = 400, **options: Json) -> dict[str, Any]:
        answer = self.call(method, path, **options)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"
        body: dict[str, Any] = answer.json()
        assert body["status"] == status
        return body

    def add(self, *names: str, **details: Json) -> list[str]:
        return [self.state.add_member(self.list_id, f"{name}@people.test", **details) for name in names]


@pytest.fixture(scope="session")
def door() -> Iterator[tuple[Door, str]]:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    entrance = Door()
    config = uvicorn.Config(entrance, log_level="critical", lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    yield entrance, f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def platform(door: tuple[Door, str]) -> Iterator[Platform]:
    entrance, base = door
    world = make_world()
    state = MailchimpState.of(world)
    entrance.app = app(world)
    here = Platform(base, world, state, state.add_audience("Main"))
    here.session.trust_env = False
    here.session.auth = ("anybody", MAILCHIMP_KEY)
    yield here
    here.session.close()


@pytest.fixture
def send_campaign(platform: Platform) -> Callable[..., str]:
    """Return a function that makes a campaign, sends it and returns its id."""

    def send(html: str = "<p>Hello</p>", *, recipients: dict[str, Any] | None = None, **more: Json) -> str:
        settings = {"subject_line": "News", "title": "November", "from_name": "Team", "reply_to": "team@people.test"}
        body = {"type": "regular", "settings": settings, **more}
        body["recipients"] = {"list_id": platform.list_id, **(recipients or {})}
        campaign: str = platform.post("/campaigns", body)["id"]
        content: dict[str, Any] = {"html": html}
        if body["type"] == "variate" and html.startswith("["):
            parts = enumerate(json.loads(html))
            content = {"variate_contents": [{"content_label": f"v{place}", "html": part} for place, part in parts]}
        platform.put(f"/campaigns/{campaign}/content", content)
        platform.post(f"/campaigns/{campaign}/actions/send")
        return campaign

    return send


@dataclass
class Script:
    """What recipients do, by address: pairs of kind and minutes after the mail. Remembers what each one read."""

    acts: dict[str, list[tuple[Any, float]]] = field(default_factory=dict)
    read: dict[str, str] = field(default_factory=dict)

    def respond(self, _world: World, recipients: list[Recipient], *, sent_at: datetime) -> list[RecipientResponse]:
        from connectors.sandbox.responses import RecipientResponse  # noqa: PLC0415

        self.read |= {recipient.email: recipient.content for recipient in recipients}
        return [
            RecipientResponse(recipient.email, kind, sent_at + timedelta(minutes=minutes), amount=20.0)
            for recipient in recipients
            for kind, minutes in self.acts.get(recipient.email.partition("@")[0], [])
        ]


@pytest.fixture
def script(platform: Platform) -> Script:
    people = Script()
    platform.state.respond = people.respond
    return people
