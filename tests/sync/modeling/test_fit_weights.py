"""`fit --weight`: a model of the population, by a trait or an item of the survey; told, kept, and checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segmenter.stats.weighted import effective_size
from sync.cli.main import run
from tests.sync.weighted_world import (
    Told,
    documents,
    entered,
    number_traits,
    settings,
    weighted_kinds,
    write_rows,
    yes_chances,
)

pytestmark = pytest.mark.simulation  # finds segments, and fits models

PEOPLE = 400
TRAITS = ("visits", "tenure", "panel_weight")
MAIN = """\
[workspace]
name = "W"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
answers = "answers.csv"
""" + number_traits(TRAITS)
KIND, WEIGHT = weighted_kinds(PEOPLE)
RNG = np.random.default_rng(3)
VISITS = RNG.normal(size=PEOPLE) + 10 + KIND * 6
TENURE = RNG.normal(size=PEOPLE) + 10 + KIND * 6
RESPONDS = RNG.random(PEOPLE) < 1 / (1 + np.exp(-np.where(KIND, 1.0, -1.0) - 1.5 * (VISITS - 10 - KIND * 6)))


def with_weights(folder: Path, cells: list[str]) -> None:
    rows = [[f"p{n}@people.test", f"{VISITS[n]:.4f}", f"{TENURE[n]:.4f}", cell] for n, cell in enumerate(cells)]
    write_rows(folder / "contacts.csv", [["email", *TRAITS], *rows])
    assert run(["pull", "--workspace", str(folder)]) == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two accepted proposals that were found with weights: of traits, and of a survey."""
    folder = tmp_path_factory.mktemp("fits")
    settings(folder, MAIN)
    chance = yes_chances(KIND)
    said = np.where(RNG.random((PEOPLE, 6)) < chance, "Yes", "No")
    items = [f"item_{letter}" for letter in "abcdef"]
    answers = [[f"p{n}@people.test", *row, f"{WEIGHT[n]:g}"] for n, row in enumerate(said.tolist())]
    write_rows(folder / "answers.csv", [["email", *items, "w"], *answers])
    outcomes = [[f"p{n}@people.test", "yes" if did else "no", "2031-03-01"] for n, did in enumerate(RESPONDS)]
    write_rows(folder / "outcomes.csv", [["email", "outcome", "at"], *outcomes])
    with_weights(folder, [f"{weight:g}" for weight in WEIGHT])
    here, two = ("--workspace", str(folder)), ("--segments", "2")
    asked = ("discover", "--trait", "visits", "--trait", "tenure", "--weight", "panel_weight")
    assert run([*asked, *two, "--name", "of_traits", *here]) == 0
    assert run(["discover", "--survey", "answers", "--weight", "w", *two, "--name", "of_survey", *here]) == 0
    for name in ("of_traits", "of_survey"):
        assert run(["discover", "--accept", name, *here]) == 0
    return folder


@pytest.fixture
def folder(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that workspace, which a test may change."""
    return entered(world, tmp_path, monkeypatch)


@pytest.fixture
def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    del folder
    return documents(capsys, statuses=(0, 3))


OUTCOMES = ("fit", "--target", "outcome", "--labels", "outcomes.csv")
WEIGHTED = ("--weight", "panel_weight")


def test_a_weighted_model_is_of_the_population_and_remembers_its_weights(folder: Path, told: Told) -> None:
    made, plain = told(*OUTCOMES, *WEIGHTED), told(*OUTCOMES)

    kept = made["training"]["weights"]
    assert (kept["source"], kept["kind"]) == ("panel_weight", "trait")
    assert kept["effective"] == pytest.approx(effective_size(WEIGHT), abs=0.01)
    assert kept["design_effect"] == pytest.approx(PEOPLE / effective_size(WEIGHT), abs=1e-3)
    own, other = (document["quality"]["logit"] for document in (made, plain))
    assert own["labels"]["yes"]["share"] == pytest.approx(np.average(RESPONDS, weights=WEIGHT))
    assert own["labels"]["yes"]["people"] == other["labels"]["yes"]["people"] == RESPONDS.sum()
    assert own["effective"] == pytest.approx(effective_size(WEIGHT))
    assert np.array(own["confusion"]).sum() == pytest.approx(PEOPLE)
    assert np.array(own["confusion"])[1].sum() == pytest.approx(PEOPLE * np.average(RESPONDS, weights=WEIGHT))
    assert plain["training"]["weights"] is None
    assert made["training"]["data_digest"] != plain["training"]["data_digest"]
    tried = json.loads((folder / ".personasync" / "models" / "tried" / f"{made['version']}.json").read_text("utf-8"))
    assert tried["training"]["weights"] == kept
    assert "panel_weight" not in tried["catalogue"]
    assert "people.test" not in json.dumps(tried)


def test_equal_weights_change_nothing(folder: Path, told: Told) -> None:
    with_weights(folder, ["2.5"] * PEOPLE)
    traits = ("--trait", "visits", "--trait", "tenure")
    plain, alike = told(*OUTCOMES, *traits), told(*OUTCOMES, *traits, *WEIGHTED)

    assert alike["quality"] == plain["quality"]
    assert (alike["version"], alike["gate"]) == (plain["version"], plain["gate"])
    assert alike["training"]["weights"]["design_effect"] == 1


def test_what_is_shown_says_how_people_were_weighted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_weights(folder, ["0" if n < 8 else f"{weight:g}" for n, weight in enumerate(WEIGHT)])
    capsys.readouterr()
    assert run([*OUTCOMES, *WEIGHTED]) in {0, 3}
    shown = " ".join(capsys.readouterr().out.split())

    effective = effective_size(WEIGHT[8:])
    said = f"Weighted by the trait 'panel_weight': 392 people tell as much as {effective:.0f} without weights"
    assert said in shown
    assert "8 people have the weight 0 in 'panel_weight': they are excluded." in shown
    assert "is / likeliest, weighted" in shown


@pytest.mark.parametrize(("cell", "said"), [("", "there is no weight"), ("-1", "'-1.0' is not a weight")])
def test_a_weight_that_means_nothing_is_an_error_that_names_whose_without_an_address(
    folder: Path, capsys: pytest.CaptureFixture[str], cell: str, said: str
) -> None:
    with_weights(folder, [cell if n == 7 else "1" for n in range(PEOPLE)])
    capsys.readouterr()

    assert run([*OUTCOMES, *WEIGHTED]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "trait 'panel_weight', " in shown
    assert f": {said}. Use a number from 0 on" in shown
    assert "people.test" not in shown


def test_what_holds_no_weights_is_refused_and_the_weight_teaches_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del folder
    asked = [(*OUTCOMES, "--weight", "w"), (*OUTCOMES, *WEIGHTED, "--trait", "panel_weight")]
    for arguments, said in zip(asked, ("There is no trait 'w'", "or the weight. Possible features"), strict=True):
        capsys.readouterr()
        assert run([*arguments]) == 2
        assert said in " ".join(capsys.readouterr().err.split())


def test_segments_of_traits_are_found_again_with_the_weights(told: Told) -> None:
    discovered = ("fit", "--target", "discovered", "--labels", "of_traits")
    made, plain = told(*discovered, *WEIGHTED), told(*discovered)

    assert made["training"]["found_again"]
    shares = {name: label["share"] for name, label in made["quality"]["lda"]["labels"].items()}
    assert sorted(shares.values()) == pytest.approx([0.5, 0.5], abs=0.02)
    assert made["notes"] == []
    said = "'of_traits' was found with weights (trait panel_weight); here each person counts once. "
    assert plain["notes"] == [f"{said}Name weights with --weight."]
    assert plain["quality"]["lda"]["labels"].keys() == shares.keys()


def test_an_item_of_the_survey_that_tells_the_segments_holds_weights_too(told: Told) -> None:
    survey = ("fit", "--target", "discovered", "--labels", "of_survey", "--trait", "visits", "--trait", "tenure")
    made, other = told(*survey, "--weight", "w"), told(*survey, *WEIGHTED)

    assert (made["training"]["weights"]["source"], made["training"]["weights"]["kind"]) == ("w", "item")
    assert made["training"]["weights"]["digest"] == other["training"]["weights"]["digest"]
    assert made["quality"] == other["quality"]
    assert other["notes"] == ["'of_survey' was found with other weights (item w)."]
