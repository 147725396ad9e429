"""Setup and doctor: do the platforms send their events here, signed, and have they lately?"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.errors import FixSettingsError
from connectors.sandbox.fill import AUDIENCE
from connectors.sandbox.hubspot.webhooks import APP_ID, EVENT_TYPES
from connectors.sandbox.world import HUBSPOT_APP_SECRET
from connectors.secret import Secret
from sync.clock import now
from sync.control.inbox import Event
from sync.ops import setup
from sync.ops import webhooks as hooks
from sync.ops.doctor import examine
from sync.session import Session, open_session
from sync.workspace.manifest import load_manifest
from sync.workspace.secrets import add_secret
from tests.sync.conftest import Platforms


class Answers(BaseHTTPRequestHandler):
    """Somebody who is at home: what a platform looks for before it takes a webhook."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Be quiet."""


@pytest.fixture
def here() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def opened(platforms: Platforms, serve: str) -> Any:
    file = platforms.folder / "personasync.toml"
    file.write_text(f"{file.read_text('utf-8')}\n[serve]\n{serve}\n", "utf-8")
    return open_session(platforms.folder, now=now, environment=platforms.environment)


def said(session: Session, name: str) -> dict[str, tuple[str, str]]:
    findings = [finding for connection, finding in examine(session, only=name) if connection == name]
    return {finding.check: (finding.state, finding.message) for finding in findings if finding.check in OF_HOOKS}


PROJECT = "hubspot-project"
OF_HOOKS = {"webhooks", "signatures", "deliveries"}


def test_a_workspace_without_a_service_hears_nothing_of_webhooks(session: Session) -> None:
    assert setup.unheard(session) == []
    assert said(session, "email") == {}


def test_setup_shows_and_adds_mailchimps_webhook_and_keeps_its_secret(platforms: Platforms, here: str) -> None:
    with opened(platforms, f'public_url = "{here}"\nmailchimp_secret = "file:secrets/mailchimp"') as session:
        (step,) = [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "email"]
        before = said(session, "email")
        (note,) = setup.create_missing(session, [step])
        (hook,) = platforms.email.webhooks(AUDIENCE).values()
        kept = platforms.folder / "secrets" / "mailchimp"

        assert (step.action, step.name) == ("add_webhook", f"{here}/webhooks/mailchimp")
        assert before["webhooks"][0] == "warn"
        assert hook["url"] == f"{here}/webhooks/mailchimp"
        assert kept.read_text("utf-8").split() == [hook["signing_secret"]]
        assert kept.stat().st_mode & 0o077 == 0
        assert hook["signing_secret"] not in note
        assert [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "email"] == []
        assert said(session, "email")["webhooks"][0] == "ok"
        assert said(session, "email")["signatures"] == ("ok", "Webhooks are signed and verified.")


def test_our_own_writes_are_none_of_what_is_told(platforms: Platforms, here: str) -> None:
    with opened(platforms, f'public_url = "{here}"') as session:
        setup.create_missing(session, setup.unheard(session))
        (hook,) = platforms.email.webhooks(AUDIENCE).values()
        owned = {field.name for field in load_manifest().connectors["hubspot"].fields}
        component = json.loads((platforms.folder / PROJECT / "src/app/webhooks/webhooks-hsmeta.json").read_bytes())
        properties = {
            subscription.get("propertyName") for subscription in component["config"]["subscriptions"]["crmObjects"]
        }

    assert (hook["events"]["profile"], hook["sources"]["api"]) == (False, True)
    assert properties & owned == set()
    assert "email" in properties


def test_a_secret_that_has_no_place_of_ours_is_kept_and_not_printed(platforms: Platforms, here: str) -> None:
    with opened(platforms, f'public_url = "{here}"\nmailchimp_secret = "env:NOT_SET"') as session:
        notes = setup.create_missing(
            session, [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "email"]
        )
        (hook,) = platforms.email.webhooks(AUDIENCE).values()

        kept = platforms.folder / ".personasync" / "mailchimp_signing_secret"
        assert hook["signing_secret"] not in notes[0]
        assert 'mailchimp_secret = "file:.personasync/mailchimp_signing_secret"' in notes[0]
        assert kept.read_text("utf-8").split() == [hook["signing_secret"]]
        assert kept.stat().st_mode & 0o077 == 0
        assert said(session, "email")["signatures"] == (
            "fail",
            "Webhooks are signed, but the signing secret is not set.",
        )


def test_a_second_audience_keeps_a_secret_of_its_own_beside_the_first(platforms: Platforms, here: str) -> None:
    (platforms.folder / "kept").write_text("the-first\n", "utf-8")
    with opened(platforms, f'public_url = "{here}"\nmailchimp_secret = "file:kept"') as session:
        setup.create_missing(
            session, [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "email"]
        )
        (hook,) = platforms.email.webhooks(AUDIENCE).values()

    assert (platforms.folder / "kept").read_text("utf-8").split() == ["the-first", hook["signing_secret"]]


def test_a_webhook_of_somebody_else_is_left_alone(platforms: Platforms, here: str) -> None:
    key = ("anybody", platforms.sandbox.access["mailchimp_key"])
    url = f"{platforms.sandbox.mailchimp_url}/lists/{AUDIENCE}/webhooks"
    with requests.Session() as session:
        theirs = session.post(url, json={"url": f"{here}/theirs"}, auth=key, timeout=20).json()
    with opened(platforms, f'public_url = "{here}"') as session:
        setup.create_missing(session, setup.unheard(session))

    assert [hook["url"] for hook in platforms.email.webhooks(AUDIENCE).values()] == [
        theirs["url"],
        f"{here}/webhooks/mailchimp",
    ]
    assert [line for line in platforms.writes() if "webhooks/" in line] == []


def test_a_service_that_nobody_answers_for_is_named(platforms: Platforms) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with opened(platforms, f'public_url = "http://127.0.0.1:{port}"') as session:
        steps = [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "email"]

        with pytest.raises(FixSettingsError, match="start `personasync serve`"):
            setup.create_missing(session, steps)


def test_a_secret_address_is_never_shown(platforms: Platforms, here: str) -> None:
    (platforms.folder / "path").write_text("hidden-part\n", "utf-8")
    with opened(platforms, f'public_url = "{here}"\nmailchimp_path = "file:path"') as session:
        steps = setup.unheard(session)
        setup.create_missing(session, steps)
        (hook,) = platforms.email.webhooks(AUDIENCE).values()
        shown = repr(steps) + repr(examine(session, only="email"))

    assert hook["url"] == f"{here}/webhooks/mailchimp/hidden-part"
    assert "hidden-part" not in shown
    assert f"{here}/webhooks/mailchimp/***" in shown


def test_a_webhook_that_tells_too_little_is_pointed_out(platforms: Platforms, here: str) -> None:
    with opened(platforms, f'public_url = "{here}"') as session:
        setup.create_missing(
            session, [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "email"]
        )
        (hook,) = platforms.email.webhooks(AUDIENCE).values()
        hook["events"]["upemail"] = False

        assert said(session, "email")["webhooks"] == ("warn", "The webhook is not subscribed to upemail.")


def test_unsigned_deliveries_to_a_plain_address_are_a_failure(platforms: Platforms, here: str) -> None:
    with opened(platforms, f'public_url = "{here}"') as session:
        setup.create_missing(
            session, [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "email"]
        )
        (hook,) = platforms.email.webhooks(AUDIENCE).values()
        hook["signing_enabled"] = False

        assert said(session, "email")["signatures"][0] == "fail"


def test_a_service_without_an_address_is_pointed_out(platforms: Platforms) -> None:
    with opened(platforms, "port = 0") as session:
        assert said(session, "crm")["webhooks"][0] == "warn"
        assert setup.unheard(session) == []


def test_the_project_that_setup_writes_is_one_that_hubspot_takes(platforms: Platforms) -> None:
    with opened(platforms, 'public_url = "https://hooks.acme.test"') as session:
        steps = [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "crm"]
        before = said(session, "crm")
        notes = setup.create_missing(session, steps)
        after = said(session, "crm")
        again = [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "crm"]
    root = platforms.folder / PROJECT
    files = {path.relative_to(root).as_posix(): json.loads(path.read_bytes()) for path in root.rglob("*.json")}
    with requests.Session() as session:
        taken = session.post(f"{platforms.sandbox.hubspot_url}/_sandbox/project", json=files, timeout=20)
    uploaded = taken.json()

    assert (steps[0].action, again) == ("write_files", [])
    assert "hs project upload" in notes[0]
    assert (before["webhooks"][0], after["webhooks"][0]) == ("warn", "ok")
    assert (taken.status_code, uploaded.get("clientSecret")) == (200, HUBSPOT_APP_SECRET), uploaded
    assert set(uploaded["scopes"]) - {"oauth"} == {scope.name for scope in load_manifest().connectors["hubspot"].scopes}
    webhooks = platforms.crm.webhooks
    assert webhooks.settings["settings"]["targetUrl"] == "https://hooks.acme.test/webhooks/hubspot"
    assert webhooks.settings["action"]["actionUrl"] == "https://hooks.acme.test/actions/hubspot"
    assert {subscription["eventType"] for subscription in webhooks.subscriptions.values()} <= EVENT_TYPES
    assert uploaded["appId"] == APP_ID


def test_properties_that_traits_read_are_told_of_as_well(platforms: Platforms) -> None:
    file = platforms.folder / "personasync.toml"
    mapped = '\n[traits.stage]\nproperty = "lifecyclestage"\nconnection = "crm"\ntype = "text"\n'
    file.write_text(file.read_text("utf-8") + mapped, "utf-8")
    with opened(platforms, 'public_url = "https://hooks.acme.test"') as session:
        setup.create_missing(
            session, [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "crm"]
        )
    component = json.loads((platforms.folder / PROJECT / "src/app/webhooks/webhooks-hsmeta.json").read_bytes())

    properties = [
        subscription.get("propertyName") for subscription in component["config"]["subscriptions"]["crmObjects"]
    ]
    assert "lifecyclestage" in properties


def test_a_project_that_was_changed_by_hand_is_written_anew(platforms: Platforms) -> None:
    with opened(platforms, 'public_url = "https://hooks.acme.test"') as session:
        setup.create_missing(
            session, [setup_step for setup_step in setup.unheard(session) if setup_step.connection == "crm"]
        )
        changed = platforms.folder / PROJECT / "hsproject.json"
        changed.write_text("{ not json", "utf-8")

        assert said(session, "crm")["webhooks"][1].endswith("is out of date.")
        assert [setup_step.action for setup_step in setup.unheard(session) if setup_step.connection == "crm"] == [
            "write_files"
        ]


def test_doctor_says_when_an_event_last_came(platforms: Platforms) -> None:
    with opened(platforms, 'public_url = "https://hooks.acme.test"') as session:
        never = said(session, "crm")["deliveries"]
        session.control.inbox.take([Event("k", "crm:101", "contact.creation", now())])
        lately = said(session, "crm")["deliveries"]
        other = said(session, "email")["deliveries"]
        session.now = lambda: now() + timedelta(days=8)
        long_ago = said(session, "crm")["deliveries"]

    assert never == ("warn", hooks.UNHEARD)
    assert lately[0] == "ok"
    assert other == ("warn", hooks.UNHEARD)
    assert long_ago[0] == "warn"


def test_hubspots_secret_must_be_known(platforms: Platforms) -> None:
    (platforms.folder / "secret").write_text(HUBSPOT_APP_SECRET, "utf-8")
    with opened(platforms, 'public_url = "https://hooks.acme.test"\nhubspot_secret = "file:secret"') as session:
        known = said(session, "crm")["signatures"][0]
        (platforms.folder / "secret").unlink()
        unknown = said(session, "crm")["signatures"][0]

    assert (known, unknown) == ("ok", "fail")


def test_the_wish_for_a_file_is_not_spoilt_by_a_missing_folder(platforms: Platforms, tmp_path: Path) -> None:
    assert add_secret("file:a/b/c", Secret("s"), directory=tmp_path)
    assert (tmp_path / "a/b/c").read_text("utf-8") == "s\n"
    assert not add_secret("env:X", Secret("s"), directory=tmp_path)
