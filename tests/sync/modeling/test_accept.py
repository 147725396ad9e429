"""From answers to segments to assignments: discover, --accept, survey design, assign, as people run them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connectors.records import ASSIGNMENTS
from sync.assign.sources import definitions_of
from sync.cli.main import run
from sync.clock import now
from sync.monitor.stability import held
from sync.pull.job import pull
from sync.report.sections import quality_sentences
from sync.session import open_session
from sync.workspace.proposals import accepted as accepted_labels
from sync.workspace.settings import load_workspace
from sync.workspace.typing_tools import load_tool
from tests.sync.assign.replay import in_force, replayed_sources

pytestmark = pytest.mark.simulation  # fits again and again on people who are resampled

ITEMS = [f"item_{letter}" for letter in "abcdefgh"]
PEOPLE, FULL, PART = 320, 240, 280
MAIN = """\
[workspace]
name = "W"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
answers = "answers.csv"
[traits.age]
connection = "shop"
property = "age"
type = "number"
"""
Told = Callable[..., dict[str, Any]]


def write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three kinds of people: 240 answered everything, 40 the first six items, 40 nothing."""
    folder = tmp_path_factory.mktemp("survey")
    rng = np.random.default_rng(1)
    kind = rng.integers(0, 3, PEOPLE)
    chance = np.full((3, len(ITEMS)), 0.1)
    chance[0, :3] = chance[1, 3:6] = chance[2, 5:] = 0.9
    said = rng.random((PEOPLE, len(ITEMS))) < chance[kind]
    words = [["Yes" if answer else "No" for answer in row] for row in said]
    full = [[f"p{n}@people.test", *words[n]] for n in range(FULL)]
    part = [[f"p{n}@people.test", *words[n][:6], "", ""] for n in range(FULL, PART)]
    write(folder / "answers.csv", [["email", *ITEMS], *full])
    write(
        folder / "contacts.csv", [["email", "age"], *([f"p{n}@people.test", str(20 + n % 50)] for n in range(PEOPLE))]
    )
    (folder / "personasync.toml").write_text(MAIN, "utf-8")
    (folder / "segments.toml").write_text("", "utf-8")
    (folder / "personas.toml").write_text("", "utf-8")
    for step in (["pull"], ["discover", "--survey", "answers", "--name", "needs", "--max-segments", "4"]):
        assert run([*step, "--workspace", str(folder)]) == 0
    write(folder / "answers.csv", [["email", *ITEMS], *full, *part])
    for step in (["pull"], ["discover", "--accept", "needs"]):
        assert run([*step, "--workspace", str(folder)]) == 0
    return folder


@pytest.fixture
def told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    monkeypatch.chdir(folder)  # `survey design` writes its folder where one stands

    def answer(*arguments: str, status: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        assert run([*arguments, "--json"]) == status
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return answer


def assigned(folder: Path) -> dict[str, dict[str, Any]]:
    """Everybody's assignment by address."""
    with open_session(folder, now=now, environment={}) as session:
        rows = session.warehouse.current(ASSIGNMENTS.name).to_pyarrow().to_pylist()
        links = session.control.links.mapping()
    by_person = {row["person_id"]: row for row in rows}
    return {f"p{n}": by_person[links[f"mailto:p{n}@people.test"]] for n in range(PEOPLE)}


@pytest.mark.long
def test_everybody_is_classified_by_what_they_answered(folder: Path, told: Told) -> None:
    short = told("survey", "design", "--proposal", "needs", "--tool", "short", "--length", "4")
    main = folder / "personasync.toml"
    before = main.read_text("utf-8")
    main.write_text(before + "\n" + (folder / "survey-short/traits.toml").read_text("utf-8"), "utf-8")
    told("assign")
    rows = assigned(folder)
    accepted = accepted_labels(folder, "needs")
    own = load_tool(folder / ".personasync", "needs")

    complete = [rows[f"p{n}"] for n in range(FULL)]
    fewer = [rows[f"p{n}"] for n in range(FULL, PART)]
    nothing = [rows[f"p{n}"] for n in range(PART, PEOPLE)]
    decided = [row for row in complete if row["version"] == own.version]
    assert len(decided) >= 0.9 * FULL
    assert all(row["segment"] == accepted[row["person_id"]] for row in decided)  # as discover said, every one
    assert {row["source"] for row in decided} == {"survey"}
    assert all(
        0.6 <= row["confidence"] <= 1 and row["runner_up"] and row["reasons"].startswith("item_") for row in decided
    )
    asked_less = [row for row in fewer if row["segment"]]
    assert len(asked_less) >= 30
    assert {row["version"] for row in asked_less} == {short["version"]}
    assert {row["segment"] for row in nothing} == {None}
    assert short["quality"]["segments_from"] == "proposal needs, recalculated in each fold"

    with open_session(folder, now=now, environment={}) as session:
        (by_tools, *_), recorded = session.control.runs.newest(1), in_force(session)
    main.write_text(before + '\n[classify]\ntools = ["short"]\n', "utf-8")
    told("assign")
    with open_session(folder, now=now, environment={}) as session:
        assert in_force(session) != recorded
        sources = replayed_sources(session, by_tools.run_id, recorded)
        assert sources["survey"] == len([row for row in rows.values() if row["source"] == "survey"])
    main.write_text(before + "\n" + (folder / "survey-short/traits.toml").read_text("utf-8"), "utf-8")

    refused = told("fit", "--target", "discovered", "--labels", "needs", "--trait", "age", status=3)
    assert refused["training"]["found_again"]
    assert "no better than chance" in refused["gate"]["sentences"][0]  # age tells nothing here

    asked = '\n[tools.needs]\nwho = "age >= 40"\n[tools.short]\nwho = "age < 40"\n'
    main.write_text(before + (folder / "survey-short/traits.toml").read_text("utf-8") + asked, "utf-8")
    tools = definitions_of(load_workspace(folder)).tools
    assert [(tool.version, tool.who.text if tool.who else "") for tool in tools] == [
        (own.version, "age >= 40"), (short["version"], "age < 40")
    ]  # fmt: skip
    main.write_text(before + '\n[classify]\ntools = ["short"]\n', "utf-8")
    assert {tool["name"]: tool["lacking"] for tool in told("survey", "list")["tools"]}["needs"] == (
        "not listed in [classify] tools"
    )
    main.write_text(before + '\n[tools.nope]\nwho = "age >= 40"\n', "utf-8")
    assert "[tools.NAME]: there is no typing tool 'nope'" in told("survey", "list", status=2)["error"]["message"]
    main.write_text(before + '\n[tools.short]\nwho = "agee >= 40"\n', "utf-8")
    message = told("survey", "list", status=2)["error"]["message"]
    assert "tool 'short': there is no trait 'agee'; did you mean 'age'?" in message
    main.write_text(before, "utf-8")


@pytest.mark.long
def test_who_answers_a_form_in_numbers_is_classified_as_who_answers_in_words(folder: Path, told: Told) -> None:
    in_words = {
        respondent["respondent"]: respondent for respondent in told("survey", "score", "--tool", "needs")["respondents"]
    }
    with (folder / "answers.csv").open(encoding="utf-8") as file:
        rows = [[cell.replace("Yes", "1").replace("No", "0") for cell in row] for row in csv.reader(file)]
    write(folder / "numbers.csv", rows[: FULL + 1])

    scored = told("survey", "score", str(folder / "numbers.csv"), "--tool", "needs")

    assert len(scored["respondents"]) == FULL
    scores = sorted((respondent["best"], round(respondent["confidence"], 9)) for respondent in scored["respondents"])
    assert scores == sorted(
        (in_word["best"], round(in_word["confidence"], 9)) for in_word in in_words.values() if in_word["best"]
    )


@pytest.mark.long
def test_segments_that_do_not_hold_any_more_are_told(folder: Path, tmp_path: Path) -> None:
    later = shutil.copytree(folder, tmp_path / "later")
    rng = np.random.default_rng(2)
    chance = np.where(
        rng.random(FULL)[:, None] < 0.5, 0.5, [0.9] * 3 + [0.1] * 5
    )  # two of three are one now, of nothing
    words = [["Yes" if answer else "No" for answer in row] for row in rng.random((FULL, len(ITEMS))) < chance]
    write(later / "answers.csv", [["email", *ITEMS], *([f"p{n}@people.test", *words[n]] for n in range(FULL))])
    with open_session(later, now=now, environment={}) as session:
        (before,) = held(session)
        pull(session)
        (after,) = held(session)
        sentences = quality_sentences(session)

    assert (before.proposal, before.sentences()) == ("needs", [])
    assert before.result.agreement > 0.9
    assert after.result.segment_anew
    assert after.result.agreement < 0.6
    assert "Segments of 'needs': recalculated segments agree with these by" in after.sentences()[0]
    assert sentences[-1] == after.sentences()[0]  # the report says it too


@pytest.mark.long
def test_latent_classes_too_are_found_anew_in_each_fold(
    folder: Path, tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(folder, tmp_path / "classes"))
    told("discover", "--survey", "answers", "--name", "classes", "--method", "lca", "--max-segments", "4")
    told("discover", "--accept", "classes")

    refused = told("fit", "--target", "discovered", "--labels", "classes", "--trait", "age", status=3)

    assert refused["training"]["found_again"]
    assert "no better than chance" in refused["gate"]["sentences"][0]
