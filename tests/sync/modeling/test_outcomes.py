"""A response model from files, by commands: judged by its scores, shown with its figures, and written for everybody."""

from __future__ import annotations

import csv
import json
import random
from math import exp
from pathlib import Path

import pytest

from sync.cli.main import run

MAIN = """[workspace]
name = "Shop"

[connections.shop]
connector = "files"
contacts = "contacts.csv"
contacts_without_consent = "subscribed"

[traits.visits]
connection = "shop"
property = "visits"
type = "number"

[traits.tenure]
connection = "shop"
property = "tenure"
type = "number"
"""
PEOPLE = 700


def write(path: Path, head: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of files in which an eighth of the people respond, by their visits."""
    folder, dice = tmp_path_factory.mktemp("responders"), random.Random(5)  # noqa: S311 - people, not secrets
    people, outcomes = [], []
    for number in range(PEOPLE):
        visits, tenure = dice.gauss(0, 1), dice.gauss(0, 1)
        responds = dice.random() < 1 / (1 + exp(2.7 - 1.6 * visits + 0.5 * tenure))
        people.append([f"p{number}@people.test", f"{visits:.4f}", f"{tenure:.4f}"])
        outcomes.append([f"P{number}@people.test", "yes" if responds else "no", "2031-03-01" if responds else ""])
    write(folder / "contacts.csv", ["email", "visits", "tenure"], [*people])
    write(
        folder / "outcomes.csv", ["email", "outcome", "at"], [*outcomes, ["stranger@people.test", "yes", "2031-03-01"]]
    )
    for name, text in (("personasync", MAIN), ("segments", ""), ("personas", "")):
        (folder / f"{name}.toml").write_text(text, "utf-8")
    assert run(["pull", "-w", str(folder)]) == 0
    return folder


def fit(folder: Path, labels: Path, *more: str) -> int:
    return run(["fit", "-w", str(folder), "--target", "outcome", "--labels", str(labels), *more])


@pytest.mark.long
@pytest.mark.slow
def test_a_response_model_is_used_for_what_it_is_good_enough_for(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert fit(shop, shop / "outcomes.csv", "--scores", str(shop / "scores.csv")) == 0
    shown = capsys.readouterr().out

    assert "optimistic" not in shown
    assert "no better than chance" not in shown
    for figure in (
        "AUC (95% CI)",
        "gain curve",
        "is / likeliest",
        "Brier score",
        "hit rate",
        "Good enough to rank people",
    ):
        assert figure in shown
    assert "Rows of people whom this workspace does not know: 1." in shown
    assert "but not in use by `assign`" in shown  # "yes" is no segment
    assert not (shop / ".personasync" / "models" / "model.json").exists()
    with (shop / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == PEOPLE
    assert [int(row["band"]) for row in rows] == sorted(int(row["band"]) for row in rows)
    with (shop / "outcomes.csv").open(encoding="utf-8") as file:
        responded = {row["email"].lower() for row in csv.DictReader(file) if row["outcome"] == "yes"}
    top, last = ({row["email"] for row in rows if row["band"] == band} for band in "15")
    assert len(top & responded) > 5 * len(last & responded)
    likely = [float(row["probability of yes"]) for row in rows]
    assert sum(likely) == pytest.approx(len(responded & {row["email"] for row in rows}), rel=0.15)

    assert fit(shop, shop / "outcomes.csv", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert "rank" in document["gate"]["uses"]
    assert document["quality"]["logit"]["labels"]["yes"]["ranking"]["auc"] > 0.8


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["p1@people.test", "yes", "2020-01-05"], ["p2@people.test", "no", ""]], "1 outcomes (rows 2) came before"),
        ([["p1@people.test", "yes", "soon"]], "row 2, at: 'soon' is not a date"),
        ([["p1@people.test", "yes", ""], ["P1@people.test", "no", ""]], "rows 2 and 3: one person has the outcomes"),
        ([["x@else.test", "yes", ""]], "none of its 1 rows with an outcome is a person of this workspace"),
        ([["p1@people.test", "yes", ""], ["p2@people.test", "no", ""]], "Outcome 'no' needs 50 people, you have 1."),
    ],
)
@pytest.mark.slow
def test_outcomes_that_can_teach_nothing_are_refused_with_their_place(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[list[str]], message: str
) -> None:
    file = write(tmp_path / "bad.csv", ["email", "outcome", "at"], rows)

    assert fit(shop, file) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_scores_need_an_outcome_and_a_file_that_can_be_written(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fit", "-w", str(shop), "--target", "rules", "--scores", str(tmp_path / "s.csv")]) == 2
    assert fit(shop, shop / "outcomes.csv", "--scores", str(tmp_path / "s.doc")) == 2
    assert run(["fit", "-w", str(shop), "--target", "outcome"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "--scores is for outcomes" in said
    assert "s.doc has no suffix that can be written" in said
    assert "need a labels file" in said
