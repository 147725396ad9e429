"""The workspace's own traits: impossible, far out, rare and constant values are found; usual data are left in peace."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from segmenter.monitor.own_traits import TraitFinding, expected_twins, far_out, own_findings
from segmenter.traits.builtin import catalogue
from segmenter.traits.definitions import ANYTHING, Limits, MappedTrait, Trait


def number(name: str = "income", limits: Limits = ANYTHING, property_name: str = "income") -> Trait:
    return catalogue([MappedTrait(name, "crm", property_name, "number", limits=limits)]).traits[name]


def text(limits: Limits = ANYTHING) -> Trait:
    return catalogue([MappedTrait("status", "crm", "status", "text", limits=limits)]).traits["status"]


def findings(trait: Trait, values: object) -> list[TraitFinding]:
    return list(own_findings(pa.table({trait.name: pa.array(values)}), trait))


def incomes(people: int = 2_000) -> np.ndarray:
    return np.random.default_rng(2).normal(52_000, 21_000, people).clip(1_730)


def test_an_income_of_666_666_is_found_and_skewed_spend_is_not() -> None:
    found = findings(number(), np.append(incomes(), 666_666.0))
    skewed = np.random.default_rng(1).lognormal(4, 1.2, 2_000).round()

    assert [(finding.kind, finding.people) for finding in found] == [("outlier", 1)]
    assert found[0].what.startswith("1 person has 666,666, far from all others (half of them from ")
    assert findings(number(), skewed) == []
    assert findings(number(), incomes()) == []
    assert not far_out(np.zeros(500)).any()
    assert not far_out(np.array([1.0, 2.0, 900.0])).any()


@pytest.mark.parametrize("name", ["birth_year", "year_birth", "YearBirth", "born"])
def test_birth_years_of_another_century_are_impossible(name: str) -> None:
    years = [1893.0, 1899.0, *np.random.default_rng(1).integers(1940, 1997, 500).astype(float)]
    found = findings(number("y", property_name=name), years)

    assert found[0].kind == "impossible"
    assert "2 people have 1893, 1899" in found[0].what


def test_stated_limits_are_kept_to() -> None:
    found = findings(number(limits=Limits(0, 200_000)), np.append(incomes(), [-5.0, 666_666.0]))

    assert [(finding.kind, finding.people) for finding in found] == [("impossible", 2)]
    assert "-5, 666,666, outside what is possible (0 to 200000)" in found[0].what


def test_joke_categories_are_named_rarest_first_and_allowed_values_silence_them() -> None:
    status = ["Married"] * 1_200 + ["Single"] * 900 + ["YOLO"] * 2 + ["Absurd"] * 2 + ["Alone"] * 3

    found = findings(text(), status)
    assert [(finding.kind, finding.people) for finding in found] == [("rare", 7)]
    assert "3 of 5 values have 4 people or fewer: Absurd (2), YOLO (2), Alone (3)" in found[0].what
    assert findings(text(Limits(allowed=("Married", "Single", "YOLO", "Absurd", "Alone"))), status) == []
    [wrong] = findings(text(Limits(allowed=("Married", "Single", "Alone"))), status)
    assert (wrong.kind, wrong.people) == ("impossible", 4)


def test_forty_categories_of_which_thirty_have_one_person_are_found() -> None:
    values = [f"big{n % 10}" for n in range(970)] + [f"lone{n}" for n in range(30)]

    [found] = findings(text(), values)
    assert "30 of 40 values have 3 people or fewer: lone0 (1), lone1 (1), lone10 (1) and 27 more" in found.what


def test_names_and_few_people_show_nothing_and_constant_columns_do() -> None:
    assert findings(text(), [f"name {n}" for n in range(500)]) == []
    assert findings(text(), ["a", "b"]) == []
    assert [finding.kind for finding in findings(number(), [3.0] * 40)] == ["constant"]
    assert [finding.kind for finding in findings(text(), ["x@people.test"] * 40)] == ["constant"]
    assert "x@" not in findings(text(), ["x@people.test"] * 40)[0].what


def test_the_answers_of_a_real_survey_are_left_in_peace(shared: Path) -> None:
    """McDonald's: ages 18 to 71, like on eleven steps, how often they visit: nothing to find."""
    with (shared / "data" / "mcdonalds" / "mcdonalds.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert findings(number("age", property_name="age"), [float(row["Age"]) for row in rows]) == []
    assert findings(text(), [row["VisitFrequency"] for row in rows]) == []
    assert findings(text(), [row["Like"] for row in rows]) == []


def test_twins_by_chance_by_hand() -> None:
    """Two halves and four quarters of 8 people: 28 pairs, agreeing with 24/56 and 8/56."""
    expected = expected_twins([["a", "b"] * 4, list("aabbccdd")])

    assert expected == pytest.approx(28 * 24 / 56 * 8 / 56)
    assert expected_twins([]) == 0
