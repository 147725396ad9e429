"""Statements of one engine stand where that engine is known, and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STORES = ("sync/warehouse/", "sync/control/", "connectors/sandbox/store.py")
"""Where a store is known: the data plane, the control plane (SQLAlchemy), and the local platforms' own file."""

STATEMENT = re.compile(
    r"\s*(?:BEGIN|COMMIT|ROLLBACK|(?:SELECT|PREPARE|EXECUTE|SET|CREATE|INSERT|UPDATE|DELETE|ALTER|DROP|TRUNCATE|ATTACH"
    r"|COPY|PRAGMA|CHECKPOINT|INSTALL|LOAD|WITH)\s.*)\s*",
    re.DOTALL,
)
DRIVERS = {"con", "raw_sql", "_safe_raw_sql"}
"""Attributes of an Ibis engine that lead past Ibis."""


def beside_the_wall(code: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each statement or driver that *code* uses, and what stands there."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Attribute(attr=name) if name in DRIVERS:
                yield node.lineno, f".{name}"
            case ast.Constant(value=str() as text) if STATEMENT.fullmatch(text):
                yield node.lineno, text
            case ast.ImportFrom(module=str() as module) if module.startswith("ibis.backends"):
                yield node.lineno, module
            case _:
                pass


def test_only_the_stores_speak_to_an_engine_past_ibis() -> None:
    places = {
        f"{path.relative_to(ROOT).as_posix()}, line {line}: {what}"
        for package in ("connectors", "segmenter", "sync")
        for path in (ROOT / package).rglob("*.py")
        if not path.relative_to(ROOT).as_posix().startswith(STORES)
        for line, what in beside_the_wall(path.read_text("utf-8"))
    }

    assert places == set()


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("engine.con.execute(text)", ".con"),
        ("with engine._safe_raw_sql(text): pass", "._safe_raw_sql"),
        ("run('BEGIN')", "BEGIN"),
        ("run(f'SET memory_limit = {most}')", "SET memory_limit = "),
        ("run('PREPARE question AS ' + text)", "PREPARE question AS "),
        ("from ibis.backends.duckdb import Backend", "ibis.backends.duckdb"),
    ],
)
def test_the_wall_is_seen_where_it_is_climbed(code: str, what: str) -> None:
    assert [statement for _, statement in beside_the_wall(code)] == [what]


@pytest.mark.parametrize("text", ["Set the token first.", "UPDATED", "Select one", "WITHOUT consent"])
def test_words_for_people_are_no_statements(text: str) -> None:
    assert list(beside_the_wall(repr(text))) == []
