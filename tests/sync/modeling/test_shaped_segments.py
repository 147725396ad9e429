"""Segments that a mixture found go the whole way: discover, accept, fit, assign, explain, and the service's scorer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmenter.classifier.linear import score_one
from sync.cli.main import run
from sync.workspace.models import model_in_use
from sync.workspace.proposals import form_of, load
from sync.workspace.scaffold import Answers, NewConnection, write_workspace
from sync.workspace.settings import load_workspace

PEOPLE = 450
TRAITS = """
[traits.alpha]
connection = "shop"
property = "alpha"
type = "number"
meaning = "alpha"

[traits.beta]
connection = "shop"
property = "beta"
type = "number"
meaning = "beta"

[classify]
order = ["model"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with three long groups side by side."""
    target = tmp_path / "workspace"
    write_workspace(target, Answers("Acme", (NewConnection("shop", "files", {"contacts": "contacts.csv"}),)))
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(3), PEOPLE // 3)
    values = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.7], [0.7, 1.0]], PEOPLE)
    values += (group[:, None] - 1) * np.array([1.5, -1.5])
    rows = [f"p{n}@shop.example,{100 + 10 * a:.2f},{5 + b:.4f}" for n, (a, b) in enumerate(values)]
    (target / "contacts.csv").write_text("\n".join(["email,alpha,beta", *rows]) + "\n", "utf-8")
    settings = target / "personasync.toml"
    settings.write_text(settings.read_text("utf-8") + TRAITS, "utf-8")
    return target


@pytest.mark.long
def test_the_mixture_itself_classifies_and_explains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        assert run([*arguments, "--workspace", str(folder), "--json"]) == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    answer("pull")
    proposed = answer("discover", "--trait", "alpha", "--trait", "beta", "--name", "shapes", "--max-segments", "4")
    assert (proposed["light"], proposed["method"], len(proposed["segments"])) == ("amber", "mixture", 3)
    assert proposed["method_agreement"] is None or proposed["method_agreement"] < 0.7
    assert all(part["membership"] > 0.9 and part["placed_again"] > 0.9 for part in proposed["segments"])
    assert load(folder, "shapes").proposal.shape is not None
    answer("discover", "--accept", "shapes")
    fitted = answer("fit", "--target", "discovered", "--labels", "shapes")
    assert fitted["version"].startswith("mixture-")
    assert fitted["quality"]["mixture"]["hit"] > 0.95
    assert fitted["training"]["found_again"]
    assigned = answer("assign")
    assert assigned["persons"] == PEOPLE

    first, last = (answer("explain", f"p{n}@shop.example") for n in (0, PEOPLE - 1))
    assert first["segment"] != last["segment"]
    assert set(first["chances"][fitted["version"]]) == {part["name"] for part in proposed["segments"]}
    form, file = form_of(folder, "shapes"), model_in_use(folder / ".personasync", load_workspace(folder).catalogue)
    assert form is not None
    assert file is not None
    score = score_one(file.linear(), {"alpha": 80.0, "beta": 7.0})
    assert score.confidence is not None
    assert score.confidence > 0.9
    assert file.model.weights == form.weights
