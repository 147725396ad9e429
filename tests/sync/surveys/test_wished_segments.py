"""`survey design -k N` refuses noise as `discover` does, and one column of large numbers does not decide."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from sklearn.metrics import adjusted_rand_score

from segmenter.surveys.answers import AnswerSheet
from sync.cli.main import run
from sync.surveys.wished_segments import wished_segments

PEOPLE = 240
WORKSPACE = {"personasync.toml": '[workspace]\nname = "W"\n', "segments.toml": "", "personas.toml": ""}


def three_kinds(generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """Yes/no answers of people of three kinds, who say yes to two questions each."""
    kind = generator.integers(0, 3, PEOPLE)
    chance = np.where(np.arange(6) // 2 == kind[:, None], 0.9, 0.1)
    return (generator.random((PEOPLE, 6)) < chance).astype(float), kind


def noise(generator: Generator) -> np.ndarray:
    return (generator.random((PEOPLE, 6)) < generator.uniform(0.2, 0.8, 6)).astype(float)


def sheet(values: np.ndarray) -> AnswerSheet:
    people, items = values.shape
    return AnswerSheet(tuple(f"p{row}" for row in range(people)), tuple(f"q{item}" for item in range(items)), values)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in WORKSPACE.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, values: np.ndarray) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        head = ["email", *(f"q{item}" for item in range(values.shape[1]))]
        rows = [[f"p{row}@people.test", *(int(cell) for cell in cells)] for row, cells in enumerate(values)]
        csv.writer(file).writerows([head, *rows])


@pytest.mark.slow
def test_noise_makes_no_tool_unless_somebody_insists_and_then_the_tool_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    write(folder / "noise.csv", noise(default_rng(2)))
    design = ["survey", "design", "noise.csv", "-k", "3", "--length", "2"]

    refused, error = run(design), capsys.readouterr().err
    saved = (folder / ".personasync" / "tools").exists()
    made, shown = run([*design, "--anyway"]), capsys.readouterr().out
    run(["survey", "list", "--json"])
    listed = json.loads(capsys.readouterr().out)["tools"]
    file = json.loads((folder / ".personasync" / "tools" / "short.json").read_text("utf-8"))

    sentence = error.removeprefix("Error: ").partition(" Run `personasync discover`")[0]
    assert (refused, saved) == (2, False)
    assert sentence.startswith("No segments: ")
    assert "shuffled copies" in sentence
    assert "--anyway" in error
    assert made == 0
    assert shown.count(sentence) == 2  # as a warning, and beside the hit rates
    assert "The tool was made with --anyway" in shown
    assert file["quality"]["anyway"] is True
    assert file["quality"]["segments_test"] == sentence
    assert [tool["anyway"] for tool in listed] == [True]


def test_segments_that_are_there_are_found_beside_one_column_of_large_numbers() -> None:
    generator = default_rng(3)
    values, kind = three_kinds(generator)
    income = generator.lognormal(10, 0.6, PEOPLE)

    wished = wished_segments(sheet(np.column_stack([values, income])), 3, centre=False, anyway=False, seed=1)

    assert adjusted_rand_score(wished.judged.labels, kind) > 0.6
    assert wished.judged.sentence.startswith("3 segments pass the tests of discover")
    some = np.arange(0, PEOPLE, 2)
    assert adjusted_rand_score(wished.labeller(some, generator), kind) > 0.6


@pytest.mark.proof
@pytest.mark.parametrize("k", [2, 4])
def test_noise_is_refused_in_ninety_five_of_a_hundred_sets(k: int) -> None:
    lights = []
    for seed in range(40):
        generator = default_rng(1000 + seed)
        values = noise(generator) if seed % 2 else generator.lognormal(size=(PEOPLE, 6)).round(1)
        lights.append(wished_segments(sheet(values), k, centre=False, anyway=True, seed=seed).judged.light)

    assert lights.count("red") >= 38
