"""`survey maxdiff` and `survey conjoint` as people use them: files in several forms, and files that are not right."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.random import default_rng

from segmenter.surveys.maxdiff import ChoiceTasks
from sync.cli.main import run
from sync.surveys.maxdiff_files import read_choices
from tests.segmenter.surveys.choice_surveys import simulated

SETS = 6
TEXTS = {f"i{item}": f"The text of {item}" for item in range(5)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    return tmp_path


def write(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def tasks() -> ChoiceTasks:
    """Two kinds of people who like the first items, or the last, in sets of two versions."""
    generator = default_rng(1)
    taste = np.linspace(-2, 2, 5) * np.where(np.arange(40) % 2, 1, -1)[:, None]
    drawn = simulated(taste, SETS, 3, generator)
    drawn.shown[:] = np.tile(drawn.shown[: 2 * SETS], (20, 1))  # version 1 and 2, in turns
    for row, (shown, person) in enumerate(zip(drawn.shown, drawn.person, strict=True)):
        worth = taste[person, shown] + generator.gumbel(size=3) / 2
        drawn.best[row], drawn.worst[row] = shown[np.argmax(worth)], shown[np.argmin(worth)]
    return drawn


def design(tasks: ChoiceTasks) -> list[list[object]]:
    head: list[object] = ["version", "set", "item1", "item2", "item3"]
    rows = [
        [row // SETS + 1, row % SETS + 1, *(tasks.items[item] for item in tasks.shown[row])] for row in range(2 * SETS)
    ]
    return [head, *rows]


def wide(tasks: ChoiceTasks) -> list[list[str]]:
    head = ["id", "version", *(f"{word}_{number}" for number in range(1, SETS + 1) for word in ("best", "worst"))]
    rows = [head]
    for person, who in enumerate(tasks.respondents):
        own = range(person * SETS, (person + 1) * SETS)
        chosen = [tasks.items[item] for row in own for item in (tasks.best[row], tasks.worst[row])]
        rows.append([who, str(person % 2 + 1), *chosen])
    return rows


def assert_same(read: ChoiceTasks, tasks: ChoiceTasks) -> None:
    def named(own: ChoiceTasks) -> list[tuple[str, list[str], str, str]]:
        return [
            (own.respondents[p], [own.items[i] for i in shown if i >= 0], own.items[b], own.items[w])
            for p, shown, b, w in zip(own.person, own.shown, own.best, own.worst, strict=True)
        ]

    assert named(read) == named(tasks)


def test_one_row_per_respondent_and_a_design_of_two_versions(folder: Path, tasks: ChoiceTasks) -> None:
    answers, made = write(folder / "a.csv", wide(tasks)), write(folder / "d.csv", design(tasks))

    assert_same(read_choices(answers, made, respondent=None).tasks, tasks)


def test_places_texts_and_a_design_with_one_row_per_item_say_the_same(folder: Path, tasks: ChoiceTasks) -> None:
    _, *rows = design(tasks)
    long = [[v, s, p, item] for v, s, *items in rows for p, item in reversed(list(enumerate(items, 1)))]
    made = write(folder / "d.csv", [["version", "task", "position", "item"], *long])
    shown = {(str(v), str(s)): [str(item) for item in items] for v, s, *items in rows}
    names, *answered = wide(tasks)
    by_place = [names] + [
        [who, v, *(str(shown[v, str(at // 2 + 1)].index(item) + 1) for at, item in enumerate(items))]
        for who, v, *items in answered
    ]
    by_text = [names] + [[who, v, *(TEXTS[item].upper() for item in items)] for who, v, *items in answered]

    places = read_choices(write(folder / "p.csv", by_place), made, respondent=None, positions=True)
    texts = read_choices(write(folder / "t.csv", by_text), made, respondent=None, texts=TEXTS)

    assert_same(places.tasks, tasks)
    assert_same(texts.tasks, tasks)


def test_one_row_per_set_needs_no_design_if_it_names_what_was_shown(folder: Path, tasks: ChoiceTasks) -> None:
    rows = [
        [
            tasks.respondents[person],
            row % SETS,
            *(tasks.items[i] for i in (*tasks.shown[row], tasks.best[row], tasks.worst[row])),
        ]
        for row, person in enumerate(tasks.person)
    ]
    answers = write(folder / "a.csv", [["respondent", "set", "item1", "item2", "item3", "best", "worst"], *rows])

    assert_same(read_choices(answers, None, respondent=None).tasks, tasks)


def test_utilities_are_items_that_discover_and_turf_take(
    folder: Path, tasks: ChoiceTasks, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "a.csv", wide(tasks))
    write(folder / "d.csv", design(tasks))

    status = run(["survey", "maxdiff", "a.csv", "--design", "d.csv", "--out", "u.csv", "--json"])
    document = json.loads(capsys.readouterr().out)
    turf = run(["survey", "turf", "u.csv", "--top", "1", "--size", "2", "--json"])

    best = json.loads(capsys.readouterr().out)["sets"][-1]
    utilities = pd.read_csv(folder / "u.csv").set_index("respondent")
    assert (status, turf) == (0, 0)
    assert sorted(best["items"]) == ["i0", "i4"]
    assert utilities.sum(axis=1).abs().max() < 1e-3
    assert (np.sign(utilities["i4"] - utilities["i0"]) == np.where(np.arange(40) % 2, 1, -1)).all()
    assert sum(item["best"] for item in document["items"]) == 40 * SETS
    assert document["like_random"] == []


def test_a_table_of_items_names_texts_and_fit(
    folder: Path, tasks: ChoiceTasks, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder / "a.csv", wide(tasks))
    write(folder / "d.csv", design(tasks))
    write(folder / "t.csv", [["item", "text"], *TEXTS.items()])

    run(["survey", "maxdiff", "a.csv", "--design", "d.csv", "--texts", "t.csv"])

    shown = capsys.readouterr().out
    assert "The text of 3" in shown
    assert "Respondents: 40; hierarchical logit" in shown
    assert "Fit no better than 95% of random respondents" in shown


def spoilt(tasks: ChoiceTasks, row: int, column: str, value: str) -> list[list[str]]:
    rows = wide(tasks)
    rows[row][rows[0].index(column)] = value
    return rows


@pytest.mark.slow
def test_what_does_not_fit_to_the_design_is_an_error_that_names_the_row(
    folder: Path, tasks: ChoiceTasks, capsys: pytest.CaptureFixture[str]
) -> None:
    made = design(tasks)
    hidden = next(item for item in tasks.items if item not in made[2][2:])
    first = wide(tasks)[1]
    cases = [
        (wide(tasks), None, "a.csv does not say which items were shown. Pass the design with --design FILE"),
        (spoilt(tasks, 1, "best_2", hidden), made, f"a.csv, row 2, set 2: {hidden!r} was not shown."),
        (spoilt(tasks, 1, "best_2", first[5]), made, f"row 2, set 2: {first[5]!r} is both best and worst."),
        (spoilt(tasks, 3, "version", "9"), made, "row 4, set 1: the design has no version '9'."),
        (wide(tasks), made[:-1], "set 6: the design has no set '6'."),
        (wide(tasks), [*made, made[3]], "d.csv, row 14: set 3 stands there a second time."),
        (wide(tasks), [*made[:-1], [*made[-1][:4], made[-1][3]]], "d.csv, set 6: it shows"),
        ([["id", "q1"], ["p1", "1"]], made, "a.csv has no columns of best and worst items."),
    ]

    for answers, given, message in cases:
        write(folder / "a.csv", answers)
        options = [] if given is None else ["--design", str(write(folder / "d.csv", given))]
        status = run(["survey", "maxdiff", "a.csv", *options])
        error = capsys.readouterr().err

        assert (status, message in error) == (2, True), error


def test_sets_that_were_not_answered_and_respondents_in_two_rows_are_told(folder: Path, tasks: ChoiceTasks) -> None:
    rows = spoilt(tasks, 1, "worst_1", "")
    rows.append([*rows[2][:2], *rows[4][2:]])  # p1 once more, with the answers of p3, who saw the same version
    made = write(folder / "d.csv", design(tasks))

    read = read_choices(write(folder / "a.csv", rows), made, respondent=None)

    assert len(read.tasks.person) == 40 * SETS - 1
    assert read.notes == (
        "Answered several times: 1, 1 with other answers; the last row counts: p1 in rows 3, 42.",
        "1 of 240 sets lack the best or the worst item and are left out.",
    )


PART_WORTHS = [
    [
        "id",
        "age",
        "Brand: A",
        "Brand: B",
        "Brand: C",
        "Price: 50",
        "Price: 75",
        "Price: 100",
        "Look: Red",
        "Look: Pink",
    ],
    ["p1", "30", "30", "60", "20", "90", "50", "0", "20", "0"],
    ["p2", "40", "3", "6", "2", "9", "5", "0", "2", "0"],
]


def test_part_worths_become_items_and_importances(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(folder / "c.csv", PART_WORTHS)

    status = run(["survey", "conjoint", "c.csv", "--out", "diffs.csv", "--json"])
    document = json.loads(capsys.readouterr().out)
    run(["survey", "conjoint", "c.csv", "--out", "imp.csv", "--items", "importances"])

    shown = capsys.readouterr().out
    differences, weights = (pd.read_csv(folder / name).set_index("respondent") for name in ("diffs.csv", "imp.csv"))
    assert status == 0
    assert differences.loc["p1"].tolist() == differences.loc["p2"].tolist()
    assert weights.loc["p1"].tolist() == pytest.approx([26.6667, 60, 13.3333])
    assert [each["attribute"] for each in document["attributes"]] == ["Brand", "Price", "Look"]
    assert document["notes"] == ["No part-worths, left out: age."]
    assert "Price 60.0 (60.0 to 60.0) 0.0" in [" ".join(line.split()) for line in shown.splitlines()]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["id", "a"], ["p", "1"]], "c.csv has no columns like 'Price: low'."),
        ([["id", "Price: low"], ["p", "1"]], "c.csv: the attribute 'Price' has one level."),
        ([["id", "P: low", "P: high"], ["p", "1", ""], ["q", "1", "2"]], "c.csv, row 2, column 'P: high'"),
        (
            [["id", "P: low", "P: high"], ["p", "1", "a"], ["q", "1", "b"], ["r", "1", "c"]],
            "'P: high' holds no numbers.",
        ),
    ],
)
def test_part_worths_that_are_not_whole_are_an_error(
    folder: Path, capsys: pytest.CaptureFixture[str], rows: list[list[str]], message: str
) -> None:
    write(folder / "c.csv", rows)

    assert (run(["survey", "conjoint", "c.csv"]), message in capsys.readouterr().err) == (2, True)
