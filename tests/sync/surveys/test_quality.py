"""`survey quality` and `survey sample-size` as people use them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from sync.cli.main import run

HEAD = ["id", "segment", *(f"q{item}" for item in range(8)), "check", "duration"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    return tmp_path


def answers(people: int = 120) -> list[list[str]]:
    """p0 gives one answer to all, p1 took a minute, p2 failed the check, p3 stands in two rows."""
    generator = np.random.default_rng(3)
    rows = [
        [f"p{place}", "ab"[place % 2], *map(str, generator.integers(1, 6, 8)), "4", f"0:{place % 20 + 10}:00"]
        for place in range(people)
    ]
    rows[0][2:10] = ["2"] * 8
    rows[1][-1], rows[2][-2] = "0:01:00", "1"
    return [HEAD, *rows, ["p3", *rows[3][1:2], "5", *rows[3][3:]]]


def write(path: Path, rows: list[list[str]]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path.name


def say(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = run(list(arguments))
    output = capsys.readouterr()
    return status, output.out, output.err


QUALITY = ("survey", "quality", "a.csv", "--attention", "check=4", "--by", "segment")


def test_flags_come_with_reasons_effects_and_a_list_and_remove_nobody(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "a.csv", answers())
    before = (folder / "a.csv").read_bytes()

    status, out, _ = say(capsys, *QUALITY, "--out", "list.csv", "--kept", "kept.csv", "--json")
    _, shown, _ = say(capsys, *QUALITY)

    document = json.loads(out)
    listed = list(csv.DictReader((folder / "list.csv").read_text("utf-8").splitlines()))
    kept = (folder / "kept.csv").read_text("utf-8").splitlines()
    assert status == 0
    assert [(row["respondent"], row["flags"]) for row in listed] == [
        ("p0", "straight-liner"),
        ("p1", "speeder"),
        ("p2", "attention"),
        ("p3", "duplicate"),
        ("p3", "duplicate"),
    ]
    assert document["flagged"] == 5
    assert document["groups"] == {"a": {"respondents": 60, "flagged": 2}, "b": {"respondents": 61, "flagged": 3}}
    assert document["median_duration"] == 1140.0
    assert len(kept) == 1 + 121 - 5
    assert (folder / "a.csv").read_bytes() == before
    assert "5 of 121 respondents (4.1%) have a flag. Nobody was removed." in shown
    assert "Blocks on one scale: q0 to q7." in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--attention", "check"], "--attention 'check' is not COLUMN=ANSWER."),
        (["--attention", "check=9"], "a.csv: nobody gave the answer '9' to 'check'. Answers given: 1, 4."),
        (["--attention", "chek=4"], "a.csv has no column 'chek'."),
        (["--block", "z*"], "--block 'z*' names 0 items."),
        (["--duration", "segment"], "row 2, column 'segment': 'a' is not a duration."),
        (["--kept", "a.csv"], "a.csv is the file of answers. Write to another file."),
        (["--out", "list.txt"], "list.txt has no suffix that can be written."),
    ],
)
def test_what_is_not_in_the_file_is_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    write(folder / "a.csv", answers())

    status, _, error = say(capsys, "survey", "quality", "a.csv", *options)

    assert (status, message in error) == (2, True)


def test_what_was_not_judged_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(
        folder / "a.csv",
        [["id", "x", "y", "why"], ["p1", "1", "2", "so"], ["p2", "2", "1", "then"], ["p3", "3", "1", "if"]],
    )

    _, shown, _ = say(capsys, "survey", "quality", "a.csv")

    assert "Speed was not judged: no column of durations" in shown
    assert "Straight-lining was not judged" in shown
    assert "'why' is excluded: column 'why': its 3 answers are words of unknown order" in shown


def test_a_plan_names_what_each_segment_and_pair_needs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = ["--segment", "big=0.8", "--segment", "small=0.2", "--difference", "0.1", "--response", "0.25"]

    status, out, _ = say(capsys, "survey", "sample-size", *plan, "--json")
    _, given, _ = say(capsys, "survey", "sample-size", *plan, "--respondents", "500")

    document = json.loads(out)
    needed = {each["what"]: each["respondents"] for each in document["requirements"]}
    assert status == 0
    assert needed["everybody: a share within ±5 pp"] == 385
    assert needed["small: a share within ±5 pp"] == 385 * 5
    assert (document["respondents"], document["invited"]) == (1925, 7700)
    assert "500 respondents given; invite 2,000 at a response rate of 25.0%." in given
    assert "±9.8 pp, 100 people" in given


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--segment", "a=0.6", "--segment", "b=0.6"], "The segments are more than everybody."),
        (["--segment", "a=half"], "--segment 'a=half' is not NAME=SHARE."),
        (["--segment", "a=0.5", "--segment", "a=0.5"], "--segment 'a=0.5' is not NAME=SHARE."),
        (["--difference", "0.1"], "A difference needs two segments at least."),
        (["--respondents", "10", "--population", "5"], "More respondents than people."),
    ],
)
def test_a_plan_that_makes_no_sense_is_an_error(
    capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    status, _, error = say(capsys, "survey", "sample-size", *options)

    assert (status, message in error) == (2, True)


def test_a_sample_larger_than_its_population_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    _, shown, _ = say(capsys, "survey", "sample-size", "--population", "200", "--response", "0.5")

    assert "132 respondents planned; invite 264" in shown
    assert "Warning: that is more than the population of 200" in shown
