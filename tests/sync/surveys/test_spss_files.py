"""SPSS files wherever answers are read: crosstab, typing tool, discovery, a connection of files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from sync.cli.main import run
from sync.modeling.inputs import from_file
from sync.surveys.answers import SurveyColumns, answers_from_file

WORKSPACE = {
    "personasync.toml": '[workspace]\nname = "W"\n[connections.shop]\nconnector = "files"\ncontacts = "people.csv"\n'
    '[connections.survey]\nconnector = "files"\nanswers = "answers.sav"\n',
    "people.csv": "email,consent\np1@people.test,subscribed\n",
    "segments.toml": "",
    "personas.toml": "",
}
LABELS: dict[str, dict[int | float, str]] = {
    "like": {1: "not at all", 5: "very much", 9: "refused"},
    "segment": {1: "Bargain", 2: "Taste"},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in WORKSPACE.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    generator = np.random.default_rng(1)
    segment = generator.integers(1, 3, 120)
    like = np.clip(np.round(generator.normal(np.where(segment == 1, 2, 4), 1)), 1, 5)
    like[:10] = 9
    frame = pd.DataFrame(
        {
            "email": [f"p{place}@people.test" for place in range(120)],
            "segment": segment.astype(float),
            "like": like,
            "price": np.clip(np.round(generator.normal(np.where(segment == 1, 5, 3), 1)), 1, 6),
        }
    )
    pyreadstat.write_sav(
        frame,
        tmp_path / "answers.sav",
        column_labels={"like": "How much do you like it?"},
        variable_value_labels=LABELS,
        missing_ranges={"like": [9]},
        variable_measure={"segment": "nominal", "like": "ordinal", "price": "scale"},
    )
    return tmp_path


def test_a_crosstab_has_labels_and_texts_and_no_missing_value(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["survey", "crosstab", "answers.sav", "--by", "segment", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    like = document["questions"][0]
    assert [column["group"] for column in document["columns"]] == ["Total", "Bargain", "Taste"]
    assert (like["question"], like["text"], like["bases"][0]["people"]) == ("like", "How much do you like it?", 110)
    assert [row["label"] for row in like["rows"]][:5] == ["not at all", "2", "3", "4", "very much"]


def test_groups_with_labels_stand_in_the_order_of_their_codes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0] * 30, "buys": [1.0, 2.0] * 45})
    labels: dict[str, dict[int | float, str]] = {"size": {3: "large", 1: "small", 2: "medium"}}
    pyreadstat.write_sav(frame, folder / "s.sav", variable_value_labels=labels, variable_measure={"size": "ordinal"})

    assert run(["survey", "crosstab", "s.sav", "--by", "size", "--json"]) == 0

    columns = json.loads(capsys.readouterr().out)["columns"]
    assert [column["group"] for column in columns] == ["Total", "small", "medium", "large"]


def test_a_typing_tool_asks_the_text_and_offers_the_labels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["survey", "design", "answers.sav", "--segment", "segment", "--length", "2", "--json"])

    tool = json.loads(capsys.readouterr().out)
    questions = {question["item"]: question for question in tool["questions"]}
    assert status == 0
    assert questions["like"]["text"] == "How much do you like it?"
    assert [answer["label"] for answer in questions["like"]["answers"]] == ["not at all", "2", "3", "4", "very much"]


def test_items_keep_numbers_and_nominal_codes_are_categories(folder: Path) -> None:
    read = answers_from_file(Path("answers.sav"), SurveyColumns(segment="segment"))
    base = from_file(Path("answers.sav"), wanted=(), respondent=None, beside=(), most=3)

    assert set(read.sheet.segments) == {"Bargain", "Taste"}
    assert np.isnan(read.sheet.values[:10, 0]).all()  # noqa: PD011 - no table of pandas
    assert read.sheet.labels["like"] == {1.0: "not at all", 5.0: "very much", 9.0: "refused"}
    assert base.items.names == ("segment", "like", "price")
    assert base.items.categories[0] == ("Bargain", "Taste")


@pytest.mark.slow
def test_a_connection_of_files_reads_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pull", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["rows"]["survey survey_answers"] == 120 * 3 - 10
