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
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.webhooks import PORTAL_ID
from connectors.sandbox.server import Sandbox
from sync.clock import now
from sync.ops.run import run_loop
from sync.session import Session, open_session
from sync.webhooks.server import listen, serve
from sync.webhooks.service import Service, open_service
from tests.sync.conftest import Moment, Platforms, connected, filled, tables_of

HUBSPOT_SECRET, MAILCHIMP_SECRET = "hubspot-client-secret", "mailchimp-signing-secret"
SERVE = """
[serve]
port = 0
hubspot_secret = "env:PS_HUBSPOT_SECRET"
mailchimp_secret = "env:PS_MAILCHIMP_SECRET"
"""
BARGAIN = "orders_total >= 1 and average_order < 40 and tenure_days >= 60"
TURNED = (BARGAIN, f"({BARGAIN}) or lifecycle_stage = 'evangelist'")
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

    def action(self, contact: str, callback: str, *, portal: int = PORTAL_ID) -> requests.Response:
        """Ask as a workflow's custom action does."""
        body = json.dumps(
            {
                "callbackId": callback,
                "origin": {"portalId": portal},
                "object": {"objectId": int(contact), "objectType": "CONTACT"},
            }
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
            "portalId": PORTAL_ID,
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

    def newcomer(self, email: str, **properties: str) -> str:
        """Let somebody come to HubSpot whom nobody knows."""
        shown = {"email": email, "lifecyclestage": "lead", **properties}
        return self.platforms.crm.add_contact(shown, created_at=datetime.now(UTC))

    def turn(self, contact: str, name: str = "lifecyclestage", value: str = "evangelist", number: int = 2) -> None:
        """Change what a contact shows, and deliver the event."""
        self.platforms.crm.touch_contact(self.platforms.crm.contacts[contact], {name: value})
        change = {"subscriptionType": "contact.propertyChange", "propertyName": name, "propertyValue": value}
        assert self.hubspot([{**self.created(contact, number), **change}]).ok

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
def serving(platforms: Platforms, *, workers: int = 1, clock: Callable[[], datetime] = now) -> Iterator[Served]:
    """Run the service over a workspace."""
    environment = service_environment(platforms)
    with open_service(platforms.folder, now=clock, environment=environment) as service, requests.Session() as session:
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
    """Add [serve], and a segment that somebody enters by a value that a test can change."""
    file = platforms.folder / "personasync.toml"
    file.write_text(file.read_text("utf-8") + section, "utf-8")
    file = platforms.folder / "segments.toml"
    file.write_text(file.read_text("utf-8").replace(*TURNED), "utf-8")


@contextmanager
def session_on(platforms: Platforms) -> Iterator[Session]:
    with open_session(platforms.folder, now=now, environment=service_environment(platforms)) as session:
        yield session


@pytest.fixture(scope="session")
def looped_moment(tmp_path_factory: pytest.TempPathFactory) -> Moment:
    """Platforms and a workspace with [serve], after one whole run."""
    with Sandbox(filled()) as sandbox:
        platforms = connected(sandbox, tmp_path_factory.mktemp("looped") / "workspace")
        configure(platforms)
        with session_on(platforms) as session:
            run_loop(session, set_up=True)
        return Moment(tables_of(sandbox.world), platforms.folder / ".personasync")


@contextmanager
def standing(moment: Moment, folder: Path) -> Iterator[Platforms]:
    """Run platforms and lay out a workspace as they stood then."""
    with Sandbox(moment.world()) as sandbox:
        platforms = connected(sandbox, folder / "workspace", moment)
        configure(platforms)
        yield platforms


@pytest.fixture
def looped(looped_moment: Moment, tmp_path: Path) -> Iterator[Platforms]:
    """A workspace of the test's own, after one whole run."""
    with standing(looped_moment, tmp_path) as platforms:
        yield platforms


@pytest.fixture(scope="session")
def shared_service(looped_moment: Moment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with standing(looped_moment, tmp_path_factory.mktemp("served")) as platforms, serving(platforms) as running:
        yield running


@pytest.fixture
def served(shared_service: Served) -> Iterator[Served]:
    """One service for all tests that only bring people of their own; nothing of one test is under way in the next."""
    shared_service.idle()
    yield shared_service
    shared_service.idle()
    assert shared_service.service.control.inbox.backlog().dead_letters == 0, "a test leaves this to all others"
