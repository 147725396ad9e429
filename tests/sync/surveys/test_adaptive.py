"""`survey design --error-rate`: the form asks, stops and tells as `survey score` and `assign` do."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from segmenter.classifier.thresholds import Thresholds
from sync.workspace.settings import load_workspace
from sync.workspace.typing_tools import scorers
from tests.sync.chromium import CHROMIUM, QUIET, barriers
from tests.sync.surveys.test_job import SEGMENTS, WORKSPACE, say, write


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in WORKSPACE.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scale_answers(people: int = 300, seed: int = 4) -> list[list[str]]:
    """Three segments over eight statements with answers 1 to 5, and an income that is no choice."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, people)
    means = np.full((3, 8), 3.0)
    means[np.arange(3), np.arange(3)] = 4.8
    means[np.arange(3), np.arange(3) + 3] = 1.3
    said = np.clip(np.round(means[labels] + generator.normal(0, 0.9, (people, 8))), 1, 5).astype(int)
    head = ["email", "segment", *(f"q{place}" for place in range(8)), "income"]
    return [
        head,
        *(
            [f"p{row}@people.test", SEGMENTS[labels[row]], *map(str, said[row]), str(30_000 + row)]
            for row in range(people)
        ),
    ]


def design(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    file = write(folder / "a.csv", scale_answers())
    return say(capsys, "survey", "design", str(file), "--segment", "segment", "--tool", "leads", *options)


@pytest.mark.slow
def test_a_named_error_rate_makes_a_tool_that_says_how_it_kept_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document, _ = design(folder, capsys, "--error-rate", "0.1", "--json")
    _, listed, _ = say(capsys, "survey", "list")
    _, shown, _ = design(folder, capsys, "--error-rate", "0.1")

    made = json.loads(document)
    kept = made["adaptive"]["kept"]
    assert status == 0
    assert made["adaptive"]["error_rate"] == 0.1
    assert kept["low"] <= kept["coverage"] <= kept["high"]
    assert kept["coverage"] >= 0.87
    assert kept["median"] <= 5
    assert kept["hit"] >= 0.9
    assert set(kept["segments"]) == set(SEGMENTS)
    assert "'income' is not asked: it has 300 different answers." in [f["message"] for f in made["findings"]]
    assert "adaptive (10% error)" in listed
    assert "error rate 10% at most in each segment" in shown
    for name, into in (("traits.toml", "personasync.toml"), ("segments.toml", "segments.toml")):
        text = (folder / into).read_text("utf-8") + (folder / "survey-leads" / name).read_text("utf-8")
        (folder / into).write_text(text, "utf-8")
    (scorer,) = scorers(load_workspace(folder), Thresholds())
    assert scorer.thresholds.confidence == 1 - min(made["adaptive"]["least"]) >= 2 / 3
    assert scorer.thresholds.known < 1 / 9  # one answer may be enough


@pytest.mark.slow
def test_with_weights_the_error_rate_is_that_of_the_population(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the first segment three times as many were asked: its people are a third of the weight that they are here."""
    people = scale_answers()[1:]
    listed = [["respondent", "weight"], *([row[0], "1" if row[1] == SEGMENTS[0] else "3"] for row in people)]
    write(folder / "w.csv", listed)
    weighted = ("--error-rate", "0.1", "--weight", str(folder / "w.csv"))
    status, document, _ = design(folder, capsys, *weighted, "--json")
    _, shown, _ = design(folder, capsys, *weighted)

    made, each = json.loads(document), np.array([float(weight) for _, weight in listed[1:]])
    shares = {name: sum(each[[row[1] == name for row in people]]) / each.sum() for name in SEGMENTS}
    assert status == 0
    assert made["quality"]["effective"] == pytest.approx(each.sum() ** 2 / (each**2).sum())
    assert dict(zip(sorted(SEGMENTS), made["profiles"]["shares"], strict=True)) == pytest.approx(shares, abs=0.01)
    kept = made["adaptive"]["kept"]
    assert kept["coverage"] == pytest.approx(sum(kept["segments"][name] * shares[name] for name in SEGMENTS))
    assert kept["low"] <= kept["coverage"] <= kept["high"]
    assert "the error rate is that of the population" in shown


@pytest.mark.slow
def test_one_heavy_respondent_takes_the_promise(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = [["respondent", "weight"], *([row[0], "1"] for row in scale_answers()[1:-1]), ["p299@people.test", "10"]]
    write(folder / "w.csv", listed)

    status, _, error = design(folder, capsys, "--error-rate", "0.02", "--weight", str(folder / "w.csv"))

    assert status == 2
    assert "an error rate of 0.02 needs 49 times the largest weight, you have 30" in " ".join(error.split())


@pytest.mark.slow
def test_answers_are_told_one_segment_one_of_two_or_what_to_ask_next(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    design(folder, capsys, "--error-rate", "0.1")
    everything = scale_answers(60, seed=9)
    nothing = [[row[0], "", *([""] * 8), ""] for row in everything[1:3]]
    new = write(folder / "new.csv", [everything[0], *everything[1:], *nothing])

    _, document, _ = say(capsys, "survey", "score", str(new), "--tool", "leads", "--out", "scored.csv", "--json")

    scored = json.loads(document)["respondents"]
    rows = list(csv.DictReader(io.StringIO((folder / "scored.csv").read_text("utf-8"))))
    told = {row["verdict"] for row in scored[:60]}
    assert "one segment" in told <= {"one segment", "one of two", "one of three"}
    for row, line in zip(scored, rows, strict=True):
        assert (row["segment"] is not None) == (row["verdict"] == "one segment")
        assert " | ".join(row["possible"]) == line["possible"]
    right = [truth[1] in row["possible"] for truth, row in zip(everything[1:], scored, strict=False)]
    assert np.mean(right) >= 0.8
    assert [(row["verdict"], bool(row["following"])) for row in scored[60:]] == [("ask one more", True)] * 2
    assert rows[60]["next_question"] == scored[60]["following"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--error-rate", "0.0"], "greater than or equal to 0.01"),
        (["--error-rate", "0.01", "--question", "income"], "questions with at most 11 answers"),
    ],
)
def test_what_no_tool_can_promise_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    status, _, error = design(folder, capsys, *options)

    assert status != 0
    assert told in error


@pytest.mark.slow
def test_an_error_rate_needs_people_to_be_promised_to(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(folder / "few.csv", scale_answers(60))

    status, _, error = say(capsys, "survey", "design", str(file), "--segment", "segment", "--error-rate", "0.01")

    assert status == 2
    assert "an error rate of 0.01 needs 99 respondents, you have 60" in error


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.mark.browser
@pytest.mark.outside
def test_a_reader_is_asked_one_question_after_another(
    folder: Path, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    design(folder, capsys, "--error-rate", "0.1")
    answers = scale_answers(40, seed=9)
    asked = []
    page = browser.new_page(viewport={"width": 390, "height": 800}, accept_downloads=True)
    for number, row in enumerate(answers[1:13]):
        page.goto((folder / "survey-leads" / "form.html").as_uri())
        page.fill("#email", row[0])
        asked.append(0)
        assert number or barriers(page) == []
        while page.locator("fieldset.question:visible").count():
            assert page.locator("fieldset.question:visible").count() == 1
            assert not page.locator("#send").is_visible()
            box = page.locator("fieldset.question:visible")
            item = box.locator("input").first.get_attribute("name") or ""
            box.locator(f"input[value='{row[answers[0].index(item)]}']").check()
            if number == 0 and asked[-1] == 0:  # there and back again
                page.click("#next")
                page.click("#back")
                assert page.locator("fieldset.question:visible input").first.get_attribute("name") == item
            page.click("#next")
            asked[-1] += 1
        result = page.locator("#result").input_value()
        with page.expect_download() as downloaded:
            page.click("#send")
        saved = folder / f"reader{number}.csv"
        downloaded.value.save_as(saved)
        _, document, _ = say(capsys, "survey", "score", str(saved), "--tool", "leads", "--json")
        scored = json.loads(document)["respondents"][0]
        assert " | ".join(scored["possible"]) == result
        assert scored["answered"] == asked[-1]
    assert np.median(asked) <= 5
