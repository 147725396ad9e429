"""Local platforms in a process of their own, and a workspace connected to them, for `engine.py`."""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from child import run_child
from hubspot import HubSpot
from urllib3.util.retry import Retry

from connectors.connector import Connection
from connectors.sandbox import marketer
from connectors.sandbox.fill import AUDIENCE, prepare
from connectors.sandbox.hubspot.state import HubSpotState
from connectors.sandbox.mailchimp.state import MailchimpState
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.ops.demo import make_workspace
from sync.workspace.manifest import load_manifest
from sync.workspace.settings import load_workspace

USUAL = {  # what a contact that is mailed shows
    "firstname": "Robin",
    "lastname": "Winter",
    "country": "United States",
    "lifecyclestage": "customer",
    "hs_email_last_open_date": "2026-11-02T09:12:00.000Z",
    "hs_email_last_click_date": "2026-10-02T09:12:00.000Z",
    "hs_email_last_send_date": "2026-11-20T09:12:00.000Z",
    "hs_email_open": "17",
    "hs_email_click": "4",
    "hs_email_delivered": "40",
    "hs_email_bounce": "0",
    "num_associated_deals": "2",
}
COMMAND = Path(sys.executable).with_name("personasync")


def serve(count: int, members: int, lively: bool, settings: dict[str, Any], pipe: Any) -> None:  # noqa: FBT001
    """Fill both platforms with contacts (*lively*: with the usual properties), serve them, and say where."""
    world = make_world()
    prepare(world)
    crm, email = HubSpotState.of(world), MailchimpState.of(world)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(count):
        properties = {"email": f"p{number}@people.test", **(USUAL if lively else {})}
        crm.add_contact(properties, created_at=start + timedelta(seconds=number))
    for number in range(members):
        email.add_member(AUDIENCE, f"p{number}@people.test", at=start + timedelta(seconds=number))
    for name, value in settings.items():
        setattr(world.settings, name, value)
    with Sandbox(world) as sandbox:
        pipe.send(sandbox.access)
        pipe.recv()


@dataclass
class Platforms:
    """Running platforms, and a workspace that is connected to them."""

    access: dict[str, str]
    folder: Path
    budgets: Path
    ours: list[int] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Secrets and the folder of budgets, as the commands read them."""
        secrets = {"HUBSPOT_TOKEN": self.access["hubspot_token"], "MAILCHIMP_API_KEY": self.access["mailchimp_key"]}
        return {**secrets, "PERSONASYNC_BUDGETS": str(self.budgets)}

    def connection(self, name: str, **settings: str) -> Connection:
        """Return what a connector of the workspace is told."""
        connection = load_workspace(self.folder).connection(name, load_manifest(), self.environment)
        mapped = tuple(dict.fromkeys([*connection.mapped, *USUAL])) if name == "crm" else connection.mapped
        return replace(connection, mapped=mapped, settings={**connection.settings, **settings})

    def command(self, *arguments: str) -> tuple[float, float, dict[str, Any]]:
        """Run a command; return its seconds, its peak of memory in MB and its document."""
        command = [str(COMMAND), *arguments, "--workspace", str(self.folder), "--json"]
        ran = run_child(command, self.environment)
        return ran.seconds, ran.rss_mb, json.loads(ran.out)

    def set(self, **settings: Any) -> None:
        """Change how the platforms behave."""
        marketer.side_door(self.access["hubspot_url"], "settings", settings)

    def log(self) -> list[dict[str, Any]]:
        """Return every request that both platforms saw."""
        entries: list[dict[str, Any]] = marketer.side_door(self.access["hubspot_url"], "log")["entries"]
        return entries

    @contextmanager
    def watched(self) -> Iterator[list[dict[str, Any]]]:
        """Yield a list that holds the requests of the block once it has ended; they are ours."""
        before, seen = len(self.log()), []
        yield seen
        seen += self.log()[before:]
        self.ours += [request["status"] for request in seen]

    def client(self) -> HubSpot:
        """Return the official SDK as its documentation opens it, at the local platform."""
        url = self.access["hubspot_url"]
        return HubSpot(access_token=self.access["hubspot_token"], host=url, base_url=url, retry=Retry(0))


@contextmanager
def platforms(count: int, members: int, *, lively: bool = False, **settings: Any) -> Iterator[Platforms]:
    """Run platforms with *count* contacts and *members* members in a process of their own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(count, members, lively, settings, there), daemon=True)
    process.start()
    with tempfile.TemporaryDirectory() as parent:
        access = here.recv()
        folder = Path(parent) / "workspace"
        make_workspace(folder, access)
        text = (folder / "personasync.toml").read_text("utf-8")
        for name in ("max_changed", "max_unclassified"):  # everybody is new here
            text = text.replace(f"{name} = ", f"{name} = 1.0 # ")
        (folder / "personasync.toml").write_text(text, "utf-8")
        try:
            yield Platforms(access, folder, Path(parent) / "budgets")
        finally:
            here.send("end")
            process.join(timeout=30)
