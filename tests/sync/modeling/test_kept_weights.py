"""A proposal keeps its weights, of a file or of the warehouse: for --accept, the typing tool and the audit."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmenter.stats.weighted import effective_size
from sync.cli.main import run
from sync.surveys.kept_weights import weights_digest
from tests.sync.weighted_world import Told, documents, entered, settings, weighted_kinds, write_rows, yes_chances

pytestmark = pytest.mark.simulation  # finds segments

PEOPLE, ITEMS = 240, [f"item_{letter}" for letter in "abcdef"]
MAIN = """\
[workspace]
name = "W"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
answers = "answers.csv"
[traits.panel_weight]
connection = "shop"
property = "panel"
type = "number"
[traits.where_from]
connection = "shop"
property = "city"
type = "text"
"""
KIND, WEIGHT = weighted_kinds(PEOPLE)


def answers(*, weights: np.ndarray = WEIGHT) -> list[list[str]]:
    rng = np.random.default_rng(1)
    chance = yes_chances(KIND)
    said = np.where(rng.random((PEOPLE, len(ITEMS))) < chance, "Yes", "No")
    rows = zip(said.tolist(), weights.tolist(), strict=True)
    return [["email", *ITEMS, "w"], *([f"p{n}@people.test", *row, f"{w:g}"] for n, (row, w) in enumerate(rows))]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose people answered, with a proposal of the file and one of the answers that were pulled."""
    folder = tmp_path_factory.mktemp("weights")
    write_rows(folder / "answers.csv", answers())
    contacts = [[f"p{n}@people.test", f"{w:g}", "Berlin"] for n, w in enumerate(WEIGHT)]
    write_rows(folder / "contacts.csv", [["email", "panel", "city"], *contacts])
    settings(folder, MAIN)
    here, two = ("--workspace", str(folder)), ("--segments", "2", "--weight", "w")
    assert run(["pull", *here]) == 0
    assert run(["discover", str(folder / "answers.csv"), *two, "--name", "of_file", *here]) == 0
    assert run(["discover", "--survey", "answers", *two, "--name", "of_survey", *here]) == 0
    return folder


@pytest.fixture
def folder(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that workspace, which a test may change."""
    return entered(world, tmp_path, monkeypatch)


@pytest.fixture
def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    del folder
    return documents(capsys)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run([*arguments]) == 2
    return " ".join(capsys.readouterr().err.split())


def proposal(folder: Path, name: str) -> dict[str, Any]:
    made: dict[str, Any] = tomllib.loads((folder / "proposals" / f"{name}.toml").read_text("utf-8"))
    return made


@pytest.mark.parametrize(("name", "kind"), [("of_file", "column"), ("of_survey", "item")])
def test_a_proposal_says_where_its_weights_are_and_holds_nobody_s(folder: Path, name: str, kind: str) -> None:
    made = proposal(folder, name)

    assert (made["proposal"]["weight"], made["proposal"]["weight_from"]) == ("w", kind)
    assert made["proposal"]["effective"] == pytest.approx(effective_size(WEIGHT), abs=0.01)
    assert made["proposal"]["design_effect"] == pytest.approx(PEOPLE / effective_size(WEIGHT), abs=1e-4)
    assert "w" not in made["proposal"]["base"]
    assert sorted(part["share"] for part in made["segments"]) == pytest.approx([0.5, 0.5], abs=0.05)
    assert "people.test" not in (folder / "proposals" / f"{name}.toml").read_text("utf-8")


def test_the_answers_that_were_pulled_give_the_segments_of_their_file(folder: Path) -> None:
    file, survey = proposal(folder, "of_file")["segments"], proposal(folder, "of_survey")["segments"]

    for key in ("size", "share", "stability", "markers"):
        assert [part[key] for part in survey] == [part[key] for part in file]


def test_a_trait_that_holds_the_weight_counts_as_the_item_does(folder: Path, told: Told) -> None:
    made = told("discover", "--survey", "answers", "--exclude", "w", "--weight", "panel_weight", "--segments", "2")

    parts, item = proposal(folder, "proposal"), proposal(folder, "of_survey")
    assert (parts["proposal"]["weight"], parts["proposal"]["weight_from"]) == ("panel_weight", "trait")
    assert parts["proposal"]["weight_digest"] == item["proposal"]["weight_digest"]
    assert [part["share"] for part in made["segments"]] == [part["share"] for part in item["segments"]]


def with_weights(folder: Path, cell: str) -> None:
    rows = answers()
    rows[3][-1] = cell
    write_rows(folder / "answers.csv", rows)
    assert run(["pull"]) == 0


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("-1", "'-1' is not a weight. Use a number from 0 on"),
        ("heavy", "'heavy' is not a weight"),
    ],
)
def test_a_weight_in_the_warehouse_that_means_nothing_is_an_error_that_names_whose(
    folder: Path, capsys: pytest.CaptureFixture[str], cell: str, said: str
) -> None:
    with_weights(folder, cell)

    for command in (("discover", "--survey", "answers"), ("survey", "design", "--survey", "answers", "-k", "2")):
        shown = refused(capsys, *command, "--weight", "w")
        assert "survey 'answers', item 'w', " in shown
        assert said in shown


def test_a_person_without_a_weight_is_an_error_that_names_whose(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contacts = [[f"p{n}@people.test", "" if n == 5 else "1", "Berlin"] for n in range(PEOPLE)]
    write_rows(folder / "contacts.csv", [["email", "panel", "city"], *contacts])
    assert run(["pull"]) == 0

    for command in (("discover", "--survey", "answers"), ("survey", "design", "--survey", "answers", "-k", "2")):
        shown = refused(capsys, *command, "--weight", "panel_weight")
        assert "trait 'panel_weight', " in shown
        assert ": there is no weight. Use a number from 0 on" in shown


def test_a_weight_of_0_in_the_warehouse_leaves_out_and_is_told(folder: Path, told: Told) -> None:
    with_weights(folder, "0")

    found = told("discover", "--survey", "answers", "--weight", "w", "--segments", "2")
    designed = told("survey", "design", "--survey", "answers", "-k", "2", "--weight", "w", "--length", "2")

    said = "1 respondents have the weight 0 in 'w': they are excluded."
    assert found["notes"][0] == said
    assert said in [finding["message"] for finding in designed["findings"]]
    assert designed["quality"]["respondents"] == PEOPLE - 1


def test_what_holds_no_weights_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    survey = ("discover", "--survey", "answers", "--weight")

    assert "no item 'nothing', and there is no trait of that name" in refused(capsys, *survey, "nothing")
    assert "The trait 'where_from' is a text, no weight" in refused(capsys, *survey, "where_from")
    assert "There is no trait 'w', so it holds no weights" in refused(capsys, "discover", "--weight", "w")


@pytest.mark.parametrize("name", ["of_file", "of_survey"])
def test_accept_tells_and_the_typing_tool_uses_the_weights(folder: Path, told: Told, name: str) -> None:
    accepted = told("discover", "--accept", name)
    tool = told("survey", "design", "--proposal", name, "--tool", "short", "--length", "2")

    assert f"{name!r} was found with weights" in accepted["remarks"][-1]
    assert f"tell as much as {effective_size(WEIGHT):.0f} without them" in accepted["remarks"][-1]
    assert tool["quality"]["effective"] == pytest.approx(effective_size(WEIGHT))
    assert tool["quality"]["largest_share"] == pytest.approx(0.5, abs=0.05)
    assert not any("not the weights" in finding["message"] for finding in tool["findings"])
    assert not any(question["item"] == "w" for question in tool["questions"])


def test_weights_that_changed_since_are_told_by_the_tool_and_by_the_audit(folder: Path, told: Told) -> None:
    told("discover", "--accept", "of_file")
    audit = ("discover", "answers.csv", "--audit", "proposals/of_file.accepted.csv")
    before = told(*audit)
    write_rows(folder / "answers.csv", answers(weights=np.where(KIND, 1.0, 3.0)))
    changed = "These are not the weights that 'of_file' was found with"
    tool, after = told("survey", "design", "--proposal", "of_file", "--length", "2"), told(*audit)

    assert sorted(part["share"] for part in before["segments"]) == pytest.approx([0.5, 0.5], abs=0.05)
    assert sum("Weighted by 'w'" in note for note in before["notes"]) == 1
    assert not any(changed in note for note in before["notes"])
    assert sorted(part["share"] for part in after["segments"]) == pytest.approx([0.1, 0.9], abs=0.05)
    assert any(changed in note for note in after["notes"])
    assert any(changed in finding["message"] for finding in tool["findings"])


def test_weights_in_the_warehouse_that_changed_since_are_told_by_the_tool(folder: Path, told: Told) -> None:
    told("discover", "--accept", "of_survey")
    write_rows(folder / "answers.csv", answers(weights=np.where(KIND, 1.0, 3.0)))
    assert run(["pull"]) == 0

    tool = told("survey", "design", "--proposal", "of_survey", "--length", "2")

    changed = "These are not the weights that 'of_survey' was found with"
    assert [finding["message"].startswith(changed) for finding in tool["findings"]].count(True) == 1
    assert tool["quality"]["largest_share"] == pytest.approx(0.9, abs=0.05)


def test_other_answers_are_not_weighted_and_that_is_told(folder: Path, told: Told) -> None:
    told("discover", "--accept", "of_file")
    write_rows(folder / "others.csv", [row[:-1] for row in answers()])

    tool = told("survey", "design", "others.csv", "--proposal", "of_file", "--length", "2")
    audited = told("discover", "others.csv", "--audit", "proposals/of_file.accepted.csv")

    said = "'of_file' was found with weights (column w); these answers are others"
    assert tool["quality"]["effective"] is None
    assert any(said in finding["message"] for finding in tool["findings"])
    assert any(said in note for note in audited["notes"])


def test_a_file_of_weights_is_found_again_and_its_absence_is_an_error(
    folder: Path, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = [[f"p{n}@people.test", f"{weight:g}"] for n, weight in enumerate(WEIGHT)]
    write_rows(folder / "weights.csv", [["respondent", "weight"], *reversed(listed)])
    asked = ("--exclude", "w", "--weight", "weights.csv", "--segments", "2", "--name", "listed")
    told("discover", "answers.csv", *asked)
    made = proposal(folder, "listed")["proposal"]
    told("discover", "--accept", "listed")
    tool = told("survey", "design", "--proposal", "listed", "--length", "2")
    (folder / "weights.csv").unlink()

    assert (made["weight"], made["weight_from"]) == ("weights.csv", "file")
    assert made["weight_digest"] == proposal(folder, "of_file")["proposal"]["weight_digest"]
    assert tool["quality"]["effective"] == pytest.approx(effective_size(WEIGHT))
    assert not any("not the weights" in finding["message"] for finding in tool["findings"])
    missing = "'listed' was found with the weights of weights.csv, which is not there"
    assert missing in refused(capsys, "survey", "design", "--proposal", "listed")


def test_the_digest_hangs_on_whose_weight_is_which_not_on_the_order_of_rows() -> None:
    names, weights = ["a", "b", "c"], np.array([1.0, 2.0, 3.0])

    assert weights_digest(names[::-1], weights[::-1]) == weights_digest(names, weights)
    assert weights_digest(names, weights[::-1]) != weights_digest(names, weights)
    assert weights_digest(names, weights + 1e-15) == weights_digest(names, weights)
