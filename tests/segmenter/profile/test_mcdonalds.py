"""Facts about the four segments of McDonald's are those that the literature has: SCIENCE.md 10.1."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from threadpoolctl import threadpool_limits

from segmenter.discover.stability import best_labels
from segmenter.profile.columns import TraitColumn
from segmenter.profile.distinctive_traits import DistinctiveTrait, distinctive_traits, measure
from segmenter.stats.item_matrix import coded, survey_items
from segmenter.stats.kmeans import Rows
from segmenter.traits.definitions import Trait

ITEMS = ("yummy", "tasty", "cheap", "expensive", "greasy", "disgusting", "healthy")
PUBLISHED = {
    580: (0.89, 0.98, 0.92, 0.02, 0.33, 0.04, 0.32), 318: (0.87, 0.93, 0.11, 0.92, 0.61, 0.11, 0.21),
    315: (0.02, 0.17, 0.90, 0.01, 0.67, 0.38, 0.07), 240: (0.02, 0.08, 0.07, 0.90, 0.71, 0.73, 0.06),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(shared: Path) -> dict[int, dict[tuple[str, str], DistinctiveTrait]]:
    with (shared / "data/mcdonalds/mcdonalds.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    items = survey_items({name: [row[name] for row in rows] for name in list(rows[0])[:11]}, most=4)
    with threadpool_limits(1):
        distinct = Rows.of(coded(items).values)
        labels = best_labels(distinct, 4, starts=200, rng=default_rng(4))[0][distinct.place]
    columns = [_text(name, [row[name] for row in rows]) for name in (*ITEMS, "Like", "Gender")]
    age = np.array([float(row["Age"]) for row in rows])
    columns.append(TraitColumn(Trait("Age", "age", "years", "number", "survey_answers", least=0), age))
    measured = [figures for column in columns if (figures := measure(column, labels, 4, fewest=5))]
    facts = distinctive_traits(measured, 4, {})
    sizes = np.bincount(labels)
    nearest = {size: int(np.argmin(np.abs(sizes - size))) for size in PUBLISHED}
    return {size: {(fact.trait, fact.value): fact for fact in facts[j]} for size, j in nearest.items()}


def _text(name: str, values: list[str]) -> TraitColumn:
    known = sorted(set(values))
    codes: Any = np.array([known.index(value) for value in values], dtype=np.int64)
    return TraitColumn(Trait(name, name, "", "text", "survey_answers"), codes, tuple(known))


@pytest.mark.parametrize("size", PUBLISHED)
def test_shares_are_those_of_the_literature(
    told: dict[int, dict[tuple[str, str], DistinctiveTrait]], size: int
) -> None:
    for item, share in zip(ITEMS, PUBLISHED[size], strict=True):
        yes, no = told[size].get((item, "Yes")), told[size].get((item, "No"))
        here = yes.here if yes else 1 - no.here if no else np.nan
        assert here == pytest.approx(share, abs=0.03), item


@pytest.mark.reproduces("McDonald's survey: which descriptors differ between segments", "Dolnicar, Grün & Leisch 2018")
def test_descriptors_differ_as_published(told: dict[int, dict[tuple[str, str], DistinctiveTrait]]) -> None:
    distinctive = {fact.trait: fact for fact in told[240].values()}

    assert distinctive["Like"].statistic == pytest.approx(811, rel=0.06)
    assert distinctive["Gender"].statistic == pytest.approx(31.0, abs=6)
    assert distinctive["Age"].statistic == pytest.approx(83.7, abs=12)
    assert [distinctive[name].test for name in ("Like", "Gender", "Age")] == [
        "chi-squared",
        "chi-squared",
        "Kruskal-Wallis",
    ]
    assert distinctive["Gender"].trait_p < 1e-4
    assert distinctive["Age"].trait_p < 1e-13


def test_each_segment_is_told_by_its_markers_and_who_it_is(
    told: dict[int, dict[tuple[str, str], DistinctiveTrait]],
) -> None:
    always = {"yummy", "tasty", "cheap", "expensive", "disgusting"}
    for own in told.values():
        assert always <= {fact.trait for fact in own.values() if fact.marker and fact.said}
    women, men = told[580]["Gender", "Female"], told[240]["Gender", "Male"]
    assert women.here == pytest.approx(0.60, abs=0.03)
    assert women.index == pytest.approx(100 * women.here / (788 / 1453))
    assert women.said
    assert men.here == pytest.approx(0.58, abs=0.03)
    assert told[240]["Like", "I hate it!-5"].said
