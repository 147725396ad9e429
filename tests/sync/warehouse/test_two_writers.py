"""Two processes that write to one PostgreSQL at once: no number is given twice, no row is written twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sync.warehouse.opening import open_warehouse
from tests.sync.conftest import Platforms
from tests.webhook_torture import postgres

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import pyarrow as pa
from connectors.fetched import erased_contact
from connectors.records import CONTACTS
from sync.warehouse.opening import open_warehouse

url, folder, name = sys.argv[1:]
opened = open_warehouse(url, Path(folder))
print("ready", flush=True)
sys.stdin.readline()
kept = 0
for page in range(12):
    numbers = [f"{page}.{number}" for number in range(60)] + [f"{name}.{page}"]
    rows = pa.Table.from_pylist([erased_contact("crm", number, None) for number in numbers], schema=CONTACTS.columns)
    kept += opened.append("contacts", rows, recorded_at=datetime.now(UTC))
opened.close()
print(kept)
"""


@pytest.fixture(scope="module")
def server(postgresql_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    del postgresql_programs
    with postgres(tmp_path_factory.mktemp("server")) as url:
        yield url.replace("+psycopg", "").removesuffix("/postgres")


@pytest.fixture
def database(server: str, tmp_path: Path) -> str:
    """A database of its own, with the tables of a warehouse."""
    name = f"w{abs(hash(tmp_path))}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server}/{name}"


def asked(database: str, question: str) -> Any:
    with psycopg.connect(database) as connection:
        return connection.execute(question).fetchone()


@pytest.mark.long
def test_two_writers_at_once_never_share_a_number_or_a_row(database: str, tmp_path: Path) -> None:
    open_warehouse(database, tmp_path).close()
    command = [sys.executable, "-c", WRITER, database, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("one", "other")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    kept = sum(int(number) for number in _released(writers))

    rows, numbers, records, newest = asked(
        database, "SELECT count(*), count(DISTINCT sequence), count(DISTINCT platform_id), max(sequence) FROM contacts"
    )
    assert (rows, numbers, records) == (kept, kept, kept)
    assert kept == 12 * (60 + 2)
    assert newest <= asked(database, "SELECT max(number) FROM last_sequence")[0]


def _released(writers: list[subprocess.Popen[str]]) -> list[str]:
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return [writer.communicate()[0] for writer in writers]


@pytest.mark.long
def test_two_that_open_a_new_database_at_once_both_get_it(database: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, database, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("one", "other")
    ]
    lines = [line.split() for line in _released(writers)]

    assert [words[0] for words in lines] == ["ready", "ready"]
    assert asked(database, "SELECT count(*), max(number) > 0 FROM last_sequence") == (1, True)
    assert asked(database, "SELECT count(*) - count(DISTINCT sequence) FROM contacts") == (0,)


@pytest.mark.long
def test_two_pulls_at_once_keep_each_contact_once_and_link_it(platforms: Platforms, database: str) -> None:
    file = platforms.folder / "personasync.toml"
    text = file.read_text("utf-8").replace('engine = "duckdb"', f'engine = "{database}"')
    assert database in text
    file.write_text(text, "utf-8")
    personasync = str(Path(sys.executable).with_name("personasync"))
    command = [personasync, "pull", "--workspace", str(platforms.folder), "--json"]
    environment = {**os.environ, **platforms.environment, "PERSONASYNC_BUDGETS": str(platforms.folder / "budgets")}
    pulls = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    ended = [(pull.communicate()[1].decode(), pull.returncode) for pull in pulls]

    assert [status for _, status in ended] == [0, 0], ended
    for table in ("contacts", "orders", "memberships"):
        assert asked(database, f"SELECT count(*) - count(DISTINCT sequence) FROM {table}") == (0,), table  # noqa: S608
    versions, records = asked(database, "SELECT count(*), count(DISTINCT (connection, platform_id)) FROM contacts")
    assert versions == records > 200
