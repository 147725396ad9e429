"""Segments of traits with a trait as the weight: of the population, told, kept, and checked like any other weights."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans

from segmenter.stats.weighted import effective_size
from sync.cli.main import run
from sync.modeling.accept import Accepted
from sync.modeling.accept_text import accepted_sentences
from tests.sync.weighted_world import Told, documents, entered, number_traits, settings, weighted_kinds, write_rows

pytestmark = pytest.mark.simulation  # finds segments

PEOPLE = 240
TRAITS = ("visits", "basket", "age")
MAIN = """\
[workspace]
name = "W"
[connections.shop]
connector = "files"
contacts = "contacts.csv"
""" + number_traits((*TRAITS, "panel_weight"))
KIND, WEIGHT = weighted_kinds(PEOPLE)
VALUES = np.random.default_rng(2).normal(size=(PEOPLE, 3)) + 20 + np.where(KIND[:, None], [6.0, 6.0, 0.0], 0.0)
ASKED = ("discover", "--trait", "visits", "--trait", "basket")
WEIGHTED = ("--weight", "panel_weight", "--segments", "2")


def write(folder: Path, cells: list[str]) -> None:
    rows = [
        [f"p{n}@people.test", *(f"{x:.5f}" for x in row), cell]
        for n, (row, cell) in enumerate(zip(VALUES.tolist(), cells, strict=True))
    ]
    write_rows(folder / "contacts.csv", [["email", *TRAITS, "panel_weight"], *rows])
    assert run(["pull", "--workspace", str(folder)]) == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose people have three traits and a weight."""
    folder = tmp_path_factory.mktemp("traits")
    settings(folder, MAIN)
    write(folder, [f"{weight:g}" for weight in WEIGHT])
    return folder


@pytest.fixture
def folder(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that workspace, which a test may change."""
    return entered(world, tmp_path, monkeypatch)


@pytest.fixture
def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    del folder
    return documents(capsys)


def proposal(folder: Path) -> dict[str, Any]:
    made: dict[str, Any] = tomllib.loads((folder / "proposals" / "proposal.toml").read_text("utf-8"))
    return made


def test_segments_of_traits_are_those_of_the_population(folder: Path, told: Told) -> None:
    made = told(*ASKED, *WEIGHTED)
    kept = proposal(folder)["proposal"]

    base = VALUES[:, :2]
    scaled = (base - np.average(base, axis=0, weights=WEIGHT)) / base.std(axis=0)
    theirs = KMeans(2, n_init=10, random_state=1).fit(scaled, sample_weight=WEIGHT).labels_
    shares = np.bincount(theirs, WEIGHT) / WEIGHT.sum()
    assert sorted(part["share"] for part in made["segments"]) == pytest.approx(sorted(shares), abs=1e-3)
    assert sorted(part["share"] for part in made["segments"]) == pytest.approx([0.5, 0.5], abs=0.02)
    assert (kept["weight"], kept["weight_from"], kept["source"]) == ("panel_weight", "trait", "model")
    assert kept["effective"] == pytest.approx(effective_size(WEIGHT), abs=0.01)
    assert kept["design_effect"] == pytest.approx(PEOPLE / effective_size(WEIGHT), abs=1e-4)
    assert kept["weight_digest"]
    assert f"240 people tell shares as exactly as {effective_size(WEIGHT):.0f} without weights" in made["notes"][0]


def test_the_weight_is_no_trait_that_makes_segments(folder: Path, told: Told) -> None:
    told("discover", *WEIGHTED)
    usual = proposal(folder)["proposal"]["base"]
    told(*ASKED, "--trait", "panel_weight", *WEIGHTED)

    assert sorted(usual) == sorted(TRAITS)
    assert sorted(proposal(folder)["proposal"]["base"]) == ["basket", "visits"]


def test_equal_weights_change_nothing(folder: Path, told: Told) -> None:
    plain = told(*ASKED, "--segments", "2", "--name", "plain")
    write(folder, ["2.5"] * PEOPLE)
    alike = told(*ASKED, *WEIGHTED)

    assert alike["segments"] == plain["segments"]
    assert alike["sentence"] == plain["sentence"]
    assert alike["notes"][1:] == plain["notes"]


@pytest.mark.parametrize(("cell", "said"), [("", "there is no weight"), ("-1", "'-1.0' is not a weight")])
def test_a_weight_that_means_nothing_is_an_error_that_names_whose_without_an_address(
    folder: Path, capsys: pytest.CaptureFixture[str], cell: str, said: str
) -> None:
    write(folder, [cell if n == 7 else "1" for n in range(PEOPLE)])
    capsys.readouterr()

    assert run([*ASKED, *WEIGHTED]) == 2
    shown = " ".join(capsys.readouterr().err.split())
    assert "trait 'panel_weight', " in shown
    assert f": {said}. Use a number from 0 on" in shown
    assert "people.test" not in shown


def test_a_weight_of_0_leaves_out_and_is_told(folder: Path, told: Told) -> None:
    write(folder, ["0" if n < 20 else "1" for n in range(PEOPLE)])
    made = told(*ASKED, *WEIGHTED)

    assert made["notes"][0] == "20 people have the weight 0 in 'panel_weight': they are excluded."
    assert proposal(folder)["proposal"]["people"] == PEOPLE - 20


def test_accept_tells_the_weights_and_the_audit_uses_them(folder: Path, told: Told) -> None:
    told(*ASKED, *WEIGHTED)
    accepted = told("discover", "--accept", "proposal")
    audit = (*ASKED, "--audit", "proposals/proposal.accepted.csv")
    before = told(*audit)
    write(folder, ["1"] * PEOPLE)
    after = told(*audit)

    assert "was found with weights (trait panel_weight): 240 people tell as much as" in accepted["remarks"][-1]
    assert sorted(part["share"] for part in before["segments"]) == pytest.approx([0.5, 0.5], abs=0.02)
    changed = "These are not the weights that 'proposal' was found with"
    assert not any(changed in note for note in before["notes"])
    assert sorted(part["share"] for part in after["segments"]) == pytest.approx([0.25, 0.75], abs=0.02)
    assert any(changed in note for note in after["notes"])


def test_the_command_that_goes_on_names_the_weight() -> None:
    done = Accepted({"a": 9}, ("a",), Path("a.csv"), None, (), (), persons=9, weight="panel weight")

    assert any(said.endswith("--labels a --weight 'panel weight'") for said in accepted_sentences(done, "a"))
    assert not any("--weight" in said for said in accepted_sentences(replace(done, weight=""), "a"))
