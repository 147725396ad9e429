"""Commands that read work while another process holds the warehouse, and lose nothing of what the service decided."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connectors.records import ASSIGNMENTS
from sync.clock import now
from sync.control.published import Published
from sync.online.handoff import plain_assignment
from sync.session import Session, open_session
from sync.warehouse.damage import FILE
from sync.warehouse.embedded_file import COPIES
from tests.sync.conftest import Platforms, Run, say

__all__ = ["say"]

HOLD = """
import sys
import duckdb
held = duckdb.connect(sys.argv[1])
held.execute("BEGIN")
held.execute("DELETE FROM assignments")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def another_command(platforms: Platforms) -> Iterator[None]:
    """Let a process of its own hold the warehouse in the middle of writing."""
    path = platforms.folder / ".personasync" / FILE
    call = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield
        finally:
            process.communicate("")


@pytest.mark.long
def test_what_only_reads_works_meanwhile_and_what_writes_says_to_wait(
    platforms: Platforms, session: Session, applied: str, say: Run
) -> None:
    row = session.warehouse.current(ASSIGNMENTS.name).limit(1).to_pyarrow().to_pylist()[0]
    email = next(
        member["email_address"]
        for member in platforms.members()
        if member["merge_fields"].get("PERSONA") and member["status"] == "subscribed"
    )
    session.warehouse.close()
    decided = plain_assignment({**row, "segment": None, "persona": None, "reasons": "from the service"})
    session.control.people.hand_over([Published(row["person_id"], {}, decided, "d", now())], now(), {})

    with another_command(platforms):
        error = ""
        for command in (("status",), ("history",), ("explain", email), ("classify", email), ("segments",)):
            status, out, error = say(*command, "--json")
            assert (command, status, error.count("Error")) == (command, 0, 0)
            assert json.loads(out)
        assert "Another personasync command is running" in error
        assert len(session.control.people.waiting()) == 1  # whoever holds the warehouse takes it in
        status, _, error = say("plan")
        assert (status, "using this workspace's warehouse" in error) == (1, True)

    assert applied
    assert not list((platforms.folder / ".personasync").glob(f"{COPIES}*"))
    assert say("explain", email)[0] == 0
    assert session.control.people.waiting() == []
    with open_session(platforms.folder, now=now, environment=platforms.environment) as after:
        versions = after.warehouse.history(ASSIGNMENTS.name)
        assert int(versions.filter(versions.reasons == "from the service").count().to_pyarrow().as_py()) == 1
