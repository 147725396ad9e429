"""What SCIENCE.md 3.1, 10.1 and 10.2 give beside what test_discover checks, and like tables of the literature."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import default_rng
from sklearn.datasets import load_iris
from threadpoolctl import threadpool_limits

from segmenter.discover.candidates import Solution, solutions
from segmenter.discover.latent_class import latent_classes
from segmenter.discover.null_models import null_test, shuffled
from segmenter.discover.stability import Effort, best_labels
from segmenter.stats.item_matrix import Items, survey_items
from segmenter.stats.kmeans import Rows
from tests.segmenter.published_tables import IRIS_OPTIMA, SCHOOLBOYS, SCHOOLBOYS_DF, SCHOOLBOYS_G2, schoolboys

Table = Mapping[str, list[str]]

MEDIAN = {2: 0.962, 3: 0.885, 4: 0.825, 5: 0.603, 6: 0.609, 7: 0.573, 8: 0.612}
ICL = {2: 15520.66, 3: 15070.04, 4: 14831.65, 5: 14805.96, 6: 14801.16, 7: 14798.46, 8: 14902.45}
MIXTURES = {2: (930, 523), 3: (641, 480, 332), 4: (592, 379, 281, 201), 5: (453, 391, 281, 200, 128)}
ACROSS = {4: (0.59, 0.76, 0.92, 0.99), 5: (0.33, 0.90, 0.98, 0.98, 1.00)}
PROFILES = {
    "yummy": (0.89, 0.87, 0.02, 0.02), "tasty": (0.98, 0.93, 0.17, 0.08), "cheap": (0.92, 0.11, 0.90, 0.07),
    "expensive": (0.02, 0.92, 0.01, 0.90), "greasy": (0.33, 0.61, 0.67, 0.71), "disgusting": (0.04, 0.11, 0.38, 0.73),
    "healthy": (0.32, 0.21, 0.07, 0.06),
}  # fmt: skip
BESIDE = {"likes": (2.67, 2.15, -1.46, -2.67), "visits": (3.95, 3.86, 2.61, 2.40), "women": (0.60, 0.48, 0.59, 0.42),
          "age": (43.5, 39.8, 48.9, 48.1)}  # fmt: skip
OFTEN = ("Never", "Once a year", "Every three months", "Once a month", "Once a week", "More than once a week")
BOLD = {
    ("carcinoma", 3): (633.410, 697.136, (0.4447, 0.3736, 0.1817)),
    ("values", 2): (1026.935, 1057.313, (0.7207, 0.2793)),
    ("gss82", 3): (5549.091, 5650.926, (0.6206, 0.2071, 0.1722)),
    ("cheating", 2): (898.054, 931.941, (0.8393, 0.1607)),
}


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    with threadpool_limits(1):
        yield


def columns(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture(scope="module")
def burgers(shared: Path) -> Table:
    return columns(shared / "data/mcdonalds/mcdonalds.csv")


@pytest.fixture(scope="module")
def perceptions(burgers: Table) -> Items:
    return survey_items({name: burgers[name] for name in list(burgers)[:11]}, most=8)


@pytest.fixture(scope="module")
def beside(burgers: Table) -> dict[str, Any]:
    likes = [{"I love it!+5": "5", "I hate it!-5": "-5"}.get(answer, answer) for answer in burgers["Like"]]
    return {
        "likes": np.array(likes, float),
        "visits": np.array([OFTEN.index(answer) + 1.0 for answer in burgers["VisitFrequency"]]),
        "women": np.array([float(gender == "Female") for gender in burgers["Gender"]]),
        "age": np.array(burgers["Age"], float),
    }


@pytest.fixture(scope="module")
def found(perceptions: Items) -> dict[int, Solution]:
    return solutions(perceptions, range(2, 9), "kmeans", Effort(100, 10), default_rng(2018))


@pytest.mark.reproduces(
    "McDonald's survey: counts of the descriptors",
    "Dolnicar, Grün & Leisch 2018, Market Segmentation Analysis",
)
def test_the_descriptors_are_counted_as_the_book_does(burgers: Table, beside: Mapping[str, Any]) -> None:
    counted = [int((beside["likes"] == like).sum()) for like in range(-5, 6)]

    assert counted == [152, 71, 73, 59, 58, 169, 152, 187, 229, 160, 143]
    assert [burgers["VisitFrequency"].count(often) for often in OFTEN] == [131, 252, 342, 439, 235, 54]
    assert (beside["women"].sum(), beside["likes"].mean().round(3), beside["age"].mean().round(1)) == (788, 0.777, 44.6)


@pytest.mark.parametrize("k", IRIS_OPTIMA)
@pytest.mark.reproduces(
    "Fisher's iris: least sums of squares of 2 to 8 segments",
    "du Merle, Hansen, Jaumard & Mladenovic 2000, SIAM J. Sci. Comput. 21, 1485-1505",
)
def test_no_segments_of_the_irises_are_tighter(k: int) -> None:
    _, _, inertia = best_labels(Rows.of(load_iris().data), k, starts=200, rng=default_rng(k))

    # the more segments, the more optima lie close together: 200 starts may miss the best one by little
    assert IRIS_OPTIMA[k] - 5e-6 <= inertia <= IRIS_OPTIMA[k] * 1.0001


@pytest.mark.proof
@pytest.mark.reproduces(
    "McDonald's survey: stability of 2 to 8 segments, and their parents (SLSa)",
    "Dolnicar, Grün & Leisch 2018",
)
def test_medians_and_parents_of_stability_are_those_of_the_table(found: Mapping[int, Solution]) -> None:
    medians = {k: solution.stability.median for k, solution in found.items()}

    assert medians == pytest.approx(MEDIAN, abs=0.05)
    for k, published in ACROSS.items():
        assert sorted(found[k].across) == pytest.approx(sorted(published), abs=0.12)


@pytest.mark.proof
@pytest.mark.reproduces(
    "McDonald's survey: the four segments, their sizes, stability and answers",
    "Dolnicar, Grün & Leisch 2018",
)
def test_the_four_segments_are_those_of_the_table(
    perceptions: Items, found: Mapping[int, Solution], beside: Mapping[str, Any]
) -> None:
    """By kind, not by size: of two sizes close together either may be first."""
    columns_ = {name: perceptions.values[:, place] for place, name in enumerate(perceptions.names)} | dict(beside)
    means = {name: [column[found[4].labels == j].mean() for j in range(4)] for name, column in columns_.items()}
    order = sorted(range(4), key=lambda j: (means["yummy"][j] < 0.5, means["expensive"][j] > 0.5))

    sizes = [found[4].sizes[j] for j in order]
    assert sizes == pytest.approx([580, 318, 315, 240], rel=0.2)
    for name, published in PROFILES.items():
        assert [means[name][j] for j in order] == pytest.approx(published, abs=0.08), name
    for name, published in BESIDE.items():
        averages = [means[name][j] for j in order]
        assert averages == pytest.approx(published, abs=2.5 if name == "age" else 0.35), name


@pytest.mark.proof
def test_every_number_of_segments_is_far_beyond_the_shuffled_copies(perceptions: Items) -> None:
    """SCIENCE 3.1: the smallest p that 19 copies can give, and copies as stable as the table says."""
    # all samples are compared with each other, so what copies show varies less, and is as published from 20 starts on
    test = null_test(perceptions, (2, 3, 4, 5, 6), shuffled, Effort(30, 20), default_rng(3))

    assert test.p == pytest.approx(0.05)
    assert all(test.candidate(k) for k in test.ks)
    assert 0.3 < test.quantile[0] < 0.7  # two segments of shuffled answers are split on one item or not: bimodal
    assert test.quantile[1:] == pytest.approx((0.36, 0.32, 0.31, 0.31), abs=0.08)


@pytest.mark.proof
@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.reproduces("McDonald's survey: ICL and sizes of 2 to 8 latent classes", "Dolnicar, Grün & Leisch 2018")
def test_classes_have_the_published_icl_and_sizes(perceptions: Items, k: int) -> None:
    classes = latent_classes(perceptions, k, starts=20, rng=default_rng(20))

    assert classes.icl == pytest.approx(ICL[k], abs=60 if k > 5 else 12)  # flat from 5 on: other optima, other ICL
    if k in MIXTURES:
        assert tuple(np.bincount(classes.labels, minlength=k)) == pytest.approx(MIXTURES[k], abs=4)


@pytest.mark.slow
@pytest.mark.reproduces("Coleman's schoolboys: G² of two latent classes", "Goodman 1974, Biometrika 61, 215-231")
def test_two_latent_classes_of_schoolboys_fit_as_published() -> None:
    classes = latent_classes(survey_items(schoolboys(), most=4), 2, starts=20, rng=default_rng(1))
    counts = np.array(SCHOOLBOYS)
    saturated = float(counts @ np.log(counts / counts.sum()))

    assert 2 * (saturated - classes.log_likelihood) == pytest.approx(SCHOOLBOYS_G2, abs=0.005)
    assert len(counts) - 1 - classes.parameters == SCHOOLBOYS_DF


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "k"),
    [pytest.param(*case, marks=() if case[0] in {"carcinoma", "values"} else pytest.mark.proof) for case in BOLD],
)
@pytest.mark.reproduces("Four tables of poLCA: AIC, BIC and shares of the classes", "Linzer & Lewis 2011, poLCA")
def test_latent_classes_have_the_published_criteria_and_shares(shared: Path, name: str, k: int) -> None:
    table = columns(shared / f"data/polca/{name}.csv")
    if name == "cheating":
        table = {item: table[item] for item in ("LIEEXAM", "LIEPAPER", "FRAUD", "COPYEXAM")}
    classes = latent_classes(survey_items(table, most=4), k, starts=30, rng=default_rng(7))
    aic, bic, shares = BOLD[name, k]

    assert -2 * classes.log_likelihood + 2 * classes.parameters == pytest.approx(aic, abs=0.01)
    assert classes.bic == pytest.approx(bic, abs=0.01)
    assert classes.shares == pytest.approx(shares, abs=0.002)
