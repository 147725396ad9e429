"""Signed webhooks of a connector that another package brings, through `personasync serve`."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.outside.pond_platform import TOKEN, PondPlatform, signature
from tests.sync.outside import commands, installed, serving
from tests.sync.test_outside_connector import answers, filled, workspace

pytestmark = pytest.mark.outside
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, looking often."""
    given_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < given_up, "it did not happen"
        threading.Event().wait(0.05)


def is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def is_reached(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=5).ok
    except requests.ConnectionError:
        return False


@pytest.mark.long
def test_a_signed_webhook_of_another_package_reclassifies_a_contact(tmp_path: Path) -> None:
    with PondPlatform() as pond:
        site, ids, folder = installed(tmp_path / "site", "pond"), filled(pond), workspace(tmp_path / "ducks", pond)
        port = free_port()
        url, hook = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}/webhooks/pond"
        serve = f'\n[serve]\nport = {port}\npublic_url = "{url}"\npond_secret = "file:secrets/pond"\n'
        settings = folder / "personasync.toml"
        settings.write_text(settings.read_text("utf-8") + serve, "utf-8")
        first = commands(site, json.dumps([["setup", "--yes"], ["run"]]), at=folder, POND_TOKEN=TOKEN)
        secret = (folder / "secrets" / "pond").read_text("utf-8").strip()
        with serving(site, at=folder, POND_TOKEN=TOKEN):
            wait_until(lambda: is_up(url))
            pond.change(ids["ed"], values={**pond.ducks[ids["ed"]]["values"], "swims": "often", "homeland": "SE"})
            wait_until(lambda: pond.ducks[ids["ed"]]["values"].get("ps_segment") == "swimmers")
            new = pond.add("hal@people.test", swims="often", homeland="SE")
            wait_until(lambda: "ps swimmers" in pond.ducks[new]["labels"])
            body = b'{"events": []}'
            day = timedelta(days=1)
            sent = [
                signature("somebody else's", body),
                signature(secret, body, datetime.now(UTC) - day),
                signature(secret, body + b" "),
                {},
                signature(secret, body),
            ]
            statuses = [requests.post(hook, data=body, headers=headers, timeout=10).status_code for headers in sent]
            rubbish = requests.post(hook, data=b"[7]", headers=signature(secret, b"[7]"), timeout=10).status_code
            elsewhere = requests.post(f"{url}/webhooks/puddle", data=body, timeout=10).status_code
            writes = len(pond.told)
            figures = requests.get(f"{url}/metrics", timeout=10).text
        after = commands(site, json.dumps([["doctor"], ["pull"], ["plan", "--json"]]), at=folder, POND_TOKEN=TOKEN)
    (doctor, told), (_, _), (_, plan) = answers(after.stdout)

    assert [status for status, _ in answers(first.stdout)] == [0, 0], first.stderr
    assert [hooked["url"] for hooked in pond.hooks] == [hook]
    assert {status for _, status in pond.told[-writes:] if status} == {200}
    assert (statuses, rubbish, elsewhere) == ([401, 401, 401, 401, 200], 400, 404)
    assert 'personasync_deliveries_total{platform="pond",status="200"}' in figures
    assert 'personasync_settled_total{state="echo"}' in figures  # our own writes came back
    assert doctor == 0, told
    assert "Webhooks are signed and verified." in " ".join(told.split())
    assert json.loads(plan)["changes"] == 0
