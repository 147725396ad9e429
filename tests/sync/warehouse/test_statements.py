"""Statements that are kept: values that go into them come out unchanged; what can't be read counts as not kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from sync.warehouse.opening import open_warehouse
from sync.warehouse.statements import (
    ANY_PERSON,
    FILE,
    MICROSECONDS,
    StatementRunner,
    keep_statements,
    kept_statements,
    open_to_read,
)


def test_values_come_out_as_they_went_in() -> None:
    runner = StatementRunner(duckdb.connect())
    keys = ["crm:1", "mailto:o'brien@people.test", None, 'a"b\n\\', "$moment"]

    runner.give("given", {"key": keys, "n": [1, 2, 3, None, 2**40]}, {"key": "VARCHAR", "n": "BIGINT"})

    assert runner.rows('FROM "given"') == [
        {"key": key, "n": n} for key, n in zip(keys, [1, 2, 3, None, 2**40], strict=True)
    ]


def test_a_statement_gets_its_moment_and_its_person() -> None:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    moment = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
    at, never = "epoch_us(CAST($moment AS TIMESTAMPTZ))", "epoch_us(CAST(NULL AS TIMESTAMPTZ))"
    asked = f'SELECT {at} AS "at{MICROSECONDS}", \'{ANY_PERSON}\' AS person, {never} AS "never{MICROSECONDS}"'

    rows = StatementRunner(connection).rows(asked, person="it's", moment=moment)

    assert rows == [{"at": moment, "person": "it's", "never": None}]


def test_only_statements_of_the_same_digest_are_kept(tmp_path: Path) -> None:
    assert kept_statements(tmp_path, "a") == {}
    keep_statements(tmp_path, "a", {"one": "SELECT 1"})

    assert kept_statements(tmp_path, "a") == {"one": "SELECT 1"}
    assert kept_statements(tmp_path, "b") == {}
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"digest": "a"}', '{"digest": "a", "statements": 1}'])
def test_a_file_that_cannot_be_read_keeps_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, "utf-8")

    assert kept_statements(tmp_path, "a") == {}


def test_a_warehouse_without_its_tables_is_not_read(tmp_path: Path) -> None:
    with open_to_read(tmp_path) as missing:
        assert missing is None
    duckdb.connect(tmp_path / "warehouse.duckdb").close()
    with open_to_read(tmp_path) as empty:
        assert empty is None


SLOW = "SELECT sum(a.range * b.range) AS total FROM range(30000) AS a, range(1000) AS b"  # a tenth of a second
SOON = "SET progress_bar_time = 1"  # millisecond


def test_the_engine_prints_no_progress_into_what_a_command_prints(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    opened = open_warehouse("duckdb", tmp_path)
    opened.engine.con.execute(SOON)  # type: ignore[attr-defined] # DuckDB's
    opened.engine.con.execute(SLOW)  # type: ignore[attr-defined] # DuckDB's
    opened.close()
    with open_to_read(tmp_path) as runner:
        assert runner is not None
        runner.rows(SOON)
        assert runner.rows(SLOW)

    assert capfd.readouterr() == ("", "")
