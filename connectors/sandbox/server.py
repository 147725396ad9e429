"""Both local platforms behind real sockets, with a side door to move the clock, cause faults and read the log.

Under ``/_sandbox/`` of either platform: ``GET log?since=N``, ``POST clock {"advance_seconds"}``, ``POST settings``,
``POST faults``, ``GET truth``, ``GET tables``, and what side.py answers about webhooks. Nothing there is HubSpot's or
Mailchimp's.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from connectors.sandbox import hubspot, mailchimp
from connectors.sandbox.described import describe_people
from connectors.sandbox.door import Door, Journal
from connectors.sandbox.fill import AUDIENCE, fill, prepare
from connectors.sandbox.orders import As, fill_from_orders
from connectors.sandbox.post import PostOffice
from connectors.sandbox.side import point_to
from connectors.sandbox.tastes import TRUTH
from connectors.sandbox.world import HUBSPOT_APP_SECRET, HUBSPOT_TOKEN, MAILCHIMP_KEY, World, make_world

BACKLOG = 256


class Sandbox:
    """Both platforms of one world, served from a thread; a context manager.

    Attributes:
        hubspot_url: Base address of the local HubSpot.
        mailchimp_url: Base address of the local Mailchimp's API, with ``/3.0``.
    """

    def __init__(self, world: World | None = None, *, hubspot_port: int = 0, mailchimp_port: int = 0) -> None:
        self.world = world or make_world()
        prepare(self.world)
        self.journal = Journal()
        apps = {"hubspot": hubspot.app(self.world), "mailchimp": mailchimp.app(self.world)}
        self._sockets = [_listen(hubspot_port), _listen(mailchimp_port)]
        self._servers = [_server(Door(app, name, self.world, self.journal)) for name, app in apps.items()]
        ports = [listening.getsockname()[1] for listening in self._sockets]
        self.hubspot_url = f"http://127.0.0.1:{ports[0]}"
        self.mailchimp_url = f"http://127.0.0.1:{ports[1]}/3.0"
        self._thread: threading.Thread | None = None

    @property
    def access(self) -> dict[str, str]:
        """What a workspace needs to know."""
        return {
            "hubspot_url": self.hubspot_url,
            "hubspot_token": HUBSPOT_TOKEN,
            "hubspot_secret": HUBSPOT_APP_SECRET,
            "mailchimp_url": self.mailchimp_url,
            "mailchimp_key": MAILCHIMP_KEY,
            "audience": AUDIENCE,
        }

    def run(self, ready: Callable[[], None] | None = None) -> None:
        """Serve until both servers were told to stop; a signal tells them."""
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: Callable[[], None] | None) -> None:
        pairs = zip(self._servers, self._sockets, strict=True)
        tasks = [asyncio.create_task(server.serve(sockets=[listening])) for server, listening in pairs]
        while ready is not None and not all(server.started for server in self._servers):  # noqa: ASYNC110 - uvicorn tells no event
            await asyncio.sleep(0.01)
        if ready is not None:
            ready()
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self.stop()
        await asyncio.gather(*tasks)

    def stop(self) -> None:
        """Ask both servers to end."""
        for server in self._servers:
            server.should_exit = True

    def __enter__(self) -> Self:
        """Start serving; sockets listen already, so a request that comes early waits."""
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and write what is still to be written."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout=20)
        self.close()

    def close(self) -> None:
        """Give back the sockets and the file."""
        PostOffice.of(self.world).close()
        for listening in self._sockets:
            listening.close()
        self.world.store.close()


def serve_platforms(
    *,
    people: int,
    seed: int,
    hubspot_port: int,
    mailchimp_port: int,
    state: Path | None,
    orders: Path | None,
    orders_as: As,
    latency: float,
    webhooks: str,
    begins: datetime | None = None,
    ready: Callable[[dict[str, str]], None],
) -> None:
    """Fill both platforms unless *state* brings them, and serve until a signal ends it.

    Args:
        people: How many invented people.
        seed: Where chance starts.
        hubspot_port: 0 picks a free one.
        mailchimp_port: 0 picks a free one.
        state: A file that keeps everything over a restart.
        orders: An order history instead of invented people.
        orders_as: Where its orders go.
        latency: Seconds added to every answer.
        webhooks: Base address of a running `personasync serve` on this machine, "" for nobody.
        begins: The platforms' present as they start, UTC; None: now. A saved state keeps its own.
        ready: Told the tokens and addresses once both platforms answer.
    """
    world = make_world(state, seed=seed, begins=begins)
    world.settings.latency = latency
    if not world.store.table(TRUTH):
        if orders is not None:
            fill_from_orders(world, orders, orders_as=orders_as)
        else:
            fill(world, people)
            describe_people(world)
        world.store.flush()
    if webhooks:
        world.settings.webhook_via = webhooks
        point_to(world, webhooks)
    sandbox = Sandbox(world, hubspot_port=hubspot_port, mailchimp_port=mailchimp_port)
    try:
        sandbox.run(lambda: ready(sandbox.access))
    finally:
        sandbox.close()


def free_port(usual: int) -> int:
    """Return a port that is *usual*, or 0 for any where another program has that one."""
    try:
        _listen(usual).close()
    except OSError:
        return 0
    return usual


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the socket says that it is TCP; else answers wait 40 ms
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError:
        listening.close()
        raise
    listening.listen(BACKLOG)
    return listening


def _server(app: ASGIApp) -> uvicorn.Server:
    config: Any = uvicorn.Config(
        app, log_level="critical", lifespan="off", ws="none", server_header=False, date_header=False
    )
    return uvicorn.Server(config)
