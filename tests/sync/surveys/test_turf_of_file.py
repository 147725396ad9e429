"""`survey turf` as people use it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from sync.cli.main import run

# 60 like cola and lemon, 40 like tea only; the last one did not say about tea
ROWS = [["id", "cola", "lemon", "tea", "w"], *([f"p{n}", "5", "4", "1", "1"] for n in range(60))]
ROWS += [[f"q{n}", "2", "1", "4", "3"] for n in range(39)] + [["r", "1", "1", "", "3"]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(ROWS)
    return tmp_path


def turf(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = run(["survey", "turf", "a.csv", "--exclude", "w", *options])
    output = capsys.readouterr()
    return status, output.out, output.err


def test_the_best_pair_is_not_the_two_most_liked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = turf(capsys, "--size", "2", "--at-least", "4", "--json")
    _, shown, _ = turf(capsys, "--size", "2", "--at-least", "4")

    document = json.loads(out)
    assert status == 0
    assert [(found["items"], found["reach"]) for found in document["sets"]] == [
        (["cola"], 0.6),
        (["cola", "tea"], pytest.approx(0.99)),
    ]
    assert document["sets"][1]["proven"] is True
    assert "1 missing answers count as not reached." in document["notes"]
    assert "Respondents: 100; all 3 items together reach 99.0%." in shown


def test_weights_and_the_best_of_each_person_decide_otherwise(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, weighted, _ = turf(capsys, "--size", "1", "--at-least", "4", "--weight", "w", "--json")
    _, top, _ = turf(capsys, "--size", "1", "--top", "1", "--json")
    _, fixed, _ = turf(capsys, "--size", "2", "--at-least", "4", "--always", "lemon", "--json")

    assert json.loads(weighted)["sets"][0] | {"next_best": 0, "frequency": 0} == {
        "items": ["tea"],
        "reach": pytest.approx(117 / 180),
        "frequency": 0,
        "proven": True,
        "search": "all sets",
        "next_best": 0,
    }
    assert json.loads(top)["sets"][0]["reach"] == pytest.approx(0.61)  # r likes both equally
    assert [found["items"] for found in json.loads(fixed)["sets"]] == [["lemon"], ["lemon", "tea"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--size", "1"],
            "a.csv: 'cola' is not a yes/no item, so it is not known who is reached. Say from which answer on",
        ),
        (["--at-least", "9", "--size", "1"], "nobody is reached by any item."),
        (["--at-least", "4", "--top", "1"], "--at-least and --top can't be combined."),
        (["--at-least", "4", "--size", "3"], "3 of 3 items can't be chosen."),
        (["--at-least", "4", "--always", "milk"], "a.csv has no column 'milk'."),
    ],
)
def test_what_cannot_be_chosen_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    status, _, error = turf(capsys, *options)

    assert (status, message in error) == (2, True)


def test_two_words_that_are_not_yes_and_no_reach_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = ROWS
    words = [[*row, "female" if place % 2 else "male", "yes" if place % 3 else "no"] for place, row in enumerate(rows)]
    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*head, "sex", "milk"], *words])

    status, out, _ = turf(
        capsys, "--size", "1", "--item", "sex", "--item", "milk", "--item", "tea", "--top", "3", "--json"
    )

    document = json.loads(out)
    assert status == 0
    assert [each["items"] for each in document["alone"]] == [["milk"], ["tea"]]
    assert "Two words that are not yes and no, left out: sex." in document["notes"]
