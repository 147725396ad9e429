"""`init` at a terminal asks, and writes what it was told."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from sync.workspace.settings import load_workspace

ANSWERS = b"Acme Outdoor\ny\ny\na6b5da1054\ny\npeople.csv\norders.csv\n"


@pytest.mark.slow
def test_init_asks_at_a_terminal_and_writes_what_it_was_told(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    program = str(Path(sys.executable).with_name("personasync"))
    child, terminal = pty.fork()
    if child == 0:
        os.execv(program, [program, "init", str(folder)])  # noqa: S606 - our own command, on a terminal
    os.write(terminal, ANSWERS)
    output = b""
    try:
        while part := os.read(terminal, 4096):
            output += part
    except OSError:  # the terminal is gone with its program
        pass
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    workspace = load_workspace(folder)

    assert os.waitstatus_to_exitcode(status) == 0
    assert b"Are the contacts in HubSpot?" in output
    assert workspace.name == "Acme Outdoor"
    assert list(workspace.connections) == ["crm", "email", "files"]
    assert workspace.connections["email"].settings()["audience"] == "a6b5da1054"
    assert workspace.connections["files"].settings()["orders"] == "orders.csv"
