"""SPSS files: labels, texts, user-missing values and dates as another program wrote them; broken ones; no reader."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pyreadstat
import pytest

from connectors.errors import FixSettingsError
from connectors.files.spss import read_spss
from connectors.files.table import read_table

LABELS: dict[str, dict[int | float, str]] = {
    "like": {1: "badly", 2: "well", 99: "don't know"},
    "region": {1: "North", 2: "South"},
}


def write(path: Path, suffix: str = ".sav") -> Path:
    frame = pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "like": [1.0, 2.0, 99.0, None],
            "region": [1.0, 2.0, 1.0, 3.0],
            "day": [date(2026, 1, 2)] * 4,
            "money": [1.5, 2.0, 3.0, 4.0],
        }
    )
    pyreadstat.write_sav(
        frame,
        path / f"answers{suffix}",
        column_labels={"like": "How do you like it?"},
        variable_value_labels=LABELS,
        missing_ranges={"like": [99]},
        variable_measure={"region": "nominal", "like": "ordinal"},
        compress=suffix == ".zsav",
    )
    return path / f"answers{suffix}"


@pytest.mark.parametrize("suffix", [".sav", ".zsav"])
def test_labels_texts_and_missing_values_are_read_as_they_were_written(tmp_path: Path, suffix: str) -> None:
    table = read_table(write(tmp_path, suffix))

    cells = list(table.numbered_cells())
    assert table.headers == ("id", "like", "region", "day", "money")
    assert cells[0] == (1, ["a", 1.0, "North", "2026-01-02", 1.5])
    assert [row[1] for _, row in cells] == [1.0, 2.0, None, None]  # 99 is a missing value in SPSS
    assert [row[2] for _, row in cells] == ["North", "South", "North", "3"]  # a code without a label
    assert table.labels == {"like": {"1": "badly", "2": "well", "99": "don't know"}}
    assert table.asked == {"like": "How do you like it?"}


def test_a_portable_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "answers.por"
    pyreadstat.write_por(
        pd.DataFrame({"LIKE": [1.0, 2.0], "WHO": ["a", "b"]}), str(file), column_labels=["Like it?", ""]
    )

    table = read_table(file)

    assert [row for _, row in table.numbered_cells()] == [[1.0, "a"], [2.0, "b"]]
    assert table.asked == {"LIKE": "Like it?"}


@pytest.mark.parametrize("content", [b"", b"hello", b"$FL2@(#) SPSS DATA FILE" + b"\x00" * 200])
@pytest.mark.parametrize("suffix", [".sav", ".zsav", ".por"])
def test_a_broken_file_is_one_error_that_names_it(tmp_path: Path, content: bytes, suffix: str) -> None:
    file = tmp_path / f"broken{suffix}"
    file.write_bytes(content)

    with pytest.raises(FixSettingsError, match=f"broken{suffix}"):
        read_table(file)


def test_a_file_that_was_cut_is_an_error_or_fewer_rows_and_nothing_else(tmp_path: Path) -> None:
    whole = write(tmp_path).read_bytes()
    cut = tmp_path / "cut.sav"
    ways = set()
    for length in range(0, len(whole), 37):
        cut.write_bytes(whole[:length])
        try:
            ways.add(len(read_table(cut).headers))
        except FixSettingsError as error:
            ways.add(0)
            assert "cut.sav" in str(error)  # noqa: PT017 - either way is right

    assert ways <= {0, 5}


def test_a_missing_file_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(FixSettingsError, match="File not found"):
        read_table(tmp_path / "none.sav")


def test_without_the_package_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path)
    monkeypatch.setitem(sys.modules, "pyreadstat", None)

    with pytest.raises(
        FixSettingsError, match=r"need the package pyreadstat, which is not installed\. Run `pip install .*\[spss\]"
    ):
        read_spss(file)
