"""A workspace whose data are in PostgreSQL says what the same workspace says on DuckDB, in every digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import psycopg
import pyarrow as pa
import pytest

from segmenter.traits.windows import typed, whole
from sync.cli.main import run
from sync.clock import now
from sync.session import open_session
from sync.traits.compute import measured
from sync.warehouse.memory import open_memory
from sync.warehouse.store import open_warehouse
from tests.sync.conftest import Platforms, connected
from tests.webhook_torture import postgres

SORTED_BY_A_LANGUAGE = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
"""As most servers are: there "b" comes before "C", which it does not by code points."""


@pytest.fixture(scope="module")
def database(postgresql_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    del postgresql_programs
    with postgres(tmp_path_factory.mktemp("server")) as url:
        server = url.replace("+psycopg", "").removesuffix("/postgres")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE shop {SORTED_BY_A_LANGUAGE}".encode())
        yield f"{server}/shop"


TEXTS = [
    "a",
    "B",
    "b",
    "Z",
    "ä",
    "10",
    "9",
    "-1.5",
    "1e400",
    "inf",
    "nan",
    "2026-11-24",
    "2026-13-01",
    "11/24/26",
    "today",
    "2026/1/2",
    "",
    None,
]
NUMBERS = [0.5, 1.5, 2.5, -0.5, -2.5, 0.125, 1e17, 1e300, float("inf"), 2.675, None]
TEXT_EXPRESSIONS = {
    "the last": lambda t: t.aggregate(v=t.text.max()),
    "the first": lambda t: t.aggregate(v=t.text.min()),
    "in order": lambda t: t.order_by([t.text, t.number]).mutate(v=ibis.row_number()).select("text", "v").limit(9),
    "larger": lambda t: t.mutate(v=t.text > "a").select("text", "v"),
    "at most": lambda t: t.mutate(v=t.text <= "a").select("text", "v"),
    "of the last": lambda t: t.aggregate(v=t.number.argmax(t.text)),
    "as a number": lambda t: t.mutate(v=typed(t.text, "number")).select("text", "v"),
    "as a day": lambda t: t.mutate(v=typed(t.text, "date")).select("text", "v"),
    "rounded": lambda t: t.mutate(v=t.number.round().cast("string")).filter(t.number < 1e15).select("number", "v"),
    "to cents": lambda t: t.mutate(v=t.number.round(2)).filter(t.number < 1e9).select("number", "v"),
    "whole": lambda t: t.mutate(v=whole(t.number, 10)).select("number", "v"),
    "yes": lambda t: t.aggregate(v=(t.text == "a").cast("int64").sum()),
    "digest": lambda t: t.mutate(v=t.text.hexdigest("md5")).select("text", "v"),
}


@pytest.mark.parametrize("named", TEXT_EXPRESSIONS)
def test_an_expression_gives_what_it_gives_on_duckdb(database: str, tmp_path: Path, named: str) -> None:
    rows = pa.table({"text": TEXTS, "number": [*NUMBERS, *map(float, range(len(TEXTS) - len(NUMBERS)))]})
    memory, warehouse = open_memory(), open_warehouse(database, tmp_path)
    try:
        expected, result = (
            TEXT_EXPRESSIONS[named](engine.create_table("cells", rows, temp=True)).to_pyarrow().to_pylist()
            for engine in (memory, warehouse.engine)
        )
    finally:
        memory.disconnect()
        warehouse.engine.drop_table("cells", force=True)
        warehouse.close()

    assert sorted(map(repr, result)) == sorted(map(repr, expected))


@pytest.mark.long
def test_each_command_says_the_same_on_postgresql(
    platforms: Platforms,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in platforms.environment.items():
        monkeypatch.setenv(name, value)
    other = connected(platforms.sandbox, tmp_path / "other")
    settings = other.folder / "personasync.toml"
    settings.write_text(settings.read_text("utf-8").replace('engine = "duckdb"', f'engine = "{database}"'), "utf-8")
    assert database in settings.read_text("utf-8")

    def say(folder: Path, *words: str) -> dict[str, Any]:
        capsys.readouterr()
        status = run([*words, "--json", "--workspace", str(folder)])
        output = capsys.readouterr()
        assert status == 0, output.err + output.out
        document: dict[str, Any] = json.loads(output.out)
        return document

    say(platforms.folder, "setup", "--yes")
    person = next(iter(platforms.members()))["email_address"]
    documents = []
    for folder in (platforms.folder, other.folder):
        pulled, assigned, planned = (say(folder, command) for command in ("pull", "assign", "plan"))
        shown = {name: planned[name] for name in ("changes", "contacts", "changed_contacts", "by_field")}
        said = [pulled, assigned["segments"], assigned["persons"], shown]
        explained, people = say(folder, "explain", person), say(folder, "members", "newcomers")["members"]
        said += [explained["segment"], explained["persona"], [member["email"] for member in people]]
        said.append(say(folder, "segments"))
        documents.append(said)
        report = Path(say(folder, "report")["report"])
        assert report.stat().st_size > 10_000
    moment = now()
    assert traits(other, moment) == traits(platforms, moment)
    assert documents[1] == documents[0]


def traits(platforms: Platforms, moment: datetime) -> dict[str, dict[str, Any]]:
    """Every trait of everybody, by the first of the person's contacts."""
    with open_session(platforms.folder, now=now, environment=platforms.environment) as session:
        rows = measured(session, moment).to_pyarrow().to_pylist()
        links = session.control.links.load().sort_by("contact_key").to_pylist()
    first = {row["person_id"]: row["contact_key"] for row in reversed(links)}
    return {first[row["person_id"]]: {**row, "person_id": ""} for row in rows}
