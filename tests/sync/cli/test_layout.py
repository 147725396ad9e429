"""Text and tables at any width: lines break between words, and no id or address is ever cut."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.server import Sandbox
from connectors.sandbox.world import make_world
from sync.cli.layout import Table, cells, wrap
from tests.sync.conftest import Moment, connected

WIDTHS = [40, 80, 200]
TEXTS = st.text("abc é漢.-", max_size=200)


@given(TEXTS, st.integers(1, 60))
def test_lines_break_between_words_only(text: str, width: int) -> None:
    lines = wrap(text, width)

    assert " ".join(lines).split() == text.split()
    assert all(cells(line) <= width or len(line.split()) == 1 for line in lines)


@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers()), max_size=5), st.integers(1, 90))
def test_a_table_keeps_every_word_whole(rows: list[tuple[str, str, int]], width: int) -> None:
    words = "\n".join(Table(["Run", "What it did", "Rows"], rows).lines(width)).split()

    for row in rows:
        for cell in row:
            assert set((f"{cell:,}" if isinstance(cell, int) else cell).split()) <= set(words)


def test_a_table_is_side_by_side_where_it_fits_and_a_list_where_it_does_not() -> None:
    table = Table(["Run", "What"], [("20261203T214342.540944-0014e486", "one two three four five six"), ("b", "c")])

    assert list(table.lines(50)) == [
        "Run                              What",
        "20261203T214342.540944-0014e486  one two three",
        "                                 four five six",
        "b                                c",
    ]
    assert list(table.lines(30)) == [
        "Run:",
        "  20261203T214342.540944-0014e486",
        "What: one two three four five",
        "  six",
        "",
        "Run: b",
        "What: c",
    ]


def printed(folder: Path, *arguments: str, columns: int | None) -> str:
    """What a command prints at a width; None: into a pipe, with no width asked for."""
    known = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    program = str(Path(sys.executable).with_name("personasync"))
    done = subprocess.run(
        [program, *arguments],
        env=known | ({} if columns is None else {"COLUMNS": str(columns)}),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path, applied_moment: Moment) -> Path:
    """A workspace after an apply."""
    with Sandbox(make_world()) as sandbox:
        return connected(sandbox, tmp_path / "workspace", applied_moment).folder


@pytest.mark.long
@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("arguments", [["--help"], ["history"], ["status"], ["undo", "nothing-of-that-name"]])
def test_commands_fit_the_terminal(folder: Path, arguments: list[str], columns: int) -> None:
    text = printed(folder, *arguments, columns=columns)
    whole = printed(folder, *arguments, columns=None)

    assert [line for line in text.splitlines() if len(line) > columns and len(line.split()) > 1] == []
    words = set(text.split())
    assert set(whole.split()) <= words | {word.removesuffix(":") for word in words}  # `column: value` has a colon


def test_a_runs_id_can_be_copied_at_80_columns(folder: Path) -> None:
    ids = re.findall(r"^\d{8}T\S+", printed(folder, "history", columns=None), re.MULTILINE)
    words = printed(folder, "history", columns=80).split()

    assert len(ids) == 5
    assert set(ids) <= set(words)


def test_help_puts_explanations_below_where_there_is_no_room_beside(folder: Path) -> None:
    text = printed(folder, "history", "--help", columns=40)

    assert "  --rejects FILE\n      Export RUN's rejected changes to" in text
