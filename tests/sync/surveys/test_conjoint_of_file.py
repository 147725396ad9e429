"""`survey conjoint --weight` as people use it: figures of the population, and weights that do not fit."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sync.cli.main import run

LEVELS = ("Price: low", "Price: high", "Brand: A", "Brand: B")
MINDS_PRICE, MINDS_BRAND = ("3", "-3", "1", "-1"), ("1", "-1", "3", "-3")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three who mind the price, and one who minds the brand and stands for three."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    write("c.csv", [["id", *LEVELS, "wt"], *([f"p{n}", *MINDS_PRICE, "1"] for n in range(3)), ["b", *MINDS_BRAND, "3"]])
    return tmp_path


def write(name: str, rows: Sequence[Sequence[object]]) -> None:
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert run(["survey", "conjoint", "c.csv", *words, "--json"]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def test_with_weights_the_figures_are_those_of_the_population(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alike, weighted = document(capsys), document(capsys, "--weight", "wt", "--out", "items.csv")

    assert [part["importance"] for part in alike["attributes"]] == pytest.approx([62.5, 37.5])
    assert [part["importance"] for part in weighted["attributes"]] == pytest.approx([50, 50])
    assert (alike["effective"], weighted["effective"]) == (4, 3)
    assert weighted["attributes"][0]["levels"] == pytest.approx({"low": 50, "high": -50})
    half = 1.96 * (25**2 / (3 - 1)) ** 0.5  # all are 25 from the mean; three people's worth of it
    assert weighted["attributes"][1]["importance_low"] == pytest.approx(50 - half)
    assert weighted["attributes"][0]["intervals"]["low"] == pytest.approx([50 - half, 50 + half])
    assert any("as exactly as 3 without weights" in note for note in weighted["notes"])
    assert not any("wt" in note for note in weighted["notes"] if note.startswith("No part-worths"))
    items = list(csv.reader(Path("items.csv").read_text("utf-8").splitlines()))
    assert items[0] == ["respondent", *LEVELS]
    assert [float(value) for value in items[1][1:]] == pytest.approx([75, -75, 25, -25])  # nobody's own is changed


def test_a_file_of_weights_says_the_same_as_a_column(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("w.csv", [["respondent", "weight"], ["b", 3], *([f"p{n}", 1] for n in range(3))])

    column, file = document(capsys, "--weight", "wt"), document(capsys, "--weight", "w.csv")

    assert file["attributes"] == column["attributes"]


def test_a_weight_of_0_counts_nowhere_and_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("w.csv", [["respondent", "weight"], ["b", 0], *([f"p{n}", 1] for n in range(3))])

    made = document(capsys, "--weight", "w.csv")

    assert made["attributes"][0]["importance"] == pytest.approx(75)
    assert "Weight 0, so they count nowhere: 1 of 4 respondents." in made["notes"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["p0", 1], ["p1", 1], ["p2", 1]], "c.csv, row 5: 'b' has no weight in w.csv."),
        ([["x", 1], ["y", 1]], "None of the 4 respondents of c.csv has a weight in w.csv"),
        ([["p0", 1], ["p1", -1], ["p2", 1], ["b", 1]], "w.csv, row 3, column 'weight': '-1' is not a weight."),
        ([["p0", 1], ["p1", ""], ["p2", 1], ["b", 1]], "w.csv, row 3, column 'weight': there is no weight."),
        ([["p0", 0], ["p1", 0], ["p2", 0], ["b", 0]], "all weights are 0, so nobody counts."),
        ([["p0", 1], ["p0", 1], ["p2", 1], ["b", 1]], "w.csv: 'p0' stands in rows 2, 3."),
    ],
)
def test_weights_that_do_not_fit_the_respondents_are_an_error_that_names_the_place(
    folder: Path, capsys: pytest.CaptureFixture[str], rows: list[list[object]], message: str
) -> None:
    write("w.csv", [["respondent", "weight"], *rows])

    assert run(["survey", "conjoint", "c.csv", "--weight", "w.csv"]) == 2
    assert message in capsys.readouterr().err


def test_the_table_shows_the_interval_of_each_mean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["survey", "conjoint", "c.csv", "--weight", "wt"]) == 0

    shown = capsys.readouterr().out
    assert "Importance in % (95% CI)" in shown
    assert "50.0 (15.4 to 84.6)" in shown
    assert np.char.count(shown, "+50.0 (+15.4 to +84.6)") == 2
