"""Processes of a run: each is started in a folder of its own, and ended by its id whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 180.0  # seconds until a server must answer; the slowest start took 24
MEMORY = "/dev/shm"  # noqa: S108 - folders in it get names by chance
GRACE = 20.0  # seconds in which it may end by itself
NOBODY: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}


class ServerError(Exception):
    """A server did not start, or did not do what it was asked for; the message is the last that it said."""


def in_memory() -> str | None:
    """Return a folder that lies in memory, or None: Ghost stops for every write until it is on the disk."""
    return MEMORY if os.access(MEMORY, os.W_OK) else None


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(holds: Callable[[], Any], what: str, patience: float = PATIENCE) -> None:
    """Wait until something holds.

    Raises:
        ServerError: It took too long.
    """
    given_up = time.monotonic() + patience
    while not holds():
        if time.monotonic() > given_up:
            raise ServerError(f"After {patience:.0f} s still: {what}.")
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Tell whether somebody listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(
    command: Sequence[str | Path],
    folder: Path,
    *,
    port: int,
    environment: Mapping[str, str],
    end: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; what it says goes to ``server.log`` in *folder*.

    Raises:
        ServerError: It ended, or did not listen in time.
    """
    log = folder / "server.log"
    with log.open("ab") as said:
        child = subprocess.Popen(
            [str(word) for word in command], cwd=folder, env=dict(environment), stdout=said, stderr=said, **options
        )
    try:
        until(lambda: listens(port) or child.poll() is not None, f"nobody listens at {port}: {command[0]}")
        if child.poll() is not None:
            raise ServerError(f"{command[0]} ended with {child.returncode}: {log.read_text()[-1500:]}")
        yield child
    finally:
        ended(child, end)


def ended(child: subprocess.Popen[bytes], end: signal.Signals = signal.SIGTERM) -> None:
    """End a process that we started, and wait for it."""
    if child.poll() is None:
        child.send_signal(end)
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def postgres(data: Path, port: int) -> Iterator[None]:
    """Run PostgreSQL on the cluster in *data*, which is made where it is missing. Root lets nobody run it."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        raise ServerError("PostgreSQL is not installed: apt-get install postgresql")
    user = NOBODY if os.getuid() == 0 else {}
    data.mkdir(mode=0o700, exist_ok=True, parents=True)
    if user:
        for parent in data.parents:
            if parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        for path in (data, *data.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
    if not (data / "PG_VERSION").exists():
        command: list[str | Path] = [binaries[-1] / "initdb", "-D", data, "-U", "crm", "-A", "trust", "--no-sync"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    server: list[str | Path] = [binaries[-1] / "postgres", "-D", data, *options.split()]
    with running(server, data.parent, port=port, environment=os.environ, end=signal.SIGINT, **user):
        until(lambda: answers(binaries[-1], port), "PostgreSQL does not answer")
        yield


def answers(binaries: Path, port: int) -> bool:
    """Tell whether PostgreSQL takes connections."""
    ready: list[str | Path] = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(ready, capture_output=True, check=False).returncode == 0
