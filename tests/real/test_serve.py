"""Ghost's own signed webhooks reclassify a new member through `personasync serve`, a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.real.__main__ import SHARED, Loop, today
from tests.real.bottlecrm import BottleServer
from tests.real.ghost import GhostServer
from tests.real.mailgun import Mailgun
from tests.real.people import people_of
from tests.real.processes import free_port, until
from tests.real.stands import GhostStand

pytestmark = [pytest.mark.real, pytest.mark.outside]
PEOPLE = 12


@contextmanager
def serving(folder: Path, environment: dict[str, str], url: str) -> Iterator[None]:
    """`personasync serve` with a worker, until the end of the block."""
    command = [sys.executable, "-c", "from sync.cli import main; main()", "serve"]
    log = (folder / "served.txt").open("w")
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=log, stderr=log) as process:
        try:
            until(lambda: answers(url), "serve does not answer", patience=60.0)
            yield
        finally:
            process.terminate()
            process.wait(60)
            log.close()


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=5).ok
    except requests.ConnectionError:
        return False


def test_a_signed_webhook_of_ghost_reclassifies_a_new_member(
    ghost_server: GhostServer, bottle_server: BottleServer, scratch: Path
) -> None:
    site = GhostStand(ghost_server)
    bottle_server.empty()
    folder = scratch / "served"
    folder.mkdir()
    with Mailgun() as mailgun:
        loop = Loop(bottle_server, ghost_server, mailgun, folder, people_of(SHARED, PEOPLE, today()))
        with loop.doors[0], loop.doors[1]:
            loop.begin()
            url = f"http://127.0.0.1:{free_port()}"
            port = url.rpartition(":")[2]
            serve = f'\n[serve]\nport = {port}\npublic_url = "{url}"\nghost_secret = "file:secrets/ghost"\n'
            settings = loop.workspace / "personasync.toml"
            settings.write_text(settings.read_text("utf-8") + serve, "utf-8")
            for words in (("pull",), ("assign",), ("setup", "--yes"), ("plan",), ("apply",)):
                loop.commands.run(*words)
            with serving(loop.workspace, dict(loop.commands.environment), url):
                new = site.add("hal@people.test")
                until(lambda: "ps:readers" in site.groups(new), "the new member gets no label", patience=60.0)
                until(lambda: site.shows(new).get("ps_headline") == "Why customers love us", "no field", patience=30.0)
                forged = requests.post(f"{url}/webhooks/ghost", data=b"{}", timeout=10).status_code
            for words in (("doctor",), ("pull",), ("assign",), ("plan", "--json")):
                loop.commands.run(*words)

    assert forged == 401
    assert json.loads(loop.commands.said)["changes"] == 0
    assert "hal@people.test" not in (loop.workspace / "served.txt").read_text("utf-8")
