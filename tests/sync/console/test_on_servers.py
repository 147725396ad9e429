"""Pages where the stores are on a PostgreSQL server and no file tells that something changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from connectors.sandbox.server import Sandbox
from sync.assign.job import assign
from sync.clock import now
from sync.console.reading import Reader
from sync.pull.job import pull
from sync.session import Session, open_session
from tests.sync.conftest import Moment, connected
from tests.webhook_torture import postgres

pytestmark = [pytest.mark.outside, pytest.mark.long]


@pytest.fixture
def server(postgresql_programs: Path, tmp_path: Path) -> Iterator[str]:
    del postgresql_programs
    folder = tmp_path / "server"
    folder.mkdir()
    with postgres(folder) as url:
        address = url.replace("+psycopg", "").removesuffix("/postgres")
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            for name in ("shop", "control"):
                connection.execute(f"CREATE DATABASE {name}".encode())
        yield address


def people(session: Session) -> int:
    return int(session.warehouse.current("assignments").count().to_pyarrow().as_py())


@pytest.mark.parametrize("where", ["warehouse", "both"])
def test_pages_show_what_commands_did_meanwhile(server: str, ready_moment: Moment, tmp_path: Path, where: str) -> None:
    with Sandbox(ready_moment.world()) as sandbox:
        platforms = connected(sandbox, tmp_path / "workspace")
        file = platforms.folder / "personasync.toml"
        text = file.read_text("utf-8").replace('engine = "duckdb"', f'engine = "{server}/shop"')
        if where == "both":
            there = server.replace("postgresql://", "postgresql+psycopg://").replace(
                "postgres://", "postgresql+psycopg://"
            )
            text = text.replace('state = "sqlite"', f'state = "{there}/control"')
        file.write_text(text, "utf-8")
        with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
            pull(session)
        reader = Reader(platforms.folder, now=now, environment=platforms.environment)
        try:
            before = reader.ask(("people",), people)
            with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
                assign(session, as_of=session.now())
                there_now = people(session)
            after = reader.ask(("people",), people)
        finally:
            reader.end()

    assert (before, after) == (0, there_now)
    assert there_now > 0
