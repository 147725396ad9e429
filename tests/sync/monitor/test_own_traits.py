"""`quality` of downloaded data: impossible values, jokes, constants and repeated rows are not green."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from sync.cli.main import run

MAIN = """[workspace]
name = "Shop"

[connections.shop]
connector = "files"
contacts = "contacts.csv"
contacts_without_consent = "subscribed"
"""
NUMBERS = ("year_birth", "income", "wines", "meat", "z_cost")
TRAIT = '\n[traits.{name}]\nconnection = "shop"\nproperty = "{name}"\ntype = "{type}"\n'
PEOPLE = 400


def workspace(folder: Path, *, rubbish: bool, limits: str = "") -> Path:
    dice = random.Random(3)  # noqa: S311 - people, not secrets
    rows: list[list[object]] = []
    for number in range(PEOPLE):
        row: list[object] = [
            dice.randint(1945, 1996),
            round(dice.gauss(52_000, 15_000)),
            round(dice.lognormvariate(5, 1)),
        ]
        rows.append([number, *row, round(dice.lognormvariate(4, 1)), 3, dice.choice(["Married", "Single", "Together"])])
    if rubbish:
        rows[5][1], rows[6][2], rows[7][6], rows[8][6] = 1893, 666_666, "YOLO", "Absurd"
        rows += [[PEOPLE + place, *row[1:]] for place, row in enumerate(rows[20:50])]
    else:
        for row in rows:
            row[5] = dice.randint(1, 9)
    with (folder / "contacts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", *NUMBERS, "marital_status"], *rows])
    traits = "".join(TRAIT.format(name=name, type="number") for name in NUMBERS)
    text = MAIN + traits + TRAIT.format(name="marital_status", type="text") + limits
    for name, content in (("personasync", text), ("segments", ""), ("personas", "")):
        (folder / f"{name}.toml").write_text(content, "utf-8")
    assert run(["pull", "-w", str(folder)]) == 0
    return folder


@pytest.mark.long
def test_what_nobody_uses_is_profiled_too_and_is_not_green(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workspace(tmp_path, rubbish=True)
    capsys.readouterr()
    assert run(["quality", "-w", str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())

    assert "year_birth: 1 person has 1893, outside what is possible (1900 to 2100)." in shown
    assert "income: 1 person has 666,666, far from all others" in shown
    assert "marital_status: 2 of 5 values have 3 people or fewer: Absurd (1), YOLO (1)." in shown
    assert "z_cost: everybody has the same value, 3." in shown
    assert "30 contacts of shop repeat another contact in all 6 properties." in shown
    assert "For discover, fit and personas: amber. For segments by value: green." in shown
    assert "Overall: amber." in shown


@pytest.mark.long
def test_clean_data_are_green_and_stated_limits_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workspace(tmp_path, rubbish=False)
    capsys.readouterr()
    assert run(["quality", "-w", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["own_traits"] == document["faults"] == []
    assert document["lights"] == {"assign": "green", "models": "green", "value": "green"}

    main = (folder / "personasync.toml").read_text("utf-8")
    stated = main.replace('property = "wines"\ntype = "number"', 'property = "wines"\ntype = "number"\nmost = 50')
    (folder / "personasync.toml").write_text(
        stated.replace('property = "marital_status"', 'property = "marital_status"\nallowed = ["Married", "Single"]')
    )
    assert run(["quality", "-w", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {(finding["trait"], finding["kind"]) for finding in document["own_traits"]} == {
        ("wines", "impossible"),
        ("marital_status", "impossible"),
    }
    assert document["lights"] == {"assign": "green", "models": "red", "value": "green"}  # most wines are above 50


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('type = "text"\nleast = 1', '`least` and `most` need type = "number"'),
        ('type = "number"\nleast = 5\nmost = 1', "`least` is 5, above `most`, which is 1"),
        ('type = "number"\nallowed = ["x"]', '`allowed` needs type = "text"'),
        ('type = "number"\nleast = nan', "finite number"),
    ],
)
def test_limits_that_fit_no_type_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    for name, content in (("segments", ""), ("personas", "")):
        (tmp_path / f"{name}.toml").write_text(content, "utf-8")
    trait = f'\n[traits.x]\nconnection = "shop"\nproperty = "x"\n{line}\n'
    (tmp_path / "personasync.toml").write_text(MAIN + trait, "utf-8")

    assert run(["quality", "-w", str(tmp_path)]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
