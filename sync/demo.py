"""The whole loop, twice, on local platforms: what anybody can run without an account.

Both runs look at the same moment, so the second one must find nothing to do: what came after that moment (the
campaign's own clicks and orders) is measured in the results, and counts as history from the next look on.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from connectors.errors import FixSettingsError, PlatformDownError
from connectors.sandbox import marketer
from sync.clock import now
from sync.loop import Loop, run_loop
from sync.new_workspace import Answers, NewConnection, write_workspace
from sync.report import EVERYONE, lifts
from sync.workbench import Progress, Workbench, open_workbench

CAMPAIGN_DAYS = 4  # recipients answer within 72 hours; the local platforms' clock is moved past them
READY_SECONDS = 120
MARKER = "demo.toml"  # a folder that holds it was made by the demo, and may be made anew

GENERIC = "<h1>News from the shop</h1><p>Have a look at what we have this week.</p>"
PERSONAL = '<h1>*|PS_HEAD|*</h1><p>*|PS_OFFER|*</p><p><a href="https://shop.example/offer">Have a look</a></p>'


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demo ends with."""

    document: Mapping[str, Any]
    rows: Sequence[tuple[str, str]]
    sentences: Sequence[str]
    report: Path


def demo(
    directory: Path,
    *,
    people: int,
    seed: int,
    orders: Path | None,
    tell: Callable[[str], None],
    progress: Progress,
) -> Shown:
    """Start both local platforms, make a workspace in *directory*, run everything twice, stop the platforms.

    Raises:
        FixSettingsError: *directory* holds something that the demo did not make.
    """
    started = time.monotonic()
    tell("Starting both local platforms ...")
    with local_platforms(people=people, seed=seed, orders=orders) as access:
        make_workspace(directory, access, samples="shop" if orders else "demo")
        environment = {"HUBSPOT_TOKEN": access["hubspot_token"], "MAILCHIMP_API_KEY": access["mailchimp_key"]}
        with open_workbench(directory, now=now, environment=environment) as bench:
            first, second, written = _twice(bench, access, tell, progress)
    return _shown(first, second, written, seconds=round(time.monotonic() - started, 1))


def _twice(
    bench: Workbench, access: Mapping[str, str], tell: Callable[[str], None], progress: Progress
) -> tuple[Loop, Loop, int]:
    as_of = bench.now()
    tell("First run:")
    first = run_loop(
        bench,
        as_of=as_of,
        progress=progress,
        tell=_indented(tell),
        before_results=lambda: _campaign(access, tell),
        set_up=True,
    )
    before = marketer.writes_seen(access["hubspot_url"]) + marketer.writes_seen(access["mailchimp_url"])
    tell("Second run, of the same moment:")
    second = run_loop(bench, as_of=as_of, progress=progress, tell=_indented(tell))
    after = marketer.writes_seen(access["hubspot_url"]) + marketer.writes_seen(access["mailchimp_url"])
    return first, second, after - before


def send_campaign(access: Mapping[str, str]) -> None:
    """What a marketing person does in Mailchimp: half get the same words as everybody, half the persona's own."""
    marketer.send_campaign(
        access["mailchimp_url"],
        access["mailchimp_key"],
        access["audience"],
        title="Demo: generic or personal",
        subject="This week in the shop",
        variants={"generic": GENERIC, "personal": PERSONAL},
    )
    marketer.advance_clock(access["mailchimp_url"], days=CAMPAIGN_DAYS)


def _campaign(access: Mapping[str, str], tell: Callable[[str], None]) -> None:
    tell("  a campaign goes out from the platform, and four days pass")
    send_campaign(access)


def _indented(tell: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: tell(f"  {text}")


@contextmanager
def local_platforms(*, people: int, seed: int, orders: Path | None = None) -> Iterator[dict[str, str]]:
    """Run both local platforms in a process of their own, and end it with the block.

    Yields:
        hubspot_url, hubspot_token, mailchimp_url, mailchimp_key, audience.
    """
    command = [sys.executable, "-m", "connectors.sandbox", "--people", str(people), "--seed", str(seed)]
    command += ["--port-hubspot", "0", "--port-mailchimp", "0"]
    command += ["--orders", str(orders)] if orders else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise PlatformDownError("The local platforms did not start; what they said stands above.", answered=True)
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(timeout=READY_SECONDS)
        if process.stdout:
            process.stdout.close()


def make_workspace(directory: Path, access: Mapping[str, str], *, samples: str = "demo") -> None:
    """Write the demo's workspace: two connections, and segments and personas for its people.

    Args:
        directory: Empty, or made by an earlier demo.
        access: What `local_platforms` yields.
        samples: ``demo`` for invented people, ``shop`` for an order history.
    """
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARKER).exists():
            raise FixSettingsError(f"{directory} is not empty.", mend="Name another folder: `personasync demo DIR`.")
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).write_text("# Made by `personasync demo`, which makes this folder anew each time.\n", "utf-8")
    crm = NewConnection("crm", "hubspot", {"access_token": "env:HUBSPOT_TOKEN", "base_url": access["hubspot_url"]})
    email = NewConnection(
        "email",
        "mailchimp",
        {"api_key": "env:MAILCHIMP_API_KEY", "audience": access["audience"], "base_url": access["mailchimp_url"]},
    )
    folder = resources.files("sync") / "templates" / samples
    for name in ("segments.toml", "personas.toml"):
        (directory / name).write_text((folder / name).read_text("utf-8"), "utf-8")
    write_workspace(directory, Answers("Demo shop", (crm, email)))


def _shown(first: Loop, second: Loop, second_writes: int, *, seconds: float) -> Shown:
    contacts = sum(first.planned.plan.counts.contacts.values())
    personas = {name: n for name, n in first.assigned.personas.items() if name != "unclassified"}
    newest = first.written.campaigns[0] if first.written.campaigns else None
    compared = [sentence for sentence in lifts(newest) if sentence.lower().startswith(EVERYONE)] if newest else []
    requests = sum(first.requests.values())
    document = {
        "contacts": contacts,
        "persons": first.assigned.persons,
        "assigned": first.assigned.assigned,
        "unclassified": first.assigned.unclassified,
        "personas": personas,
        "changes": len(first.planned.plan.changes),
        "requests": requests,
        "lift": compared,
        "second_run_changes": len(second.planned.plan.changes),
        "second_run_writes": second_writes,
        "second_run_requests": sum(second.requests.values()),
        "seconds": seconds,
        "step_seconds": first.seconds,
        "step_requests": first.requests,
        "report": str(second.written.path),
    }
    rows = [
        ("Contacts on both platforms", f"{contacts:,}"),
        ("Persons", f"{first.assigned.persons:,}"),
        ("Assigned / unclassified", f"{first.assigned.assigned:,} / {first.assigned.unclassified:,}"),
        ("Personas", ", ".join(f"{name} {n:,}" for name, n in personas.items())),
        ("Changes written", f"{len(first.planned.plan.changes):,} in {requests:,} requests"),
        ("Campaign lift", compared[0] if compared else "no campaign"),
        (
            "Second run",
            f"{len(second.planned.plan.changes)} changes planned, {second_writes} writes seen by the platforms",
        ),
        ("Seconds", f"{seconds:.1f}"),
    ]
    return Shown(document, rows, (), second.written.path)
