# ruff: noqa: PD011 - `values` is a field of ours, not of pandas
"""Segments are found where there are some, refused where there are none, and agree with the literature.

Figures: SCIENCE.md 10.1, 10.2, 10.4, 10.7. Each has a quick version here and, where it takes long, a proof.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.random import Generator, default_rng
from scipy import stats
from threadpoolctl import threadpool_limits

from segmenter.discover.candidates import solutions
from segmenter.discover.choose_k import flagged
from segmenter.discover.latent_class import latent_classes
from segmenter.discover.latent_correlations import copier
from segmenter.discover.markers import (
    centred_items,
    descriptors,
    markers,
    reversed_items,
    shares_above_mean,
)
from segmenter.discover.null_models import null_test, shuffled
from segmenter.discover.propose import SearchOptions, propose
from segmenter.discover.stability import Effort, best_labels
from segmenter.errors import DefinitionError
from segmenter.stats.item_matrix import Items, coded, numbers, survey_items
from segmenter.stats.kmeans import Rows
from tests.segmenter.published_tables import interviewed

QUICK = SearchOptions(most=4, report=Effort(20, 4), test=Effort(8, 3), class_starts=3)
PEOPLE = 500


def columns(path: Path, names: list[str] | None = None) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in names or list(rows[0])}


@pytest.fixture(scope="module")
def burgers(shared: Path) -> dict[str, list[str]]:
    return columns(shared / "data/mcdonalds/mcdonalds.csv")


@pytest.fixture(scope="module")
def perceptions(burgers: dict[str, list[str]]) -> Items:
    return survey_items({name: burgers[name] for name in list(burgers)[:11]}, most=8)


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    with threadpool_limits(1):
        yield


def yes_no_noise(rng: Generator) -> Items:
    return Items("binary", tuple("abcdefghij"), (rng.random((PEOPLE, 10)) < rng.uniform(0.2, 0.8, 10)).astype(float))


def count_noise(rng: Generator) -> Items:
    return Items("metric", tuple("abcdef"), rng.poisson(2.0, (PEOPLE, 6)).astype(float))


def planted(rng: Generator) -> tuple[Items, Any]:
    """Four kinds of people who say yes to three items each, and to others seldom."""
    kind = rng.integers(0, 4, PEOPLE)
    chance = np.full((4, 12), 0.15)
    for j in range(4):
        chance[j, 3 * j : 3 * j + 3] = 0.85
    return Items("binary", tuple("abcdefghijkl"), (rng.random((PEOPLE, 12)) < chance[kind]).astype(float)), kind


def yes_sayers(rng: Generator) -> Items:
    lean = rng.normal(0.0, 1.5, PEOPLE)
    return Items(
        "binary", tuple("abcdefghij"), (rng.random((PEOPLE, 10)) < 1 / (1 + np.exp(-lean))[:, None]).astype(float)
    )


def rand_index(a: Any, b: Any) -> float:
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415 - an independent implementation, 1.8 s

    return float(adjusted_rand_score(a, b))


@pytest.mark.reproduces("McDonald's survey: means and principal components", "Dolnicar, Grün & Leisch 2018")
def test_the_survey_is_read_as_the_book_prints_it(perceptions: Items) -> None:
    means = perceptions.values.mean(axis=0).round(4)
    spread = np.linalg.eigvalsh(np.cov(perceptions.values, rowvar=False))[::-1] ** 0.5

    assert perceptions.kind == "binary"
    assert means.tolist() == [0.5526, 0.9078, 0.0936, 0.8672, 0.5265, 0.9002, 0.5988, 0.6442, 0.3579, 0.1989, 0.2429]
    expected = [0.7570, 0.6075, 0.5046, 0.3988, 0.3374, 0.3103, 0.2897, 0.2751, 0.2653, 0.2488, 0.2369]
    assert spread == pytest.approx(expected, abs=5e-5)


AGREEMENT = {2: 0.953, 3: 0.858, 4: 0.788, 5: 0.655, 6: 0.623, 7: 0.591, 8: 0.609}


@pytest.mark.slow
def test_stability_and_its_break_are_those_of_the_literature(perceptions: Items) -> None:
    candidates = solutions(perceptions, range(2, 9), "kmeans", Effort(100, 10), default_rng(2018))

    # one draw of 100 pairs each, whose standard error is .017 at four segments (four seeds of such draws); ours: .008
    assert {k: s.stability.agreement for k, s in candidates.items()} == pytest.approx(AGREEMENT, abs=0.04)
    four = candidates[4]
    assert sorted(four.stability.segments) == pytest.approx([0.84, 0.895, 0.895, 0.90], abs=0.04)
    assert min(candidates[5].across) == pytest.approx(0.33, abs=0.08)
    assert {m.item for m in four.markers[0]} == {"yummy", "tasty", "cheap", "expensive", "disgusting", "healthy"}
    always = {"yummy", "tasty", "cheap", "expensive", "disgusting"}
    assert all(always <= {m.item for m in own} for own in four.markers)
    assert ["healthy" in {m.item for m in own} for own in four.markers] == [True, False, True, True]
    assert not flagged(four, 11)


def test_the_best_of_four_segments_is_as_tight_as_the_best_known(perceptions: Items) -> None:
    rows = Rows.of(coded(perceptions).values)

    labels, centres, inertia = best_labels(rows, 4, starts=200, rng=default_rng(4))

    assert inertia <= 1603.1
    assert centres.shape == (4, 11)
    first, second = (best_labels(rows, 4, starts=200, rng=default_rng(seed))[0] for seed in (5, 6))
    assert min(rand_index(labels[rows.place], other[rows.place]) for other in (first, second)) >= 0.87


def test_descriptors_of_segments_are_tested_as_scipy_does() -> None:
    people = interviewed()
    labels = np.asarray(people["income"] // 7, dtype=np.int64)
    schooling, age = [str(level) for level in people["educ"]], people["age"].to_numpy(float)

    by_name = {
        descriptor.name: descriptor for descriptor in descriptors({"schooling": schooling, "age": age}, labels, 4)
    }

    counts = pd.crosstab(labels, people["educ"])
    expected = (
        stats.chi2_contingency(counts, correction=False),
        stats.kruskal(*(age[labels == j] for j in range(4))),
    )
    for name, result in zip(("schooling", "age"), expected, strict=True):
        assert (by_name[name].statistic, by_name[name].p) == pytest.approx((result.statistic, result.pvalue), rel=1e-9)
        assert by_name[name].differs


BOOK = {1: -8346.217, 2: -7610.848, 3: -7311.534, 4: -7111.146, 5: -7011.204, 6: -6956.110, 7: -6900.188, 8: -6872.641}
BIC = {1: 16772.5, 2: 15389.14, 3: 14877.80, 4: 14564.44, 5: 14451.94, 6: 14429.02, 7: 14404.63, 8: 14436.69}


@pytest.mark.parametrize("k", [1, 2, 3, *(pytest.param(k, marks=pytest.mark.proof) for k in (4, 5, 6, 7, 8))])
@pytest.mark.reproduces(
    "McDonald's survey: log-likelihood and BIC of 1 to 8 latent classes",
    "Dolnicar, Grün & Leisch 2018",
)
def test_latent_classes_are_as_likely_as_the_book_says(perceptions: Items, k: int) -> None:
    classes = latent_classes(perceptions, k, starts=5 if k < 4 else 20, rng=default_rng(20))

    assert classes.log_likelihood >= BOOK[k] - 0.05
    assert classes.bic == pytest.approx(BIC[k], abs=0.6)
    if k == 4:
        assert classes.entropy == pytest.approx(0.863, abs=0.002)
        assert sorted(classes.mean_posteriors()) == pytest.approx([0.914, 0.923, 0.931, 0.939], abs=0.002)
        assert classes.icl == pytest.approx(14831.65, abs=8)


POLCA = [
    ("carcinoma", 2, -317.2568), ("carcinoma", 3, -293.705), ("carcinoma", 4, -289.2858),
    ("values", 1, -543.6498), ("values", 2, -504.4677), ("values", 3, -503.3011),
    ("gss82", 2, -2783.268), ("gss82", 3, -2754.545), ("gss82", 4, -2746.621), ("cheating", 2, -440.0271),
]  # fmt: skip
FAST = {("carcinoma", 2), ("carcinoma", 3), ("values", 1), ("values", 2)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "k", "published"),
    [pytest.param(*case, marks=() if case[:2] in FAST else pytest.mark.proof) for case in POLCA],
)
@pytest.mark.reproduces(
    "Carcinoma, values, gss82, cheating: log-likelihoods of latent classes",
    "Linzer & Lewis 2011, poLCA",
)
def test_latent_classes_agree_with_the_published_ones(shared: Path, name: str, k: int, published: float) -> None:
    items = ["LIEEXAM", "LIEPAPER", "FRAUD", "COPYEXAM"] if name == "cheating" else None
    base = survey_items(columns(shared / f"data/polca/{name}.csv", items), most=4)

    classes = latent_classes(base, k, starts=30, rng=default_rng(7))

    # published with three or four decimals
    assert classes.log_likelihood == pytest.approx(published, abs=0.0015)
    assert classes.log_likelihood >= published - 0.001


@pytest.mark.proof
def test_one_start_alone_may_end_in_a_worse_optimum(shared: Path) -> None:
    base = survey_items(columns(shared / "data/polca/gss82.csv"), most=4)

    reached = [latent_classes(base, 3, starts=1, rng=default_rng(seed)).log_likelihood for seed in range(12)]

    assert max(reached) == pytest.approx(-2754.545, abs=0.01)
    assert any(likelihood < -2755 for likelihood in reached)


@pytest.mark.long
@pytest.mark.slow
def test_planted_segments_are_found_again() -> None:
    base, truth = planted(default_rng(11))

    proposal = propose(
        base, SearchOptions(most=5, report=Effort(20, 4), test=Effort(8, 3), class_starts=3), default_rng(12)
    )

    assert proposal.k == 4
    assert len(proposal.segments) == 4
    assert rand_index(proposal.labels, truth) > 0.7
    assert all(
        {m.item for m in s.markers if m.up} in [set("abc"), set("def"), set("ghi"), set("jkl")]
        for s in proposal.segments
    )


@pytest.mark.proof
def test_planted_segments_are_found_in_each_of_ten_tries() -> None:
    asked = SearchOptions(most=5, report=Effort(20, 4), test=Effort(8, 3), class_starts=3)
    counts = [propose(planted(default_rng(seed))[0], asked, default_rng(seed)).k for seed in range(10)]

    assert counts == [4] * 10


@pytest.mark.long
@pytest.mark.simulation
@pytest.mark.parametrize("noise", [yes_no_noise, count_noise])
def test_noise_is_refused(noise: Any) -> None:
    refused = [propose(noise(default_rng(seed)), QUICK, default_rng(seed)).light for seed in (1, 2)]

    assert refused == ["red", "red"]


@pytest.mark.proof
@pytest.mark.parametrize("noise", [yes_no_noise, count_noise])
def test_noise_is_refused_in_ninety_five_of_a_hundred_tries(noise: Any) -> None:
    tries = [propose(noise(default_rng(seed)), QUICK, default_rng(seed)).light for seed in range(50)]

    assert tries.count("red") >= 48


@pytest.mark.long
@pytest.mark.simulation
def test_yes_sayers_are_flagged_and_nothing_is_left_of_them_once_centred() -> None:
    base = yes_sayers(default_rng(3))

    proposal = propose(base, QUICK, default_rng(4))

    assert proposal.light == "amber"
    assert any(segment.style for segment in proposal.segments)
    assert "no segments are left" in proposal.notes[0]
    assert proposal.test.p == pytest.approx(0.05)
    assert max(null_test(centred_items(base), (2, 3), shuffled, Effort(8, 3), default_rng(5), copies=3).agreement) < 0.3


@pytest.fixture(scope="module")
def shoppers(shared: Path) -> Items:
    """Recency, frequency and revenue of the gift shop's customers."""
    lines = pq.read_table(shared / "data/online_retail/online_retail.parquet").to_pandas()
    lines.columns = [name.lower().replace(" ", "").replace("_", "") for name in lines.columns]
    invoice, customer = ("invoiceno" if "invoiceno" in lines else "invoice"), "customerid"
    price = "unitprice" if "unitprice" in lines else "price"
    clean = lines[
        lines[customer].notna()
        & ~lines[invoice].astype(str).str.startswith("C")
        & (lines.quantity > 0)
        & (lines[price] > 0)
    ]
    clean = clean.assign(amount=clean.quantity * clean[price])
    by = clean.assign(at=pd.to_datetime(clean.invoicedate)).groupby(customer)
    last = pd.Timestamp("2011-12-10") - by["at"].max()
    return Items(
        "metric",
        ("recency", "frequency", "revenue"),
        np.column_stack([last.dt.total_seconds() / 86400, by[invoice].nunique(), by.amount.sum()]).astype(float),
    )


def test_the_shop_has_the_customers_that_the_literature_counts(shoppers: Items) -> None:
    assert len(shoppers.values) == 4338
    assert shoppers.values[:, 2].sum() == pytest.approx(8_911_407.90, abs=0.1)


@pytest.mark.long
@pytest.mark.simulation
def test_four_segments_by_recency_frequency_and_revenue_are_no_more_than_independent_columns(shoppers: Items) -> None:
    rng = default_rng(8)
    some = shoppers.rows(rng.permutation(4338)[:2000])

    test = null_test(some, (2, 3, 4), shuffled, Effort(6, 3), rng, most=19)

    assert [test.candidate(k) for k in (2, 4)] == [True, False]
    assert test.agreement[2] == pytest.approx(0.84, abs=0.1)


@pytest.mark.proof
def test_segments_by_recency_frequency_and_revenue_are_constructed(shoppers: Items) -> None:
    rng = default_rng(9)
    some = shoppers.rows(rng.permutation(4338)[:2000])

    first = null_test(some, (2, 3, 4, 5, 6), shuffled, Effort(20, 5), rng)
    second = null_test(some, (2, 3, 4), copier(some), Effort(10, 3), rng)

    assert [first.candidate(k) for k in (2, 3, 4, 6)] == [True, True, False, True]
    assert abs(first.agreement[3] - first.quantile[3]) < 2 * first.errors[3]  # five are on the edge
    assert first.agreement[:4] == pytest.approx((0.96, 0.91, 0.84, 0.81), abs=0.08)  # of fewer people than published
    assert not any(second.candidate(k) for k in (2, 3, 4))


def three_clusters(rng: Generator) -> Items:
    centres = np.array([[3.0, 0, 0, 0], [0, 3.0, 0, 0], [0, 0, 3.0, 0]])
    return Items("metric", tuple("abcd"), centres[rng.integers(0, 3, PEOPLE)] + rng.normal(size=(PEOPLE, 4)))


@pytest.mark.long
def test_planted_clusters_beat_the_second_null_and_one_common_factor_does_not() -> None:
    rng = default_rng(10)
    factor = Items(
        "metric", tuple("abcdefgh"), 0.5**0.5 * (rng.normal(size=(PEOPLE, 1)) + rng.normal(size=(PEOPLE, 8)))
    )

    clusters = null_test(groups := three_clusters(rng), (2, 3, 4), copier(groups), Effort(8, 3), rng)
    common = null_test(factor, (2, 3, 4), copier(factor), Effort(8, 3), rng)

    assert clusters.candidate(3)
    assert not common.candidate(2)


def test_metric_markers_are_half_a_standard_deviation_off() -> None:
    base = Items("metric", ("near", "far"), np.column_stack([np.tile([0.0, 1.0], 50), np.repeat([0.0, 1.0], 50)]))

    assert [[m.item for m in own] for own in markers(base, np.repeat([0, 1], 50), 2)] == [["far"], ["far"]]


def test_a_segment_that_is_up_on_everything_is_a_way_of_answering() -> None:
    base = Items("binary", tuple("abcdefgh"), np.repeat([[1.0] * 8, [0.0] * 8], 30, axis=0))

    assert shares_above_mean(base, np.repeat([0, 1], 30), 2) == (1.0, 0.0)


def test_an_item_that_was_asked_the_other_way_round_is_named() -> None:
    rng = default_rng(1)
    level = rng.normal(size=(300, 1)) + 0.5 * rng.normal(size=(300, 4))

    assert reversed_items(Items("metric", tuple("abcd"), level * [1, 1, -1, 1])) == ("c",)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"a": ["yes"] * 40}, "item 'a': all answers are 'yes'; exclude it"),
        ({"a": [None] * 40}, "item 'a': no values; exclude it"),
        ({"a": ["yes", "no", *[None] * 38]}, "item 'a': 38 of 40 values are missing"),
        (
            {"a": ["1", "2", "3", "4"] * 9 + ["5", "5", "5", "often"]},
            "item 'a': answer 40 is 'often', the others are numbers",
        ),
        ({"a": [f"remark {n}" for n in range(40)]}, "item 'a': 40 different answers are too many categories"),
    ],
)
def test_an_item_that_can_not_be_used_is_named_with_the_mend(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        survey_items({"b": ["yes", "no"] * 20, "c": ["no", "yes"] * 20, **changed}, most=4)

    assert message in str(caught.value)


def test_fewer_people_than_segments_are_refused() -> None:
    with pytest.raises(DefinitionError, match="finding up to 8 segments needs 20 people, you have 3"):
        survey_items({"a": ["yes", "no", "no"], "b": ["no", "no", "yes"]}, most=8)


def test_a_trait_that_is_the_same_for_everybody_is_refused() -> None:
    with pytest.raises(DefinitionError, match="trait 'a': all values are 3; exclude it"):
        numbers({"a": np.full(50, 3.0), "b": np.arange(50.0)}, most=4)


def test_answers_that_are_missing_count_as_not_asked() -> None:
    rng = default_rng(13)
    base, truth = planted(rng)
    holes = Items("binary", base.names, np.where(rng.random(base.values.shape) < 0.1, np.nan, base.values))

    classes = latent_classes(holes, 4, starts=5, rng=rng)

    assert rand_index(classes.labels, truth) > 0.6
