"""Alerts: told once at the first violation and once at recovery, signed; what can't be delivered waits."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from connectors.errors import FixSettingsError
from sync.cli.main import run
from sync.notify.conditions import conditions
from sync.notify.job import Notified, notify
from sync.notify.send import refuse_open_text, webhook_signature
from sync.session import open_stores
from sync.workspace.scaffold import Answers, NewConnection, write_workspace

START = datetime(2026, 11, 24, 9, tzinfo=UTC)
KEY = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()


@dataclass
class Receiver:
    """A webhook receiver: what arrived, and the status it answers with."""

    url: str = ""
    status: int = 200
    endless: bool = False
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)

    def titles(self) -> list[str]:
        return [json.loads(body)["data"]["title"] for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    known = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            known.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(known.status)
            self.end_headers()
            with suppress(OSError):  # whoever asked has hung up
                while known.endless:
                    self.wfile.write(b"x" * 65_536)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield known
        server.shutdown()
        thread.join()


class Watcher:
    """A workspace whose clock and runs the test sets."""

    def __init__(self, folder: Path, settings: str) -> None:
        self.folder, self.at = folder, START
        write_workspace(folder, Answers("Shop", (NewConnection("shop", "files", {"contacts": "contacts.csv"}),)))
        main = folder / "personasync.toml"
        main.write_text(main.read_text("utf-8") + settings, "utf-8")

    def did(self, command: str, state: str, **counts: Any) -> None:
        self.at += timedelta(minutes=1)
        with self.stores() as stores:
            stores.control.runs.finish(stores.control.runs.begin(command), state, counts)

    def stores(self) -> Any:
        return open_stores(self.folder, now=lambda: self.at)

    def notify(self, hours: float = 0) -> Notified:
        self.at += timedelta(hours=hours)
        with self.stores() as stores:
            return notify(stores, self.at, {"HOOK": KEY, "CHAT": "chat://x"})

    def wrong(self) -> set[str]:
        with self.stores() as stores:
            return {condition.key for condition in conditions(stores, self.at)}


@pytest.fixture
def watcher(tmp_path: Path, receiver: Receiver) -> Watcher:
    settings = f'\n[notify]\nmetrics = "shop.prom"\n[[notify.webhooks]]\nurl = "{receiver.url}"\nsecret = "env:HOOK"\n'
    return Watcher(tmp_path / "workspace", settings)


@pytest.mark.outside
def test_an_alert_is_told_once_and_its_end_once_with_a_signature(watcher: Watcher, receiver: Receiver) -> None:
    watcher.did("plan", "refused")
    first, again = watcher.notify(), watcher.notify()
    watcher.did("plan", "done")
    last, after = watcher.notify(), watcher.notify()

    assert receiver.titles() == ["plan was blocked by a guardrail", "Recovered: plan was blocked by a guardrail"]
    assert [done.sent for done in (first, again, last, after)] == [1, 0, 1, 0]
    for headers, body in receiver.got:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        own = base64.b64encode(hmac.new(b"0123456789abcdef", signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{own}"
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2


@pytest.mark.outside
def test_a_receiver_that_is_down_loses_nothing_and_gets_it_once_when_it_is_back(
    watcher: Watcher, receiver: Receiver
) -> None:
    receiver.status = 503
    watcher.did("pull", "failed")
    failed, too_soon = watcher.notify(), watcher.notify()
    receiver.status = 200
    later, done = watcher.notify(hours=1), watcher.notify(hours=12)

    assert (failed.sent, failed.waiting, failed.errors) == (0, 1, ["127.0.0.1 answered 503"])
    assert (too_soon.sent, too_soon.waiting) == (0, 1)
    assert (later.sent, later.waiting, done.sent) == (1, 0, 0)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


@pytest.mark.outside
def test_a_receiver_whose_answer_does_not_end_is_done_with_its_status(watcher: Watcher, receiver: Receiver) -> None:
    receiver.endless = True
    watcher.did("pull", "failed")

    assert watcher.notify().sent == 1


@pytest.mark.outside
def test_a_message_that_another_process_is_sending_is_not_sent_twice(watcher: Watcher, receiver: Receiver) -> None:
    watcher.did("pull", "failed")
    receiver.status = 500
    watcher.notify()
    watcher.at += timedelta(hours=1)
    with watcher.stores() as stores:
        mine, theirs = stores.control.notices.claim(), stores.control.notices.claim()

    assert (len(mine), theirs) == (1, [])


def test_what_is_wrong_is_found_in_the_control_store(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path / "workspace", "")
    watcher.did("apply 1", "rejects", tally={"sent": 1000, "rejected": 20, "unknown": 5})
    watcher.did("report", "done", key_figures={"shares": {"gold": 0.4}, "names": {"gold": "Gold"}})
    complaints = {"Gold": [3, 900], "Few": [1, 20]}
    figures = {"shares": {"gold": 0.6}, "names": {"gold": "Gold"}, "complaints": complaints}
    watcher.did("report", "done", key_figures=figures)
    watcher.did("assign", "failed")
    before = watcher.wrong()
    watcher.did("apply 2", "done", tally={"sent": 1000, "rejected": 1, "unknown": 0})
    watcher.did("assign", "done")
    watcher.did("report", "done", key_figures={**figures, "complaints": {}})

    assert before == {"rejects", "jump gold", "complaints Gold", "run assign"}
    assert watcher.wrong() == set()


def test_old_data_and_an_empty_source_are_found_after_a_real_pull(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    watcher = Watcher(folder, "")
    (folder / "contacts.csv").write_text("id,email\n", "utf-8")
    assert run(["pull", "--workspace", str(folder)]) == 0
    watcher.at = datetime(2100, 1, 1, tzinfo=UTC)

    assert watcher.wrong() == {"data shop", "empty shop"}


@pytest.mark.outside
def test_metrics_are_replaced_as_a_whole_and_status_exits_with_the_state(
    watcher: Watcher, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy = run(["status", "--check", "--workspace", str(watcher.folder)])
    watcher.did("results", "failed")
    watcher.notify()
    text = (watcher.folder / "shop.prom").read_text("utf-8")
    capsys.readouterr()
    ill = run(["status", "--check", "--workspace", str(watcher.folder)])

    assert (healthy, ill) == (0, 5)
    assert capsys.readouterr().out.startswith("results failed: Shop: `results` of ")
    assert 'personasync_alert{key="run results"} 1\n' in text
    assert 'personasync_run_success{command="results"} 0\n' in text
    assert [path.name for path in watcher.folder.glob("*.tmp")] == []


@pytest.mark.parametrize("works", [True, False])
def test_apprise_gets_title_and_detail_and_without_it_the_message_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, works: object
) -> None:
    told: list[Mapping[str, str]] = []

    class Apprise:
        def add(self, address: str) -> bool:
            return address == "chat://x"

        def notify(self, **message: str) -> bool:
            told.append(message)
            return True

    module = ModuleType("apprise")
    module.__dict__["Apprise"] = Apprise  # a stand-in: the real one needs a network
    monkeypatch.setitem(sys.modules, "apprise", module if works else None)  # None: not installed
    watcher = Watcher(tmp_path / "workspace", '\n[notify]\napprise = ["env:CHAT"]\n')
    watcher.did("run", "failed")
    done = watcher.notify()

    assert (done.sent, done.waiting) == ((1, 0) if works else (0, 1))
    assert [message["title"] for message in told] == (["run failed"] if works else [])
    assert [error for error in done.errors if "apprise" not in error] == []


def test_an_address_that_others_could_read_and_a_broken_secret_are_refused() -> None:
    with pytest.raises(FixSettingsError, match="http address"):
        refuse_open_text("http://example.test/hook")
    with pytest.raises(FixSettingsError, match="not base64"):
        webhook_signature("whsec_***", "msg_1", 1, b"{}")
    refuse_open_text("https://example.test/hook")


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher(tmp_path / "workspace", '\n[notify]\napprise = ["slack://token-1234"]\n')

    assert run(["notify", "--workspace", str(watcher.folder)]) == 2
    message = capsys.readouterr().err
    assert "notify" in message
    assert "token-1234" not in message
