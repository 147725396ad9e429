"""The console's server: uvicorn on the loopback interface, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn

from connectors.errors import FixSettingsError
from sync.assign.members import open_members
from sync.assign.person_rows import rows_of_session
from sync.assign.timeline import open_timelines
from sync.console.app import make_console
from sync.console.calculator import Calculator
from sync.console.pages import Desk
from sync.console.personas import avatars
from sync.console.security import OPEN, ConsoleDoor
from sync.console.segments import open_segments
from sync.console.tasks import Tasks
from sync.workspace.settings import load_workspace

LOOPBACK = "127.0.0.1"
GRACE_SECONDS = 2
READ_FIRST = (open_members, rows_of_session, open_timelines, open_segments, avatars)
"""What the pages of people, segments and personas ask of everybody, read before somebody asks for one."""
BACKLOG = 64
READY_SECONDS = 0.01


def listen_locally(port: int) -> socket.socket:
    """Return a socket that listens on the loopback interface; the caller closes it.

    Args:
        port: 0 picks a free one.

    Raises:
        FixSettingsError: Somebody else listens there.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((LOOPBACK, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise FixSettingsError(
            f"Can't listen on {LOOPBACK} port {port}: {error.strerror}.",
            fix="Choose another --port, or 0 for any free one.",
        ) from error
    return listening


class _Server(uvicorn.Server):
    """uvicorn that ends when it is told to, instead of ending the process: copies are deleted then."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let the loop take the signals."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield


def serve_console(
    directory: Path,
    *,
    now: Callable[[], datetime],
    environment: Mapping[str, str],
    listening: socket.socket,
    ready: Callable[[str, Callable[[], None]], None],
    tell: Callable[[str], None] = lambda text: None,  # noqa: ARG005 - nobody listens
) -> None:
    """Serve the console of a workspace until a signal ends it. What a page has started is finished first.

    Args:
        directory: The workspace's folder.
        now: Clock, UTC.
        environment: Where secrets are looked up.
        listening: A socket of `listen_locally`.
        ready: Told the one-time link once pages are served, and how to end from another thread.
        tell: Told what the end waits for.

    Raises:
        FixSettingsError: The folder is no workspace.
    """
    load_workspace(directory)
    port = listening.getsockname()[1]
    reader = Calculator(directory, now=now, environment=environment, first=READ_FIRST)
    tasks, door = Tasks(directory, now=now, environment=environment), ConsoleDoor(now)
    hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
    link = f"http://{LOOPBACK}:{port}{OPEN}{door.key}"
    try:
        asyncio.run(_serve(make_console(Desk(reader, tasks, door), hosts), listening, lambda end: ready(link, end)))
    finally:
        working = tasks.working()
        if working is not None:
            tell(f"Waiting until “{working.title}” has ended; press Ctrl-C again to stop it.")
        tasks.end()
        reader.end()


async def _serve(app: Any, listening: socket.socket, ready: Callable[[Callable[[], None]], None]) -> None:
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=100,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn tells no event
        await asyncio.sleep(READY_SECONDS)
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.call_soon_threadsafe(server.handle_exit, signal.SIGTERM, None)

    ready(end)
    await task
