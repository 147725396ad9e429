"""`survey crosstab` as people use it: from a file to letters, a workbook, rows; and files that are not right."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from sync.cli.main import run

PEOPLE = 200


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    return tmp_path


def answers() -> list[dict[str, str]]:
    """100 of the north, 70 of whom buy; 100 of the south, 40 of whom buy, and who like it by one point less."""
    rows = []
    for place in range(PEOPLE):
        north = place < 100
        buys = place < 70 if north else place < 140
        likes = 3 + place % 3 - (0 if north else 1)
        rows.append(
            {
                "id": f"p{place}",
                "region": "north" if north else "south",
                "buys": "yes" if buys else "no",
                "likes": str(likes),
                "spend": str(100 + place * 7 % 50),
                "weight": "0.5" if place % 2 else "1.5",
            }
        )
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    return path.name


def say(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = run(list(arguments))
    output = capsys.readouterr()
    return status, output.out, output.err


def test_a_table_on_the_screen_has_bases_letters_and_how_it_was_tested(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(folder / "a.csv", answers())

    status, shown, _ = say(capsys, "survey", "crosstab", file, "--by", "region", "--exclude", "weight")

    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert status == 0
    assert "Total A north B south" in lines
    assert "Base 200 100 100" in lines
    assert "yes 55% 70% B 40%" in lines
    assert "Top 2" not in shown  # four points
    assert "Mean 3.50 4.00 B 2.99" not in lines
    assert "By region: chi-squared 18.18, p < 0.001, Cramér's V 0.30 (medium)." in lines
    assert "Holm's correction over the pairs of each row" in shown


def test_pandas_counts_the_same_shares_with_weights(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = answers()
    file = write(folder / "a.csv", rows)
    frame = pd.DataFrame(rows).astype({"weight": float, "likes": float})
    by_region = frame.groupby("region")

    _, out, _ = say(capsys, "survey", "crosstab", file, "--by", "region", "--weight", "weight", "--json")

    document = json.loads(out)
    figures = {
        (question["question"], row["label"]): [cell["value"] for cell in row["cells"]]
        for question in document["questions"]
        for row in question["rows"]
    }
    shares = [part.weight[part.buys == "yes"].sum() / part.weight.sum() for _, part in by_region]
    means = [np.average(part.likes, weights=part.weight) for _, part in by_region]
    assert figures["buys", "yes"][1:] == pytest.approx(shares)
    assert figures["likes", "Mean"][1:] == pytest.approx(means)
    assert [column["effective"] for column in document["columns"]] == pytest.approx([160, 80, 80])
    assert ("weight", "Mean") not in figures


def test_a_workbook_has_numbers_letters_tests_and_notes_and_runs_no_formula(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**row, "=evil": row.pop("spend")} for row in answers()]
    file = write(folder / "a.csv", rows)

    status, _, _ = say(capsys, "survey", "crosstab", file, "--by", "region", "--exclude", "weight", "--out", "x.xlsx")

    book = openpyxl.load_workbook(folder / "x.xlsx")
    cells = [[cell.value for cell in row] for row in book["Crosstab"].iter_rows()]
    yes = next(row for row in cells if row[0] == "yes")
    tests = [[cell.value for cell in row] for row in book["Tests"].iter_rows()]
    assert status == 0
    assert book.sheetnames == ["Crosstab", "Tests", "Notes"]
    assert yes[:7] == ["yes", 0.55, None, 0.7, "B", 0.4, None]
    assert "f" not in {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert ["buys", "yes", "A", "B"] in [row[:4] for row in tests]
    assert (folder / "x.xlsx").stat().st_mode & 0o077 == 0


def test_a_workbook_that_cannot_be_written_is_one_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder / "a.csv", answers())

    status, _, error = say(capsys, "survey", "crosstab", file, "--by", "region", "--out", "nowhere/x.xlsx")

    assert status == 2
    assert error.startswith("Error: nowhere/x.xlsx can't be written: No such file or directory.")
    assert error.count("\n") == 1


def test_rows_for_other_programs_have_one_figure_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder / "a.csv", answers())

    say(capsys, "survey", "crosstab", file, "--by", "region", "--question", "buys", "--out", "x.csv")

    read = pd.read_csv(folder / "x.csv")
    assert read.query("answer == 'yes' and group == 'north'")[["value", "letters", "base"]].to_numpy().tolist() == [
        [0.7, "B", 100]
    ]


def test_segments_of_another_file_are_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = answers()
    file = write(folder / "a.csv", [{"id": row["id"], "buys": row["buys"]} for row in rows])
    write(folder / "scored.csv", [{"respondent": row["id"], "segment": row["region"]} for row in rows[:150]])

    status, shown, _ = say(capsys, "survey", "crosstab", file, "--segments", "scored.csv")

    assert status == 0
    assert "50 of 200 respondents have no segment in scored.csv: they are in the total only." in shown
    assert "Base 200 100 50" in [" ".join(line.split()) for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        ("{row[id]}", "x{row[id]}", "both are named by ids, and none of the 200 is among the 200"),
        ("{row[id]}", "{row[id]}@people.test", "they are named by ids, the others by addresses"),
        ("", "{row[id]}", "the file has no column that says who answered, so they have row numbers"),
    ],
)
def test_segments_of_strangers_are_an_error_with_the_reason(
    folder: Path, capsys: pytest.CaptureFixture[str], ours: str, theirs: str, reason: str
) -> None:
    rows = answers()
    own = [{"id": ours.format(row=row), "buys": row["buys"]} if ours else {"buys": row["buys"]} for row in rows]
    file = write(folder / "a.csv", own)
    write(folder / "s.csv", [{"respondent": theirs.format(row=row), "segment": row["region"]} for row in rows])

    status, _, error = say(capsys, "survey", "crosstab", file, "--segments", "s.csv")

    assert status == 2
    assert f"None of the 200 respondents of a.csv is in s.csv: {reason}." in error


def changed(column: str, value: str, place: int = 3) -> list[dict[str, str]]:
    rows = answers()
    rows[place][column] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (changed("weight", "-1"), ["--weight", "weight"], "row 5, column 'weight': '-1' is not a weight."),
        (changed("weight", ""), ["--weight", "weight"], "row 5, column 'weight': there is no weight."),
        ([{**row, "weight": "0"} for row in answers()], ["--weight", "weight"], "all weights are 0, so nobody counts."),
        ([{**row, "region": "north"} for row in answers()], [], "everybody is in 'north'."),
        ([{**row, "region": row["id"]} for row in answers()], [], "has 200 different values"),
        (answers(), ["--correction", "sidak"], "Unknown correction 'sidak'. Use holm, bonferroni, fdr, none."),
        (answers(), ["--out", "x.pdf"], "x.pdf has no suffix that can be written."),
        (answers(), ["--question", "sells"], "a.csv has no column 'sells'."),
        (changed("likes", "many"), [], "row 5, column 'likes': 'many' is not a number."),
    ],
)
def test_what_cannot_be_shown_is_an_error_that_names_the_place(
    folder: Path, capsys: pytest.CaptureFixture[str], rows: list[dict[str, str]], options: list[str], message: str
) -> None:
    file = write(folder / "a.csv", rows)

    status, _, error = say(capsys, "survey", "crosstab", file, "--by", "region", *options)

    assert status == 2
    assert message in error


def test_odd_answers_are_told_and_counted_as_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = changed("weight", "0")
    rows.append({**rows[0], "buys": "no"})  # p0 once more, with another answer
    for place, row in enumerate(rows):  # 30 brands that one person each names, 10 that many do
        row["brand"] = f"rare{place}" if place < 30 else f"brand{place % 10}"
    file = write(folder / "a.csv", rows)

    status, shown, _ = say(capsys, "survey", "crosstab", file, "--by", "brand", "--weight", "weight", "--json")

    document = json.loads(shown)
    assert status == 0
    assert document["notes"][0] == (
        "Answered several times: 1, 1 with other answers; the last row counts: p0 in rows 2, 202."
    )
    assert "Weight 0, so they count nowhere: 1 of 200 respondents." in document["notes"]
    assert "brand: 29 rare groups are joined as 'other'." in document["notes"]
    assert [column["group"] for column in document["columns"]][-1] == "other"
    assert len(document["columns"]) == 12
    assert document["tested"] == 0  # no group has 30 people


def test_a_list_leaves_respondents_out_and_strangers_on_it_are_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(folder / "a.csv", answers())
    listed = [{"respondent": f"p{place}", "exclude": "yes" if place else "no"} for place in range(20)]
    write(folder / "list.csv", listed)
    write(folder / "strangers.csv", [{"respondent": "nobody"}])

    _, shown, _ = say(capsys, "survey", "crosstab", file, "--by", "region", "--leave-out", "list.csv")
    status, _, error = say(capsys, "survey", "crosstab", file, "--leave-out", "strangers.csv")

    assert "Left out, as list.csv says: 19 respondents; 181 remain." in shown
    assert "Base 181 81 100" in [" ".join(line.split()) for line in shown.splitlines()]
    assert (status, "strangers.csv leaves out nobody of a.csv: both are named by ids" in error) == (2, True)
