"""McDonald's survey of Dolnicar, Grün & Leisch (Market Segmentation Analysis, 2018): tables and TURF against pandas and
scipy."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import chi2_contingency
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from sync.cli.main import run

ITEMS = [
    *("yummy", "convenient", "spicy", "fattening", "greasy", "fast"),
    *("cheap", "tasty", "expensive", "healthy", "disgusting"),
]


def test_letters_of_guests_by_visits_are_those_of_pandas_and_statsmodels(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shared / "data" / "mcdonalds" / "mcdonalds.csv"
    frame = pd.read_csv(file)
    counts = pd.crosstab(frame["VisitFrequency"], frame["yummy"])
    groups = list(counts.index)
    pairs = list(combinations(range(len(groups)), 2))
    yes, people = counts["Yes"].to_numpy(), counts.sum(axis=1).to_numpy()
    p = [proportions_ztest(yes[list(pair)], people[list(pair)])[1] for pair in pairs]
    above: dict[str, set[str]] = {group: set() for group in groups}
    for (first, second), corrected in zip(pairs, multipletests(p, method="holm")[1], strict=True):
        if corrected <= 0.05:
            high, low = (
                (first, second) if yes[first] / people[first] > yes[second] / people[second] else (second, first)
            )
            above[groups[high]].add("ABCDEF"[low])

    assert run(["survey", "crosstab", str(file), "--by", "VisitFrequency", "--question", "yummy", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    (table,) = document["questions"]
    row = next(row for row in table["rows"] if row["label"] == "Yes")
    letters = [{letter for letter in cell["letters"].split() if letter.isupper()} for cell in row["cells"][1:]]
    assert [column["group"] for column in document["columns"][1:]] == groups
    assert letters == [above[group] for group in groups]
    assert table["associations"][0]["statistic"] == pytest.approx(chi2_contingency(counts, correction=False).statistic)


def test_the_three_items_that_reach_most_guests_are_those_of_all_165_sets(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shared / "data" / "mcdonalds" / "mcdonalds.csv"
    likes = pd.read_csv(file)[ITEMS] == "Yes"
    best = max(combinations(ITEMS, 3), key=lambda items: likes[list(items)].any(axis=1).sum())

    run(["survey", "turf", str(file), "--size", "3", "--json", *(word for item in ITEMS for word in ("--item", item))])

    largest = json.loads(capsys.readouterr().out)["sets"][-1]
    assert largest["items"] == list(best)
    assert largest["reach"] == pytest.approx(likes[list(best)].any(axis=1).mean())
