"""A disk that takes no more is told by the name of the store, loses nothing, and the next command goes on.

A process may be forbidden to let a file grow: for a store that is what a full disk is, and needs no disk of its own.
"""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sync.control.damage import control_trouble
from tests.sync.consent.test_by_purpose import PURPOSES, Shop

MANY = 20_000
HERE = Path(__file__).parents[3]


def within(limit: int, workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a process whose files can't grow above *limit* bytes."""

    def allow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    code = "import sys; from sync.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments, "--workspace", str(workspace)]
    return subprocess.run(command, capture_output=True, text=True, cwd=HERE, preexec_fn=allow, check=False)


@pytest.mark.long
@pytest.mark.parametrize(
    ("limit", "told"), [(1024, "control store control.db"), (400_000, "warehouse warehouse.duckdb")]
)
def test_a_disk_that_takes_no_more_is_told_and_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: int, told: str
) -> None:
    shop = Shop(tmp_path / "shop", capsys, PURPOSES)
    assert [shop("pull")[0], shop("assign")[0]] == [4, 0]
    before = people(shop)
    contacts = tmp_path / "shop" / "contacts.csv"
    known = contacts.read_text("utf-8")
    contacts.write_text(known + "".join(f"p{n}@people.test,subscribed,DE,yes,,,,\n" for n in range(MANY)), "utf-8")

    refused = within(limit, tmp_path / "shop", "pull")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert told in refused.stderr
    assert "Nothing is lost" in refused.stderr
    assert "damaged" not in refused.stderr
    assert "Traceback" not in refused.stderr
    assert people(shop) == before

    assert shop("pull")[0] == 4
    assert people(shop) == before | {"contacts": before["contacts"] + MANY}


def people(shop: Shop) -> dict[str, Any]:
    """What the workspace knows: contacts, and who is in which segment."""
    status = shop.document("status")
    segments = shop.document("explain", "ada@people.test")["segment"]
    return {"contacts": status["streams"][0]["rows"], "ada": segments}


def test_a_disk_that_cannot_be_read_is_damage_and_one_that_cannot_be_written_is_not() -> None:
    for name, told in (("SQLITE_IOERR_READ", "is damaged"), ("SQLITE_IOERR_SHMSIZE", "takes no more")):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = name
        assert told in str(control_trouble(error))


def test_a_newer_warehouse_is_refused_by_its_name_and_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop(tmp_path / "shop", capsys, PURPOSES)
    assert shop("pull")[0] == 4
    file = tmp_path / "shop" / ".personasync" / "warehouse.duckdb"
    with duckdb.connect(str(file)) as warehouse:
        warehouse.execute("UPDATE workspace_stamp SET format = format + 1")
    before = file.read_bytes()

    for command in (["pull"], ["assign"], ["explain", "ada@people.test"], ["forget", "ada@people.test", "--yes"]):
        status, _, error = shop(*command)
        assert status == 2
        assert "The warehouse warehouse.duckdb was written by a newer version of personasync." in error
        assert "Install that version." in error
    assert file.read_bytes() == before
