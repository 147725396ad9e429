"""The whole way over real sockets: `setup` registers, the local platforms deliver, the service pushes to both."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine

from connectors.sandbox.fill import AUDIENCE, fill
from connectors.sandbox.post import PostOffice
from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import HUBSPOT_APP_SECRET, make_world
from sync.clock import now
from sync.control.schema import metadata
from sync.ops import setup
from sync.ops.demo import make_workspace
from sync.ops.doctor import examine
from sync.ops.run import run_loop
from sync.session import Session, open_session
from sync.webhooks.server import listen, serve
from sync.webhooks.service import Service, open_service
from tests.sync.conftest import Platforms

PATIENCE = 30.0
PEOPLE = 60
SECTION = """
[serve]
port = 0
public_url = "{url}"
hubspot_secret = "env:HUBSPOT_APP_SECRET"
mailchimp_secret = "file:secrets/mailchimp"
"""


@dataclass
class RealTime:
    """A running service that both platforms know, because `setup` told them."""

    platforms: Platforms
    service: Service
    url: str

    def deed(self, deed: str, email: str, **more: Any) -> dict[str, Any]:
        """Let somebody do something by hand, and wait until the service is done with what the platforms told."""
        document: dict[str, Any] = side(self.platforms, "deed", {"deed": deed, "email": email, **more})
        self.settle()
        return document

    def settle(self) -> None:
        assert PostOffice.of(self.platforms.sandbox.world).wait_until_idle(PATIENCE)
        end = time.monotonic() + PATIENCE
        while self.service.control.inbox.backlog().waiting:
            assert time.monotonic() < end, self.service.control.inbox.dead_letters()
            threading.Event().wait(0.02)
        # what the service wrote may have come back
        assert PostOffice.of(self.platforms.sandbox.world).wait_until_idle(PATIENCE)

    def shown(self, email: str) -> tuple[str | None, str | None]:
        """Return the persona as HubSpot and as Mailchimp show it; None where nobody has that address."""
        crm, member = self.platforms.crm, self.platforms.email.directory(AUDIENCE).find(email)
        contact = crm.contact(crm.by_email.get(email, ""))
        return (
            None if contact is None else str(contact["properties"].get("personasync_persona", "")),
            None if member is None else str(member["merge_fields"].get("PERSONA", "")),
        )


def side(platforms: Platforms, what: str, body: Any = None) -> Any:
    with requests.Session() as session:
        url = f"{platforms.sandbox.hubspot_url}/_sandbox/{what}"
        answer = session.request("GET" if body is None else "POST", url, json=body, timeout=20)
        assert answer.ok, answer.text
        return answer.json()


@contextmanager
def served(platforms: Platforms, environment: Mapping[str, str], port: int) -> Iterator[tuple[Service, int]]:
    """Run the service; 0 picks a port."""
    with open_service(platforms.folder, now=now, environment=environment) as service:
        listening = listen("127.0.0.1", port)
        started: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        options = {"takes": True, "workers": 1, "listening": listening, "ready": started.put}
        thread = threading.Thread(target=serve, args=(service,), kwargs=options)
        thread.start()
        stop = started.get(timeout=PATIENCE)
        try:
            yield service, listening.getsockname()[1]
        finally:
            stop()
            thread.join()
            listening.close()


def free_port() -> int:
    listening = listen("127.0.0.1", 0)
    port = int(listening.getsockname()[1])
    listening.close()
    return port


def upload(platforms: Platforms) -> None:
    """Do what `hs project upload` does."""
    root = platforms.folder / "hubspot-project"
    side(
        platforms,
        "project",
        {path.relative_to(root).as_posix(): json.loads(path.read_bytes()) for path in root.rglob("*.json")},
    )


@contextmanager
def session_on(platforms: Platforms, environment: Mapping[str, str]) -> Iterator[Session]:
    with open_session(platforms.folder, now=now, environment=environment) as session:
        yield session


@pytest.fixture(scope="module")
def real_time(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealTime]:
    """One service for all tests: each of them has people of its own."""
    world = make_world()
    fill(world, PEOPLE)
    with Sandbox(world) as sandbox:
        platforms = Platforms(sandbox, tmp_path_factory.mktemp("whole_way") / "workspace")
        make_workspace(platforms.folder, sandbox.access)
        environment = {**platforms.environment, "HUBSPOT_APP_SECRET": HUBSPOT_APP_SECRET}
        environment["PERSONASYNC_BUDGETS"] = str(platforms.folder.parent / "budgets")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        file = platforms.folder / "personasync.toml"
        text = file.read_text("utf-8").replace("min_audience = 20", "min_audience = 1")
        file.write_text(text + SECTION.format(url=url), "utf-8")
        with session_on(platforms, environment) as session:
            run_loop(session, set_up=True)
            with served(platforms, environment, port):  # Mailchimp looks whether somebody is there
                setup.create_missing(session, setup.unheard(session))
        upload(platforms)
        with served(platforms, environment, port) as (service, _):
            yield RealTime(platforms, service, url)


def deliveries(real_time: RealTime) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = side(real_time.platforms, "webhooks")["log"]
    return entries


def test_a_subscriber_shows_their_persona_on_both_platforms(real_time: RealTime) -> None:
    real_time.platforms.crm.add_contact({"email": "ada@new.test"}, created_at=now())
    earlier = len(deliveries(real_time))  # another test lets deliveries get lost
    real_time.deed("subscribe", "ada@new.test")

    crm, email = real_time.shown("ada@new.test")
    assert crm == email
    assert email
    assert {delivery["status"] for delivery in deliveries(real_time)[earlier:]} <= {200, 204}


def test_a_contact_created_in_hubspot_shows_their_persona_on_both_platforms(real_time: RealTime) -> None:
    real_time.platforms.email.add_member(AUDIENCE, "bo@new.test")
    real_time.deed("create contact", "bo@new.test")

    crm, email = real_time.shown("bo@new.test")
    assert crm == email
    assert crm


@pytest.mark.long
def test_nobody_is_created_or_subscribed_where_they_were_not(real_time: RealTime) -> None:
    real_time.deed("subscribe", "only@email.test")
    real_time.deed("create contact", "only@crm.test")

    assert real_time.shown("only@email.test")[0] is None
    assert real_time.shown("only@crm.test")[1] is None
    assert all(any(real_time.shown(email)) for email in ("only@email.test", "only@crm.test"))


@pytest.mark.long
def test_our_own_writes_come_back_as_no_event(real_time: RealTime) -> None:
    real_time.platforms.crm.add_contact({"email": "cy@new.test"}, created_at=now())
    real_time.deed("subscribe", "cy@new.test")
    before = len(deliveries(real_time))
    with session_on(real_time.platforms, {**real_time.service.environment}) as session:
        run_loop(session)
    real_time.settle()

    assert real_time.shown("cy@new.test")[0]
    assert len(deliveries(real_time)) == before


def test_a_changed_address_keeps_its_persona_on_both_platforms(real_time: RealTime) -> None:
    real_time.platforms.crm.add_contact({"email": "di@new.test"}, created_at=now())
    real_time.deed("subscribe", "di@new.test")
    real_time.deed("change address", "di@new.test", to="di@moved.test")
    real_time.platforms.crm.touch_contact(
        real_time.platforms.crm.contacts[real_time.platforms.crm.by_email["di@new.test"]], {"email": "di@moved.test"}
    )
    real_time.settle()

    crm, email = real_time.shown("di@moved.test")
    assert crm == email
    assert crm


def test_merged_contacts_are_one_person_afterwards(real_time: RealTime) -> None:
    real_time.platforms.email.add_member(AUDIENCE, "ed@new.test")
    for name in ("ed@new.test", "edward@new.test"):
        real_time.deed("create contact", name)
    real_time.deed("merge contacts", "ed@new.test", **{"with": "edward@new.test"})

    crm, email = real_time.shown("ed@new.test")
    assert crm == email
    assert crm
    assert real_time.shown("edward@new.test")[0] == crm


def test_a_privacy_deletion_is_followed_and_nothing_is_set_aside(real_time: RealTime) -> None:
    real_time.platforms.email.add_member(AUDIENCE, "fay@new.test")
    real_time.deed("create contact", "fay@new.test")
    real_time.deed("erase contact", "fay@new.test")

    assert real_time.shown("fay@new.test")[0] is None
    assert real_time.service.control.inbox.dead_letters() == []


def test_a_privacy_deletion_leaves_ids_and_no_address(real_time: RealTime) -> None:
    real_time.deed("create contact", "uma@gone.test")
    persona = real_time.shown("uma@gone.test")[0]
    with session_on(real_time.platforms, {**real_time.service.environment}) as session:
        held = everything(session.workspace.state_url.reveal())
        real_time.deed("erase contact", "uma@gone.test")
        left = everything(session.workspace.state_url.reveal())
    addresses = [name for name, rows in left.items() if "uma@gone.test" in rows]

    assert persona
    assert {"ledger", "link", "seen_contact"} <= {name for name, rows in held.items() if "uma@gone.test" in rows}
    assert addresses == []
    assert real_time.service.control.inbox.dead_letters() == []


@pytest.mark.long
def test_joined_persons_are_one_row_that_knows_what_both_knew(real_time: RealTime) -> None:
    people, links = real_time.service.control.people, real_time.service.control.links
    crm, contacts = real_time.platforms.crm, []
    for name in ("ira@new.test", "iris@new.test"):
        real_time.deed("create contact", name)
        contacts.append(crm.by_email[name])
    persons = [links.of_keys([f"crm:{contact}"])[f"crm:{contact}"] for contact in contacts]
    rows = people.published(persons)
    known: list[dict[str, Any]] = [{"orders_total": 3.0}, {"favourite_category": "paper"}]
    people.publish(replace(rows[person], base=base) for person, base in zip(persons, known, strict=True))
    real_time.deed("merge contacts", "ira@new.test", **{"with": "iris@new.test"})
    (left,) = people.published(persons).values()

    assert left.base == {**known[0], **known[1]}


def everything(url: str) -> dict[str, str]:
    """Return all that the control store holds, by table."""
    engine = create_engine(url)
    with engine.connect() as connection:
        contents = {name: str(connection.execute(table.select()).all()) for name, table in metadata.tables.items()}
    engine.dispose()
    return contents


@pytest.mark.long
def test_a_workflow_gets_the_persona_as_its_answer(real_time: RealTime) -> None:
    real_time.deed("create contact", "gus@new.test")
    callback = side(real_time.platforms, "action", {"email": "gus@new.test"})["callback"]
    real_time.settle()
    run = side(real_time.platforms, f"action?callback={callback}")

    assert run["status"] == 200
    assert run["outputFields"]["hs_execution_state"] == "SUCCESS"
    assert run["outputFields"]["persona"] == real_time.shown("gus@new.test")[0]


def test_with_all_faults_of_the_platforms_everybody_is_served_and_nobody_twice(real_time: RealTime) -> None:
    faults = {"webhook_duplicates": 0.3, "webhook_drops": 0.3, "webhook_disorder": 0.3, "webhook_retry_scale": 0.0005}
    side(real_time.platforms, "settings", faults)
    before = len(real_time.platforms.writes())
    names = [f"n{number}@new.test" for number in range(30)]
    for name in names:
        real_time.platforms.crm.add_contact({"email": name}, created_at=now())
        side(real_time.platforms, "deed", {"deed": "subscribe", "email": name})
    real_time.settle()
    since = real_time.platforms.writes()[before:]
    written = [line for line in since if line.startswith("PATCH") and "/members/" in line]
    side(real_time.platforms, "settings", dict.fromkeys(faults, 0.0) | {"webhook_retry_scale": 1.0})

    assert [name for name in names if not all(real_time.shown(name))] == []
    assert len(written) == len(set(written))


@pytest.mark.long
def test_doctor_is_content_with_all_of_it(real_time: RealTime) -> None:
    real_time.deed("subscribe", "hal@new.test")
    real_time.deed("create contact", "hal@new.test")
    with session_on(real_time.platforms, {**real_time.service.environment}) as session:
        states = {(name, finding.check): finding.state for name, finding in examine(session)}

    for name in ("crm", "email"):
        assert [states[name, check] for check in ("webhooks", "signatures", "deliveries")] == ["ok"] * 3
