"""Deliver many events to killed servers and workers, and look whether one was lost or one was worked off twice.

::

    python -m tests.webhook_torture --deliveries 100000 --kills 10
    python -m tests.webhook_torture --deliveries 100000 --kills 10 --postgres --servers 2 --workers 2

A fifth of the deliveries are duplicates, all of them are shuffled; what is not answered is delivered again, as a
platform does. Servers and workers are processes of their own, and SIGKILL takes them at even distances. Afterwards
each event that was accepted is settled, each contact shows its persona, and the ledger shows each of its fields
written once. PostgreSQL is started here, in a folder of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import create_engine, text

from connectors.sandbox.fill import fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.clock import now
from sync.control.store import open_control
from sync.ops.demo import make_workspace
from sync.ops.run import run_loop
from sync.session import open_session
from sync.workspace.settings import load_workspace

SECRET = "hubspot-client-secret"
PERSONASYNC = Path(sys.executable).with_name("personasync")
TOGETHER = 20  # events of one delivery's body
SENDERS = 4
PATIENCE = 900.0


@dataclass
class Found:
    """What came of it."""

    events: int = 0
    delivered: int = 0
    kills: int = 0
    lost: list[str] = field(default_factory=list)
    unsettled: int = 0
    without_persona: list[str] = field(default_factory=list)
    written_twice: list[str] = field(default_factory=list)
    dead_letters: int = 0
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether nothing was lost and nothing done twice."""
        return not (self.lost or self.unsettled or self.without_persona or self.written_twice or self.dead_letters)


# -- processes -------------------------------------------------------------------------------------------------
class Process:
    """A server or a worker that is started again whenever it was killed."""

    def __init__(self, folder: Path, environment: dict[str, str], port: int | None) -> None:
        self.port = port
        more = ["--worker"] if port is None else ["--port", str(port)]
        self._command = [str(PERSONASYNC), "serve", "--workspace", str(folder), *more]
        self._environment, self._log = {**os.environ, **environment}, (folder / "serve.log").open("ab")
        self._child = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, env=self._environment, stderr=self._log)

    def kill(self) -> None:
        """Kill it, and start it again."""
        self._child.send_signal(signal.SIGKILL)
        self._child.wait()
        self._child = self._start()

    def end(self) -> None:
        """End it as an operator does."""
        self._child.terminate()
        self._child.wait()
        self._log.close()


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL of our own, and yield its address. It refuses to run as root: somebody else runs it then."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    data, port = folder / "postgres", free_port()
    data.mkdir(mode=0o700)
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(data, "nobody")
        for parent in (folder, *folder.parents):
            if parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    initdb: list[str | Path] = [binaries[-1] / "initdb", "-D", data, "-U", "personasync", "-A", "trust", "--no-sync"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **user)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c max_connections=200"
    server = subprocess.Popen(
        [binaries[-1] / "postgres", "-D", data, *options.split()], stderr=subprocess.DEVNULL, cwd="/", **user
    )
    url = f"postgresql+psycopg://personasync@127.0.0.1:{port}/postgres"
    try:
        until(lambda: answers(url))
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def answers(url: str) -> bool:
    """Tell whether a database answers."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except Exception:  # noqa: BLE001 - not yet
        return False
    finally:
        engine.dispose()
    return True


def until(holds: Any, patience: float = PATIENCE) -> None:
    """Wait until something holds."""
    given_up = time.monotonic() + patience
    while not holds():
        if time.monotonic() > given_up:
            raise SystemExit("It did not happen.")
        time.sleep(0.05)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# -- events ----------------------------------------------------------------------------------------------------
def events_of(contacts: Sequence[str], count: int, dice: random.Random) -> list[dict[str, Any]]:
    """Return *count* different events about *contacts*: each is created, then changes."""
    made = []
    for number in range(count):
        contact = contacts[number % len(contacts)]
        event: dict[str, Any] = {"eventId": number, "subscriptionId": 1, "objectId": int(contact), "attemptNumber": 0}
        event["occurredAt"] = int(time.time() * 1000) - dice.randrange(60_000)
        if number < len(contacts):
            event |= {"subscriptionType": "contact.creation"}
        else:
            value = dice.choice(["lead", "customer"])
            event |= {"subscriptionType": "contact.propertyChange", "propertyName": "lifecyclestage"}
            event |= {"propertyValue": value}
        made.append(event)
    return made


class Sender:
    """Delivers events until somebody accepts them."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports, self.accepted, self.delivered = ports, 0, 0

    def send(self, part: Sequence[dict[str, Any]]) -> None:
        """Deliver one body, again and again."""
        body = json.dumps(list(part)).encode()
        signature = hashlib.sha256(SECRET.encode() + body).hexdigest()
        headers = {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "v1"}
        given_up = time.monotonic() + PATIENCE
        while time.monotonic() < given_up:
            port = random.choice(self._ports)  # noqa: S311 - a proxy in front of several servers
            try:
                answer = requests.post(
                    f"http://127.0.0.1:{port}/webhooks/hubspot", data=body, headers=headers, timeout=10
                )
            except requests.RequestException:
                time.sleep(0.1)
                continue
            if answer.ok:
                self.delivered += len(part)
                return
            time.sleep(0.1)
        raise SystemExit("Nobody accepts a delivery.")


# -- the torture -----------------------------------------------------------------------------------------------
def torture(
    folder: Path,
    *,
    deliveries: int,
    kills: int,
    contacts: int,
    servers: int = 1,
    workers: int = 1,
    state: str = "sqlite",
) -> Found:
    """Deliver, kill, wait until all is worked off, and look."""
    began, result, dice = time.monotonic(), Found(kills=kills), random.Random(deliveries)  # noqa: S311
    world = make_world()
    fill(world, 60)
    world.settings.burst_requests = 1_000_000
    with Sandbox(world) as sandbox:
        environment = prepare(folder, sandbox, state)
        crm = HubSpotState.of(world)
        ids = [
            crm.add_contact(
                {"email": f"t{number}@torture.test", "lifecyclestage": "lead"}, created_at=datetime.now(UTC)
            )
            for number in range(contacts)
        ]
        unique = events_of(ids, deliveries * 4 // 5, dice)
        sent = [*unique, *dice.sample(unique, deliveries - len(unique))]
        dice.shuffle(sent)
        result.events = len(unique)
        with ExitStack() as stack:
            team = [Process(folder, environment, free_port()) for _ in range(servers)]
            team += [Process(folder, environment, None) for _ in range(workers)]
            for process in team:
                stack.callback(process.end)
            deliver(team, sent, kills, result)
            control = open_control(load_workspace(folder).state_url.reveal(), now=now)
            stack.callback(control.close)
            until(lambda: control.inbox.backlog().waiting == 0)
            result.dead_letters = control.inbox.backlog().dead_letters
        judge(folder, crm, ids, result)
    result.seconds = round(time.monotonic() - began, 1)
    return result


def prepare(folder: Path, sandbox: Sandbox, state: str) -> dict[str, str]:
    """Make a workspace that has been through the loop once, and return its environment."""
    make_workspace(folder, sandbox.access)
    file = folder / "personasync.toml"
    lines = file.read_text("utf-8").replace("min_audience = 20", "min_audience = 1")
    lines = lines.replace('state = "sqlite"', f'state = "{state}"')
    if f'state = "{state}"' not in lines:
        lines = lines.replace("[workspace]\n", f'[workspace]\nstate = "{state}"\n', 1)
    serve = '\n[serve]\nport = 0\nworkers = 0\nhubspot_secret = "env:PS_SECRET"\nrequests_per_second = 100000\n'
    file.write_text(lines + serve, "utf-8")
    access = sandbox.access
    environment = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
    environment |= {"PS_SECRET": SECRET, "PERSONASYNC_BUDGETS": str(folder / "budgets")}
    with open_session(folder, now=now, environment=environment) as session:
        run_loop(session, set_up=True)
    return environment


def deliver(team: Sequence[Process], sent: Sequence[dict[str, Any]], kills: int, result: Found) -> None:
    """Deliver everything, and kill somebody of the team at even distances."""
    sender = Sender([process.port for process in team if process.port is not None])
    bodies = [sent[start : start + TOGETHER] for start in range(0, len(sent), TOGETHER)]
    every = max(len(bodies) // (kills + 1), 1)
    with ThreadPoolExecutor(SENDERS) as pool:
        for start in range(0, len(bodies), every):
            under_way = [pool.submit(sender.send, body) for body in bodies[start : start + every]]
            if start and kills > 0:
                team[kills % len(team)].kill()
                kills -= 1
            for future in under_way:
                future.result()
    result.delivered = sender.delivered


def judge(folder: Path, crm: HubSpotState, ids: Sequence[str], result: Found) -> None:
    """Look for what is lost, not settled, not shown, or written twice."""
    engine = create_engine(load_workspace(folder).state_url.reveal())
    mine = "platform_id IN (SELECT substr(contact, 5) FROM inbox_event)"
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM inbox_event")).scalar_one()
        result.unsettled = connection.execute(
            text("SELECT count(*) FROM inbox_event WHERE state = 'waiting' OR settled_by IS NULL")
        ).scalar_one()
        written = connection.execute(
            text(f"SELECT platform_id, kind, name, after FROM ledger WHERE state = 'applied' AND {mine}")  # noqa: S608
        ).all()
    engine.dispose()
    if kept != result.events:
        result.lost.append(f"{result.events - kept} events")
    counted = Counter((row.platform_id, row.kind, row.name, row.after) for row in written)
    result.written_twice = [str(key) for key, count in counted.items() if count > 1]
    for key in ids:
        row = crm.contact(key)
        if not (row or {}).get("properties", {}).get("personasync_persona"):
            result.without_persona.append(key)


def main() -> None:
    """Torture, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--contacts", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent, ExitStack() as stack:
        state = stack.enter_context(postgres(Path(parent))) if options.postgres else "sqlite"
        result = torture(
            Path(parent) / "workspace",
            deliveries=options.deliveries,
            kills=options.kills,
            contacts=options.contacts,
            servers=options.servers,
            workers=options.workers,
            state=state,
        )
        if not result.sound:
            shutil.copy(Path(parent) / "workspace" / "serve.log", "webhook-torture.log")
    print(json.dumps({name: getattr(result, name) for name in Found.__dataclass_fields__} | {"sound": result.sound}))
    sys.exit(not result.sound)


if __name__ == "__main__":
    main()
