"""Platforms and a workspace as they stood before a command, to be had anew for each point at which it is stopped.

Everything heavy is imported once; platforms and commands are forks of this process, so that a point costs tenths of a
second. The platforms answer on the same two ports each time, which the workspace's settings name.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import mmap
import os
import shutil
import signal
import socket
import struct
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from connectors.sandbox.fill import fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import World, make_world
from sync.clock import now
from sync.ops.demo import make_workspace

COMMANDS: Any = importlib.import_module("sync.cli.main")  # the package's attribute of that name is a function
OPTIONS: Any = importlib.import_module("sync.cli.options")  # where commands take their clock from
PEOPLE = 14
PATIENCE = 90.0  # seconds after which a command is stuck
LEFT_OUT = {"__main__", "antigravity", "this"}
KILLED, STUCK = -signal.SIGKILL, -999


class Control:
    """The page of memory that `killer.c` reads."""

    LAYOUT = struct.Struct("<qqqq")

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def arm(self, process: int, at: int, error: int) -> None:
        """Count the calls of *process*, and stop it at call *at* (0: never)."""
        self._page[: self.LAYOUT.size] = self.LAYOUT.pack(process, at, error, 0)

    def disarm(self) -> None:
        """Count nobody's calls any more; how many there were stays."""
        self._page[:8] = struct.pack("<q", 0)

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return int(self.LAYOUT.unpack(self._page[: self.LAYOUT.size])[3])


class Stage:
    """One workspace on two ports, and snapshots of it and of the platforms.

    Args:
        folder: Where everything lies; best in memory.
        control: None where nothing is ever stopped.
        people: How many there are at first.
        patience: Seconds after which a command is stuck.
    """

    def __init__(
        self, folder: Path, control: Control | None, *, people: int = PEOPLE, patience: float = PATIENCE
    ) -> None:
        self.folder, self.control, self.people, self.patience = folder, control, people, patience
        self.ahead = timedelta(0)  # of commands' clock: as far as whoever uses this moved that of the platforms
        self.workspace = folder / "workspace"
        self.ports = (_free_port(), _free_port())
        self._worlds: dict[str, World] = {}
        self._platform = 0
        self._number = 0

    @property
    def url(self) -> str:
        """The local HubSpot's address, which has the side door."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def build(self, steps: Mapping[str, list[list[str]]]) -> None:
        """Fill platforms, make the workspace, run the steps of each snapshot in order, and keep both after each."""
        file = self.folder / "world.db"
        world = make_world(file)
        world.settings.enforce_limits = False
        fill(world, self.people)
        world.store.flush()
        self.workspace.mkdir()
        access = Sandbox(world).access
        access |= {"hubspot_url": self.url, "mailchimp_url": f"http://127.0.0.1:{self.ports[1]}/3.0"}
        make_workspace(self.workspace, access)
        settings = self.workspace / "personasync.toml"
        text = settings.read_text("utf-8").replace("min_audience = 20", "min_audience = 1")
        settings.write_text(text.replace("max_changed = ", "max_changed = 1.0 # "), "utf-8")
        os.environ |= {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        for name, commands in steps.items():
            with self.platforms(world):
                for command in commands:
                    status = self.command(command)
                    assert status == 0, (command, status, self.said)
                tables = self.tables()
                if not self._worlds:
                    self._import_what_it_needs()
            world = _world_of(tables, self.folder / f"{name}.db")
            self._worlds[name] = world
            shutil.copytree(self.workspace, self.folder / f"workspace.{name}")

    def _import_what_it_needs(self) -> None:
        """Import here what commands import late: each fork would spend most of its time on it."""

        copy = self.folder / "warm"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.workspace, copy)

        def loaded() -> int:
            for command in (["pull"], ["assign"], ["plan"], ["history"]):
                COMMANDS.run([*command, "--workspace", str(copy), "--json"])
            print("\n" + "\n".join(sys.modules))
            return 0

        self.fork(loaded)
        for name in self.said.splitlines():
            if name.isascii() and " " not in name and name not in sys.modules and name not in LEFT_OUT:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)

    @contextmanager
    def at(self, name: str, before: Callable[[World], None] | None = None) -> Iterator[None]:
        """Serve the platforms as they stood at snapshot *name*, with the workspace of that moment."""
        shutil.rmtree(self.workspace)
        shutil.copytree(self.folder / f"workspace.{name}", self.workspace)
        with self.platforms(self._worlds[name], before):
            yield

    @contextmanager
    def platforms(self, world: World, before: Callable[[World], None] | None = None) -> Iterator[None]:
        """Serve *world* from a fork; what happens to it there is gone afterwards."""
        pid = os.fork()
        if pid == 0:
            _serve(world, self.ports, before)
        self._platform = pid
        try:
            _wait_for(self.ports)
            yield
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def command(self, arguments: list[str], *, at: int = 0, error: int = 0) -> int:
        """Run a command in a fork; return its exit status, `KILLED` or `STUCK`."""

        def work() -> int:
            OPTIONS.clock_of = lambda _workspace: lambda: now() + self.ahead
            status: int = COMMANDS.run([*arguments, "--workspace", str(self.workspace), "--json"])
            return status

        return self.fork(work, at=at, error=error)

    def fork(self, work: Callable[[], int], *, at: int = 0, error: int = 0) -> int:
        """Do *work* in a fork; what it prints is in `said` afterwards."""
        refuse_open_stores(self.folder)
        self._number += 1
        os.environ["PERSONASYNC_BUDGETS"] = str(self.folder / f"budgets{self._number % 50}.{os.getpid()}")
        shutil.rmtree(os.environ["PERSONASYNC_BUDGETS"], ignore_errors=True)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            if self.control is not None:
                self.control.arm(os.getpid(), at, error)
            _work(work, writing)
        os.close(writing)
        status = _ended(pid, self.patience)
        with os.fdopen(reading) as pipe:
            self.said = pipe.read()
        return status

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return everything that both platforms hold."""
        tables: dict[str, dict[str, Any]] = self._side_door("tables")
        return tables

    def log(self) -> list[dict[str, Any]]:
        """Return every request that both platforms saw."""
        entries: list[dict[str, Any]] = self._side_door("log")["entries"]
        return entries

    def deed(self, deed: str, email: str, **more: Any) -> bool:
        """Let somebody do something on a platform; tell whether it could be done."""
        try:
            self._side_door("deed", {"deed": deed, "email": email, **more})
        except urllib.error.HTTPError:
            return False
        return True

    def pass_time(self, by: timedelta) -> None:
        """Let time pass, on the platforms and for the commands that come."""
        self._side_door("clock", {"advance_seconds": by.total_seconds()})
        self.ahead += by

    def _side_door(self, what: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_sandbox/{what}", data, timeout=60) as answer:
            return json.loads(answer.read())


def refuse_open_stores(folder: Path) -> None:
    """Refuse to fork while this process has a store open.

    The fork would believe that it holds the locks that SQLite counted here, although the system gives it none: whoever
    closes the store meanwhile deletes the log into which the fork goes on writing.
    https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_file_across_a_fork_
    """
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(OSError):
            path = descriptor.readlink()
            if folder in path.parents and path.name.startswith(("control.db", "warehouse.duckdb")):
                raise RuntimeError(f"{path} is open in the process that forks")


def _work(work: Callable[[], int], writing: int) -> None:
    """The child's whole life."""
    status, out = 70, io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = work()
    except BaseException:  # noqa: BLE001 - nothing may leave a fork
        traceback.print_exc(file=out)
    finally:
        os.write(writing, out.getvalue()[-60_000:].encode())
        os._exit(status)


def _ended(pid: int, patience: float) -> int:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.004)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return STUCK


def _serve(world: World, ports: tuple[int, int], before: Callable[[World], None] | None) -> None:
    try:
        if world.store.file is not None:
            world.store.file = None
        if before is not None:
            before(world)
        Sandbox(world, hubspot_port=ports[0], mailchimp_port=ports[1]).run()
    finally:
        os._exit(0)


def _world_of(tables: Mapping[str, Mapping[str, Any]], path: Path) -> World:
    """Return a world that holds *tables*, kept in memory."""
    world = make_world()
    for name, rows in tables.items():
        world.store.table(name).rows.update(rows)
    clock = tables.get("world", {}).get("clock")
    del clock, path
    world.settings.enforce_limits = False
    HubSpotState.of(world)
    MailchimpState.of(world)
    return world


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(ports: tuple[int, int]) -> None:
    deadline = time.monotonic() + PATIENCE
    for port in ports:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > deadline:
                raise TimeoutError(port)
            time.sleep(0.002)
