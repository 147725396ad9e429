"""Quotas of a survey: cells of columns, bands and labels; what is not filled; weights that every command reads."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.errors import FixSettingsError
from segmenter.surveys.answers import AnswerSheet
from segmenter.surveys.survey_checks import telling_items
from sync.cli.main import run
from sync.surveys.quotas import Quotas, quotas_of, raked_to
from sync.surveys.spreadsheet import Grid

GENDER = '[[quota]]\ncolumns = ["gender"]\nshares = { female = 50, male = 50 }\n'
AGES = """[[quota]]
columns = ["age", "gender"]
[quota.shares]
"18-34" = { female = 30, male = 20 }
"35+" = { female = 20, male = 30 }
"""


def held(
    tmp_path: Path, text: str, rows: list[tuple[str, ...]], headers: tuple[str, ...] = ("age", "gender")
) -> Quotas:
    (tmp_path / "quotas.toml").write_text(text)
    return quotas_of(tmp_path / "quotas.toml", Grid("a.csv", headers, tuple(rows), tuple(range(2, len(rows) + 2))))


def people(*cells: tuple[str, str, int]) -> list[tuple[str, ...]]:
    return [(age, gender) for age, gender, many in cells for _ in range(many)]


def answers(path: Path, *, seed: int = 1, many: int = 240) -> Path:
    """Four of five are women; women say yes to q1 far more often. Every fifth says the same to most."""
    rng = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["respondent", "age", "gender", *(f"q{item}" for item in range(1, 7))])
        for place in range(many):
            woman = place % 5 > 0
            likely = (0.85, 0.8, 0.9, 0.15, 0.2, 0.1) if woman else (0.15, 0.2, 0.1, 0.85, 0.8, 0.9)
            items = [("no", "yes")[int(rng.random() < chance)] for chance in likely]
            writer.writerow([f"r{place}", 18 + place % 50, ("man", "woman")[woman], *items])
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert run([*arguments, "--json"]) == status, capsys.readouterr()
    return json.loads(capsys.readouterr().out)


def test_cells_are_counted_by_words_of_any_capitals_and_bands_of_numbers(tmp_path: Path) -> None:
    rows = people(("18", "Female", 30), ("34.5", "male", 18), ("35", "FEMALE", 20), ("99", "male", 32))

    quotas = held(tmp_path, AGES, rows)

    assert [(cell.name, cell.wanted, cell.there, cell.filled) for cell in quotas.cells] == [
        ("18-34, female", 30, 30, True),
        ("18-34, male", 20, 18, False),
        ("35+, female", 20, 20, True),
        ("35+, male", 30, 32, True),
    ]
    assert quotas.sentences("Ask more.") == [
        "Not filled: 18-34, male (age x gender) has 18 respondents, 20 are wanted: 2 short. Ask more."
    ]


def test_the_labels_of_an_spss_file_name_cells(tmp_path: Path) -> None:
    (tmp_path / "quotas.toml").write_text(GENDER)
    grid = Grid("a.sav", ("gender",), (("1",), ("2",)), (1, 2), {"gender": {"1": "Male", "2": "Female"}})

    assert [cell.there for cell in quotas_of(tmp_path / "quotas.toml", grid).cells] == [1, 1]


def test_numbers_of_people_are_wanted_as_they_are(tmp_path: Path) -> None:
    text = 'tolerance = 0\n[[quota]]\ncolumns = ["gender"]\npeople = { female = 10, male = 12 }\n'

    quotas = held(tmp_path, text, people(("20", "female", 10), ("20", "male", 11)))

    assert [(cell.wanted, cell.filled) for cell in quotas.cells] == [(10, True), (12, False)]
    assert "male (gender) has 11 respondents, 12 are wanted: 1 short" in quotas.sentences()[0]


def test_who_gave_no_answer_is_in_no_cell_and_told(tmp_path: Path) -> None:
    quotas = held(tmp_path, GENDER, people(("20", "female", 5), ("20", "male", 5), ("20", "", 2), ("20", "n/a", 1)))

    assert [cell.there for cell in quotas.cells] == [5, 5]
    assert "3 respondents gave no answer to gender" in quotas.sentences()[-1]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (GENDER.replace("50", "40"), "quotas.toml, [[quota]] 1: the shares add up to 80, not to 1 or 100"),
        (GENDER.replace(" male = 50", " male = -50"), "'male' has to be a number from 0 on"),
        (GENDER.replace(" male", " m"), "a.csv, row 3, column 'gender': 'male' is in no cell of quotas.toml"),
        (GENDER.replace('"gender"', '"sex"'), "a.csv has no column 'sex'"),
        (GENDER + GENDER, "[[quota]] 2: gender has a quota already"),
        (AGES.replace("{ female = 30, male = 20 }", "50"), "'18-34' has to be a table"),
        (AGES.replace("35+", "40+"), "a.csv, row 3, column 'age': '35' is in no cell"),
        (AGES.replace("30, male = 20", "50"), "quotas.toml, [[quota]] 1 has no cell 18-34, male"),
        (GENDER.replace("shares", "share"), "share"),
        (GENDER.replace("{ female = 50, male = 50 }", "{}"), "needs either shares or people"),
        (GENDER.replace("50", "nan"), "'female' has to be a number from 0 on"),
        (GENDER.replace('["gender"]', '["gender", "gender"]'), "gender x gender names a column twice"),
        (GENDER.replace("shares", "people").replace("50", "1e308"), "inf are wanted"),
        ("[[quota]", "quotas.toml is not valid TOML"),
    ],
)
def test_a_mistake_is_an_error_with_its_place(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(FixSettingsError) as caught:
        held(tmp_path, text, [("20", "female"), ("35", "male"), ("20", "male")])

    assert error in str(caught.value)
    assert caught.value.fix or "share" in error


def test_nobody_makes_up_for_people_who_are_not_there(tmp_path: Path) -> None:
    quotas = held(tmp_path, AGES, people(("20", "female", 30), ("40", "female", 20), ("40", "male", 32)))

    assert not quotas.cells[1].filled
    with pytest.raises(FixSettingsError, match=r"Nobody is in 18-34, male \(age x gender\), of whom .* wants 20.0%"):
        raked_to(quotas, np.ones(82))


def test_a_cell_of_which_nobody_is_wanted_has_the_weight_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = answers(tmp_path / "answers.csv")
    (tmp_path / "quotas.toml").write_text('[[quota]]\ncolumns = ["gender"]\nshares = { woman = 1, man = 0 }\n')
    out = tmp_path / "weights.csv"
    document = said(capsys, "survey", "weight", str(file), "--quotas", str(tmp_path / "quotas.toml"), "--out", str(out))
    counted = said(
        capsys, "survey", "turf", str(file), "--item", "q1", "--item", "q4", "--size", "1", "--weight", str(out)
    )

    assert (document["respondents"], counted["respondents"]) == (192, 192)
    assert "Weight 0, so they count nowhere: 48 respondents, of whom nobody is wanted." in document["notes"]
    assert "Weight 0, so they count nowhere: 48 of 240 respondents." in counted["notes"]


def test_quotas_that_contradict_each_other_are_an_error(tmp_path: Path) -> None:
    text = GENDER.replace("female = 50, male = 50", "female = 70, male = 30") + AGES
    rows = people(("20", "female", 9), ("20", "male", 8), ("40", "female", 7), ("40", "male", 6))

    with pytest.raises(FixSettingsError, match=r"can't be met together: with every weight, a share is .* off"):
        raked_to(held(tmp_path, text, rows), np.ones(30))


def test_a_missing_file_of_quotas_is_named(tmp_path: Path) -> None:
    with pytest.raises(FixSettingsError, match=r"There is no file .*no.toml"):
        quotas_of(tmp_path / "no.toml", Grid("a.csv", ("gender",), (("male",),), (2,)))


@pytest.fixture
def weighted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, Path]:
    """Answers of four women to one man, and weights with which half are men."""
    file = answers(tmp_path / "answers.csv")
    (tmp_path / "quotas.toml").write_text(GENDER.replace("female", "woman").replace(" male", " man"))
    out = tmp_path / "weights.csv"
    document = said(capsys, "survey", "weight", str(file), "--quotas", str(tmp_path / "quotas.toml"), "--out", str(out))

    assert [(cell["cell"], cell["filled"]) for cell in document["cells"]] == [("woman", True), ("man", False)]
    assert [cell["mean_weight"] for cell in document["cells"]] == pytest.approx([0.625, 2.5])
    assert [cell["weighted_share"] for cell in document["cells"]] == pytest.approx([0.5, 0.5])
    assert document["design_effect"] == pytest.approx(1 + (0.8 * 0.375**2 + 0.2 * 1.5**2))
    return file, out


def test_quality_shows_which_quotas_are_filled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = answers(tmp_path / "answers.csv")
    (tmp_path / "quotas.toml").write_text(GENDER.replace("female", "woman").replace(" male", " man"))
    assert run(["survey", "quality", str(file), "--quotas", str(tmp_path / "quotas.toml")]) == 0
    shown = " ".join(capsys.readouterr().out.split())

    assert "Not filled: man (gender) has 48 respondents, 120 are wanted: 72 short. Survey more of them" in shown


def test_crosstab_and_turf_read_the_weights(weighted: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    file, weights = map(str, weighted)
    shown = said(capsys, "survey", "crosstab", file, "--by", "gender", "--question", "q1", "--weight", weights)
    reached = said(capsys, "survey", "turf", file, "--item", "q1", "--item", "q4", "--size", "1", "--weight", weights)

    assert shown["weight"] == weights
    assert reached["effective_base"] == pytest.approx(240 / (1 + 0.8 * 0.375**2 + 0.2 * 1.5**2))
    with Path(file).open(encoding="utf-8") as read:
        rows = [*csv.DictReader(read)]
    heavy = [2.5 if row["gender"] == "man" else 0.625 for row in rows]
    shares = {item["items"][0]: item["reach"] for item in reached["alone"]}
    assert shares["q1"] == pytest.approx(np.average([row["q1"] == "yes" for row in rows], weights=heavy))


@pytest.mark.parametrize(
    ("change", "said_of_it"),
    [
        (lambda rows: rows[:-1], "answers.csv, row 241: 'r239' has no weight in weights.csv"),
        (lambda rows: [*rows, rows[1]], "weights.csv: 'r0' stands in rows 2, 242"),
        (lambda rows: [rows[0], ["r0", "-1"], *rows[2:]], "weights.csv, row 2, column 'weight': '-1' is not a weight"),
        (lambda rows: [rows[0], *([who + "x", w] for who, w in rows[1:])], "None of the 240 respondents"),
        (lambda rows: [rows[0], *([who, "0"] for who, _ in rows[1:])], "all weights are 0"),
    ],
)
def test_a_file_of_weights_that_does_not_fit_is_an_error(
    weighted: tuple[Path, Path], capsys: pytest.CaptureFixture[str], change: Any, said_of_it: str
) -> None:
    file, weights = weighted
    with weights.open(encoding="utf-8", newline="") as read:
        rows = [*csv.reader(read)]
    with weights.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows(change(rows))

    assert run(["survey", "crosstab", str(file), "--by", "gender", "--weight", str(weights)]) == 2
    assert said_of_it in " ".join(capsys.readouterr().err.split())


def test_one_respondent_twice_counts_with_the_last_row_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = answers(tmp_path / "answers.csv")
    with file.open("a", encoding="utf-8") as more:
        more.write("r3,30,man,no,no,no,no,no,no\n")
    (tmp_path / "quotas.toml").write_text(GENDER.replace("female", "woman").replace(" male", " man"))
    document = said(capsys, "survey", "weight", str(file), "--quotas", str(tmp_path / "quotas.toml"))

    assert document["respondents"] == 240
    assert document["notes"][0] == (
        "Answered several times: 1, 1 with other answers; the last row counts: r3 in rows 5, 242."
    )
    assert [cell["there"] for cell in document["cells"]] == [191, 49]


WORKSPACE = {"personasync.toml": '[workspace]\nname = "W"\n', "segments.toml": "", "personas.toml": ""}


@pytest.mark.long
def test_discover_audit_and_design_read_the_weights(
    weighted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four of five respondents are women, half of the population: segments of women's and men's answers."""
    file, weights = weighted
    for name, text in WORKSPACE.items():
        (file.parent / name).write_text(text, "utf-8")
    monkeypatch.chdir(file.parent)
    away = ("--exclude", "age", "--exclude", "gender")
    found = said(capsys, "discover", str(file), *away, "--weight", str(weights), "--segments", "2")
    partition = file.parent / "partition.csv"
    with file.open(encoding="utf-8") as read:
        people = [(row["respondent"], row["gender"]) for row in csv.DictReader(read)]
    partition.write_text("respondent,segment\n" + "".join(f"{who},{gender}\n" for who, gender in people))
    audited = said(capsys, "discover", str(file), *away, "--weight", str(weights), "--audit", str(partition))
    design = ("survey", "design", str(file), "--segment", "gender", "--exclude", "age", "--length", "2")
    own = said(capsys, *design, "--weight", str(weights))
    alike = said(capsys, *design)

    assert sorted(segment["share"] for segment in found["segments"]) == pytest.approx([0.5, 0.5], abs=0.06)
    assert sorted(segment["size"] for segment in found["segments"])[1] > 160
    assert {s["name"]: (s["people"], s["share"]) for s in audited["segments"]} == {
        "man": (48, pytest.approx(0.5)),
        "woman": (192, pytest.approx(0.5)),
    }
    assert "effective sample size" in " ".join(audited["notes"])
    assert (own["quality"]["largest_share"], alike["quality"]["largest_share"]) == pytest.approx((0.5, 0.8))
    assert own["quality"]["effective"] == pytest.approx(240 / (1 + 0.8 * 0.375**2 + 0.2 * 1.5**2))
    assert alike["quality"]["effective"] is None
    ends = [(point["high"] - point["low"]) for point in (own["quality"]["curve"][1], alike["quality"]["curve"][1])]
    assert ends[0] > ends[1]


def test_maxdiff_reads_the_weights_of_rows_and_of_respondents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of two kinds was asked three times as often: its favourite leads the counts, not the population."""
    lines, weights = ["id,set,best,worst,item1,item2,item3"], ["respondent,weight"]
    for place in range(40):
        best, worst = ("a", "c") if place % 4 else ("c", "a")
        lines += [f"r{place},{number},{best},{worst},a,b,c" for number in (1, 2, 3)]
        weights.append(f"r{place},{1 if place % 4 else 3}")
    (tmp_path / "choices.csv").write_text("\n".join(lines))
    (tmp_path / "weights.csv").write_text("\n".join(weights))
    answered = str(tmp_path / "choices.csv")
    own = said(capsys, "survey", "maxdiff", answered, "--weight", str(tmp_path / "weights.csv"))
    alike = said(capsys, "survey", "maxdiff", answered)
    (tmp_path / "choices.csv").write_text(
        "\n".join([lines[0] + ",w", *(f"{line},{1 + (place == 1)}" for place, line in enumerate(lines[1:]))])
    )

    assert [item["score"] for item in own["items"]] == pytest.approx([0, 0, 0])
    assert [item["score"] for item in alike["items"]] == pytest.approx([0.5, 0, -0.5])
    shares = {item["item"]: (item["share"], item["share_high"] - item["share_low"]) for item in own["items"]}
    assert shares["a"][0] == pytest.approx(shares["c"][0], abs=6)
    assert any("30 without weights" in note for note in own["notes"])  # (30 + 30)^2 / (30 + 90)
    assert run(["survey", "maxdiff", answered, "--weight", "w"]) == 2
    assert "'r0' has the weight 2 here and 1 above" in " ".join(capsys.readouterr().err.split())


def test_a_question_that_was_asked_after_the_segment_is_told() -> None:
    values = np.array([[1, 5, np.nan, 1], [0, 4, np.nan, 1], [1, 2, 3, 0], [0, 1, 4, 1]], dtype=float)
    sheet = AnswerSheet(("p", "q", "r", "s"), ("fair", "made", "later", "other"), values, ("x", "x", "y", "y"))

    found = telling_items(sheet)

    assert [(finding.message.split(".")[0], finding.fix) for finding in found] == [
        (
            "'made' tells the segment by itself: each of its answers is given in one segment only",
            EXCLUDE.format("made"),
        ),
        ("'later' tells the segment by itself: all of y answered it, and nobody else", EXCLUDE.format("later")),
    ]
    assert telling_items(replace(sheet, segments=())) == []


EXCLUDE = "Pass --exclude '{}' in that case."
