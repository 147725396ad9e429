"""A survey in a file, to its end with the commands that are printed; and again, with the same light."""

from __future__ import annotations

import csv
import random
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segmenter.discover.propose import SearchOptions, propose
from segmenter.discover.stability import Effort
from sync.cli.main import run
from sync.modeling.inputs import Base, from_file

QUESTIONS = (
    "I look for the lowest price",
    "I compare prices in several shops",
    "I wait for a sale",
    "I buy gifts for others",
    "Wrapping and presentation matter to me",
    "I buy mostly before holidays",
)
WANTED = {"price": (5, 5, 5, 1, 2, 2), "gift": (2, 1, 2, 5, 5, 5)}
PEOPLE = 110
MAIN = """[workspace]
name = "Shop"

[connections.shop]
connector = "files"
contacts = "contacts.csv"
orders = "orders.csv"
"""
PRINTED = re.compile(r"personasync [\w -]+")

pytestmark = pytest.mark.simulation  # finds segments


def files(folder: Path) -> None:
    """Write people, their orders, and what they answered."""
    dice = random.Random(4)  # noqa: S311 - people, not secrets
    answers, orders = [], []
    for number in range(PEOPLE):
        email, kind = f"person{number}@people.test", [*WANTED][number % 2]
        said = [min(5, max(1, mean + dice.choice((-1, 0, 0, 1)))) for mean in WANTED[kind]]
        answers.append([email, dice.randint(18, 70), *said])
        orders += [
            [f"{number}-{i}", email, f"2026-0{dice.randint(1, 9)}-10", dice.randint(5, 20) * (1 + 3 * (kind == "gift"))]
            for i in range(3)
        ]
    for name, head, rows in (
        ("answers.csv", ["email", "age", *QUESTIONS], answers),
        ("orders.csv", ["order_id", "email", "date", "amount"], orders),
        ("contacts.csv", ["email", "consent"], [[row[0], "subscribed"] for row in answers]),
    ):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *rows])
    (folder / "personasync.toml").write_text(MAIN, "utf-8")
    (folder / "segments.toml").write_text("", "utf-8")
    (folder / "personas.toml").write_text("", "utf-8")


@pytest.mark.long
def test_a_survey_in_a_file_goes_to_its_end_with_the_commands_that_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")

    def do(line: str) -> str:
        assert run(shlex.split(line)[1:]) == 0, (line, capsys.readouterr())
        return capsys.readouterr().out

    do("personasync pull")
    output = do("personasync discover answers.csv --respondent email --describe age --name needs --max-segments 2")
    next_ = output.rpartition("run: ")[2].strip()
    assert next_ == "personasync discover --accept needs"
    proposal = (tmp_path / "proposals" / "needs.toml").read_text("utf-8")
    assert 'name = "price_seekers"' in proposal
    assert 'title = "Gift seekers: ' in proposal
    assert "@" not in (tmp_path / "proposals" / "needs.labels.csv").read_text("utf-8")

    accepted = do(next_)
    printed = [line.strip() for line in PRINTED.findall(accepted)]
    assert printed == [
        "personasync pull",
        "personasync assign",
        "personasync survey design --proposal needs --tool short",
        "personasync fit --target discovered --labels needs",
        "personasync personas draft --all --proposal needs",
    ]
    for line in printed:
        output = do(line)
        if "fit" in line:
            assert "Trained on 110 people" in output
    assert "price_seekers" in do("personasync segments")
    form = (tmp_path / "survey-short" / "form.html").read_text("utf-8")
    assert ">1 (disagree completely)</label>" in form
    assert ">5 (agree completely)</label>" in form
    assert "disagree" not in (tmp_path / "survey-short" / "traits.toml").read_text("utf-8")


def test_the_same_answers_get_the_same_light_in_any_order_of_the_rows(tmp_path: Path) -> None:
    files(tmp_path)
    with (tmp_path / "answers.csv").open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    asked = SearchOptions(most=3, report=Effort(6, 2), test=Effort(4, 1), class_starts=2)

    def found(order: list[int]) -> tuple[str, float, dict[str, int]]:
        with (tmp_path / "again.csv").open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([head, *(rows[place] for place in order)])
        read = from_file(tmp_path / "again.csv", wanted=(), respondent="email", beside=("age",), most=3)
        base: Base = replace(read, people=tuple(read.people)).in_order()
        proposal = propose(base.items, asked, np.random.default_rng(1))
        people = [base.people[place] for place in proposal.people]
        return proposal.light, proposal.test.p, dict(zip(people, proposal.labels.tolist(), strict=True))

    forth = found([*range(PEOPLE)])
    back = found([*reversed(range(PEOPLE))])

    assert forth == back
