"""Both local platforms with some people, a workspace that has been through the loop once, and the service running."""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from connectors.sandbox.fill import AUDIENCE
from sync.clock import now
from sync.loop import run_loop
from sync.webhooks.server import listen, serve
from sync.webhooks.service import Service, open_service
from sync.workbench import Workbench, open_workbench
from tests.sync.conftest import Platforms

HUBSPOT_SECRET, MAILCHIMP_SECRET = "hubspot-client-secret", "mailchimp-signing-secret"
SERVE = """
[serve]
port = 0
hubspot_secret = "env:PS_HUBSPOT_SECRET"
mailchimp_secret = "env:PS_MAILCHIMP_SECRET"
"""
PATIENCE = 30.0


@dataclass
class Served:
    """The running service, and the platforms that deliver to it."""

    platforms: Platforms
    service: Service
    address: str
    session: requests.Session

    def hubspot(self, events: Sequence[dict[str, Any]]) -> requests.Response:
        """Deliver events as HubSpot does."""
        body = json.dumps(list(events)).encode()
        signature = hashlib.sha256(HUBSPOT_SECRET.encode() + body).hexdigest()
        headers = {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "v1"}
        return self.session.post(self.address + "/webhooks/hubspot", data=body, headers=headers, timeout=10)

    def action(self, contact: str, callback: str) -> requests.Response:
        """Ask as a workflow's custom action does."""
        body = json.dumps(
            {"callbackId": callback, "object": {"objectId": int(contact), "objectType": "CONTACT"}}
        ).encode()
        url = self.address + "/actions/hubspot"
        signature = hashlib.sha256(HUBSPOT_SECRET.encode() + b"POST" + url.encode() + body).hexdigest()
        headers = {"X-HubSpot-Signature": signature, "X-HubSpot-Signature-Version": "v2"}
        return self.session.post(url, data=body, headers=headers, timeout=20)

    def mailchimp(self, kind: str, **data: str) -> requests.Response:
        """Deliver an event as Mailchimp does; `merges__PERSONA` is data[merges][PERSONA]."""
        named = {"list_id": AUDIENCE, **data}
        form = {"type": kind, "fired_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"}
        form |= {"data" + "".join(f"[{part}]" for part in name.split("__")): value for name, value in named.items()}
        body, stamp = urlencode(form).encode(), int(time.time())
        signature = hmac.digest(MAILCHIMP_SECRET.encode(), f"{stamp}.".encode() + body, "sha256").hex()
        headers = {
            "X-Mailchimp-Signature": f"t={stamp},v1={signature}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return self.session.post(self.address + "/webhooks/mailchimp", data=body, headers=headers, timeout=10)

    def created(self, contact: str, number: int = 1) -> dict[str, Any]:
        """Return the event of a contact's creation."""
        at = int(time.time() * 1000)
        return {
            "eventId": number,
            "subscriptionId": 11,
            "portalId": 62515,
            "occurredAt": at,
            "subscriptionType": "contact.creation",
            "attemptNumber": 0,
            "objectId": int(contact),
            "changeFlag": "NEW",
        }

    def property(self, contact: str, name: str) -> str:
        row = self.platforms.crm.contact(contact)
        return str((row or {}).get("properties", {}).get(name) or "")

    def field(self, email: str, name: str) -> str:
        member = self.platforms.email.directory(AUDIENCE).find(email)
        return str((member or {}).get("merge_fields", {}).get(name) or "")

    def subscribe(self, email: str) -> None:
        self.platforms.email.add_member(AUDIENCE, email, status="subscribed", merge_fields={}, at=datetime.now(UTC))

    def idle(self) -> None:
        """Wait until nothing waits in the inbox any more."""
        wait_for(lambda: self.service.control.inbox.backlog().waiting == 0)


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds, looking often."""
    given_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < given_up, "it did not happen"
        threading.Event().wait(0.02)


@contextmanager
def serving(platforms: Platforms, *, workers: int = 1) -> Iterator[Served]:
    """Run the service over a workspace."""
    environment = service_environment(platforms)
    with open_service(platforms.folder, now=now, environment=environment) as service, requests.Session() as session:
        listening = listen("127.0.0.1", 0)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        started: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        thread = threading.Thread(
            target=serve,
            args=(service,),
            kwargs={
                "takes": True,
                "workers": workers,
                "listening": listening,
                "ready": started.put,
            },
        )
        thread.start()
        stop = started.get(timeout=PATIENCE)
        try:
            yield Served(platforms, service, address, session)
        finally:
            stop()
            thread.join()
            listening.close()


def service_environment(platforms: Platforms) -> dict[str, str]:
    secrets = {"PS_HUBSPOT_SECRET": HUBSPOT_SECRET, "PS_MAILCHIMP_SECRET": MAILCHIMP_SECRET}
    return {**platforms.environment, **secrets, "PERSONASYNC_BUDGETS": str(platforms.folder.parent / "budgets")}


def configure(platforms: Platforms, section: str = SERVE) -> None:
    file = platforms.folder / "personasync.toml"
    file.write_text(file.read_text("utf-8") + section, "utf-8")


@contextmanager
def benched(platforms: Platforms) -> Iterator[Workbench]:
    with open_workbench(platforms.folder, now=now, environment=service_environment(platforms)) as bench:
        yield bench


@pytest.fixture
def looped(platforms: Platforms) -> Platforms:
    """A workspace with [serve], after one whole run."""
    configure(platforms)
    with benched(platforms) as bench:
        run_loop(bench, set_up=True)
    return platforms


@pytest.fixture
def served(looped: Platforms) -> Iterator[Served]:
    with serving(looped) as running:
        yield running
