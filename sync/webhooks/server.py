"""The server process: uvicorn, intake and workers, with ordered startup and shutdown."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from connectors.errors import FixSettingsError
from sync.webhooks.app import make_app
from sync.webhooks.intake import TOGETHER, Intake
from sync.webhooks.logs import tell
from sync.webhooks.metrics import Metrics
from sync.webhooks.service import Service
from sync.webhooks.worker import Worker

HEAD_SECONDS = 5.0  # from a connection, or the end of an answer that is followed by something, to a whole head
MOST_CONNECTIONS = 1_000  # beyond, the one that has kept us waiting longest is closed
GRACE_SECONDS = 10
SWITCH_SECONDS = 0.001  # the thread that commits waits for the event loop no longer than this, several times a commit
BACKLOG = 512
YOUNG_OBJECTS = 20_000  # made before the youngest are collected


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that gives a client some seconds for its request's head, and no more connections than we can hold."""

    waiting: dict[PatientProtocol, asyncio.TimerHandle] = {}  # noqa: RUF012 - of all connections of the process

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > MOST_CONNECTIONS and self.waiting:
            next(iter(self.waiting)).give_up()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; a head that they complete ends the wait."""
        super().data_received(data)
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn's annotation says
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        elif self not in self.waiting:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close a connection that did not say what it wants."""
        self._stop_waiting()
        if not self.transport.is_closing():
            self.transport.abort()

    def _await_head(self) -> None:
        self.waiting[self] = self.loop.call_later(HEAD_SECONDS, self.give_up)

    def _stop_waiting(self) -> None:
        timer = self.waiting.pop(self, None)
        if timer is not None:
            timer.cancel()


def serve(
    service: Service,
    *,
    takes: bool,
    workers: int,
    listening: socket.socket,
    together: int = TOGETHER,
    ready: Callable[[Callable[[], None]], None] = lambda stop: None,  # noqa: ARG005 - nobody asked
) -> None:
    """Serve until a signal ends it; what is under way is finished.

    Args:
        service: The open service.
        takes: Whether deliveries are taken, or only worked off.
        workers: Of this process.
        listening: Where to listen; one that only works tells there how it stands.
        together: Deliveries that may share a commit.
        ready: Told, once it listens and works, how to end it from another thread.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    metrics = Metrics()
    team = [Worker(service, metrics) for _ in range(workers)]

    def kept(new: int) -> None:
        metrics.events.inc(new)
        for worker in team:
            worker.woken.set()

    intake = Intake(service.control.inbox, kept=kept, together=together) if takes else None
    _settle_memory()
    for worker in team:
        worker.start()
    tell("started", takes=takes, workers=workers, port=listening.getsockname()[1])
    try:
        asyncio.run(_serve(make_app(service, intake, metrics, team), listening, ready))
    finally:
        tell("stopping")
        if intake is not None:
            intake.close()
        for worker in team:
            worker.stop()
        for worker in team:
            worker.join()
        tell("stopped")


def _settle_memory() -> None:
    """Leave out of every collection what is loaded by now, and collect less often.

    A full collection that looked at all the libraries let every delivery under way wait a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


class _Server(uvicorn.Server):
    """uvicorn that ends when it is told to, instead of ending the process: what stands behind it is closed then."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the loop take the signals."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


async def _serve(app: Any, listening: socket.socket, ready: Callable[[Callable[[], None]], None]) -> None:
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
        proxy_headers=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells no event
        await asyncio.sleep(0.01)
    ready(partial(_end, server, asyncio.get_running_loop()))
    await task


def _end(server: uvicorn.Server, loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon_threadsafe(server.handle_exit, signal.SIGTERM, None)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at *host* and *port*; 0 picks a free one.

    Args:
        host: Name or address of this machine.
        port: 1 to 65535, or 0.

    Returns:
        An open TCP socket; the caller closes it.

    Raises:
        FixSettingsError: Somebody else listens there, or the address is not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # asyncio turns Nagle's algorithm off only where the socket says that it is TCP
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise FixSettingsError(
            f"Can't listen on {host} port {port}: {error.strerror}.", fix="Check [serve] host and port."
        ) from error
    return listening
