"""A local HubSpot behind a real socket, and a client that knows its token."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.sandbox.hubspot import app
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.world import HUBSPOT_TOKEN, Settings, World, make_world
from tests.connectors.sandbox.shown import known_only

Json = dict[str, Any]

CONTACTS = "/crm/v3/objects/contacts"


@dataclass
class Platform:
    """The server's address, its world, and a session that is closed with the test."""

    url: str
    world: World
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def state(self) -> HubSpotState:
        return HubSpotState.of(self.world)

    def call(self, method: str, path: str, body: object = None, **query: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {HUBSPOT_TOKEN}"}
        url = f"{self.url}{path}"
        return known_only(
            "hubspot",
            self.session.request(method, url, json=body, params=query, headers=headers, timeout=10),
        )

    def get(self, path: str, **query: Any) -> Json:
        answer = self.call("GET", path, **query)
        assert answer.status_code == 200, answer.text
        result: Json = answer.json()
        return result

    def post(self, path: str, body: object, **query: Any) -> requests.Response:
        return self.call("POST", path, body, **query)

    def add(self, email: str | None = None, **properties: str) -> str:
        """Add a contact directly, created at the world's present."""
        values = properties if email is None else {"email": email, **properties}
        return self.state.add_contact(values, created_at=self.world.clock.now())

    def shown(self, record_id: str, *names: str) -> Json:
        """Return properties of a contact as the API shows them."""
        properties: Json = self.get(f"{CONTACTS}/{record_id}", properties=",".join(names))["properties"]
        return properties

    def search(self, *filters: Json, **more: object) -> Json:
        answer = self.post(f"{CONTACTS}/search", {"filterGroups": [{"filters": list(filters)}], **more})
        assert answer.status_code == 200, answer.text
        result: Json = answer.json()
        return result


class Door:
    """An ASGI app that hands everything to the app of the test that runs: one server serves all tests."""

    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def hubspot_door() -> Iterator[tuple[Door, str]]:
    entrance = Door()
    # asyncio turns Nagle's algorithm off only where the socket says that it is TCP; else answers wait 40 ms
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(128)
    config = uvicorn.Config(entrance, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield entrance, f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    listening.close()


@pytest.fixture
def serve(hubspot_door: tuple[Door, str]) -> Iterator[Callable[[Settings], Platform]]:
    """Return what puts a new local HubSpot with the given settings behind the door."""
    entrance, url = hubspot_door
    started: list[Platform] = []

    def start(settings: Settings) -> Platform:
        world = make_world(settings=settings)
        entrance.app = app(world)
        started.append(Platform(url, world))
        return started[-1]

    yield start
    for platform in started:
        platform.session.close()


@pytest.fixture
def hubspot(serve: Callable[[Settings], Platform]) -> Platform:
    """A local HubSpot without limits, so that tests are about one thing."""
    return serve(Settings(enforce_limits=False))


@pytest.fixture
def noon() -> datetime:
    """A moment of the past."""
    return datetime(2026, 11, 1, 12, tzinfo=UTC)
