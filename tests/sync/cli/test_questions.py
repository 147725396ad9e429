"""While a question waits nothing is locked and nothing is painted over it; Ctrl-C ends with a sentence and 130."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.sandbox.door import InjectedFault
from connectors.sandbox.server import Sandbox
from sync.apply.undo import intended, still_intended
from sync.clock import now
from sync.session import open_session
from tests.sync.cli.terminal import at_a_terminal
from tests.sync.conftest import Moment, Platforms, connected, filled

ERASES = "\x1b[2K"  # what a progress display sends to paint its lines anew


@pytest.fixture
def after_apply(tmp_path: Path, applied_moment: Moment) -> Iterator[Platforms]:
    """Platforms and a workspace after an apply, which no process holds."""
    with Sandbox(applied_moment.world()) as sandbox:
        yield connected(sandbox, tmp_path / "workspace", applied_moment)


@pytest.mark.long
def test_an_undo_asks_with_nothing_locked_and_nothing_painted(after_apply: Platforms) -> None:
    with at_a_terminal("undo", "last", "-w", str(after_apply.folder), environment=after_apply.environment) as terminal:
        asked = terminal.read_until("Undo these changes? [y/N]:")
        with open_session(after_apply.folder, now=now, environment={}) as session:
            runs = session.control.runs.newest(5)
        terminal.type("y\n")
        status = terminal.end()

    assert ERASES not in asked
    assert "personasync would undo `apply" in asked
    assert not any(run.state == "running" for run in runs)
    assert status == 0
    assert "restored; 0 skipped because they were edited since" in " ".join(terminal.told.split())


def test_an_undo_does_only_what_was_agreed_to_and_is_still_so(after_apply: Platforms) -> None:
    with open_session(after_apply.folder, now=now, environment=after_apply.environment) as session:
        agreed = intended(session, "last")
        change = next(change for change in agreed.restore["crm"] if change.kind == "field" and change.before)
        properties = after_apply.crm.contact_records.table[change.platform_id]["properties"]
        properties[change.name] = "what a person wrote meanwhile"
        left_out = agreed.restore["email"].pop()
        intent = still_intended(session, agreed)

    assert change not in intent.restore["crm"]
    assert left_out not in intent.restore["email"]
    assert intent.changed_since == 2
    assert intent.count == agreed.count - 1


@pytest.mark.parametrize("arguments", [["status"], ["history"]])
def test_what_was_done_can_be_read_while_another_command_holds_the_warehouse(
    after_apply: Platforms, arguments: list[str]
) -> None:
    program = str(Path(sys.executable).with_name("personasync"))
    with open_session(after_apply.folder, now=now, environment={}) as session:
        contacts = session.warehouse.current("contacts")
        rows = contacts.filter(contacts.connection == "crm", contacts.state == "active").count().to_pyarrow().as_py()
        command = [program, *arguments, "-w", str(after_apply.folder), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    if arguments == ["status"]:
        streams = {
            (stream["connection"], stream["stream"]): stream["rows"] for stream in json.loads(done.stdout)["streams"]
        }
        assert streams["crm", "contacts"] == rows > 100


@pytest.mark.long
def test_setup_asks_with_nothing_locked(tmp_path: Path) -> None:
    with Sandbox(filled()) as sandbox:
        platforms = connected(sandbox, tmp_path / "workspace")
        with at_a_terminal("setup", "-w", str(platforms.folder), environment=platforms.environment) as terminal:
            terminal.read_until("Create these? [y/N]:")
            with open_session(platforms.folder, now=now, environment={}) as session:
                assert session.warehouse.last_sequence() == 0
            terminal.type("n\n")
            status = terminal.end()

        assert (status, platforms.writes()) == (130, [])
        assert "Stopped." in terminal.told


@pytest.mark.long
@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_in_a_pull_ends_with_its_sentence_and_130(tmp_path: Path, *, as_json: bool) -> None:
    with Sandbox(filled()) as sandbox:
        platforms = connected(sandbox, tmp_path / "workspace")
        under_way = threading.Event()
        fault = Waited(under_way)
        sandbox.journal.faults[:] = [fault]
        program = str(Path(sys.executable).with_name("personasync"))
        pull = subprocess.Popen(
            [program, "pull", "-w", str(platforms.folder), *(["--json"] if as_json else [])],
            env={**os.environ, **platforms.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert under_way.wait(120)
        pull.send_signal(signal.SIGINT)
        out, error = pull.communicate(timeout=120)
        fault.times = 0
        with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
            runs = session.control.runs.newest(5)

    assert (pull.returncode, error) == (
        130,
        "Stopped. Completed work is kept; run the same command again to continue.\n",
    )
    assert [(run.command, run.state) for run in runs] == [("pull", "failed")]
    if as_json:
        assert json.loads(out)["error"]["status"] == 130


class Waited(InjectedFault):
    """No answer to anything about contacts; it says when the first request has come."""

    def __init__(self, came: threading.Event) -> None:
        super().__init__(kind="hang", match="contacts", times=1000, seconds=8)
        self.came = came

    def hits(self, platform: str, method: str, path: str) -> bool:
        if not super().hits(platform, method, path):
            return False
        self.came.set()
        return True
