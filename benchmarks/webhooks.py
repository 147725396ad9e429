"""The webhook service measured: how fast deliveries are kept, and how soon a new contact shows its persona.

Intake: the same app over the same file, once with a commit for all deliveries of the same few milliseconds and once
with a commit a delivery, SQLite with synchronous=FULL, CLIENTS connections that deliver as fast as they are answered;
rounds take turns, so that what else the machine does meets both, and the
median of the rounds counts. Real time: RATE new contacts a second for SECONDS,
half of them created in HubSpot and half subscribed in Mailchimp, each known to both local platforms, which answer
LATENCY seconds late; measured from the delivery's departure until both platforms show the persona. Burst: BURST
contacts imported into HubSpot at once, worked off while the daily run does its own; the use is that of HubSpot's
window, by both together. The platforms run here too: what a run loses beside a burst is mostly their time.

The last line is one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import requests

from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.clock import now
from sync.ops.demo import make_workspace
from sync.ops.run import run_loop
from sync.session import open_session

CLIENTS, DELIVERIES, ROUNDS = 128, 2_560, 5
RATE, SECONDS, LATENCY = 20, 30, 0.06
BURST = 3_000
SECRETS = {"PS_HUBSPOT_SECRET": "hubspot-client-secret", "PS_MAILCHIMP_SECRET": "mailchimp-signing-secret"}
SERVE = """
[serve]
port = 0
hubspot_secret = "env:PS_HUBSPOT_SECRET"
mailchimp_secret = "env:PS_MAILCHIMP_SECRET"
requests_per_second = 1000000
"""


# -- the service, in a process of its own ----------------------------------------------------------------------
def run_service(workspace: Path, *, together: int, workers: int) -> None:
    """Serve *workspace* until a signal comes; say on stdout where."""
    from sync.webhooks import server  # noqa: PLC0415 - the parent process needs none of it
    from sync.webhooks.service import open_service  # noqa: PLC0415

    with open_service(workspace, now=now, environment=os.environ) as service:
        listening = server.listen("127.0.0.1", 0)
        port = listening.getsockname()[1]
        server.serve(
            service,
            takes=True,
            workers=workers,
            listening=listening,
            together=together,
            ready=lambda stop: print(port, flush=True),  # noqa: ARG005 - a signal ends it
        )


@contextmanager
def service(workspace: Path, environment: dict[str, str], *, together: int, workers: int) -> Iterator[int]:
    """Run the service, and yield its port."""
    command = [sys.executable, __file__, "--serve", str(workspace), str(together), str(workers)]
    child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield int(child.stdout.readline())
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()


# -- intake ----------------------------------------------------------------------------------------------------
def hubspot_request(port: int, *contacts: int) -> bytes:
    """Return a whole signed delivery of the creation of contacts."""
    event = {"subscriptionId": 11, "subscriptionType": "contact.creation", "attemptNumber": 0}
    event["occurredAt"] = int(now().timestamp() * 1000)
    body = json.dumps([{**event, "eventId": contact, "objectId": contact} for contact in contacts]).encode()
    signature = hashlib.sha256(SECRETS["PS_HUBSPOT_SECRET"].encode() + body).hexdigest()
    head = (
        f"POST /webhooks/hubspot HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"X-HubSpot-Signature: {signature}\r\nX-HubSpot-Signature-Version: v1\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def deliver(port: int, numbers: Sequence[int], start: asyncio.Barrier) -> list[float]:
    """Deliver one after the other over one connection, and return the seconds that each took.

    The first one is not counted: it waits for the connections of all.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for place, number in enumerate(numbers):
        request = hubspot_request(port, number)
        if place == 1:
            await start.wait()
            took = []
        began = time.perf_counter()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        took.append(time.perf_counter() - began)
        assert answer.startswith(b"HTTP/1.1 200"), answer
    writer.close()
    await writer.wait_closed()
    return took


async def intake(port: int, first: int) -> tuple[float, list[float]]:
    """Return deliveries a second, and the seconds that each took."""
    share = DELIVERIES // CLIENTS
    parts = [range(first + client * share, first + (client + 1) * share) for client in range(CLIENTS)]
    start = asyncio.Barrier(CLIENTS + 1)
    tasks = [asyncio.create_task(deliver(port, part, start)) for part in parts]
    await start.wait()
    began = time.perf_counter()
    took = [duration for part in await asyncio.gather(*tasks) for duration in part]
    return len(took) / (time.perf_counter() - began), took


def measure_intake(folder: Path) -> dict[str, float]:
    """Measure both ways in turns."""
    access = {"hubspot_url": "http://127.0.0.1:9", "mailchimp_url": "http://127.0.0.1:9/3.0", "audience": AUDIENCE}
    make_workspace(folder, access)
    file = folder / "personasync.toml"
    file.write_text(file.read_text("utf-8") + SERVE, "utf-8")
    rates: dict[int, list[float]] = {256: [], 1: []}
    took: dict[int, list[float]] = {256: [], 1: []}
    with (
        service(folder, SECRETS, together=256, workers=0) as many,
        service(folder, SECRETS, together=1, workers=0) as single,
    ):
        for turn in range(ROUNDS + 1):
            for together, port in ((1, single), (256, many)):
                rate, seconds = asyncio.run(intake(port, random.randrange(1 << 40)))  # noqa: S311 - ids, not secrets
                if turn:  # the first turn warms up
                    rates[together].append(rate)
                    took[together].append(statistics.quantiles(seconds, n=100)[98])
    p99 = {together: statistics.median(rounds) for together, rounds in took.items()}  # a stalled machine hits one round
    for together, name in ((1, "a commit a delivery"), (256, "commits together")):
        print(f"{name}: {statistics.median(rates[together]):,.0f} deliveries/s, p99 {p99[together] * 1000:.1f} ms")
    return {
        "rate_vs_commit_each": round(statistics.median(rates[256]) / statistics.median(rates[1]), 2),
        "p99_vs_commit_each": round(p99[256] / p99[1], 3),
    }


# -- real time -------------------------------------------------------------------------------------------------
class Newcomers:
    """People who come to both local platforms, and what both show of them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.crm, self.email = HubSpotState.of(sandbox.world), MailchimpState.of(sandbox.world)
        self.waiting: dict[str, tuple[str, float]] = {}
        self.took: list[float] = []

    def come(self, number: int) -> str:
        """Let somebody come, and return their HubSpot id."""
        address = f"new{number}@people.test"
        self.email.add_member(AUDIENCE, address, status="subscribed", merge_fields={}, at=now())
        return self.crm.add_contact({"email": address, "lifecyclestage": "lead"}, created_at=now())

    def look(self) -> None:
        """Note who shows their persona on both platforms by now."""
        for address, (contact, since) in list(self.waiting.items()):
            row, member = self.crm.contact(contact), self.email.directory(AUDIENCE).find(address)
            shown = (row or {}).get("properties", {}).get("personasync_persona")
            if shown and (member or {}).get("merge_fields", {}).get("PERSONA"):
                self.took.append(time.monotonic() - since)
                del self.waiting[address]


def mailchimp_delivery(http: requests.Session, port: int, address: str) -> None:
    """Deliver one subscription, signed."""
    stamp = int(now().timestamp())
    form = {"type": "subscribe", "fired_at": f"{now():%Y-%m-%d %H:%M:%S}"}
    form |= {"data[list_id]": AUDIENCE, "data[email]": address, "data[id]": address}
    body = urlencode(form).encode()
    signature = hmac.digest(SECRETS["PS_MAILCHIMP_SECRET"].encode(), f"{stamp}.".encode() + body, "sha256").hex()
    headers = {
        "X-Mailchimp-Signature": f"t={stamp},v1={signature}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    answer = http.post(f"http://127.0.0.1:{port}/webhooks/mailchimp", data=body, headers=headers, timeout=10)
    assert answer.ok, answer.text


def hubspot_delivery(http: requests.Session, port: int, *contacts: str) -> None:
    """Deliver creations, signed."""
    head, _, body = hubspot_request(port, *map(int, contacts)).partition(b"\r\n\r\n")
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    answer = http.post(f"http://127.0.0.1:{port}/webhooks/hubspot", data=body, headers=dict(lines), timeout=10)
    assert answer.ok, answer.text


def measure_real_time(folder: Path) -> dict[str, float]:
    """Let people come, and return how long it took until both platforms showed their persona."""
    world = make_world()
    fill(world, 300)
    with Sandbox(world) as sandbox, requests.Session() as http:
        environment = prepared(folder, sandbox)
        world.settings.latency = LATENCY
        people = Newcomers(sandbox)
        with service(folder, environment, together=256, workers=1) as port:
            began = time.monotonic()
            for number in range(RATE * SECONDS):
                contact = people.come(number)
                people.waiting[f"new{number}@people.test"] = (contact, time.monotonic())
                if number % 2:
                    mailchimp_delivery(http, port, f"new{number}@people.test")
                else:
                    hubspot_delivery(http, port, contact)
                while time.monotonic() < began + (number + 1) / RATE:
                    people.look()
                    threading.Event().wait(0.01)
            given_up = time.monotonic() + 60
            while people.waiting and time.monotonic() < given_up:
                people.look()
                threading.Event().wait(0.01)
        refused = sum(entry.status == 429 for entry in sandbox.journal.entries)  # noqa: PLR2004
    assert not people.waiting, f"{len(people.waiting)} people have no persona"
    assert not refused, f"{refused} requests were one too many"
    cuts = statistics.quantiles(people.took, n=100)
    summary = f"median {cuts[49]:.2f} s, p95 {cuts[94]:.2f} s, longest {max(people.took):.2f} s"
    print(f"{len(people.took)} new people: {summary}")
    return {"new_to_pushed_p50_s": round(cuts[49], 2), "new_to_pushed_p95_s": round(cuts[94], 2)}


# -- a burst ---------------------------------------------------------------------------------------------------
def measure_burst(folder: Path) -> dict[str, float]:
    """Import BURST people into HubSpot at once; return how long the service is at them, and what a run meanwhile costs.

    The run alone comes first, with as many new contacts, so that both read and write alike.
    """
    world = make_world()
    fill(world, 300)
    with Sandbox(world) as sandbox, requests.Session() as http:
        environment = prepared(folder, sandbox)
        world.settings.latency = LATENCY
        people = Newcomers(sandbox)
        imported(people, "before", BURST)
        alone = daily_run(folder, environment)
        with service(folder, environment, together=256, workers=1) as port:
            contacts = imported(people, "burst", BURST)
            before, began = sandbox.journal.count, time.monotonic()
            for start in range(0, BURST, 100):
                hubspot_delivery(http, port, *contacts[start : start + 100])
            with ThreadPoolExecutor(1) as meanwhile:
                run = meanwhile.submit(daily_run, folder, environment)
                given_up = began + 600
                missing = list(contacts)
                while missing:
                    if shows(people, missing[-1]):
                        missing.pop()
                        continue
                    assert time.monotonic() < given_up, f"{len(missing)} people have no persona"
                    threading.Event().wait(0.1)
                took = time.monotonic() - began
                beside = run.result()
            together = max(took, beside)
        refused = sum(entry.status == 429 for entry in sandbox.journal.entries)  # noqa: PLR2004
        asked = sum(
            entry.number > before and entry.platform == "hubspot" and not entry.path.endswith("/search")
            for entry in sandbox.journal.entries
        )
        use = asked / (sandbox.world.settings.burst_requests * together / 10)
    print(f"a burst of {BURST:,}: {took:.0f} s; a run of as many {alone:.0f} s alone, {beside:.0f} s beside it")
    return {
        "burst_seconds": round(took, 1),
        "burst_429": refused,
        "burst_window_use": round(use, 2),
        "daily_run_seconds": round(alone, 1),
        "daily_run_delay": round(beside / alone, 2),
    }


def imported(people: Newcomers, name: str, count: int) -> list[str]:
    """Let people come to HubSpot at once, and return their ids."""
    return [
        people.crm.add_contact({"email": f"{name}{number}@people.test", "lifecyclestage": "lead"}, created_at=now())
        for number in range(count)
    ]


def shows(people: Newcomers, contact: str) -> bool:
    """Tell whether HubSpot shows a persona."""
    return bool((people.crm.contact(contact) or {}).get("properties", {}).get("personasync_persona"))


def daily_run(folder: Path, environment: dict[str, str]) -> float:
    """Do the whole loop as cron does, and return the seconds that it took.

    The guardrail about data is set aside: ten times as many people without an order as there were with one.
    """
    began = time.monotonic()
    command = [sys.executable, "-c", "from sync.cli import main; main()", "run", "--workspace", str(folder)]
    command += ["--override", "trait_quality"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr + done.stdout
    return time.monotonic() - began


def prepared(folder: Path, sandbox: Sandbox) -> dict[str, str]:
    """Make a workspace that has been through the loop once, and return its environment."""
    make_workspace(folder, sandbox.access)
    file = folder / "personasync.toml"
    text = file.read_text("utf-8").replace("min_audience = 20", "min_audience = 1")
    file.write_text(text + SERVE, "utf-8")
    access = sandbox.access
    environment: dict[str, Any] = {**SECRETS, "HUBSPOT_TOKEN": access["hubspot_token"]}
    environment |= {"MAILCHIMP_API_KEY": access["mailchimp_key"], "PERSONASYNC_BUDGETS": str(folder / "budgets")}
    with open_session(folder, now=now, environment=environment) as session:
        run_loop(session, set_up=True)
    return environment


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", nargs=3, metavar=("WORKSPACE", "TOGETHER", "WORKERS"), help=argparse.SUPPRESS)
    parts = {"intake": measure_intake, "real-time": measure_real_time, "burst": measure_burst}
    parser.add_argument("--only", action="append", choices=parts, help="This part alone; may be given again.")
    arguments = parser.parse_args()
    if arguments.serve:
        run_service(Path(arguments.serve[0]), together=int(arguments.serve[1]), workers=int(arguments.serve[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = [parts[name](Path(folder) / name) for name in arguments.only or parts]
    print(json.dumps({name: figure for part in figures for name, figure in part.items()}))


if __name__ == "__main__":
    main()
