"""`quality` of what was found or fitted with weights: weighted where the warehouse has them, else it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from segmenter.discover.stability import Effort
from segmenter.monitor.structure import Before, structure
from segmenter.stats.item_matrix import Items
from sync.cli.main import run
from tests.sync.weighted_world import (
    documents,
    entered,
    number_traits,
    settings,
    weighted_kinds,
    write_rows,
    yes_chances,
)

pytestmark = pytest.mark.simulation  # finds segments

PEOPLE = 240
TRAITS = ("visits", "basket", "panel_weight")
MAIN = """\
[workspace]
name = "W"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
answers = "answers.csv"
""" + number_traits(TRAITS)
KIND, WEIGHT = weighted_kinds(PEOPLE)
RNG = np.random.default_rng(2)
VALUES = RNG.normal(size=(PEOPLE, 2)) + 20 + np.where(KIND[:, None], 6.0, 0.0)


def with_weights(folder: Path, cells: list[str]) -> None:
    rows = [[f"p{n}@people.test", *(f"{x:.5f}" for x in VALUES[n]), cell] for n, cell in enumerate(cells)]
    write_rows(folder / "contacts.csv", [["email", *TRAITS], *rows])
    assert run(["pull", "--workspace", str(folder)]) == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with accepted segments that were found with weights: of a trait, of an item, and of a file."""
    folder = tmp_path_factory.mktemp("judged")
    settings(folder, MAIN)
    chance = yes_chances(KIND)
    said = np.where(RNG.random((PEOPLE, 6)) < chance, "1", "0").tolist()
    rows = [[f"p{n}@people.test", *row, f"{WEIGHT[n]:g}"] for n, row in enumerate(said)]
    write_rows(folder / "answers.csv", [["email", *(f"item_{letter}" for letter in "abcdef"), "w"], *rows])
    with_weights(folder, [f"{weight:g}" for weight in WEIGHT])
    here, two = ("--workspace", str(folder)), ("--segments", "2", "--method", "kmeans")
    asked = ("discover", "--trait", "visits", "--trait", "basket", "--weight", "panel_weight")
    assert run([*asked, *two, "--name", "of_trait", *here]) == 0
    assert run(["discover", "--survey", "answers", "--weight", "w", *two, "--name", "of_item", *here]) == 0
    assert run(["discover", str(folder / "answers.csv"), "--weight", "w", *two, "--name", "of_file", *here]) == 0
    for name in ("of_trait", "of_item", "of_file"):
        assert run(["discover", "--accept", name, *here]) == 0
    assert run(["fit", "--target", "discovered", "--labels", "of_trait", "--weight", "panel_weight", *here]) == 0
    return folder


@pytest.fixture
def folder(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that workspace, which a test may change."""
    return entered(world, tmp_path, monkeypatch)


def judged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return documents(capsys)("quality")


def said_of(document: dict[str, Any]) -> dict[str, str]:
    return {check["proposal"]: check["weights"] for check in document["structural"]}


def test_stability_is_weighted_where_the_warehouse_has_the_weights(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del folder
    document = judged(capsys)

    assert said_of(document) == {
        "of_trait": "Stability of 'of_trait' is weighted as it was found (trait panel_weight).",
        "of_item": "Stability of 'of_item' is weighted as it was found (item w).",
        "of_file": "Stability of 'of_file' counts each person once, though it was found with weights (column w): "
        "quality reads no file of answers.",
    }
    [model] = document["weighted_model"]
    assert "Weighted by the trait 'panel_weight': 240 people tell as much as 180 without weights" in model
    assert model.endswith("counts each person once: `assign` decides on each of them.")
    assert run(["quality"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "is weighted as it was found (item w)." in shown
    assert "Weighted by the trait 'panel_weight'" in shown


@pytest.mark.parametrize(
    ("without", "said"),
    [
        (20, "is weighted as it was found (trait panel_weight); 20 people without a weight above 0 are left out."),
        (200, "(trait panel_weight): 40 of 240 people have one above 0, and 100 are needed."),
    ],
)
def test_people_without_a_weight_are_left_out_of_it_and_told(
    folder: Path, capsys: pytest.CaptureFixture[str], without: int, said: str
) -> None:
    with_weights(folder, ["" if n < without else f"{weight:g}" for n, weight in enumerate(WEIGHT)])
    document = judged(capsys)

    assert said in said_of(document)["of_trait"]
    people = {check["proposal"]: check["people"] for check in document["structural"]}
    assert people["of_trait"] == (PEOPLE - without if without == 20 else PEOPLE)


def test_the_agreement_with_weights_is_that_of_repeated_people() -> None:
    """Everybody moved whom the weights count four times: sklearn's adjusted Rand index of the people written out."""
    rng = np.random.default_rng(1)
    values = np.vstack([rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 8])
    new = np.repeat([0, 1], 150)
    old = np.where(np.arange(300) % 10 == 0, 1 - new, new)
    times = np.where(np.arange(300) % 10 == 0, 4, 1)
    before, items = Before(300, 2, 0.9, 1.0, None), Items("metric", ("a", "b"), values)

    plain = structure(items, old, before, np.random.default_rng(2), Effort(10, 2))
    own = structure(items.weighted(times.astype(float)), old, before, np.random.default_rng(2), Effort(10, 2))
    assert plain.agreement == pytest.approx(adjusted_rand_score(new, old))
    assert own.agreement == pytest.approx(adjusted_rand_score(np.repeat(new, times), np.repeat(old, times)), abs=0.02)
    assert own.moved
    assert not plain.moved
